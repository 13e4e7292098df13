"""Any other alphabet, words for instance, character by character."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, final

from seqvae.sequences.tokenizers.record import read_field, read_tokens
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer


@final
class CharTokenizer(SymbolTokenizer):
    """One token a character (Unicode code point); the text as it stands is the canonical form."""

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
        """The characters put together."""
        return "".join(symbols)

    def _settings(self) -> dict[str, Any]:
        return {"tokens": self._content()}

    def _versions(self) -> dict[str, str]:
        return {}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The tokenizer that `to_dict` wrote; raises ArtifactError where the record is damaged."""
        tokenizer = cls(read_field(record, "on_unknown", str))
        tokenizer._set_content(read_tokens(record))
        return tokenizer
