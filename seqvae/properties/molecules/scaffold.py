"""Whether a molecule has the scaffold of another one: `scaffold:SMILES`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from seqvae.errors import UsageError
from seqvae.properties.molecules.cache import Sheet, molecule_property
from seqvae.properties.molecules.similarity import checked_molecule
from seqvae.properties.property import Property
from seqvae.sequences.domain import MOLECULES
from seqvae.sequences.molecules import scaffold

FORMS = (("scaffold:SMILES", MOLECULES, "1 if the Bemis-Murcko scaffold is that of the given molecule, else 0"),)


def listed() -> list[Property]:
    """Return nothing: each of these properties needs a molecule."""
    return []


def named(smiles: str) -> Property:
    """Return whether a molecule has the scaffold of another one, 1 or 0; stereo is ignored.

    Bemis & Murcko 1996, doi:10.1021/jm9602928.

    Args:
        smiles: a molecule with that scaffold, or the scaffold itself.

    Raises:
        UsageError: it is no molecule, or has no ring and therefore no scaffold.
    """
    name = f"scaffold:{smiles}"
    wanted = scaffold(checked_molecule(name, smiles))
    if not wanted:
        raise UsageError(f"{name}: expected a molecule with a ring, got {smiles!r}, which has no scaffold")
    return molecule_property(name, f"1 if the Bemis-Murcko scaffold is {wanted}, else 0", HasScaffold(wanted))


@final
@dataclass(frozen=True)
class HasScaffold:
    """1 if a molecule's scaffold is the given one, else 0.

    Attributes:
        scaffold: canonical SMILES without stereo.
    """

    scaffold: str

    def __call__(self, sheet: Sheet) -> float:
        """Return 1 or 0."""
        return float(sheet.scaffold == self.scaffold)
