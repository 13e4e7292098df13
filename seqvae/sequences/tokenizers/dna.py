"""DNA, base by base."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self, final

from seqvae.sequences.dna import AMBIGUITY, BASES, GAP, normalize_dna
from seqvae.sequences.tokenizers.record import read_field
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer

_CODE_SETS = {code: tuple(sorted(allowed)) for code, allowed in AMBIGUITY.items()}


@final
class DnaTokenizer(SymbolTokenizer):
    """A, C, G and T; upper and lower case; U read as T. The vocabulary is fixed, so `fit` has nothing to learn.

    The 11 IUPAC ambiguity codes have ids from `vocab_size` on. A code is no token that a model predicts: it stands for
    the set of bases that it allows (`id_table`, `code_sets`).

    Args:
        on_unknown: "error" or "drop"; for `ids` alone, since `normalize` refuses any text that is no DNA.
        allow_gap: make the gap `-` a token; without it a gap is refused.
    """

    kind: ClassVar[str] = "dna"

    def __init__(self, on_unknown: str = "error", *, allow_gap: bool = False) -> None:
        super().__init__(on_unknown, fixed=(*BASES, GAP) if allow_gap else tuple(BASES), code_sets=_CODE_SETS)
        self._allow_gap = allow_gap

    @property
    def molecular(self) -> bool:
        """False."""
        return False

    @property
    def allow_gap(self) -> bool:
        """Whether the gap `-` is a token."""
        return self._allow_gap

    def normalize(self, text: str) -> str:
        """Upper case, U as T, no blanks at the ends; raises InvalidSequenceError."""
        return normalize_dna(text, allow_gap=self._allow_gap)

    def split(self, form: str, text: str = "") -> list[str]:
        """The bases and codes of a canonical form."""
        return list(form)

    def join(self, symbols: Iterable[str]) -> str:
        """The sequence of bases and codes."""
        return "".join(symbols)

    def _settings(self) -> dict[str, Any]:
        return {"allow_gap": self._allow_gap}

    def _versions(self) -> dict[str, str]:
        return {}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The tokenizer that `to_dict` wrote; raises ArtifactError where the record is damaged."""
        return cls(read_field(record, "on_unknown", str), allow_gap=read_field(record, "allow_gap", bool))
