"""Numbers that accompany the texts: labels to be predicted, conditions to be met, the weight of each text."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import RecordError


@dataclass(frozen=True)
class Columns:
    """Labels, weights and conditions of texts.

    Attributes:
        names: of the labels.
        labels: float32 `(texts, labels)`, NaN for a missing label.
        weights: float32 `(texts,)`, at least 0: the weight of each text in the objective; None if all are equal.
        conditions: float32 `(texts, conditions)`, NaN for a missing value; None if there are none.
    """

    names: tuple[str, ...]
    labels: NDArray[np.float32]
    weights: NDArray[np.float32] | None = None
    conditions: NDArray[np.float32] | None = None

    @staticmethod
    def of(
        count: int,
        values: Mapping[str, Sequence[float]],
        labels: Sequence[str],
        weights: str = "",
        conditions: Sequence[str] = (),
    ) -> Columns:
        """Collect named columns of `count` texts.

        Args:
            count: number of texts.
            values: columns by name.
            labels: names of the labels.
            weights: name of the weights; empty: none.
            conditions: names of the conditions.

        Raises:
            RecordError: a weight is missing or negative.
        """
        table, given = (
            np.array([values[name] for name in names], np.float32).reshape(len(names), count).T.copy()
            for names in (labels, conditions)
        )
        known = given if conditions else None
        if not weights:
            return Columns(tuple(labels), table, conditions=known)
        column = np.asarray(values[weights], np.float32)
        bad = np.flatnonzero(~(column >= 0))
        if bad.size:
            raise RecordError(
                f"record {bad[0] + 1}: expected a weight from 0 in column {weights!r}, got {column[bad[0]]:g}; "
                "fill it in, or leave the record out"
            )
        return Columns(tuple(labels), table, column, known)

    def rows(self, indices: NDArray[np.integer]) -> Columns:
        """Return the numbers of the texts at these indices, in this order."""
        weights, conditions = (None if part is None else part[indices] for part in (self.weights, self.conditions))
        return Columns(self.names, self.labels[indices], weights, conditions)

    @property
    def content_hash(self) -> str:
        """sha256 of names and numbers, in hexadecimal."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        for part in (self.labels, self.weights):
            digest.update(b"" if part is None else np.ascontiguousarray(part, "<f4").tobytes())
        if self.conditions is not None:  # else the hash is that of data from before there were conditions
            digest.update(b"conditions" + np.ascontiguousarray(self.conditions, "<f4").tobytes())
        return digest.hexdigest()

    def __bool__(self) -> bool:
        """Whether there are any numbers."""
        return bool(self.names) or self.weights is not None or self.conditions is not None
