"""Which rows of a map are selected: by a polygon, by a search, or by number. The page does the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from seqvae.config import ViewConfig
from seqvae.errors import ConfigError

SMARTS = "smarts:"


def inside(polygon: str, places: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which places lie inside a polygon, by the even-odd rule.

    Args:
        polygon: its corners, `x,y x,y x,y`.
        places: `(places, 2)`.

    Raises:
        ConfigError: it has fewer than three corners, or one that is no pair of numbers.

    >>> inside("0,0 2,0 0,2", np.array([[0.5, 0.5], [1.5, 1.5]])).tolist()
    [True, False]
    """
    corners = [numbers_of("lasso", corner, 2) for corner in polygon.split()]
    if len(corners) < 3:
        raise ConfigError(f"lasso: expected three corners or more as x,y x,y x,y, got {polygon!r:.80}")
    x, y = places.T
    found = np.zeros(len(places), bool)
    for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            found ^= crosses & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
    return found


def numbers_of(name: str, text: str, count: int) -> tuple[float, ...]:
    """Return numbers separated by commas; raises ConfigError where they are not that many finite numbers."""
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != count or not np.isfinite(found).all():
        raise ConfigError(f"{name}: expected {count} numbers separated by commas, got {text!r:.80}")
    return found


def picked(text: str, count: int) -> NDArray[np.bool_]:
    """Return which of so many rows are picked, such as `1-5,9`, counted from 1.

    Raises:
        ConfigError: it is something else, or there is no such row.

    >>> picked("1-2,4", 4).tolist()
    [True, True, False, True]
    """
    found = np.zeros(count, bool)
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)):
            raise ConfigError(f"pick: expected rows as 1-5,9, got {part!r:.80}")
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= count:
            raise ConfigError(f"pick: expected rows from 1 to {count:,}, got {part}")
        found[low - 1 : high] = True
    return found


def found_by(query: str, cells: Sequence[Iterable[str]], forms: Sequence[str]) -> NDArray[np.bool_]:
    """Return which rows a search finds: a text within a cell, whatever its case, or a SMARTS, `smarts:PATTERN`.

    Args:
        query: what is searched.
        cells: of each row: its text, its name, and its other columns.
        forms: canonical SMILES of the rows, or their sequences.

    Raises:
        UsageError: it is no SMARTS.
    """
    if query.startswith(SMARTS):
        from seqvae.properties.registry import get

        return np.asarray(get(query)(list(forms)) > 0)
    wanted = query.casefold()
    return np.array([any(wanted in cell.casefold() for cell in row) for row in cells], bool)


def selected(
    view: ViewConfig, places: NDArray[np.float64], cells: Sequence[Sequence[str]], forms: Sequence[str]
) -> NDArray[np.bool_]:
    """Return which rows a view selects: all that a polygon, a search or a number of it names.

    Raises:
        ConfigError: a polygon or a number is not written as it should be.
    """
    found = picked(view.pick, len(places))
    for polygon in view.lasso:
        found |= inside(polygon, places)
    for query in view.find:
        found |= found_by(query, cells, forms)
    return found
