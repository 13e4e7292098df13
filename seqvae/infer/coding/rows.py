"""A file of molecules or sequences, cut into rows that join to the same bytes again.

A row has what stands before its text, the text, and what stands after it: names and other columns, a comment line, the
end of the line. What is like in every row, such as the end of a line, is written once for the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any, final

from seqvae.data.files.formats import kind_of
from seqvae.data.files.layout.titles import text_column
from seqvae.data.files.open import shown_name
from seqvae.errors import InputError, UsageError

_LINES, _TABLES, _FASTA = ("smi", "txt"), {"csv": b",", "tsv": b"\t"}, "fasta"
_LOOKED_AT = 1024  # rows that tell what is usual
_LONGEST = 1 << 26  # bytes of a line


@final
@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        before: of the text, as the comment line of FASTA.
        text: a molecule or sequence, the line ends within it taken out.
        after: what follows it; None: what is usual in this file.
    """

    before: bytes
    text: bytes
    after: bytes | None


@final
@dataclass(frozen=True)
class Layout:
    """How the rows of a file are made up.

    Attributes:
        kind: `lines`, `table` or `fasta`.
        end: the usual end of a line.
        width: letters in a line of FASTA; 0: all.
        column: of the texts, from 0.
        separator: of the columns.
        head: what stands before the first row.
    """

    kind: str
    end: bytes = b"\n"
    width: int = 0
    column: int = 0
    separator: bytes = b""
    head: bytes = b""

    def written(self, row: Row) -> bytes:
        """Return the bytes of a row as they stood in the file."""
        if row.after is not None:
            return row.before + row.text + row.after
        text = row.text
        if self.width:
            text = self.end.join(text[place : place + self.width] for place in range(0, len(text), self.width))
        return row.before + text + self.end

    def to_dict(self) -> dict[str, Any]:
        """Return the layout as JSON values, without what is so by default."""
        values = {
            name: value.decode("latin-1") if isinstance(value, bytes) else value for name, value in vars(self).items()
        }
        usual = {"end": "\n", "width": 0, "column": 0, "separator": "", "head": ""}
        return {name: value for name, value in values.items() if name not in usual or usual[name] != value}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Layout:
        """Return the layout that `to_dict` wrote; raises KeyError, TypeError or ValueError for other values."""
        end, separator, head = (
            str(values.get(name, usual)).encode("latin-1")
            for name, usual in (("end", "\n"), ("separator", ""), ("head", ""))
        )
        return cls(str(values["kind"]), end, int(values.get("width", 0)), int(values.get("column", 0)), separator, head)


def rows_of(stream: IO[bytes], source: str, column: str = "", asked: str = "") -> tuple[Layout, Iterator[Row]]:
    """Return the layout of a file and its rows, read as they are asked for.

    Args:
        stream: its content.
        source: its name, whose ending tells what it is.
        column: of the texts in a table, by title or number; by default the obvious one.
        asked: format in place of the ending.

    Raises:
        UsageError: the file is of no kind that consists of lines.
        InputError: a table has no such column, or a line is too long to be one.
    """
    kind = kind_of(source, asked)
    lines = _lines(stream, source)
    if kind == _FASTA:
        return _fasta(lines)
    if kind in _TABLES:
        return _table(lines, _TABLES[kind], column, source)
    if kind in _LINES:
        if column:
            raise UsageError(f"--column has no effect on {source}, which is no table with titles: leave it out")
        return _usual(Layout("lines"), map(_first_word, lines))
    raise UsageError(
        f"{shown_name(source)}: only lines of text are coded (.smi .txt .csv .tsv .fasta, each also .gz), not {kind!r}"
    )


def _lines(stream: IO[bytes], source: str) -> Iterator[bytes]:
    while line := stream.readline(_LONGEST):
        if len(line) == _LONGEST:
            raise InputError(f"{shown_name(source)}: a line of more than {_LONGEST:,} bytes: not a file of lines")
        yield line


def _first_word(line: bytes) -> Row:
    """Return a line as its first word and the rest."""
    words = line.split(None, 1)
    if not words or not line.startswith(words[0]):
        return Row(line, b"", b"")
    return Row(b"", words[0], line[len(words[0]) :])


def _table(lines: Iterator[bytes], separator: bytes, column: str, source: str) -> tuple[Layout, Iterator[Row]]:
    head = next(lines, b"")
    titles = [title.strip().strip('"') for title in head.decode("utf-8", "replace").split(separator.decode())]
    name = text_column(titles, column, shown_name(source))
    place = titles.index(name)

    def row(line: bytes) -> Row:
        """Cut a line around the cell; one with quotes is cut at their separators too, and joins all the same."""
        bare = line.rstrip(b"\r\n")
        cells = bare.split(separator)
        if len(cells) <= place:
            return Row(line, b"", b"")
        start, cell = sum(map(len, cells[:place])) + place, cells[place]
        if len(cell) > 1 and cell[:1] == cell[-1:] == b'"':
            start, cell = start + 1, cell[1:-1]
        return Row(line[:start], cell, line[start + len(cell) :])

    return _usual(Layout("table", column=place, separator=separator, head=head), map(row, lines))


def _usual(layout: Layout, rows: Iterator[Row]) -> tuple[Layout, Iterator[Row]]:
    """Find what mostly follows a text, and leave it out of the rows."""
    first = list(islice(rows, _LOOKED_AT))
    ends = Counter(row.after for row in first if row.after in (b"\n", b"\r\n"))
    end = (ends.most_common(1) or [(b"\n", 0)])[0][0] or b"\n"

    def lighter(row: Row) -> Row:
        """Return the row without its end where that is the usual one."""
        return Row(row.before, row.text, None) if row.after == end else row

    layout = Layout(layout.kind, end, 0, layout.column, layout.separator, layout.head)
    return layout, map(lighter, chain(first, rows))


def _fasta(lines: Iterator[bytes]) -> tuple[Layout, Iterator[Row]]:
    """Return records of FASTA; lines before the first one are rows without a text."""
    groups = _groups(lines)
    first = list(islice(groups, _LOOKED_AT))
    ends = Counter(b"\r\n" if line.endswith(b"\r\n") else b"\n" for group in first for line in group)
    end = (ends.most_common(1) or [(b"\n", 0)])[0][0]
    wrapped = Counter(len(group[1]) - len(end) for group in first if len(group) > 2)
    layout = Layout("fasta", end, max(wrapped.most_common(1)[0][0], 0) if wrapped else 0)

    def row(group: list[bytes]) -> Row:
        """Return a record as a row."""
        whole = b"".join(group)
        if len(group) < 2:
            return Row(whole, b"", b"")
        found = Row(group[0], b"".join(line.rstrip(b"\r\n") for line in group[1:]), None)
        if layout.written(found) == whole:
            return found
        if len(group) > 2:  # its lines are broken in another way than usual
            return Row(whole, b"", b"")
        text = group[1].rstrip(b"\r\n")
        return Row(group[0], text, group[1][len(text) :])

    return layout, map(row, chain(first, groups))


def _groups(lines: Iterator[bytes]) -> Iterator[list[bytes]]:
    group: list[bytes] = []
    for line in lines:
        if line.startswith(b">") and group:
            yield group
            group = []
        group.append(line)
        if not group[0].startswith(b">"):
            yield group
            group = []
    if group:
        yield group
