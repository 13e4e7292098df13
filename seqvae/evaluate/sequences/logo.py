"""The information at each position of aligned sequences, letter by letter: what a sequence logo draws."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqvae.sequences.dna import BASES


@dataclass(frozen=True)
class Logo:
    """Heights of the letters of a sequence logo.

    Attributes:
        letters: the alphabet, one letter per column of `heights`.
        heights: `(length, letters)`, bits: the letter's share times the information at the position; of two sets
            that are compared, below 0 where a letter is rarer in the second.
        sequences: number of sequences counted.
        left_out: number of sequences left out for having another length.
    """

    letters: str
    heights: NDArray[np.float64]
    sequences: int
    left_out: int


def logo(sequences: Sequence[str], letters: str = BASES) -> Logo | None:
    """Compute a sequence logo of the sequences that have the most common length.

    The information at a position is log2(k), for k letters, minus the entropy of its letters minus
    (k - 1) / (2 n ln 2), the bias of an entropy estimated from n sequences; never below 0 (Schneider & Stephens 1990,
    doi:10.1093/nar/18.20.6097). Other letters are not counted.

    Args:
        sequences: in upper case.
        letters: the alphabet, k letters.

    Returns:
        The logo, or None if fewer than half of the sequences have one length, so that positions mean nothing.
    """
    length, count = _common_length(sequences)
    if not length:
        return None
    counts = _counts(sequences, length, letters)
    seen = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares = counts / seen
    bias = (len(letters) - 1) / (2 * math.log(2) * seen)
    information = np.maximum(math.log2(len(letters)) - _entropy(shares) - bias, 0)
    return Logo(letters, shares * information, count, len(sequences) - count)


def difference_logo(first: Sequence[str], second: Sequence[str], letters: str = BASES) -> Logo | None:
    """Compute the logo of what sets two sets of sequences apart, position by position.

    At each position the heights add up, without their signs, to the Jensen-Shannon divergence of the two distributions
    of letters, from 0 to 1 bit; each letter has of it what it has of the difference between them, and stands above the
    axis where the second set has more of it (Nettling et al. 2015, doi:10.1186/s12859-015-0767-x).

    Args:
        first: in upper case.
        second: in upper case.
        letters: the alphabet.

    Returns:
        The logo, its sequences those of both sets; None if fewer than half of all sequences have one length, or a set
        has none of it.
    """
    length, count = _common_length([*first, *second])
    if not all(any(len(sequence) == length for sequence in these) for these in (first, second)) or not length:
        return None
    shares = []
    for these in (first, second):
        counts = _counts(these, length, letters)
        shares.append(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    before, after = shares
    divergence = _entropy((before + after) / 2) - (_entropy(before) + _entropy(after)) / 2
    change = after - before
    parts = change / np.maximum(np.abs(change).sum(axis=1, keepdims=True), 1e-12)
    # a position at which one of the sets has none of these letters is not compared
    known = (before.sum(axis=1, keepdims=True) > 0) & (after.sum(axis=1, keepdims=True) > 0)
    return Logo(letters, np.where(known, parts * divergence, 0.0), count, len(first) + len(second) - count)


def _common_length(sequences: Sequence[str]) -> tuple[int, int]:
    """Return the most common length and how many have it; zeros where fewer than half of the sequences do."""
    lengths = Counter(len(sequence) for sequence in sequences)
    length, count = lengths.most_common(1)[0] if lengths else (0, 0)
    return (length, count) if 2 * count >= len(sequences) else (0, 0)


def _counts(sequences: Sequence[str], length: int, letters: str) -> NDArray[np.float64]:
    """Return how often each letter stands at each position of the sequences of a length, `(length, letters)`."""
    same = "".join(sequence for sequence in sequences if len(sequence) == length)
    symbols = np.frombuffer(same.encode(), np.uint8).reshape(-1, length)
    return np.stack([(symbols == ord(letter)).sum(axis=0) for letter in letters], axis=1).astype(np.float64)


def _entropy(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the entropy of each row, bits, `(rows, 1)`."""
    return -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1, keepdims=True)
