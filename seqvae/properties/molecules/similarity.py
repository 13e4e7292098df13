"""Similarity to a target molecule: `similarity:ecfp4:SMILES`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import final

from seqvae.config import suggestion
from seqvae.errors import InvalidMoleculeError, UsageError
from seqvae.properties.molecules.cache import Sheet, molecule_property
from seqvae.properties.molecules.fingerprints import KINDS, Fingerprint, fingerprint, tanimoto
from seqvae.properties.property import Property
from seqvae.sequences.domain import MOLECULES
from seqvae.sequences.molecules import canonical_smiles, read_molecule

FORMS = (
    ("similarity:KIND:SMILES", MOLECULES, f"Tanimoto similarity to a molecule, 0 to 1; KIND one of {', '.join(KINDS)}"),
)


def listed() -> list[Property]:
    """Return nothing: each of these properties needs a target."""
    return []


def named(rest: str) -> Property:
    """Return the similarity to a target.

    Args:
        rest: kind of fingerprint and target, such as `ecfp4:CCO`.

    Raises:
        UsageError: the kind is unknown, or the target is no molecule.
    """
    kind, colon, target = rest.partition(":")
    name = f"similarity:{rest}"
    if not colon:
        raise UsageError(f"{name}: expected similarity:KIND:SMILES, such as similarity:ecfp4:CCO")
    if kind not in KINDS:
        raise UsageError(f"{name}: unknown fingerprint {kind!r}{suggestion(kind, KINDS)}")
    checked_molecule(name, target)
    return molecule_property(name, f"Tanimoto similarity to {target}, {KINDS[kind]}", Similarity(kind, target))


def checked_molecule(name: str, smiles: str) -> str:
    """Return the canonical SMILES of a molecule that is part of a property's name.

    Raises:
        UsageError: it is no molecule.
    """
    try:
        return canonical_smiles(smiles)
    except InvalidMoleculeError as error:
        raise UsageError(f"{name}: {error}") from error


@final
@dataclass(frozen=True)
class Similarity:
    """Tanimoto similarity to a target, 0 to 1.

    Attributes:
        kind: of the fingerprint, one of `fingerprints.KINDS`.
        target: SMILES of a molecule.
    """

    kind: str
    target: str

    def __call__(self, sheet: Sheet) -> float:
        """Return the similarity of a molecule."""
        return tanimoto(_of_target(self.kind, self.target), sheet.fingerprint(self.kind))


@functools.lru_cache(maxsize=256)
def _of_target(kind: str, target: str) -> Fingerprint:
    molecule = read_molecule(target)
    if molecule is None:
        raise UsageError(f"similarity: expected a molecule as SMILES, got {target!r}")
    return fingerprint(molecule, kind)
