"""Whether a molecule has a substructure: `smarts:PATTERN`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import final

from rdkit import Chem, rdBase

from seqvae.errors import UsageError
from seqvae.properties.molecules.cache import Sheet, molecule_property
from seqvae.properties.property import Property
from seqvae.sequences.domain import MOLECULES

FORMS = (("smarts:PATTERN", MOLECULES, "1 if the molecule has the substructure, given as SMARTS, else 0"),)


def listed() -> list[Property]:
    """Return nothing: each of these properties needs a pattern."""
    return []


def named(pattern: str) -> Property:
    """Return whether a molecule has a substructure, 1 or 0.

    Args:
        pattern: SMARTS.

    Raises:
        UsageError: it is no SMARTS.
    """
    _query(pattern)
    return molecule_property(f"smarts:{pattern}", f"1 if the molecule has {pattern}, else 0", Has(pattern))


@final
@dataclass(frozen=True)
class Has:
    """1 if a molecule has a substructure, else 0, or the reverse.

    Attributes:
        pattern: SMARTS.
        wanted: whether the substructure must be present, or absent, for the value 1.
    """

    pattern: str
    wanted: bool = True

    def __call__(self, sheet: Sheet) -> float:
        """Return 1 or 0."""
        return float(sheet.molecule.HasSubstructMatch(_query(self.pattern)) == self.wanted)


@functools.lru_cache(maxsize=256)
def _query(pattern: str) -> Chem.Mol:
    with rdBase.BlockLogs():  # the error below says it
        query = Chem.MolFromSmarts(pattern)
    if query is None or query.GetNumAtoms() == 0:
        raise UsageError(f"smarts:{pattern}: expected a pattern as SMARTS, got {pattern!r}")
    return query
