"""Markov chains over a few states, as Stanton et al. 2024 (arXiv:2407.00236) draw them: sparse matrices, and walks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BAND = 0.4  # of the states, to either side: how far the band of allowed transitions reaches (their figure)
_TEMPERATURE = 0.5  # of the softmax over transitions (the same)


def is_ergodic(allowed: NDArray[np.bool_]) -> bool:
    """Whether every state reaches every other; with states that may follow themselves, that is ergodic."""
    reached = allowed.copy()
    for _ in range(len(allowed).bit_length()):
        reached = (reached.astype(np.int64) @ reached) > 0
    return bool(reached.all())


def random_matrix(vocab: int, draws: np.random.Generator) -> NDArray[np.float64]:
    """Return random transition probabilities of an ergodic chain, `(vocab, vocab)`, some of them 0.

    They are a softmax of normal draws, inside a band whose rows are shuffled; every state may follow itself.
    """
    steps = np.arange(vocab)
    apart = np.abs(steps[:, None] - steps)
    band = np.minimum(apart, vocab - apart) <= int(_BAND * vocab)  # it goes round the ends
    weights = np.exp(draws.standard_normal((vocab, vocab)) / _TEMPERATURE)
    allowed = np.zeros_like(band)
    while not is_ergodic(allowed):  # of two states, half of the shuffles allow repeats alone
        allowed = band[draws.permutation(vocab)] | np.eye(vocab, dtype=bool)
    weights = np.where(allowed, weights, 0.0)
    return np.asarray(weights / weights.sum(1, keepdims=True))


def walks(matrix: NDArray[np.float64], length: int, count: int, draws: np.random.Generator) -> NDArray[np.int64]:
    """Return random walks, `(count, length)`, states as int64, that begin in the stationary distribution."""
    rows = np.cumsum(np.vstack([matrix, _stationary(matrix)]), 1)
    rows /= rows[:, -1:]  # exactly 1 at the end, above every draw: a banned state is never taken
    found = np.empty((count, length), np.int64)
    state = np.full(count, len(matrix))  # the last row: where a walk begins
    for step in range(length):
        state = (rows[state] <= draws.random(count)[:, None]).sum(1)
        found[:, step] = state
    return found


def _stationary(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distribution that a step leaves as it is, `(V,)`."""
    system = np.vstack([matrix.T - np.eye(len(matrix)), np.ones(len(matrix))])
    found = np.linalg.lstsq(system, np.append(np.zeros(len(matrix)), 1.0), rcond=None)[0]
    return np.asarray(np.maximum(found, 0.0))
