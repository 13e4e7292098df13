"""Models of sequences of one length that need no learning: counts, and what they leave unsaid of held-out sequences.

Sequences are integer arrays `(sequences, length)`. Every model adds a pseudo-count to each count, and is scored in
bits a base: minus the mean of log2 p over the held-out sequences, divided by their length.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

LETTERS = "ACGT"
HALF = 0.5  # Krichevsky & Trofimov 1981, doi:10.1109/TIT.1981.1056331
PSEUDO_COUNTS = (0.5, 1.0, 3.0, 10.0, 30.0, 100.0)  # tried on the validation side

Codes = NDArray[np.int64]
Model = Callable[[Codes, Codes, float], NDArray[np.float64]]


def codes(texts: Sequence[str]) -> Codes:
    """Return sequences of one length as numbers of letters, `(sequences, length)`."""
    return np.array([[LETTERS.index(letter) for letter in text] for text in texts], np.int64)


def conditional_bits(train: Codes, held_out: Codes, context: int, pseudo: float) -> NDArray[np.float64]:
    """Return -log2 p of the last column given those before it.

    Args:
        train: rows of `context` letters and the letter that follows them.
        held_out: the same.
        context: letters looked back at.
        pseudo: added to each count.
    """
    weights = len(LETTERS) ** np.arange(context, -1, -1)
    size = len(LETTERS) ** (context + 1)
    counts = np.bincount(train @ weights, minlength=size).reshape(-1, len(LETTERS)) + pseudo
    bits = -np.log2(counts / counts.sum(1, keepdims=True)).ravel()
    return bits[held_out @ weights]


def windows(sequences: Codes, width: int) -> Codes:
    """Return every run of `width` letters as a row."""
    return np.lib.stride_tricks.sliding_window_view(sequences, width, axis=1).reshape(-1, width)


def markov_bits(train: Codes, held_out: Codes, pseudo: float, order: int) -> NDArray[np.float64]:
    """Return the bits of each sequence under a Markov chain, whose first letters look back as far as they can."""
    bits = np.zeros(len(held_out))
    for context in range(order):
        bits += conditional_bits(train[:, : context + 1], held_out[:, : context + 1], context, pseudo)
    later = conditional_bits(windows(train, order + 1), windows(held_out, order + 1), order, pseudo)
    return bits + later.reshape(len(held_out), -1).sum(1)


def positional_bits(train: Codes, held_out: Codes, pseudo: float, order: int) -> NDArray[np.float64]:
    """Return the bits of each sequence when every position has its own counts, given `order` letters before it."""
    bits = np.zeros(len(held_out))
    for position in range(held_out.shape[1]):
        context = min(order, position)
        part = slice(position - context, position + 1)
        bits += conditional_bits(train[:, part], held_out[:, part], context, pseudo)
    return bits


def _positional(order: int) -> Model:
    return lambda train, held_out, pseudo: positional_bits(train, held_out, pseudo, order)


def _markov(order: int) -> Model:
    return lambda train, held_out, pseudo: markov_bits(train, held_out, pseudo, order)


MODELS: dict[str, Model] = {
    "unigram (Markov order 0)": _markov(0),
    "Markov order 1": _markov(1),
    "Markov order 2": _markov(2),
    "Markov order 3": _markov(3),
    "position-specific": _positional(0),
    "position-specific first order": _positional(1),
}


def bits_a_base(model: Model, train: Codes, held_out: Codes, pseudo: float) -> float:
    """Return a model's bits a base on held-out sequences."""
    return float(model(train, held_out, pseudo).mean() / held_out.shape[1])


def best_pseudo(model: Model, train: Codes, valid: Codes) -> float:
    """Return the pseudo-count that leaves the fewest bits on the validation side."""
    return min(PSEUDO_COUNTS, key=lambda pseudo: bits_a_base(model, train, valid, pseudo))
