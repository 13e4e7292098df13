"""K-mers of sequences, all sequences at once: numbers and spectra."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import InputError, UsageError
from seqvae.sequences.integer_codes import GAP, Letters

_MOST_KMERS = 4**12  # 16 million: a table of these fits any memory


def longest_kmer(letters: int, most: int) -> int:
    """Return the largest k for which there are at most `most` different k-mers.

    >>> longest_kmer(4, 4096), longest_kmer(20, 8000)
    (6, 3)
    """
    width = 1
    while letters ** (width + 1) <= most:
        width += 1
    return width


def kmer_numbers(found: Letters, width: int) -> NDArray[np.int64]:
    """Return the number of the k-mer that begins at each code, `(len(codes) - width + 1,)`; -1 if there is none.

    The number of a k-mer is the numbers of its letters read in base `len(alphabet)`, the first letter the most
    significant, so that k-mers that share all letters except the last are neighbours.

    Raises:
        UsageError: the width is below 1, or so large that a table of all k-mers would not fit into memory.
    """
    longest = longest_kmer(len(found.alphabet), _MOST_KMERS)
    if not 1 <= width <= longest:
        raise UsageError(f"expected k-mers of 1 to {longest} letters, got {width}")
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
    """Return the share of each k-mer of `width` letters over all sequences, `(alphabet ** width,)`.

    Raises:
        InputError: no sequence has a k-mer of that length without ambiguity codes.
    """
    numbers = kmer_numbers(found, width)
    counts = np.bincount(numbers[numbers >= 0], minlength=len(found.alphabet) ** width).astype(np.float64)
    if not counts.any():
        raise InputError(f"no sequence has {width} letters in a row without ambiguity codes: give longer sequences")
    return counts / counts.sum()


def kmer_shares(found: Letters, widths: Sequence[int]) -> NDArray[np.float32]:
    """Return each sequence's k-mer shares, `(sequences, sum of alphabet ** width)`; zeros if it has none."""
    parts = []
    for width in widths:
        kmers, numbers = len(found.alphabet) ** width, kmer_numbers(found, width)
        keys = found.rows[: len(numbers)] * kmers + numbers
        counts = np.bincount(keys[numbers >= 0], minlength=len(found) * kmers).reshape(len(found), kmers)
        parts.append((counts / np.maximum(counts.sum(1, keepdims=True), 1)).astype(np.float32))
    return np.concatenate(parts, axis=1)


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
