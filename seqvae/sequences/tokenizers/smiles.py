"""SMILES, atom by atom."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Self, final

from rdkit import rdBase

from seqvae.errors import InvalidMoleculeError
from seqvae.sequences.molecules import canonical_or_none, canonical_smiles
from seqvae.sequences.tokenizers.record import read_field, read_tokens
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer

# Bracket atoms whole (with isotope, stereo, hydrogens and charge), elements of two letters before those of one, ring
# numbers of two digits whole; dative and quadruple bonds too. After the pattern of Schwaller et al., Molecular
# Transformer, ACS Cent. Sci. 5 (2019) 1572, arXiv:1811.02633, less what belongs to SMARTS and reactions.
_SYMBOL = re.compile(r"\[[^\[\]]+\]|Br|Cl|[BCNOPSFIbcnops*]|%\d\d|%\(\d+\)|\d|->|<-|[()./\\=#$:~-]")


def split_smiles(smiles: str) -> list[str]:
    """The symbols of a SMILES string, as it stands.

    Raises:
        InvalidMoleculeError: a character belongs to no symbol; with its column.

    >>> split_smiles("C[C@@H](Br)C%10")
    ['C', '[C@@H]', '(', 'Br', ')', 'C', '%10']
    """
    symbols = list(map(sys.intern, _SYMBOL.findall(smiles)))  # As in split_selfies: few strings for many molecules.
    if sum(map(len, symbols)) == len(smiles):
        return symbols
    end = 0
    for symbol in _SYMBOL.finditer(smiles):
        if symbol.start() != end:
            break
        end = symbol.end()
    raise InvalidMoleculeError(
        f"expected SMILES, got {smiles[end]!r} at column {end + 1} of {smiles!r}: it belongs to no atom, bond or ring"
    )


@final
class SmilesTokenizer(SymbolTokenizer):
    """Canonical SMILES, one token an atom, bond, branch mark or ring number.

    `decode` gives the canonical form where RDKit can read the string, else the string as it stands: a model may write
    SMILES that are no molecules.
    """

    kind = "smiles"

    def __init__(self, on_unknown: str = "error") -> None:
        super().__init__(on_unknown)

    def normalize(self, text: str) -> str:
        """Canonical isomeric SMILES; raises InvalidMoleculeError."""
        return canonical_smiles(text)

    def split(self, form: str, text: str = "") -> list[str]:
        """The symbols of a canonical SMILES; raises InvalidMoleculeError."""
        return split_smiles(form)

    def join(self, symbols: Iterable[str]) -> str:
        """The symbols as canonical SMILES, or as they stand where they are no molecule."""
        smiles = "".join(symbols)
        return canonical_or_none(smiles) or smiles

    def _settings(self) -> dict[str, Any]:
        return {"tokens": self._content()}

    def _versions(self) -> dict[str, str]:
        return {"rdkit": rdBase.rdkitVersion}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The tokenizer that `to_dict` wrote; raises ArtifactError where the record is damaged."""
        tokenizer = cls(read_field(record, "on_unknown", str))
        tokenizer._set_content(read_tokens(record))
        return tokenizer
