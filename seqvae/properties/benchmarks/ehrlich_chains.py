"""Markov chains over a few states, drawn as by Stanton et al. 2024 (arXiv:2407.00236): sparse matrices, and walks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BAND = 0.4  # share of the states to either side within the band of allowed transitions (their value)
_TEMPERATURE = 0.5  # of the softmax over transitions (their value)


def is_ergodic(allowed: NDArray[np.bool_]) -> bool:
    """Return whether every state reaches every other; if states may follow themselves, the chain is then ergodic."""
    reached = allowed.copy()
    for _ in range(len(allowed).bit_length()):
        reached = (reached.astype(np.int64) @ reached) > 0
    return bool(reached.all())


def random_matrix(vocab: int, draws: np.random.Generator) -> NDArray[np.float64]:
    """Return random transition probabilities of an ergodic chain, `(vocab, vocab)`, some of them 0.

    They are a softmax of normal draws within a band whose rows are shuffled; every state may follow itself.
    """
    steps = np.arange(vocab)
    apart = np.abs(steps[:, None] - steps)
    band = np.minimum(apart, vocab - apart) <= int(_BAND * vocab)  # it wraps around
    weights = np.exp(draws.standard_normal((vocab, vocab)) / _TEMPERATURE)
    allowed = np.zeros_like(band)
    while not is_ergodic(allowed):  # with two states, half of the shuffles allow only repeats
        allowed = band[draws.permutation(vocab)] | np.eye(vocab, dtype=bool)
    weights = np.where(allowed, weights, 0.0)
    return np.asarray(weights / weights.sum(1, keepdims=True))


def walks(matrix: NDArray[np.float64], length: int, count: int, draws: np.random.Generator) -> NDArray[np.int64]:
    """Return random walks, `(count, length)`, states as int64, that start in the stationary distribution."""
    vocab = len(matrix)
    # The stationary distribution p solves p matrix = p with sum(p) = 1.
    system = np.vstack([matrix.T - np.eye(vocab), np.ones(vocab)])
    stationary = np.linalg.lstsq(system, np.append(np.zeros(vocab), 1.0), rcond=None)[0]
    rows = np.cumsum(np.vstack([matrix, np.maximum(stationary, 0.0)]), 1)
    rows /= rows[:, -1:]  # exactly 1 at the end, above every draw: a banned state is never taken
    found = np.empty((count, length), np.int64)
    state = np.full(count, vocab)  # the last row: the start of a walk
    for step in range(length):
        state = (rows[state] <= draws.random(count)[:, None]).sum(1)
        found[:, step] = state
    return found
