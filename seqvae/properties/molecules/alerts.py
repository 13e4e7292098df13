"""Structural alerts: substructures that medicinal chemists avoid.

The 502 patterns of MOSES: 22 medicinal chemistry filters (Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644) and
480 of pan-assay interference (Baell & Holloway 2010, doi:10.1021/jm901137j). They are in `datasets/filters/`, with
their source and licence.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs

from seqvae.errors import ConfigError
from seqvae.runtime.package_data import cards_folder

_TABLES = ("mcf.csv", "wehi_pains.csv")
_SCREEN_BITS = 2048


def found_alerts(molecule: Chem.Mol) -> Iterator[str]:
    """Yield the names of the patterns that a molecule matches, with explicit hydrogens added.

    Raises:
        ConfigError: the tables are missing.
    """
    whole = Chem.AddHs(molecule)
    patterns, screens = _patterns()
    # A pattern's fingerprint is a subset of that of every molecule it matches: nine in ten patterns need no search.
    possible = ~(screens & ~_screen(whole)).any(axis=1)
    for row in np.flatnonzero(possible).tolist():
        if whole.HasSubstructMatch(patterns[row]):
            yield pattern_table()[row][0]


@functools.cache
def pattern_table() -> tuple[tuple[str, str], ...]:
    """Return name and SMARTS of each pattern.

    Raises:
        ConfigError: the tables are missing.
    """
    rows: list[tuple[str, str]] = []
    for table in _TABLES:
        path = cards_folder() / "filters" / table
        if not path.is_file():
            raise ConfigError(f"the table of filters is missing: {path}; reinstall seqvae")
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
