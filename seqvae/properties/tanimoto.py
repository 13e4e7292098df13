"""The Tanimoto similarity of sets and of counts, for whole tables of pairs at a time."""

from __future__ import annotations

from typing import Any, TypeVar

Table = TypeVar("Table", bound=Any)  # a NumPy array or a torch tensor: this room must not import torch


def tanimoto_of_sizes(shared: Table, first: Table, second: Table | int) -> Table:
    """Return |A and B| / |A or B| of each pair, 0 to 1; 1 where both are empty.

    For counts, the size of a set is their sum, and what two sets share is the sum of the smaller counts. Rogers &
    Tanimoto 1960, doi:10.1126/science.132.3434.1115.

    Args:
        shared: sizes of the intersections, in floating point.
        first: sizes of the sets A, in a shape that broadcasts to that of `shared`.
        second: sizes of the sets B, likewise.

    >>> import numpy as np
    >>> tanimoto_of_sizes(np.array([2.0, 0.0]), np.array([3, 0]), np.array([3, 0])).tolist()
    [0.5, 1.0]
    """
    union = first + second - shared
    empty = union == 0
    union[empty] = 1  # NumPy warns of 0 / 0
    found = shared / union
    found[empty] = 1
    return found
