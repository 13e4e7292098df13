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
    """The letters of a domain's alphabet, in upper or lower case. The vocabulary is fixed: `fit` learns nothing.

    Ambiguity codes have ids from `vocab_size` on. A model never predicts a code: it stands for the set of letters that
    it allows (`id_table`, `code_sets`).

    Args:
        kind: name of a domain with an alphabet, such as `dna`.
        on_unknown: "error" or "drop"; it matters to `ids` only, since `normalize` refuses every other text.
        allow_gap: make the gap `-` a token; otherwise gaps are refused.

    Raises:
        UsageError: the domain has no alphabet.
    """

    def __init__(self, kind: str, on_unknown: str = "error", *, allow_gap: bool = False) -> None:
        self.kind, self._allow_gap = kind, allow_gap
        alphabet = self.alphabet
        fixed = (*alphabet.letters, GAP) if allow_gap else tuple(alphabet.letters)
        codes = {code: tuple(sorted(allowed)) for code, allowed in alphabet.codes.items()}
        super().__init__(on_unknown, fixed=fixed, code_sets=codes, settings={"allow_gap": allow_gap})

    @property
    def alphabet(self) -> Alphabet:
        """The alphabet of its sequences."""
        found = domain_of(self.kind).alphabet
        if found is None:
            raise UsageError(f"texts of kind {self.kind!r} have no alphabet of their own: use another tokenizer")
        return found

    @property
    def allow_gap(self) -> bool:
        """Whether the gap `-` is a token."""
        return self._allow_gap

    def complements(self) -> list[int] | None:
        """Return, for each id of the vocabulary, that of its complement; None for letters without another strand."""
        if not self.alphabet.complements:
            return None
        place_of = {token: place for place, token in enumerate(self.tokens)}
        pairs = {GAP: GAP, **self.alphabet.complements}
        return [place_of[pairs.get(token, token)] for token in self.tokens]

    def normalize(self, text: str) -> str:
        """The canonical form that the alphabet gives; raises InvalidSequenceError."""
        return self.alphabet.normalize(text, allow_gap=self._allow_gap)

    def split(self, form: str, text: str = "") -> list[str]:
        """The letters and codes of a canonical form."""
        return list(form)

    def join(self, symbols: Iterable[str]) -> str:
        """The sequence of letters and codes."""
        return "".join(symbols)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The tokenizer that `to_dict` wrote; raises ArtifactError if the record is damaged."""
        kind, on_unknown = read_field(record, "kind", str), read_field(record, "on_unknown", str)
        return cls(kind, on_unknown, allow_gap=read_field(record, "allow_gap", bool))
