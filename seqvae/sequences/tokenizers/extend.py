"""Fitted tokenizers with further symbols; every text that the original can write keeps the same tokens."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from seqvae.errors import UsageError
from seqvae.sequences.tokenizers.registry import tokenizer_from_dict
from seqvae.sequences.tokenizers.tokenizer import Tokenizer


def extended(tokenizer: Tokenizer, symbols: Sequence[str]) -> Tokenizer:
    """Return a tokenizer that knows further base symbols, each as one token.

    Base symbols come before merged ones in a subword vocabulary, so that ids may shift: see `kept_ids`.

    Args:
        tokenizer: fitted; it is not changed.
        symbols: base symbols; known ones are ignored.

    Raises:
        UsageError: the vocabulary is fixed (DNA, proteins) and a symbol is new.

    >>> from seqvae.sequences.tokenizers.char import CharTokenizer
    >>> extended(CharTokenizer().fit(["abc"]), ["d", "b"]).encode("abcd")
    [3, 4, 5, 6]
    """
    new = tokenizer.unseen(dict.fromkeys(symbols))
    record = copy.deepcopy(tokenizer.to_dict())
    base = record.get("base", record)
    if new and "tokens" not in base:
        raise UsageError(f"the vocabulary of a {base['kind']} tokenizer is fixed: {new[0]!r} cannot be added to it")
    if new:
        base["tokens"] = [*base["tokens"], *new]
    if new and "base" in record:
        first = _first_merged(tokenizer)
        record["vocab_size"] += len(new)
        record["merges"] = [[_moved(i, first, len(new)) for i in pair] for pair in record["merges"]]
    return tokenizer_from_dict(record)


def kept_ids(tokenizer: Tokenizer, longer: Tokenizer) -> list[int]:
    """Return the id of each of a tokenizer's tokens in the tokenizer that `extended` made from it.

    >>> from seqvae.sequences.tokenizers.char import CharTokenizer
    >>> short = CharTokenizer().fit(["ab"])
    >>> kept_ids(short, extended(short, ["d"]))
    [0, 1, 2, 3, 4]
    """
    first, by = _first_merged(tokenizer), longer.vocab_size - tokenizer.vocab_size
    return [_moved(i, first, by) for i in range(tokenizer.vocab_size)]


def _first_merged(tokenizer: Tokenizer) -> int:
    """Return the id of the first merged token, which is the size of the base vocabulary."""
    record = tokenizer.to_dict()
    return tokenizer_from_dict(record["base"]).vocab_size if "base" in record else tokenizer.vocab_size


def _moved(token: int, first: int, by: int) -> int:
    return token + by if token >= first else token
