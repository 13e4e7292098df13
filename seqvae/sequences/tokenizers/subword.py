"""Subwords: frequent runs of base symbols as single tokens, over any of the other tokenizers.

Byte-pair encoding as in Sennrich et al., "Neural machine translation of rare words with subword units" (ACL 2016,
arXiv:1508.07909), by the `tokenizers` library. Each base symbol is written as one private-use character, so that a
symbol such as `[C@@H1]` can never be split.
"""

from __future__ import annotations

import json
import random
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, final

import tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from seqvae.errors import ArtifactError, ConfigError, SeqVAEWarning, UsageError
from seqvae.sequences.domain import Domain
from seqvae.sequences.tokenizers.record import FORMAT, read_field
from seqvae.sequences.tokenizers.symbol import SymbolTokenizer
from seqvae.sequences.tokenizers.tokenizer import SPECIALS, Tokenizer

# The trainer keeps every text in memory at about 100 bytes per symbol, so larger sets are sampled. A sample is enough:
# with 512 tokens, ZINC250k's 220,011 training molecules take 11.44 tokens each, and 11.46 with merges learned from all.
_MOST_TEXTS = 100_000
# The library returns a few kilobytes per text, which are released chunk by chunk.
_AT_ONCE = 4096
# A pair that occurs once is no pattern.
_LEAST_COUNT = 2
# Private-use areas: U+E000 to U+F8FF, then plane 15.
_FIRST, _LAST, _PLANE_15 = 0xE000, 0xF8FF, 0xF0000
_GAP = " "
_LONGEST = 65_536  # symbols of a token: more than any text that a model is trained on


def _character(i: int) -> str:
    """The private-use character of symbol number i."""
    return chr(_FIRST + i) if i <= _LAST - _FIRST else chr(_PLANE_15 + i - (_LAST - _FIRST + 1))


def _gather(symbol_lists: Iterable[Sequence[str]]) -> tuple[dict[str, str], list[str]]:
    """A character for each symbol in order of appearance, and the texts in them: all, or a seeded sample."""
    characters: dict[str, str] = {}
    texts: list[str] = []
    draw = random.Random(0)
    for n, symbols in enumerate(symbol_lists):
        for symbol in symbols:
            if symbol not in characters:
                characters[symbol] = _character(len(characters))
        # Reservoir sampling (Vitter 1985, doi:10.1145/3147.3165): one pass, every text equally likely to stay.
        place = n if n < _MOST_TEXTS else draw.randrange(n + 1)
        if place == len(texts):
            texts.append("".join([characters[symbol] for symbol in symbols]))
        elif place < _MOST_TEXTS:
            texts[place] = "".join([characters[symbol] for symbol in symbols])
    return characters, texts


@final
class SubwordTokenizer(Tokenizer):
    """Subwords over another tokenizer, which determines the texts, their canonical forms and their base symbols.

    Base symbols keep their ids; merged tokens follow. Every base symbol remains a token, so that every text of the base
    can be written. Ambiguity codes are never merged and have ids from `vocab_size` on. A token's text is its base
    symbols joined.

    Args:
        base: the tokenizer of base symbols.
        vocab_size: size of the vocabulary: special tokens, base symbols and merged tokens together.

    Raises:
        ConfigError: `vocab_size` leaves no room for any token.
    """

    kind = "subword"

    def __init__(self, base: SymbolTokenizer, vocab_size: int) -> None:
        if vocab_size <= len(SPECIALS):
            raise ConfigError(
                f"expected vocab_size above {len(SPECIALS)}, the number of special tokens, got {vocab_size}"
            )
        self._base = base
        self._asked = vocab_size
        self._engine: tokenizers.Tokenizer | None = None
        self._fitted = False
        self._set_merges([])

    @property
    def base(self) -> SymbolTokenizer:
        """The tokenizer of base symbols."""
        return self._base

    @property
    def domain(self) -> Domain:
        """As the base."""
        return self._base.domain

    @property
    def tokens(self) -> tuple[str, ...]:
        """The vocabulary: special tokens, base symbols, merged tokens."""
        return self._tokens

    @property
    def on_unknown(self) -> str:
        """As the base."""
        return self._base.on_unknown

    @property
    def dropped(self) -> Counter[str]:
        """As the base."""
        return self._base.dropped

    @property
    def code_sets(self) -> Mapping[str, tuple[str, ...]]:
        """As the base."""
        return self._base.code_sets

    def normalize(self, text: str) -> str:
        """As the base."""
        return self._base.normalize(text)

    def split(self, form: str, text: str = "") -> list[str]:
        """As the base."""
        return self._base.split(form, text)

    def join(self, symbols: Iterable[str]) -> str:
        """As the base."""
        return self._base.join(symbols)

    def unseen(self, symbols: Iterable[str]) -> list[str]:
        """As the base."""
        return self._base.unseen(symbols)

    def fit_symbols(self, symbol_lists: Iterable[Sequence[str]]) -> Self:
        """Fit the base, then learn merges, in one pass; deterministic.

        With more than 100,000 texts the merges are learned from a seeded sample of that many, the base symbols from
        all.

        Raises:
            InputError: there is no text.
            ConfigError: `vocab_size` is too small for the special tokens and the base symbols.

        Warns:
            SeqVAEWarning: the texts have too few repeated pairs to reach `vocab_size`.
        """
        characters, texts = _gather(symbol_lists)
        self._base.fit_symbols([list(characters)])
        if self._base.vocab_size > self._asked:
            raise ConfigError(
                f"expected vocab_size of at least {self._base.vocab_size}, got {self._asked}: "
                f"the {self.domain.noun}s have {self._base.vocab_size - len(SPECIALS)} base symbols, "
                "and each remains a token"
            )
        self._set_merges(self._learn(characters, texts))
        self._fitted = True
        if self.vocab_size < self._asked:
            warnings.warn(
                f"too few repeated pairs: {self.vocab_size} tokens, fewer than the {self._asked} requested",
                SeqVAEWarning,
                stacklevel=2,
            )
        return self

    def _learn(self, characters: dict[str, str], texts: list[str]) -> list[tuple[int, int]]:
        """The merges that byte-pair encoding finds, as pairs of token ids."""
        table: dict[int, str] = {}
        for symbol, character in characters.items():
            # An ambiguity code splits the text, since it may never be merged.
            mergeable = symbol not in self.code_sets and not self._base.unseen([symbol])
            table[ord(character)] = _character(self._base.ids([symbol])[0]) if mergeable else _GAP
        alphabet = [_character(i) for i in range(len(SPECIALS), self._base.vocab_size)]
        trainer = BpeTrainer(
            vocab_size=self._asked - len(SPECIALS),
            min_frequency=_LEAST_COUNT,
            show_progress=False,
            special_tokens=[],
            initial_alphabet=alphabet,
            limit_alphabet=len(alphabet),
        )
        learner = tokenizers.Tokenizer(BPE())
        pieces = (piece for text in texts for piece in text.translate(table).split(_GAP) if piece)
        learner.train_from_iterator(pieces, trainer)
        merges = json.loads(learner.to_str())["model"]["merges"]
        ids = {character: i for i, character in enumerate(alphabet, start=len(SPECIALS))}
        for left, right in merges:
            ids.setdefault(left + right, len(SPECIALS) + len(ids))
        return [(ids[left], ids[right]) for left, right in merges]

    def _set_merges(self, merges: list[tuple[int, int]]) -> None:
        """Set the merges: each joins two earlier tokens into the next one, unless an earlier merge made the same."""
        size = self._base.vocab_size
        words = ["" if i < len(SPECIALS) else _character(i) for i in range(size)]
        ids = {word: i for i, word in enumerate(words)}
        for left, right in merges:
            word = words[left] + words[right]
            if word not in ids:
                ids[word] = len(words)
                words.append(word)
        base_of = {_character(i): self._base.tokens[i] for i in range(len(SPECIALS), size)}
        self._pieces = [tuple(base_of[character] for character in word) for word in words]
        self._tokens = (*SPECIALS, *("".join(pieces) for pieces in self._pieces[len(SPECIALS) :]))
        self._characters = {symbol: character for character, symbol in base_of.items()}
        # Ambiguity codes get characters after those of the base; nothing merges them.
        self._characters |= {code: _character(size + i) for i, code in enumerate(self.code_sets)}
        self._words, self._merges, self._engine = words, merges, None

    def _bpe(self) -> tokenizers.Tokenizer:
        """The library's encoder, made on first use: it is not pickled, and decoding does not need it."""
        if not self._fitted:
            raise UsageError("the subword tokenizer has no merges yet: call fit(texts) first")
        if self._engine is None:
            vocabulary = {word: i for i, word in enumerate(self._words) if word} | dict(
                zip(SPECIALS, range(3), strict=True)
            )
            codes = (self._characters[code] for code in self.code_sets)
            vocabulary |= {character: i for i, character in enumerate(codes, start=self.vocab_size)}
            merges = [(self._words[left], self._words[right]) for left, right in self._merges]
            # No cache, since texts rarely repeat.
            self._engine = tokenizers.Tokenizer(BPE(vocab=vocabulary, merges=merges, cache_capacity=0))
        return self._engine

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_engine": None}

    def ids_batch(self, symbol_lists: Sequence[Sequence[str]]) -> list[list[int]]:
        """Token ids of texts already split into base symbols, without special tokens; raises as the base."""
        engine, characters = self._bpe(), self._characters
        try:
            words = ["".join([characters[symbol] for symbol in symbols]) for symbols in symbol_lists]
        except KeyError:
            known = self._base.keep_known(symbol_lists)
            words = ["".join([characters[symbol] for symbol in symbols]) for symbols in known]
        parts = (words[start : start + _AT_ONCE] for start in range(0, len(words), _AT_ONCE))
        return [row.ids for part in parts for row in engine.encode_batch_fast(part, add_special_tokens=False)]

    def pieces(self) -> list[tuple[int, ...]]:
        """As declared: a merged token's are several; base symbols have the ids that they have in the base."""
        ids = {symbol: i for i, symbol in enumerate(self._base.tokens)}
        special = [(i,) for i in range(len(SPECIALS))]
        return special + [tuple(ids[symbol] for symbol in symbols) for symbols in self._pieces[len(SPECIALS) :]]

    def symbols_of(self, ids: Sequence[int]) -> list[str]:
        """Base symbols of content ids, ambiguity codes included."""
        codes = tuple((code,) for code in self.code_sets)
        size = len(self._pieces)
        return [symbol for i in ids for symbol in (self._pieces[i] if i < size else codes[i - size])]

    def to_dict(self) -> dict[str, Any]:
        """The tokenizer as JSON values: the base's record, and the merges in order as pairs of token ids."""
        return {
            "format": FORMAT,
            "kind": self.kind,
            "vocab_size": self._asked,
            "base": self._base.to_dict(),
            "merges": [list(pair) for pair in self._merges] if self._fitted else None,
            "versions": {"tokenizers": tokenizers.__version__},
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any], base: SymbolTokenizer) -> Self:
        """The tokenizer that `to_dict` wrote, over its base; raises ArtifactError if the record is damaged."""
        tokenizer = cls(base, read_field(record, "vocab_size", int))
        if record.get("merges") is None:
            return tokenizer
        merges = read_field(record, "merges", list)
        lengths = [1] * base.vocab_size
        for row, pair in enumerate(merges):
            whole = isinstance(pair, list) and len(pair) == 2 and all(type(i) is int for i in pair)
            if not whole or min(pair) < len(SPECIALS) or max(pair) >= base.vocab_size + row:
                raise ArtifactError(f"expected two earlier token ids in merge {row + 1} of the tokenizer, got {pair!r}")
            lengths.append(lengths[pair[0]] + lengths[pair[1]])
            if lengths[-1] > _LONGEST:  # sixty merges of a token with itself are longer than any memory
                raise ArtifactError(f"expected tokens of {_LONGEST:,} symbols at most, got more in merge {row + 1}")
        tokenizer._set_merges([(left, right) for left, right in merges])
        tokenizer._fitted = True
        return tokenizer
