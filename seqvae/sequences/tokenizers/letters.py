"""Sequences over a known alphabet (DNA, RNA, protein), letter by letter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self, final

from seqvae.errors import UsageError
from seqvae.sequences.alphabet import GAP, Alphabet
from seqvae.sequences.domain import domain_of
from seqvae.sequences.tokenizers.record import read_field
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer


@final
class AlphabetTokenizer(SymbolTokenizer):
    """The letters of a domain's alphabet; upper and lower case. The vocabulary is fixed: `fit` has nothing to learn.

    Ambiguity codes have ids from `vocab_size` on. A code is no token that a model predicts: it stands for the set of
    letters that it allows (`id_table`, `code_sets`).

    Args:
        kind: name of a domain with an alphabet, such as `dna`.
        on_unknown: "error" or "drop"; for `ids` alone, since `normalize` refuses any text that is no such sequence.
        allow_gap: make the gap `-` a token; without it a gap is refused.

    Raises:
        UsageError: there is no alphabet of that name.
    """

    def __init__(self, kind: str, on_unknown: str = "error", *, allow_gap: bool = False) -> None:
        self.kind, self._allow_gap = kind, allow_gap
        alphabet = self.alphabet
        fixed = (*alphabet.letters, GAP) if allow_gap else tuple(alphabet.letters)
        codes = {code: tuple(sorted(allowed)) for code, allowed in alphabet.codes.items()}
        super().__init__(on_unknown, fixed=fixed, code_sets=codes)

    @property
    def alphabet(self) -> Alphabet:
        """What its texts are written in."""
        found = domain_of(self.kind).alphabet
        if found is None:
            raise UsageError(f"texts of kind {self.kind!r} have no alphabet of their own: take another tokenizer")
        return found

    @property
    def allow_gap(self) -> bool:
        """Whether the gap `-` is a token."""
        return self._allow_gap

    def normalize(self, text: str) -> str:
        """Upper case, other letters read as the alphabet says, no blanks at the ends; raises InvalidSequenceError."""
        return self.alphabet.normalize(text, allow_gap=self._allow_gap)

    def split(self, form: str, text: str = "") -> list[str]:
        """The letters and codes of a canonical form."""
        return list(form)

    def join(self, symbols: Iterable[str]) -> str:
        """The sequence of letters and codes."""
        return "".join(symbols)

    def _settings(self) -> dict[str, Any]:
        return {"allow_gap": self._allow_gap}

    def _versions(self) -> dict[str, str]:
        return {}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The tokenizer that `to_dict` wrote; raises ArtifactError where the record is damaged."""
        kind, on_unknown = read_field(record, "kind", str), read_field(record, "on_unknown", str)
        return cls(kind, on_unknown, allow_gap=read_field(record, "allow_gap", bool))
