"""TF-Bind-8: measured binding of a transcription factor to every DNA sequence of eight bases, read from a table.

Measured by Barrera et al. 2016 (doi:10.1126/science.aad2257) and made a benchmark by Trabucco et al. 2022
(Design-Bench, arXiv:2202.08450), with values scaled to 0 to 1 over the whole table.
"""

from __future__ import annotations

import csv
import gzip
import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqvae.config import suggestion
from seqvae.errors import InputError, RecordError, UsageError
from seqvae.properties.dna.composition import values_of_bases
from seqvae.properties.property import Property
from seqvae.sequences.dna import BASES
from seqvae.sequences.domain import DNA

WIDTH = 8
COUNT = len(BASES) ** WIDTH
USUAL = "E-score"
"""The column of the published tables (UniPROBE's `..._8mers.txt`) that Design-Bench uses."""

_EIGHT = re.compile(f"[{BASES}]{{{WIDTH}}}", re.IGNORECASE)
_POWERS = len(BASES) ** np.arange(WIDTH - 1, -1, -1)


@dataclass(frozen=True)
class _Table:
    """Rows of a file: the number of each sequence, its value, and its line."""

    numbers: NDArray[np.int64]
    values: NDArray[np.float64]
    path: str
    first_line: int = 0  # 0: a file without lines

    def refuse(self, row: int, reason: str) -> RecordError:
        """Return the error for a row."""
        line = row + self.first_line if self.first_line else 0
        return RecordError(reason if line else f"row {row}: {reason}", file=self.path, line=line)


def read_table(path: Path | str, column: str = "") -> NDArray[np.float64]:
    """Return the binding of all 65,536 sequences, `(65536,)`, scaled so that the table's extremes are 0 and 1.

    A sequence's index is its bases read as digits in base 4 (A, C, G, T), the first the most significant. Binding is to
    the double strand, so a sequence that is not in the file has the value of its reverse complement: published tables
    have 32,896 rows, one per pair.

    Args:
        path: a table with a header line, columns separated by tabs or commas (also `.gz`), and a column of sequences;
            or Design-Bench's arrays: `.npz` with `x` and `y`, or `...-x-0.npy` beside `...-y-0.npy`, where x is
            `(rows, 8)`, integers 0 to 3 for A, C, G, T.
        column: the values in a text table; empty: `E-score`, or the only column of numbers.

    Raises:
        InputError: the file cannot be read, is no such table, has two values for one sequence, or lacks some.
        UsageError: the table has no such column, or several of numbers and none is named.
    """
    where = Path(path)
    table = _arrays(where, column) if where.suffix in (".npy", ".npz") else _text_table(where, column)
    bad = np.flatnonzero(~np.isfinite(table.values))
    if len(bad):
        raise table.refuse(int(bad[0]), f"expected a finite number, got {table.values[bad[0]]}")
    found = np.full(COUNT, np.nan)
    found[table.numbers] = table.values  # the last of several rows of one sequence
    other = np.flatnonzero(found[table.numbers] != table.values)
    if len(other):
        row = int(other[0])
        raise table.refuse(row, f"{_letters(int(table.numbers[row]))} has two different values: keep one")
    digits = np.arange(COUNT)[:, None] // _POWERS % len(BASES)
    partners = (len(BASES) - 1 - digits[:, ::-1]) @ _POWERS  # reverse complements: in the order A, C, G, T they mirror
    found = np.where(np.isnan(found), found[partners], found)
    missing = np.flatnonzero(np.isnan(found))
    if len(missing):
        raise InputError(
            f"{path}: expected all {COUNT:,} sequences of {WIDTH} bases or their reverse complements, "
            f"{len(missing):,} are missing, {_letters(int(missing[0]))} the first: give the whole table"
        )
    low, high = found.min(), found.max()
    if low == high:
        raise InputError(f"{path}: expected values that differ, all are {low:g}: choose another column")
    return np.asarray((found - low) / (high - low))


def _letters(number: int) -> str:
    return "".join(BASES[digit] for digit in number // _POWERS % len(BASES))


def _text_table(path: Path, column: str) -> _Table:
    names, rows = _rows(path)
    for line, cells in enumerate(rows, 2):
        if len(cells) != len(names):
            reason = f"expected {len(names)} columns, as in the first line, got {len(cells)}"
            raise RecordError(reason, file=str(path), line=line)
    sequences = next((place for place, cell in enumerate(rows[0]) if _EIGHT.fullmatch(cell.strip())), None)
    if sequences is None:
        raise InputError(f"{path}: expected a column of sequences of {WIDTH} bases, got {', '.join(names)}")
    values = _value_column(path, names, rows[0], column)
    texts = [row[sequences].strip().upper() for row in rows]
    for line, text in enumerate(texts, 2):
        if not _EIGHT.fullmatch(text):
            raise RecordError(f"expected {WIDTH} bases A, C, G, T, got {text!r}", file=str(path), line=line)
    for line, row in enumerate(rows, 2):
        if not _is_number(row[values]):
            raise RecordError(f"expected a number, got {row[values]!r}", file=str(path), line=line)
    return _Table(_numbers(texts), np.array([float(row[values]) for row in rows]), str(path), 2)


def _rows(path: Path) -> tuple[list[str], list[list[str]]]:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
            lines = file.read().rstrip("\r\n").splitlines() or [""]
        names, *rows = csv.reader(lines, delimiter="\t" if "\t" in lines[0] else ",")
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot read a table of names and rows: {_reason(error)}") from error
    if not rows or any(_EIGHT.fullmatch(name.strip()) for name in names):
        raise InputError(f"{path}: expected a header line of column names and rows below it, got {names}")
    return [name.strip() for name in names], rows


def _reason(error: Exception) -> str:
    """Return the reason of an error, without the path that its message starts with."""
    return getattr(error, "strerror", None) or str(error)


def _value_column(path: Path, names: list[str], cells: list[str], column: str) -> int:
    """Return the position of the column of values: the one named, the usual one, or the only one of numbers."""
    if column and column not in names:
        raise UsageError(f"{path}: unknown column {column!r}{suggestion(column, names)}")
    wanted = column or (USUAL if USUAL in names else "")
    if wanted:
        return names.index(wanted)
    numbers = [place for place, cell in enumerate(cells) if _is_number(cell)]
    if len(numbers) == 1:
        return numbers[0]
    raise UsageError(
        f"{path}: expected one column of numbers, got {', '.join(names)}: name it, as in tfbind8:{path}#COLUMN"
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers(texts: list[str]) -> NDArray[np.int64]:
    """Return the number of each sequence of eight bases, `(sequences,)`."""
    digits = np.zeros(128, np.int64)
    digits[[ord(base) for base in BASES]] = range(len(BASES))
    letters = np.frombuffer("".join(texts).encode("ascii"), np.uint8).reshape(-1, WIDTH)
    return np.asarray(digits[letters] @ _POWERS)


def _arrays(path: Path, column: str) -> _Table:
    """Return the table of Design-Bench's arrays."""
    if column:
        raise UsageError(f"{path}: arrays have no columns, got {column!r}: leave it out")
    try:
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as file:
                x, y = file["x"], file["y"]
        else:
            x = np.load(path, allow_pickle=False)
            # The values are beside the sequences, in a file whose last `-x-` or `-x.` has a y.
            head, found, tail = path.name.rpartition("-x-" if "-x-" in path.name else "-x.")
            if not found:
                raise ValueError(f"no '-x-' in the name {path.name}, so the file of values is unknown")
            y = np.load(path.with_name(head + found.replace("x", "y") + tail), allow_pickle=False)
    except (OSError, ValueError, LookupError, EOFError) as error:
        file = getattr(error, "filename", None) or path  # the missing one of two files
        raise InputError(f"{file}: cannot read arrays x and y: {_reason(error)}") from error
    if x.ndim != 2 or x.shape[1] != WIDTH or x.dtype.kind not in "iu" or y.size != len(x) or y.dtype.kind not in "fiu":
        raise InputError(
            f"{path}: expected integers x of shape (rows, {WIDTH}), and one number y per row, "
            f"got {x.dtype} of {x.shape} and {y.dtype} of {y.shape}"
        )
    if x.size and not 0 <= x.min() <= x.max() < len(BASES):
        raise InputError(f"{path}: expected 0 to {len(BASES) - 1} for A, C, G, T, got {x.min()} to {x.max()}")
    return _Table(x.astype(np.int64) @ _POWERS, y.ravel().astype(np.float64), str(path))


def _bound(table: NDArray[np.float64], sequences: list[str]) -> NDArray[np.float64]:
    return np.asarray(table[_numbers(sequences)])


FORMS = (
    ("tfbind8:PATH", DNA, "measured binding of 8-mers from a table, scaled to 0 to 1; PATH#COLUMN picks the column"),
)


def listed() -> list[Property]:
    """Return no property: the table is the user's file."""
    return []


def named(rest: str) -> Property:
    """Return a property by its name without `tfbind8:`, which is `PATH` or `PATH#COLUMN`.

    A text that is not eight bases A, C, G, T has no value.

    Raises:
        InputError: as `read_table`.
        UsageError: no path is given, or as `read_table`.
    """
    path, _, column = rest.rpartition("#") if "#" in rest else (rest, "", "")
    if not path:
        raise UsageError(f"tfbind8:{rest}: expected the path of a table, as in tfbind8:SIX6_REF_R1_8mers.txt")
    about = (
        f"binding of {Path(path).name} to {WIDTH} bases, 0 to 1 over the table "
        "(Barrera et al. 2016, doi:10.1126/science.aad2257)"
    )
    bound = partial(_bound, read_table(path, column))
    return Property(f"tfbind8:{rest}", DNA, about, partial(values_of_bases, bound, width=WIDTH))
