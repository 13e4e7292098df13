"""Columns of classes: names in cells to numbers, and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from seqvae.data.numbers import MISSING, parse
from seqvae.errors import RecordError

MOST = 1_000  # classes of a column: with more, they are rather names or numbers


def class_of(cell: object) -> str:
    """Return the class in a cell, empty for a missing one; numbers are written shortly, so that 1, 1.0 and True agree.

    >>> class_of(" active "), class_of(1), class_of("1.0"), class_of(True), class_of("n.d."), class_of(None)
    ('active', '1', '1', '1', '', '')
    """
    if cell is None:
        return ""
    text = f"{int(cell)}" if isinstance(cell, bool) else str(cell).strip()
    if text.lower() in MISSING:
        return ""
    found = parse(text)
    return f"{found.value:g}" if found is not None and not found.censored and not math.isnan(found.value) else text


def classes_of(cells: Sequence[object], column: str, file: str) -> tuple[str, ...]:
    """Return the classes of a column in alphabetical order; numbers come first, by size.

    Raises:
        RecordError: there are more than a thousand.
    """
    found = {class_of(cell) for cell in cells} - {""}
    if len(found) > MOST:
        raise RecordError(
            f"column {column!r} has {len(found):,} different values, expected {MOST:,} classes at most: leave it out "
            "of --classes if these are numbers",
            file=file,
        )

    def order(name: str) -> tuple[bool, float, str]:
        """Return the key by which numbers come first, by size, then names."""
        number = parse(name)
        return (number is None, 0.0 if number is None else number.value, name)

    return tuple(sorted(found, key=order))


def class_numbers(
    cells: Sequence[object], classes: Sequence[str], column: str, file: str, lines: Sequence[int]
) -> list[float]:
    """Return the number of each cell's class, NaN where it is missing.

    Raises:
        RecordError: a cell has another class.
    """
    places: Mapping[str, int] = {name: place for place, name in enumerate(classes)}
    values = []
    for cell, line in zip(cells, lines, strict=True):
        name = class_of(cell)
        if name and name not in places:
            known = ", ".join(classes)
            raise RecordError(f"column {column!r} must hold one of {known}, got {cell!r}", file=file, line=line)
        values.append(float(places[name]) if name else math.nan)
    return values


def written(classes: Mapping[str, Sequence[str]]) -> str:
    """Return the classes of columns as `ModelConfig.classes` has them; empty where there are none."""
    return json.dumps({name: list(one) for name, one in classes.items()}) if classes else ""
