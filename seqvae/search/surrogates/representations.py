"""What designs are compared by: several fingerprints of molecules, several readings of sequences, all as counts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import final

from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator as generators

from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.molecules.fingerprints import fingerprint
from seqvae.search.surrogates.tanimoto import Features, Substructures, Words

Counts = Mapping[Hashable, int]


def representations(sheets: Sheets | None) -> list[Features]:
    """Return what designs are compared by; which of them matters differs from target to target.

    Args:
        sheets: where molecules are parsed; None: the designs are sequences.

    Returns:
        Of molecules, counts of circular substructures of radius 2 and 3 and of pharmacophoric ones (Rogers & Hahn 2010,
        doi:10.1021/ci100050t), of atom pairs (Carhart et al. 1985, doi:10.1021/ci00046a002) and of topological torsions
        (Nilakantan et al. 1987, doi:10.1021/ci00054a008); of sequences, k-mers, and the letter at each position.
        MACCS keys and physical descriptors beside these were of no use, and would take most of the time.
    """
    if sheets is None:
        return [Words(), letters_at]
    return [Substructures(sheets), *(Described(sheets, how) for how in _DESCRIBED)]


def letters_at(text: str) -> Counts:
    """Return the letter at each position, counted once: sequences of one length share those where they agree."""
    return dict.fromkeys(enumerate(text), 1)


@final
@dataclass(frozen=True)
class Described:
    """Counts in a molecule what a function finds in it.

    Attributes:
        sheets: where molecules are parsed.
        how: the function.
    """

    sheets: Sheets
    how: Callable[[Chem.Mol], Counts]

    def __call__(self, text: str) -> Counts:
        """Return how often each part occurs; nothing of an invalid molecule."""
        sheet = self.sheets.of(text)
        return {} if sheet is None else self.how(sheet.molecule)


@functools.cache
def _torsions() -> generators.FingerprintGenerator64:
    return generators.GetTopologicalTorsionGenerator()


def _counted(kind: str) -> Callable[[Chem.Mol], Counts]:
    """Return what counts the parts of one of the fingerprints that are counts."""

    def counts(molecule: Chem.Mol) -> Counts:
        """Return how often each part of the fingerprint occurs in a molecule."""
        return dict(fingerprint(molecule, kind).GetNonzeroElements())

    return counts


_DESCRIBED: tuple[Callable[[Chem.Mol], Counts], ...] = (
    *map(_counted, ("ecfp6-counts", "fcfp4-counts", "ap")),
    lambda molecule: dict(_torsions().GetSparseCountFingerprint(molecule).GetNonzeroElements()),
)
