"""Texts over any other alphabet, words for instance, character by character."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

from seqvae.sequences.tokenizers.symbol import SymbolTokenizer


@final
class CharTokenizer(SymbolTokenizer):
    """One token per character (Unicode code point); every text is its own canonical form."""

    kind = "char"

    def __init__(self, on_unknown: str = "error") -> None:
        super().__init__(on_unknown)

    def normalize(self, text: str) -> str:
        """The text itself."""
        return text

    def split(self, form: str, text: str = "") -> list[str]:
        """The characters of the text."""
        return list(form)

    def join(self, symbols: Iterable[str]) -> str:
        """The characters joined."""
        return "".join(symbols)
