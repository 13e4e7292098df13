"""Coding sequences, codon by codon."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, final

from seqvae.sequences.codons import CODONS, normalize_coding, split_codons
from seqvae.sequences.tokenizers.record import read_field
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer


@final
class CodonTokenizer(SymbolTokenizer):
    """One token per codon, all 64 of them. The vocabulary is fixed: `fit` learns nothing.

    Args:
        on_unknown: "error" or "drop"; it matters to `ids` only, since `normalize` refuses every other text.
    """

    kind = "codon"

    def __init__(self, on_unknown: str = "error") -> None:
        super().__init__(on_unknown, fixed=CODONS)

    def normalize(self, text: str) -> str:
        """The canonical form of a coding sequence; raises InvalidSequenceError as `normalize_coding`."""
        return normalize_coding(text)

    def split(self, form: str, text: str = "") -> list[str]:
        """The codons of a canonical form."""
        return split_codons(form)

    def join(self, symbols: Iterable[str]) -> str:
        """The sequence of codons; one with a stop before its end has no canonical form."""
        return "".join(symbols)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The tokenizer that `to_dict` wrote; raises ArtifactError if the record is damaged."""
        return cls(read_field(record, "on_unknown", str))
