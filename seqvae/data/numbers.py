"""Numbers as people write them into tables: with decimal commas, censored, or marked as missing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from seqvae.errors import RecordError

# Markers of missing values in tables, in lower case.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?", "n.d.", "nd", "n.a.", "#n/a", "<na>"})
_CENSORED = re.compile(r"(<=|>=|=<|=>|<<|>>|[<>~≤≥≈])\s*(.+)")
_COMMAS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d*)?")  # 1,234,567.8
_POINTS = re.compile(r"[-+]?\d{1,3}(?:\.\d{3})+,\d+")  # 1.234.567,8
_COMMA = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")  # 1,5


@dataclass(frozen=True)
class Number:
    """The number of a cell.

    Attributes:
        value: NaN where it is missing.
        censored: the sign before it, `>`, `<` or another; empty: none.
    """

    value: float
    censored: str = ""


def parse(cell: str, decimal_comma: bool = False) -> Number | None:
    """Return the number in a cell, None where there is anything else, or an infinite number.

    Args:
        cell: such as `5.1`, `5,1`, `>5.0`, `n.d.`, `1,234.5`.
        decimal_comma: read `1,234` as a little more than one; otherwise None, as it may be a thousand as well.

    >>> parse("5,1").value, parse("> 5").censored, parse("1,234"), parse("1,234", True).value, parse("1,234.5").value
    (5.1, '>', None, 1.234, 1234.5)
    """
    text = cell.strip().replace("\u2212", "-")  # the minus sign of typesetters
    if text.lower() in MISSING:
        return Number(math.nan)
    sign = ""
    if found := _CENSORED.fullmatch(text):
        sign, text = found.groups()
    thousands = bool(_COMMAS.fullmatch(text))
    if _COMMA.fullmatch(text) and (decimal_comma or not thousands):
        text = text.replace(",", ".")
    elif thousands and ("." in text or text.count(",") > 1):
        text = text.replace(",", "")
    elif _POINTS.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    try:
        value = float(text)
    except ValueError:
        return None
    return Number(value, sign) if math.isfinite(value) and "_" not in text else None


def decimal_commas(cells: Sequence[str]) -> bool:
    """Return whether the commas of a column are decimal: one surely is (`0,75`), and there is no decimal point."""
    bare = [cell.strip(" <>=~") for cell in cells]
    if not any(_COMMA.fullmatch(cell) and not _COMMAS.fullmatch(cell) for cell in bare):
        return False
    return not any("." in cell for cell in bare if cell.lower() not in MISSING)


def number(cell: str, column: str, file: str, line: int) -> float:
    """Return the number in a table's cell, NaN if it is marked as missing.

    Raises:
        RecordError: the cell has anything else, or an infinite number.
    """
    found = parse(cell)
    if found is None:
        raise _no_number(cell, column, file, line)
    return found.value


def numbers(cells: Sequence[str], column: str, file: str, lines: Sequence[int]) -> tuple[list[float], dict[str, int]]:
    """Return the numbers in the cells of a column, NaN for missing ones, and how many of each sign are censored.

    A column in which a comma is surely decimal somewhere (`0,75`), and a point nowhere, has decimal commas throughout:
    there `1,234` is a little more than one.

    Args:
        cells: as read.
        column: title, for messages.
        file: for messages.
        lines: line of each cell, for messages.

    Raises:
        RecordError: a cell holds anything else, or an infinite number, or `1,234` in a column that leaves its commas
            open.
    """
    comma = decimal_commas(cells)
    values, censored = [], dict[str, int]()
    for cell, line in zip(cells, lines, strict=True):
        found = parse(cell, comma)
        if found is None:
            raise _no_number(cell, column, file, line)
        values.append(found.value)
        if found.censored:
            censored[found.censored] = censored.get(found.censored, 0) + 1
    return values, censored


def censored_note(column: str, censored: dict[str, int]) -> str:
    """Return a sentence about the censored cells of a column; empty where there are none."""
    if not censored:
        return ""
    shown = ", ".join(f"{count:,} with {sign}" for sign, count in censored.items())
    return f"column {column!r} has censored numbers ({shown}): each is taken as the number behind its sign"


def _no_number(cell: str, column: str, file: str, line: int) -> RecordError:
    why = ": is its comma decimal or of thousands? write a point" if _COMMAS.fullmatch(cell.strip(" <>=~")) else ""
    return RecordError(f"column {column!r} must hold a finite number, got {cell!r}{why}", file=file, line=line)
