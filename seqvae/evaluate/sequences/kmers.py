"""Words of k letters in sequences, all sequences at once: numbers of words, and spectra."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import InputError, UsageError
from seqvae.sequences.integer_codes import GAP, Letters

_MOST_KMERS = 4**12  # 16 million: a table of these still fits any memory


def longest_kmer(letters: int, most: int) -> int:
    """Return how long k-mers may be so that there are at most so many of one length.

    >>> longest_kmer(4, 4096), longest_kmer(20, 8000)
    (6, 3)
    """
    width = 1
    while letters ** (width + 1) <= most:
        width += 1
    return width


def kmer_numbers(found: Letters, width: int) -> NDArray[np.int64]:
    """Return the number of the word that begins at each code, `(len(codes) - width + 1,)`; -1 where there is none.

    A word's number is its letters' numbers read in base `len(alphabet)`, the first letter the most significant, so that
    words that share all but their last letter are neighbours.

    Raises:
        UsageError: the width is below 1, or so large that a table of all words would not fit memory.
    """
    longest = longest_kmer(len(found.alphabet), _MOST_KMERS)
    if not 1 <= width <= longest:
        raise UsageError(f"expected words of 1 to {longest} letters, got {width}")
    count = max(len(found.codes) - width + 1, 0)
    numbers = np.zeros(count, np.int64)
    whole = np.ones(count, bool)
    for place in range(width):
        part = found.codes[place : place + count]
        numbers *= len(found.alphabet)
        numbers += part
        whole &= part >= 0
    numbers[~whole] = GAP
    return numbers


def spectrum(found: Letters, width: int) -> NDArray[np.float64]:
    """Return the share of each word of `width` letters over all sequences, `(alphabet ** width,)`.

    Raises:
        InputError: no sequence is so long.
    """
    numbers = kmer_numbers(found, width)
    counts = np.bincount(numbers[numbers >= 0], minlength=len(found.alphabet) ** width).astype(np.float64)
    if not counts.any():
        raise InputError(f"no sequence has a word of {width} certain letters: give longer sequences")
    return counts / counts.sum()


def kmer_shares(found: Letters, widths: Sequence[int]) -> NDArray[np.float32]:
    """Return each sequence's shares of words, `(sequences, sum of alphabet ** width)`; zeros where it has none."""
    return np.concatenate([_shares(found, width) for width in widths], axis=1)


def _shares(found: Letters, width: int) -> NDArray[np.float32]:
    kmers = len(found.alphabet) ** width
    numbers = kmer_numbers(found, width)
    keys = found.rows[: len(numbers)] * kmers + numbers
    counts = np.bincount(keys[numbers >= 0], minlength=len(found) * kmers).reshape(len(found), kmers)
    return (counts / np.maximum(counts.sum(1, keepdims=True), 1)).astype(np.float32)


def jensen_shannon(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Return the Jensen-Shannon divergence of two distributions in bits, from 0 to 1 (Lin 1991, doi:10.1109/18.61115).

    >>> import numpy as np
    >>> jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    middle = (left + right) / 2
    return max(0.0, (_divergence(left, middle) + _divergence(right, middle)) / 2)


def _divergence(left: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """KL(left || right) in bits; `right` is positive wherever `left` is."""
    some = left > 0
    return float((left[some] * np.log2(left[some] / right[some])).sum())
