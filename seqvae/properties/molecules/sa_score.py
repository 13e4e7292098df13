"""Synthetic accessibility of molecules: the score that ships with RDKit."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from types import ModuleType

from rdkit import Chem, RDConfig

from seqvae.errors import SeqVAEError


def sa_score(molecule: Chem.Mol) -> float:
    """Return the synthetic accessibility score, 1 (easy) to 10 (hard).

    Ertl & Schuffenhauer 2009, doi:10.1186/1758-2946-1-8, in RDKit's implementation and with its table of fragments.

    Args:
        molecule: of at least one atom.

    Raises:
        SeqVAEError: RDKit was installed without its contributed programs.
    """
    return float(_scorer().calculateScore(molecule))


@functools.cache
def _scorer() -> ModuleType:
    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    spec = importlib.util.spec_from_file_location("rdkit_sa_score", path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise SeqVAEError(f"RDKit's SA_Score is missing at {path}: install rdkit from its wheel, which includes it")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
