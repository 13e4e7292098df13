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
        heights: `(length, letters)`, bits: the letter's share times the information at the position.
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
    lengths = Counter(len(sequence) for sequence in sequences)
    length, count = lengths.most_common(1)[0] if lengths else (0, 0)
    if not length or 2 * count < len(sequences):
        return None
    same = "".join(sequence for sequence in sequences if len(sequence) == length)
    symbols = np.frombuffer(same.encode(), np.uint8).reshape(count, length)
    counts = np.stack([(symbols == ord(letter)).sum(axis=0) for letter in letters], axis=1).astype(np.float64)
    seen = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares = counts / seen
    entropy = -(shares * np.log2(np.where(shares > 0, shares, 1))).sum(axis=1, keepdims=True)
    bias = (len(letters) - 1) / (2 * math.log(2) * seen)
    information = np.maximum(math.log2(len(letters)) - entropy - bias, 0)
    return Logo(letters, shares * information, count, len(sequences) - count)
