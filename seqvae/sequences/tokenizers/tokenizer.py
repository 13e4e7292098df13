"""The interface of all tokenizers: texts to ids and one-hot arrays, and back.

Ids 0, 1 and 2 are the special tokens `<pad>`, `<bos>` and `<eos>`; content starts at 3. The tokenizer of an alphabet
has further ids from `vocab_size` on, one for each ambiguity code: a set of allowed tokens, which no model predicts.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqvae.errors import (
    InputError,
    TooLongError,
    UnknownTokenError,
)
from seqvae.sequences.domain import MOLECULES, Domain, domain_of
from seqvae.sequences.tokenizers.record import write_json

PAD: int = 0
BOS: int = 1
EOS: int = 2
SPECIALS: tuple[str, str, str] = ("<pad>", "<bos>", "<eos>")

PERCENTILES: tuple[int, ...] = (50, 90, 95, 99, 100)


@dataclass(frozen=True)
class Coverage:
    """How much of some texts a tokenizer can represent.

    Attributes:
        texts: number of texts examined.
        invalid_texts: texts that are no valid molecule or sequence; they count as not covered.
        covered_texts: texts whose tokens are all known.
        tokens: base symbols of all valid texts.
        covered_tokens: how many of these are known.
        unseen: unknown symbols with their counts, most frequent first.
        length_percentiles: percentile to length of the covered texts in tokens, without the end token; empty if no
            text is covered.
    """

    texts: int
    invalid_texts: int
    covered_texts: int
    tokens: int
    covered_tokens: int
    unseen: dict[str, int]
    length_percentiles: dict[int, int]

    @property
    def text_share(self) -> float:
        """Share of the texts that are covered; 1 if there are none."""
        return self.covered_texts / self.texts if self.texts else 1.0

    @property
    def token_share(self) -> float:
        """Share of the symbols that are known; 1 if there are none."""
        return self.covered_tokens / self.tokens if self.tokens else 1.0


@dataclass(frozen=True)
class Reading:
    """The result of reading one text.

    Attributes:
        form: its canonical form; None if it is no text of the tokenizer's kind.
        symbols: base symbols of that form; empty if there is an error.
        error: why the text cannot be split; None if it can.
    """

    form: str | None
    symbols: list[str]
    error: InputError | None = None


class Tokenizer(ABC):
    """Texts to ids and back. Final classes: Smiles, Selfies, Alphabet, Char and Subword."""

    kind: str

    # What each tokenizer defines.

    @property
    @abstractmethod
    def tokens(self) -> tuple[str, ...]:
        """The vocabulary: the token of each id, special tokens first."""

    @property
    @abstractmethod
    def on_unknown(self) -> str:
        """How unknown tokens are handled: "error" raises, "drop" drops and counts them and warns once per call."""

    @property
    @abstractmethod
    def dropped(self) -> Counter[str]:
        """Tokens dropped so far, with their counts."""

    def pieces(self) -> list[tuple[int, ...]]:
        """Return, for each id of the vocabulary, the ids of the base symbols that its token stands for."""
        return [(i,) for i in range(self.vocab_size)]

    def complements(self) -> list[int] | None:
        """Return, for each id of the vocabulary, that of its complement on the other strand; None if there is none."""
        return None

    @property
    @abstractmethod
    def code_sets(self) -> Mapping[str, tuple[str, ...]]:
        """Ambiguity codes and the tokens that each allows; their ids follow the vocabulary in this order."""

    @abstractmethod
    def normalize(self, text: str) -> str:
        """The canonical form of a text.

        Raises:
            InvalidMoleculeError: the text is no molecule.
            InvalidSequenceError: the text is no sequence over the alphabet.
        """

    @abstractmethod
    def split(self, form: str, text: str = "") -> list[str]:
        """The base symbols of a text that is in canonical form already.

        Args:
            form: the canonical form.
            text: the text as errors name it; by default the form.

        Raises:
            InvalidMoleculeError: the tokenizer's notation cannot represent the molecule.
        """

    @abstractmethod
    def join(self, symbols: Iterable[str]) -> str:
        """Base symbols joined to a text, in canonical form if it has one."""

    @abstractmethod
    def fit_symbols(self, symbol_lists: Iterable[Sequence[str]]) -> Self:
        """Learn the vocabulary from texts already split by `symbols`, in place and in one pass."""

    @abstractmethod
    def unseen(self, symbols: Iterable[str]) -> list[str]:
        """The symbols that are not in the vocabulary, in order and with repeats."""

    @abstractmethod
    def ids_batch(self, symbol_lists: Sequence[Sequence[str]]) -> list[list[int]]:
        """Token ids of texts already split by `symbols`, without special tokens; the fast path.

        Raises:
            UnknownTokenError: a symbol is not in the vocabulary and `on_unknown` is "error".
            UsageError: the tokenizer has not been fitted.
        """

    @abstractmethod
    def symbols_of(self, ids: Sequence[int]) -> list[str]:
        """Base symbols of content ids, ambiguity codes included."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The tokenizer as JSON values; `tokenizer_from_dict` restores it."""

    # What follows from these.

    @property
    def domain(self) -> Domain:
        """The domain of its texts."""
        return domain_of(self.kind)

    @property
    def molecular(self) -> bool:
        """Whether the texts are molecules."""
        return self.domain.name == MOLECULES

    @property
    def vocab_size(self) -> int:
        """Number of tokens that a model predicts, special tokens included."""
        return len(self.tokens)

    @property
    def n_ids(self) -> int:
        """Number of ids: vocabulary and ambiguity codes."""
        return len(self.tokens) + len(self.code_sets)

    def normalize_or_none(self, text: str) -> str | None:
        """The canonical form of a text; None if `normalize` refuses it."""
        try:
            return self.normalize(text)
        except InputError:
            return None

    def symbols(self, text: str) -> list[str]:
        """The canonical form split into base symbols; raises as `normalize` and `split`."""
        return self.split(self.normalize(text), text)

    def read(self, text: str) -> Reading:
        """The canonical form and the symbols of a text, or why it has none; invalid texts raise nothing."""
        form = None
        try:
            form = self.normalize(text)
            return Reading(form, self.split(form, text))
        except InputError as error:
            return Reading(form, [], error)

    def fit(self, texts: Iterable[str]) -> Self:
        """Learn the vocabulary from texts, in place; raises as `symbols`."""
        return self.fit_symbols(self.symbols(text) for text in texts)

    def ids(self, symbols: Sequence[str]) -> list[int]:
        """Token ids of one text already split; raises as `ids_batch`."""
        return self.ids_batch([symbols])[0]

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without special tokens; raises as `symbols` and `ids_batch`, naming the given text."""
        try:
            return self.ids(self.symbols(text))
        except UnknownTokenError as error:
            raise UnknownTokenError(text, error.token, error.column) from None

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts; raises as `encode`."""
        try:
            return self.ids_batch([self.symbols(text) for text in texts])
        except UnknownTokenError:
            for text in texts:
                self.encode(text)  # Finds the text that failed, to name it as it was given.
            raise

    def decode(self, ids: ArrayLike) -> str:
        """The text of token ids up to the first end token; other special tokens are skipped.

        Raises:
            InputError: an id is outside the vocabulary.
        """
        return self.join(self.written(ids))

    def written(self, ids: ArrayLike) -> list[str]:
        """The base symbols of token ids, which `decode` joins to a text; raises as `decode`."""
        found: list[int] = np.asarray(ids, dtype=np.int64).tolist()
        if EOS in found:
            found = found[: found.index(EOS)]
        content = [i for i in found if i > EOS or i < PAD]
        if content and not (min(content) > EOS and max(content) < self.n_ids):
            bad = next(i for i in content if not EOS < i < self.n_ids)
            raise InputError(f"expected token ids from 0 to {self.n_ids - 1}, got {bad}: are they another tokenizer's?")
        return self.symbols_of(content)

    def decode_batch(self, ids: Iterable[ArrayLike]) -> list[str]:
        """The texts of rows of token ids; raises as `decode`."""
        return [self.decode(row) for row in ids]

    def id_table(self) -> NDArray[np.float32]:
        """The tokens that each id allows, (n_ids, vocab): a code's tokens have equal shares; rows sum to 1."""
        table = np.zeros((self.n_ids, self.vocab_size), dtype=np.float32)
        np.fill_diagonal(table, 1.0)
        for row, allowed in enumerate(self.code_sets.values(), start=self.vocab_size):
            table[row, [self.tokens.index(token) for token in allowed]] = 1.0 / len(allowed)
        return table

    def one_hot(self, texts: Sequence[str], length: int | None = None) -> NDArray[np.float32]:
        """One-hot array (batch, length, vocab): content, then one end token, then padding; rows sum to 1.

        Args:
            texts: to encode. An ambiguity code becomes a row that is uniform over its letters.
            length: positions, end token included; None for the longest text and its end token.

        Raises:
            TooLongError: a text and its end token do not fit in `length`. Also raises as `encode`.
        """
        rows = self.encode_batch(texts)
        longest = max(map(len, rows), default=0) + 1
        length = longest if length is None else length
        if longest > length:
            worst = next(i for i, row in enumerate(rows) if len(row) + 1 > length)
            raise TooLongError(
                f"{self.domain.noun} {worst + 1} has {len(rows[worst]) + 1} tokens with its end token, "
                f"more than the length {length}: increase the length or leave {texts[worst]!r} out"
            )
        ids = np.full((len(rows), length), PAD, dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row) + 1] = [*row, EOS]
        return self.id_table()[ids]

    def from_one_hot(self, array: ArrayLike) -> list[str]:
        """The texts of an array (batch, length, vocab): the most likely token at each position.

        A row that is uniform over the tokens of an ambiguity code (to 1e-6) gives that code.

        Raises:
            InputError: the array has another shape.
        """
        given = np.asarray(array)
        if given.ndim != 3 or given.shape[2] != self.vocab_size:
            raise InputError(f"expected an array (batch, length, {self.vocab_size}), got the shape {given.shape}")
        if given.shape[1] == 0:
            return [""] * len(given)
        ids = given.argmax(axis=2)
        if self.code_sets:
            # A code allows two tokens or more, so no entry of its row is above a half.
            open_rows = given.max(axis=2) < 0.51
            rows, found = given[open_rows], ids[open_rows]
            for code, allowed in enumerate(self.id_table()[self.vocab_size :], start=self.vocab_size):
                found[np.isclose(rows, allowed, atol=1e-6).all(axis=1)] = code
            ids[open_rows] = found
        return self.decode_batch(ids)

    def coverage(self, texts: Iterable[str]) -> Coverage:
        """How much of the texts the tokenizer can represent; invalid texts are counted and raise nothing."""
        n_texts = invalid = tokens = 0
        unseen: Counter[str] = Counter()
        lengths: list[int] = []
        for text in texts:
            n_texts += 1
            read = self.read(text)
            if read.error is not None:
                invalid += 1
                continue
            tokens += len(read.symbols)
            missing = self.unseen(read.symbols)
            unseen.update(missing)
            if not missing:
                lengths.append(len(self.ids(read.symbols)) if read.symbols else 0)
        percentiles = {p: int(np.percentile(lengths, p, method="higher")) for p in PERCENTILES} if lengths else {}
        return Coverage(
            texts=n_texts,
            invalid_texts=invalid,
            covered_texts=len(lengths),
            tokens=tokens,
            covered_tokens=tokens - unseen.total(),
            unseen=dict(sorted(unseen.items(), key=lambda item: (-item[1], item[0]))),
            length_percentiles=percentiles,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tokenizer to one JSON file, whole or not at all."""
        write_json(self.to_dict(), path)
