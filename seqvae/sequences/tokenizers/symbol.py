"""Tokenizers in which each base symbol is one token."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

from seqvae.errors import InputError, SeqVAEWarning, UnknownTokenError, UsageError
from seqvae.sequences.tokenizers.record import FORMAT, read_field, read_tokens
from seqvae.sequences.tokenizers.tokenizer import SPECIALS, Tokenizer

ON_UNKNOWN: tuple[str, str] = ("error", "drop")
# Enough to see what is wrong; all counts are in `dropped`.
_MOST_NAMED = 5


class SymbolTokenizer(Tokenizer):
    """One token per base symbol, over a vocabulary that is learned (all symbols seen, sorted) or fixed.

    Args:
        on_unknown: "error" or "drop".
        fixed: the vocabulary if it is fixed; None to learn it by `fit`.
        code_sets: ambiguity codes and the tokens that each allows.
        settings: further fields of its record, in JSON types.

    Raises:
        UsageError: `on_unknown` is something else.
    """

    versions: ClassVar[Mapping[str, str]] = {}
    """The libraries whose version decides what the symbols are."""

    def __init__(
        self,
        on_unknown: str = "error",
        *,
        fixed: Sequence[str] | None = None,
        code_sets: Mapping[str, tuple[str, ...]] | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        if on_unknown not in ON_UNKNOWN:
            raise UsageError(f'expected on_unknown to be "error" or "drop", got {on_unknown!r}')
        self._on_unknown = on_unknown
        self._dropped: Counter[str] = Counter()
        self._code_sets = dict(code_sets or {})
        self._settings = dict(settings or {})
        self._fixed = fixed is not None
        self._set_content(fixed or ())

    def _set_content(self, content: Sequence[str]) -> None:
        self._tokens = (*SPECIALS, *content)
        self._index = {symbol: i for i, symbol in enumerate([*content, *self._code_sets], start=len(SPECIALS))}

    @property
    def tokens(self) -> tuple[str, ...]:
        """The vocabulary: the token of each id, special tokens first."""
        return self._tokens

    @property
    def on_unknown(self) -> str:
        """How unknown tokens are handled: "error" or "drop"."""
        return self._on_unknown

    @property
    def dropped(self) -> Counter[str]:
        """Tokens dropped so far, with their counts."""
        return self._dropped

    @property
    def code_sets(self) -> Mapping[str, tuple[str, ...]]:
        """Ambiguity codes and the tokens that each allows."""
        return self._code_sets

    def fit_symbols(self, symbol_lists: Iterable[Sequence[str]]) -> Self:
        """Learn the vocabulary: every symbol seen, sorted, so that the order of the texts does not matter.

        Raises:
            InputError: there is no symbol to learn from.
            UnknownTokenError: the vocabulary is fixed and lacks a symbol.
        """
        seen: set[str] = set()
        for symbols in symbol_lists:
            seen.update(symbols)
        if self._fixed:
            self.keep_known([sorted(seen)])
            return self
        if not seen:
            raise InputError(f"expected at least one {self.domain.noun} to fit the tokenizer on, got none")
        self._set_content(sorted(seen))
        return self

    def unseen(self, symbols: Iterable[str]) -> list[str]:
        """The symbols that are not in the vocabulary, in order and with repeats."""
        return [symbol for symbol in symbols if symbol not in self._index]

    def keep_known(self, symbol_lists: Sequence[Sequence[str]]) -> list[list[str]]:
        """The symbol lists without unknown symbols, which are counted and reported in one warning.

        Raises:
            UnknownTokenError: a symbol is unknown, and `on_unknown` is "error".
            UsageError: the tokenizer has not been fitted.
        """
        if not self._index:
            raise UsageError("the tokenizer has no vocabulary yet: call fit(texts) first")
        if self._on_unknown == "error":
            for symbols in symbol_lists:
                place = next((i for i, symbol in enumerate(symbols) if symbol not in self._index), None)
                if place is not None:
                    column = len("".join(symbols[:place])) + 1
                    raise UnknownTokenError("".join(symbols), symbols[place], column)
        missing = Counter(symbol for symbols in symbol_lists for symbol in self.unseen(symbols))
        self._dropped.update(missing)
        if missing:
            named = ", ".join(f"{symbol!r} ({count})" for symbol, count in missing.most_common(_MOST_NAMED))
            more = "" if len(missing) <= _MOST_NAMED else f" and {len(missing) - _MOST_NAMED} other kinds"
            warnings.warn(f"dropped {missing.total()} unknown tokens: {named}{more}", SeqVAEWarning, stacklevel=3)
        return [[symbol for symbol in symbols if symbol in self._index] for symbols in symbol_lists]

    def ids_batch(self, symbol_lists: Sequence[Sequence[str]]) -> list[list[int]]:
        """Token ids of texts already split, without special tokens; raises as `keep_known`."""
        index = self._index
        try:
            return [[index[symbol] for symbol in symbols] for symbols in symbol_lists]
        except KeyError:
            return [[index[symbol] for symbol in symbols] for symbols in self.keep_known(symbol_lists)]

    def symbols_of(self, ids: Sequence[int]) -> list[str]:
        """Base symbols of content ids, ambiguity codes included."""
        codes = tuple(self._code_sets)
        size = len(self._tokens)
        return [self._tokens[i] if i < size else codes[i - size] for i in ids]

    def to_dict(self) -> dict[str, Any]:
        """The tokenizer as JSON values; `tokenizer_from_dict` restores it."""
        about = {"format": FORMAT, "kind": self.kind, "on_unknown": self._on_unknown}
        learned = {} if self._fixed else {"tokens": list(self._tokens[len(SPECIALS) :])}
        return about | learned | self._settings | {"versions": dict(self.versions)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Self:
        """The tokenizer that `to_dict` wrote; raises ArtifactError if the record is damaged."""
        tokenizer = cls(read_field(record, "on_unknown", str))
        tokenizer._set_content(read_tokens(record))
        return tokenizer
