"""Filters of MOSES: medicinal chemistry filters, PAINS, charges, atoms and large rings.

Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644; PAINS: Baell & Holloway 2010, doi:10.1021/jm901137j. The
patterns stand in `datasets/filters/`, with their source and licence.
"""

from __future__ import annotations

import csv
import functools

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs

from seqvae.data.cards import cards_folder
from seqvae.errors import ConfigError

_TABLES = ("mcf.csv", "wehi_pains.csv")
_ATOMS = frozenset({"C", "N", "S", "O", "F", "Cl", "Br", "H"})
_LARGEST_RING = 7  # atoms
_SCREEN_BITS = 2048


def passes_filters(molecule: Chem.Mol) -> bool:
    """Return whether a molecule passes MOSES' filters.

    It must have no ring of 8 atoms or more, no formal charge, no atom but C, N, S, O, F, Cl, Br and H, and none of the
    502 patterns, which are looked for with explicit hydrogens.
    """
    if any(len(ring) > _LARGEST_RING for ring in molecule.GetRingInfo().AtomRings()):
        return False
    atoms = list(molecule.GetAtoms())
    if any(atom.GetFormalCharge() != 0 or atom.GetSymbol() not in _ATOMS for atom in atoms):
        return False
    whole = Chem.AddHs(molecule)
    patterns, screens = _patterns()
    # A pattern's own fingerprint is contained in that of every molecule that has it: 9 in 10 patterns need no search.
    possible = ~(screens & ~_screen(whole)).any(axis=1)
    return not any(whole.HasSubstructMatch(patterns[i]) for i in np.flatnonzero(possible).tolist())


def matching_patterns(molecule: Chem.Mol) -> list[str]:
    """Return the names of the patterns that a molecule has, all of them looked for one by one."""
    whole = Chem.AddHs(molecule)
    pairs = zip(pattern_table(), _patterns()[0], strict=True)
    return [name for (name, _), pattern in pairs if whole.HasSubstructMatch(pattern)]


@functools.cache
def pattern_table() -> tuple[tuple[str, str], ...]:
    """Name and SMARTS of each pattern.

    Raises:
        ConfigError: the tables are missing.
    """
    rows: list[tuple[str, str]] = []
    for table in _TABLES:
        path = cards_folder() / "filters" / table
        if not path.is_file():
            raise ConfigError(f"the table of filters is missing: {path}; install seqvae again")
        with path.open(encoding="utf-8", newline="") as file:
            rows.extend((row["name"], row["smarts"]) for row in csv.DictReader(file))
    return tuple(rows)


@functools.cache
def _patterns() -> tuple[list[Chem.Mol], NDArray[np.uint64]]:
    patterns = [Chem.MolFromSmarts(smarts) for _, smarts in pattern_table()]
    return patterns, np.stack([_screen(pattern) for pattern in patterns])


def _screen(molecule: Chem.Mol) -> NDArray[np.uint64]:
    bits = Chem.PatternFingerprint(molecule, _SCREEN_BITS)
    return np.frombuffer(DataStructs.BitVectToBinaryText(bits), np.uint64)
