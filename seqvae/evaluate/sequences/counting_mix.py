"""A log-linear mix of counting models: the strongest baseline that is made of counts alone.

Each letter's probability is proportional to the product of what the models say, each to the power of its weight
(Hinton 2002, doi:10.1162/089976602760128018, calls it a product of experts); the weights are fitted on the validation
split, with one normalisation a letter, so that the whole is a distribution over sequences like its parts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from seqvae.sequences.integer_codes import Letters, letters

NAME = "log-linear mix of all"
_AT_ONCE = 200_000  # letters at a time, and the most that weights are fitted on: 11 models of them take 35 MB
_STEPS = 50  # of the fit, whose objective is convex


@runtime_checkable
class Counts(Protocol):
    """A model that counts."""

    def log_probs(self, train: Letters, held_out: Letters, pseudo: float) -> NDArray[np.float32]:
        """Return log2 p of every letter that might stand at each place, `(letters, alphabet)`."""


Models = Sequence[tuple[Counts, float]]  # with the pseudo-count of each


def mixed(weights: NDArray[np.float64], parts: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return log2 p of the mix, `(letters, alphabet)`.

    Args:
        weights: of each model, `(models,)`.
        parts: log2 p of each model, `(models, letters, alphabet)`.
    """
    scores = np.tensordot(weights, parts, 1)
    scores -= scores.max(1, keepdims=True)
    return np.asarray(scores - np.log2(np.exp2(scores).sum(1, keepdims=True)))


def fitted(parts: NDArray[np.float32], codes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weights under which the letters that stand there cost the fewest bits, `(models,)`."""
    true = np.stack([part[np.arange(len(codes)), codes] for part in parts]).astype(np.float64)

    def cost(weights: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the bits per letter, and their gradient."""
        made = mixed(weights, parts)
        expected = np.einsum("mls,ls->m", parts, np.exp2(made).astype(np.float32), optimize=True)
        bits = -made[np.arange(len(codes)), codes].mean()
        return float(bits), (expected - true.sum(1)) / len(codes)

    start = np.full(len(parts), 1 / len(parts))
    return np.asarray(minimize(cost, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}).x)


def mix_bits(
    models: Models, counted: tuple[Letters, Letters], choosing: Sequence[str], held_out: Sequence[str]
) -> NDArray[np.float64]:
    """Return -log2 p of each held-out sequence under the mix, `(sequences,)`.

    Args:
        models: with their pseudo-counts.
        counted: what the models count while the weights are chosen, and what they count in the end.
        choosing: validation sequences, which choose the weights.
        held_out: sequences to score.
    """
    part, both = counted
    ends = np.cumsum([len(text) for text in choosing])  # as many as have the letters to fit on, at least one
    chosen = letters(choosing[: max(1, int(np.searchsorted(ends, _AT_ONCE, side="right")))], part.alphabet)
    stacked = np.stack([model.log_probs(part, chosen, pseudo) for model, pseudo in models])
    weights = fitted(stacked, chosen.codes[chosen.codes >= 0].astype(np.int64))
    found, step = [], max(1, math.floor(_AT_ONCE * len(held_out) / sum(map(len, held_out))))
    for begin in range(0, len(held_out), step):
        some = letters(held_out[begin : begin + step], part.alphabet)
        stacked = np.stack([model.log_probs(both, some, pseudo) for model, pseudo in models])
        codes = some.codes[some.codes >= 0].astype(np.int64)
        costs = -mixed(weights, stacked)[np.arange(len(codes)), codes]
        found.append(np.bincount(some.rows[some.codes >= 0], weights=costs, minlength=len(some)))
    return np.concatenate(found)
