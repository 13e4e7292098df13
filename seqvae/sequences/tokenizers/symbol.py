"""Tokenizers in which each base symbol is one token."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from seqvae.errors import InputError, SeqVAEWarning, UnknownTokenError, UsageError
from seqvae.sequences.tokenizers.record import FORMAT
from seqvae.sequences.tokenizers.tokenizer import SPECIALS, Tokenizer

ON_UNKNOWN: tuple[str, str] = ("error", "drop")
# Enough to see what is wrong; the counts are in `dropped`.
_MOST_NAMED = 5


class SymbolTokenizer(Tokenizer):
    """One token a base symbol, over a vocabulary that is learned (all symbols seen, sorted) or fixed.

    Args:
        on_unknown: "error" or "drop".
        fixed: the vocabulary where `fit` has nothing to learn; None learns it.
        code_sets: ambiguity codes and the tokens that each allows.

    Raises:
        UsageError: `on_unknown` is something else.
    """

    def __init__(
        self,
        on_unknown: str = "error",
        *,
        fixed: Sequence[str] | None = None,
        code_sets: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        if on_unknown not in ON_UNKNOWN:
            raise UsageError(f'expected on_unknown to be "error" or "drop", got {on_unknown!r}')
        self._on_unknown = on_unknown
        self._dropped: Counter[str] = Counter()
        self._code_sets = dict(code_sets or {})
        self._fixed = fixed is not None
        self._set_content(fixed or ())

    def _set_content(self, content: Sequence[str]) -> None:
        self._tokens = (*SPECIALS, *content)
        self._index = {symbol: i for i, symbol in enumerate([*content, *self._code_sets], start=len(SPECIALS))}

    def _content(self) -> list[str]:
        return list(self._tokens[len(SPECIALS) :])

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """What `to_dict` stores beside the kind."""

    @abstractmethod
    def _versions(self) -> dict[str, str]:
        """Libraries whose version decides what the symbols are."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """The vocabulary: the token of each id, marks first."""
        return self._tokens

    @property
    def on_unknown(self) -> str:
        """What an unseen token does: "error" or "drop"."""
        return self._on_unknown

    @property
    def dropped(self) -> Counter[str]:
        """Tokens left out so far, with their counts."""
        return self._dropped

    @property
    def code_sets(self) -> Mapping[str, tuple[str, ...]]:
        """Ambiguity codes and the tokens that each allows."""
        return self._code_sets

    def fit_symbols(self, symbol_lists: Iterable[Sequence[str]]) -> Self:
        """Learn the vocabulary: every symbol seen, sorted, so that the order of the texts does not matter.

        Raises:
            InputError: there is no symbol to learn.
            UnknownTokenError: the vocabulary is fixed and a symbol is not in it.
        """
        seen: set[str] = set()
        for symbols in symbol_lists:
            seen.update(symbols)
        if self._fixed:
            self.keep_known([sorted(seen)])
            return self
        if not seen:
            raise InputError("expected at least one text to fit the tokenizer on, got none")
        self._set_content(sorted(seen))
        return self

    def unseen(self, symbols: Iterable[str]) -> list[str]:
        """The symbols that are not in the vocabulary, in order and with repeats."""
        return [symbol for symbol in symbols if symbol not in self._index]

    def keep_known(self, symbol_lists: Sequence[Sequence[str]]) -> list[list[str]]:
        """The symbol lists without unknown symbols, which are counted and reported in one warning.

        Raises:
            UnknownTokenError: there is one, and `on_unknown` is "error".
            UsageError: the tokenizer has not been fitted.
        """
        if not self._index:
            raise UsageError("the tokenizer has no vocabulary yet: call fit(texts) first")
        if self._on_unknown == "error":
            for symbols in symbol_lists:
                self._raise_at_unknown(symbols)
        missing = Counter(symbol for symbols in symbol_lists for symbol in self.unseen(symbols))
        self._dropped.update(missing)
        if missing:
            named = ", ".join(f"{symbol!r} ({count})" for symbol, count in missing.most_common(_MOST_NAMED))
            more = "" if len(missing) <= _MOST_NAMED else f" and {len(missing) - _MOST_NAMED} other kinds"
            warnings.warn(f"dropped {missing.total()} unknown tokens: {named}{more}", SeqVAEWarning, stacklevel=3)
        return [[symbol for symbol in symbols if symbol in self._index] for symbols in symbol_lists]

    def _raise_at_unknown(self, symbols: Sequence[str]) -> None:
        column = 1
        for symbol in symbols:
            if symbol not in self._index:
                raise UnknownTokenError("".join(symbols), symbol, column)
            column += len(symbol)

    def ids_batch(self, symbol_lists: Sequence[Sequence[str]]) -> list[list[int]]:
        """Token ids of texts already split, without marks; raises as `keep_known`."""
        index = self._index
        try:
            return [[index[symbol] for symbol in symbols] for symbols in symbol_lists]
        except KeyError:
            return [[index[symbol] for symbol in symbols] for symbols in self.keep_known(symbol_lists)]

    def symbols_of(self, ids: Sequence[int]) -> list[str]:
        """Base symbols of content ids; codes included, marks not."""
        codes = tuple(self._code_sets)
        size = len(self._tokens)
        return [self._tokens[i] if i < size else codes[i - size] for i in ids]

    def to_dict(self) -> dict[str, Any]:
        """The tokenizer as JSON values; `tokenizer_from_dict` makes it again."""
        about = {"format": FORMAT, "kind": self.kind, "on_unknown": self._on_unknown}
        return about | self._settings() | {"versions": self._versions()}
