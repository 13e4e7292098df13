"""Texts as counts of their parts, and the Tanimoto similarity of such counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.tanimoto import tanimoto_of_sizes

Features = Callable[[str], Mapping[Hashable, int]]


@final
@dataclass(frozen=True)
class Substructures:
    """Counts the circular substructures of a molecule (ECFP4, unfolded).

    Attributes:
        sheets: where molecules are parsed.
    """

    sheets: Sheets = field(default_factory=Sheets)

    def __call__(self, text: str) -> Mapping[Hashable, int]:
        """Return how often each occurs; nothing of an invalid molecule."""
        sheet = self.sheets.of(text)
        return {} if sheet is None else sheet.fingerprint("ecfp4-counts").GetNonzeroElements()


@final
@dataclass(frozen=True)
class Words:
    """Counts the k-mers of a sequence.

    Attributes:
        longest: the largest k; smaller ones are counted too.
    """

    longest: int = 4

    def __call__(self, text: str) -> Mapping[Hashable, int]:
        """Return how often each k-mer occurs."""
        widths = range(1, self.longest + 1)
        return Counter(text[start : start + width] for width in widths for start in range(len(text) - width + 1))


@final
class Likeness:
    """Tanimoto similarities of texts by counts: the sum of the smaller counts over the sum of the larger ones.

    A count of n is written as n marks, the first to the nth of that part. Then what two texts share is the product of
    two rows of zeros and ones, which is exact and as fast as a product of sparse matrices.

    Args:
        features: returns the counts of a text.
    """

    def __init__(self, features: Features) -> None:
        self.features = features
        self._columns: dict[tuple[Hashable, int], int] = {}
        self._marks: dict[str, list[int]] = {}

    def table(self, first: Sequence[str], second: Sequence[str]) -> NDArray[np.float64]:
        """Return the similarity of each text to each other one, `(first, second)`, from 0 to 1."""
        for text in [*first, *second]:
            if text not in self._marks:
                marks = [(part, number) for part, count in self.features(text).items() for number in range(count)]
                self._marks[text] = [self._columns.setdefault(mark, len(self._columns)) for mark in marks]
        left, right = ([self._marks[text] for text in texts] for texts in (first, second))
        shared = (self._sparse(left) @ self._sparse(right).T).toarray()
        sizes = [np.array([float(len(row)) for row in rows]) for rows in (left, right)]
        return tanimoto_of_sizes(shared, sizes[0][:, None], sizes[1])

    def forget(self, but: Sequence[str]) -> None:
        """Forget the counts of all texts but some, and parts that none of these has: a list may have any number."""
        kept = {text: self._marks[text] for text in but if text in self._marks}
        names, self._columns = {column: mark for mark, column in self._columns.items()}, {}
        self._marks = {
            text: [self._columns.setdefault(names[column], len(self._columns)) for column in row]
            for text, row in kept.items()
        }

    def _sparse(self, rows: Sequence[Sequence[int]]) -> csr_array:
        ends = np.cumsum([0, *map(len, rows)])
        columns = np.array([column for row in rows for column in row], np.int64)
        return csr_array((np.ones(len(columns)), columns, ends), shape=(len(rows), len(self._columns)))
