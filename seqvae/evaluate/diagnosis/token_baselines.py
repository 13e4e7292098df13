"""Markov models over tokens, their end included: the counting baseline of molecules, which have no alphabet of letters.

A molecule is coded token by token as the model codes it, so that both pay for the same string. The vocabulary is large
and most contexts are new, so each order falls back on the one below it: p(t | context) = (count(context, t) + a p(t |
shorter context)) / (count(context) + a), the posterior mean under a Dirichlet prior centred on the lower order (MacKay
& Peto 1995, doi:10.1017/S1351324900000218); order 0 falls back on the uniform distribution.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

END = 0  # of a text, as a token of its own; ids are shifted above it
_STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)  # a, tried on the validation texts for each order
_VALIDATION = 10  # one training text in ten chooses them
HIGHEST_ORDER = 3
_LARGEST_KEY = 2**62  # contexts are numbers in base vocabulary

Ids = Sequence[Sequence[int]]


class TokenMarkov:
    """Markov models of order 0 to `HIGHEST_ORDER` over tokens.

    Args:
        train: token ids of each text to count, without special tokens.
        vocab_size: ids are below it.
    """

    def __init__(self, train: Ids, vocab_size: int) -> None:
        self.base = vocab_size + 1
        orders = range(HIGHEST_ORDER + 1)
        self.orders = [order for order in orders if self.base ** (order + 1) < _LARGEST_KEY]
        flat, places, _ = _flat(train)
        keys = [_contexts(flat, places, order, self.base) for order in self.orders]
        self.pairs = [np.unique(key * self.base + flat, return_counts=True) for key in keys]
        self.totals = [np.unique(key, return_counts=True) for key in keys]

    def nats(self, texts: Ids, strengths: Sequence[float]) -> NDArray[np.float64]:
        """Return -log p of each text by the highest of the orders that have a strength, `(texts,)`, ends included."""
        flat, places, rows = _flat(texts)
        found = np.full(len(flat), 1 / self.base)
        for order, strength in zip(self.orders, strengths, strict=False):
            key = _contexts(flat, places, order, self.base)
            seen, total = _counts(self.pairs[order], key * self.base + flat), _counts(self.totals[order], key)
            found = (seen + strength * found) / (total + strength)
        return np.bincount(rows, weights=-np.log(found), minlength=len(texts)).astype(np.float64)


def token_baselines(train: Ids, held_out: Ids, vocab_size: int) -> dict[str, NDArray[np.float64]]:
    """Return -log p of each held-out text, nats, by Markov order over tokens, `(held out,)`.

    Args:
        train: token ids of each text to count, at least two; every tenth chooses the strengths.
        held_out: those to score.
        vocab_size: ids are below it.
    """
    stride = min(_VALIDATION, len(train))
    part = TokenMarkov([ids for place, ids in enumerate(train) if place % stride], vocab_size)
    choosing = train[::stride]
    strengths: list[float] = []
    for _ in part.orders:
        best = min(_STRENGTHS, key=lambda one: part.nats(choosing, [*strengths, one]).sum())
        strengths.append(best)
    whole = TokenMarkov(train, vocab_size)
    names = ["unigram of tokens", *(f"Markov order {order} of tokens" for order in whole.orders[1:])]
    return {name: whole.nats(held_out, strengths[: order + 1]) for order, name in enumerate(names)}


def _flat(texts: Ids) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return all tokens, ends included, the place of each in its text, and the text of each."""
    lengths = np.array([len(ids) + 1 for ids in texts], np.int64)
    flat = np.array([token + 1 for ids in texts for token in (*ids, END - 1)], np.int64)
    rows = np.repeat(np.arange(len(texts)), lengths)
    return flat, np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths), rows


def _contexts(flat: NDArray[np.int64], places: NDArray[np.int64], order: int, base: int) -> NDArray[np.int64]:
    """Return the number of the tokens before each, as many as the order; the start of a text counts as its end."""
    key = np.zeros(len(flat), np.int64)
    for back in range(order, 0, -1):
        before = np.where(places >= back, np.roll(flat, back), END)
        key = key * base + before
    return key


def _counts(table: tuple[NDArray[np.int64], NDArray[np.int64]], keys: NDArray[np.int64]) -> NDArray[np.int64]:
    values, counts = table
    at = np.minimum(np.searchsorted(values, keys), len(values) - 1)
    return np.where(values[at] == keys, counts[at], 0)
