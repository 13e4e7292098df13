"""SMILES, atom by atom."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import ClassVar, final

from rdkit import rdBase

from seqvae.errors import InvalidMoleculeError, quoted
from seqvae.sequences.molecules import canonical_or_none, canonical_smiles, first_gap
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer

# Whole bracket atoms (with isotope, stereo, hydrogens and charge), elements of two letters before those of one, ring
# numbers of two digits whole; dative and quadruple bonds too. After the pattern of Schwaller et al., Molecular
# Transformer, ACS Cent. Sci. 5 (2019) 1572, arXiv:1811.02633, without the symbols of SMARTS and reactions.
_SYMBOL = re.compile(r"\[[^\[\]]+\]|Br|Cl|[BCNOPSFIbcnops*]|%\d\d|%\(\d+\)|\d|->|<-|[()./\\=#$:~-]")


def split_smiles(smiles: str) -> list[str]:
    """The symbols of a SMILES string, which is not made canonical.

    Raises:
        InvalidMoleculeError: a character belongs to no symbol; the message gives its column.

    >>> split_smiles("C[C@@H](Br)C%10")
    ['C', '[C@@H]', '(', 'Br', ')', 'C', '%10']
    """
    symbols = list(map(sys.intern, _SYMBOL.findall(smiles)))  # As in split_selfies: few strings for many molecules.
    if sum(map(len, symbols)) == len(smiles):
        return symbols
    end = first_gap(_SYMBOL, smiles)
    raise InvalidMoleculeError(
        f"expected SMILES, got {smiles[end]!r} at column {end + 1} of {quoted(smiles)}: "
        "it belongs to no atom, bond or ring"
    )


@final
class SmilesTokenizer(SymbolTokenizer):
    """Canonical SMILES, one token per atom, bond, branch symbol or ring number.

    `decode` returns the canonical form if RDKit can read the string, else the string itself: a model may write SMILES
    that are no molecules.
    """

    kind = "smiles"
    versions: ClassVar[Mapping[str, str]] = {"rdkit": rdBase.rdkitVersion}

    def __init__(self, on_unknown: str = "error") -> None:
        super().__init__(on_unknown)

    def normalize(self, text: str) -> str:
        """Canonical isomeric SMILES; raises InvalidMoleculeError."""
        return canonical_smiles(text)

    def split(self, form: str, text: str = "") -> list[str]:
        """The symbols of a canonical SMILES; raises InvalidMoleculeError."""
        return split_smiles(form)

    def join(self, symbols: Iterable[str]) -> str:
        """The symbols joined, as canonical SMILES if they are a molecule."""
        smiles = "".join(symbols)
        return canonical_or_none(smiles) or smiles
