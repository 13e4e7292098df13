"""Structural alerts: substructures that medicinal chemists avoid.

Sets of patterns by name: `mcf`, 22 medicinal chemistry filters (Polykovskiy et al. 2020,
doi:10.3389/fphar.2020.565644); `pains`, 480 of pan-assay interference (Baell & Holloway 2010, doi:10.1021/jm901137j);
both as MOSES has them; and `unstable`, what a chemist would not make: radicals, bonds of N or O to a halogen, chains of
three of N and O, aminals of fluorine, peroxides, rings with P. They are in `datasets/filters/`, with their source and
licence. A file of SMARTS is a set too: a pattern per line, then optionally a blank and its name.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, DataStructs, rdBase

from seqvae.config.checks import suggestion
from seqvae.errors import ConfigError
from seqvae.runtime.package_data import cards_folder

UNSTABLE, NONE = "unstable", "none"
_TABLES = {"mcf": "mcf.csv", "pains": "wehi_pains.csv", UNSTABLE: "unstable.csv"}
MOSES = ("mcf", "pains")  # the sets that MOSES' filter has
RADICAL = "radical"  # what no SMARTS finds
_SCREEN_BITS = 2048


@final
@dataclass(frozen=True)
class Alerts:
    """Patterns by name.

    Attributes:
        names: of the patterns.
        patterns: as RDKit reads them.
        screens: `(patterns, words)`, their fingerprints: a subset of that of every molecule that they match.
        radicals: whether a radical is an alert too.
    """

    names: tuple[str, ...]
    patterns: tuple[Chem.Mol, ...]
    screens: NDArray[np.uint64]
    radicals: bool = False

    def found(self, molecule: Chem.Mol) -> Iterator[str]:
        """Yield the names of the alerts of a molecule; it is given its hydrogens first."""
        if self.radicals and any(atom.GetNumRadicalElectrons() for atom in molecule.GetAtoms()):
            yield RADICAL
        whole = Chem.AddHs(molecule)
        # Nine in ten patterns need no search.
        possible = ~(self.screens & ~_screen(whole)).any(axis=1)
        for row in np.flatnonzero(possible).tolist():
            if whole.HasSubstructMatch(self.patterns[row]):
                yield self.names[row]


def found_alerts(molecule: Chem.Mol) -> Iterator[str]:
    """Yield the names of MOSES' patterns that a molecule matches, with explicit hydrogens added.

    Raises:
        ConfigError: the tables are missing.
    """
    yield from alerts_of(MOSES).found(molecule)


@functools.cache
def alerts_of(sets: tuple[str, ...]) -> Alerts:
    """Return the patterns of some sets.

    Args:
        sets: names, or paths of files of SMARTS; `none` stands for no set.

    Raises:
        ConfigError: there is no such set, or a file cannot be read; it names file and line.
    """
    rows = [row for name in sets if name != NONE for row in _rows(name)]
    patterns = tuple(Chem.MolFromSmarts(smarts) for _, smarts in rows)
    words = _SCREEN_BITS // 64
    screens = np.array([_screen(pattern) for pattern in patterns], np.uint64).reshape(len(patterns), words)
    return Alerts(tuple(name for name, _ in rows), patterns, screens, UNSTABLE in sets)


def pattern_table() -> tuple[tuple[str, str], ...]:
    """Return name and SMARTS of each of MOSES' patterns.

    Raises:
        ConfigError: the tables are missing.
    """
    return tuple(row for name in MOSES for row in _rows(name))


@functools.cache
def _rows(name: str) -> tuple[tuple[str, str], ...]:
    """Return name and SMARTS of each pattern of a set."""
    if name not in _TABLES:
        return _rows_of_file(name)
    path = cards_folder() / "filters" / _TABLES[name]
    if not path.is_file():
        raise ConfigError(f"the table of filters is missing: {path}; reinstall seqvae")
    with path.open(encoding="utf-8", newline="") as file:
        return tuple((row["name"], row["smarts"]) for row in csv.DictReader(file))


def _rows_of_file(name: str) -> tuple[tuple[str, str], ...]:
    try:
        lines = Path(name).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        known: Sequence[str] = (*_TABLES, NONE)
        advice = suggestion(name, known) if "." not in name else f": {getattr(error, 'strerror', None) or error}"
        raise ConfigError(f"alerts: there is no set and no file of SMARTS {name!r}{advice}") from error
    found = []
    for number, line in enumerate(lines, 1):
        smarts, _, title = line.strip().partition(" ")
        if not smarts or smarts.startswith("#"):
            continue
        with rdBase.BlockLogs():  # the error below says it
            pattern = Chem.MolFromSmarts(smarts)
        if pattern is None or pattern.GetNumAtoms() == 0:
            raise ConfigError(f"{name}:{number}: expected a SMARTS, RDKit cannot read {smarts!r}")
        found.append((title.strip() or smarts, smarts))
    return tuple(found)


def _screen(molecule: Chem.Mol) -> NDArray[np.uint64]:
    bits = Chem.PatternFingerprint(molecule, _SCREEN_BITS)
    return np.frombuffer(DataStructs.BitVectToBinaryText(bits), np.uint64)
