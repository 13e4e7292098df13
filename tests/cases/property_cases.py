"""What the tests of properties of molecules have in common: molecules, and every property."""

from __future__ import annotations

import csv
from pathlib import Path

from seqvae.data.datasets.registry import load_dataset
from seqvae.properties import Property, get, listed
from seqvae.sequences.domain import MOLECULES

GOLDEN = Path(__file__).parents[1] / "golden" / "guacamol_pmo20.csv"
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"
VALSARTAN = "CCCCC(=O)N(Cc1ccc(cc1)-c1ccccc1-c1nnn[nH]1)C(C(C)C)C(O)=O"
INVALID = ["", " ", "C1CC", "not a molecule", "CCO ethanol", "c1cccc1", "C(C)(C)(C)(C)C", "\u0421"]
# Few atoms, no bonds, several parts, charges, isotopes, odd elements, large rings, long chains.
ODD = ["C", "[H][H]", "[Na+].[Cl-]", "*CC*", "[2H]C([2H])[2H]", "O", "N#N", "[U]", "F.F.F.F", "[CH3-]", "C1CCCCCCCCC1"]
ODD += ["C" * 80, "CC.CC.O", "C12C3C4C1C5C2C3C45", "[O-][N+](=O)c1ccccc1", "C/C=C/C", "N[C@@H](C)C(=O)O", "[13CH4]"]


def golden() -> tuple[list[str], dict[str, list[float]]]:
    """The molecules of GuacaMol's table, and each task's scores."""
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    tasks = [name for name in rows[0] if name != "smiles"]
    return [row["smiles"] for row in rows], {task: [float(row[task]) for row in rows] for task in tasks}


def molecules(count: int) -> list[str]:
    """Drug-like molecules."""
    return load_dataset("moses-sample", progress=False).texts[:count]


WITH_TARGETS = [f"similarity:{kind}:{ASPIRIN}" for kind in ("ecfp4", "ecfp6-counts", "fcfp4", "ap", "phco")]
WITH_TARGETS += ["smarts:[#6]=O", "smarts:[!#1;!#6]", f"scaffold:{ASPIRIN}"]


def of_molecules() -> list[Property]:
    """Every property of molecules, those with something to fill in too."""
    return [found for found in [*listed(), *map(get, WITH_TARGETS)] if found.kind == MOLECULES]
