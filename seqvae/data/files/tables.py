"""Tables and lists: rows of cells by the layout of their first lines, Parquet files and spreadsheets."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, final

from seqvae.data.files.cxsmiles import plain_smiles
from seqvae.data.files.layout.layout import BLANK, HEAD, TAB, WHOLE, Layout, csv_rows, layout_of, split_line
from seqvae.data.files.layout.titles import distinct, is_plain, name_column, present, text_column
from seqvae.data.files.open import NO_UTF_8, as_cp1252, note, open_bytes, open_lines, shown_name
from seqvae.data.files.records import MISSING_TEXTS, NO_FIELDS, Columns, Flaw, Record
from seqvae.data.files.spreadsheet import sheet_rows
from seqvae.errors import InputError, InvalidMoleculeError, quoted

_MOST_LINES = 100  # of one cell of a tab-separated table

Rows = Iterator[tuple[int, list[str]] | Flaw]  # line where it starts, cells


def read_table(source: Path | str, columns: Columns, kind: str) -> Iterator[Record | Flaw]:
    """Read a table or a list of texts; `kind` is what its ending says: `csv`, `tsv`, `smi` or `txt`."""
    name = shown_name(source)
    with open_lines(source) as lines:
        head = list(islice(lines, HEAD))
        layout = layout_of(head, kind, columns.text, name)
        if layout.about:
            note(f"{name}: {layout.about}")
        pick = Picker(layout, columns, name)
        for found in _rows_of(chain(head, lines), layout):
            yield found if isinstance(found, Flaw) else pick(found[1], found[0])
        pick.finish()


def _rows_of(lines: Iterator[str], layout: Layout) -> Rows:
    """Yield the rows below the header."""
    below = islice(lines, layout.start, None)
    numbered = enumerate(below, layout.start + 1)
    if layout.separator == TAB:
        yield from _tabbed(deque(), numbered, len(layout.titles))
    elif layout.separator in (BLANK, WHOLE):
        most = 2 if layout.named else len(layout.titles)  # the last cell may hold blanks
        for line, text in numbered:
            if text.strip():
                yield line, split_line(text, layout.separator, most)
    else:
        yield from _quoted(below, layout)


def _quoted(lines: Iterator[str], layout: Layout) -> Rows:
    """Yield the rows of a table whose cells may be quoted, as csv is; a line with a malformed quote is a flaw."""
    before = layout.start
    for taken, row in csv_rows(lines, layout.separator):
        line, before = before + 1, before + len(taken)
        if isinstance(row, csv.Error):
            yield Flaw(taken[0].strip(), line, f"not a table: {row}; is a quote left open here?")
        # Spreadsheets end in rows of separators alone; in a single column an empty cell is a flaw.
        elif any(cell.strip() for cell in row) or (row and len(layout.titles) == 1):
            yield line, row


def _tabbed(waiting: deque[tuple[int, str]], lines: Iterator[tuple[int, str]], count: int) -> Rows:
    """Yield the rows of a tab-separated table; a quote is a character, unless it encloses a whole cell."""

    def taken() -> tuple[int, str] | None:
        """Return the next line with its number; None at the end."""
        return waiting.popleft() if waiting else next(lines, None)

    while (found := taken()) is not None:
        number, line = found
        cells = split_line(line, TAB)
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) <= count and cells[-1].startswith('"') and not _closed(cells[-1]):
            ahead = (taken() for _ in range(_MOST_LINES))  # a cell of several lines, as Excel writes them
            more = [one for one in ahead if one is not None]
            for end, (_, last) in enumerate(more):
                if len(split_line(last, TAB)) >= count:
                    break  # a row of its own
                joined = split_line(line + "".join(text for _, text in more[: end + 1]), TAB)
                if len(joined) == count and all(_closed(cell) for cell in joined if cell.startswith('"')):
                    cells, more = joined, more[end + 1 :]
                    break
            waiting.extendleft(reversed(more))
        yield number, [cell[1:-1].replace('""', '"') if _closed(cell) else cell for cell in cells]


def _closed(cell: str) -> bool:
    """Return whether quotes enclose a whole cell."""
    inner = cell[1:-1]
    return len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")


class Picker:
    """Extracts the wanted cells from a row of a table; SELFIES are converted to SMILES."""

    def __init__(self, layout: Layout, columns: Columns, name: str) -> None:
        titles = layout.titles
        self.layout, self.source = layout, name
        self.keep = [(title, titles.index(present(titles, title, name))) for title in columns.keep]
        if columns.all:
            taken = {layout.text, *(place for _, place in self.keep)}
            self.keep += [(title, place) for place, title in enumerate(titles) if place not in taken]
        self.enhanced, self.too_long = 0, columns.too_long
        self.title = titles[layout.text] if layout.start and titles else ""

    def __call__(self, row: Sequence[str], line: int) -> Record | Flaw:
        """Return the record of a row."""
        layout, count = self.layout, len(self.layout.titles)
        if layout.named:
            rest = row[1].strip() if len(row) > 1 else ""
            name = rest if count == 1 or layout.name == 1 else ""
            return self._checked(row[0], name, line, self._fields([row[0], rest]))
        if len(row) != count:
            reason = f"{count} columns expected as in the header, {len(row)} found"
            return Flaw(" ".join(row), line, reason)
        return self._checked(row[layout.text], "" if layout.name is None else row[layout.name], line, self._fields(row))

    def _fields(self, row: Sequence[str]) -> Mapping[str, str]:
        return {title: row[place].strip() for title, place in self.keep} if self.keep else NO_FIELDS

    def _checked(self, text: str, name: str, line: int, fields: Mapping[str, str]) -> Record | Flaw:
        text, name = text.strip(), name.strip()
        if text.lower() in MISSING_TEXTS and (len(self.layout.titles) > 1 or self.layout.start):
            shown = f" ({text})" if text else ""
            return Flaw(
                text, line, f"the column {self.layout.titles[self.layout.text]!r} is empty here{shown}", name, fields
            )
        if reason := self.too_long(len(text)):
            return Flaw(text, line, reason, name, fields)
        try:
            if self.layout.selfies:
                from seqvae.sequences.molecules import selfies_to_smiles  # loads RDKit, which others do not need

                text = selfies_to_smiles(text)
            elif " |" in text:
                text, enhanced = plain_smiles(text)
                self.enhanced += enhanced
        except InvalidMoleculeError as error:
            return Flaw(text, line, str(error), name, fields)
        return Record(text, name, line, fields, self.title)

    def finish(self) -> None:
        """Say what was read otherwise than written."""
        note_enhanced(self.source, self.enhanced)


def note_enhanced(source: str, count: int) -> None:
    """Say that molecules have enhanced stereo, if any do."""
    if count:
        what = "molecule has" if count == 1 else "molecules have"
        note(
            f"{source}: {count:,} {what} enhanced stereo (and, or: mixtures or unknown), which no plain SMILES has: "
            "these centres are read without stereo"
        )


def read_parquet(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read a Parquet file, batch by batch; a gzipped one, or a pipe, is read whole first: its index is at the end."""
    import pyarrow
    import pyarrow.parquet

    name = shown_name(source)
    with open_bytes(source) as stream:
        direct = isinstance(stream, io.BufferedReader) and stream.seekable()
        try:
            table = pyarrow.parquet.ParquetFile(stream if direct else io.BytesIO(stream.read()))
            titles = distinct(list(table.schema_arrow.names))
            title = text_column(titles, columns.text, name)
            if not columns.text and not is_plain(title) and len(titles) > 1:
                note(f"{name}: molecules or sequences from column {title!r}")
            place, selfies = titles.index(title), "selfies" in title.lower()
            layout = Layout(",", tuple(titles), place, 1, name_column(titles, place), selfies=selfies)
            pick, line = Picker(layout, columns, name), 0
            cells = ArrowCells(name)
            for batch in table.iter_batches():
                for row in zip(*map(cells.of, batch.columns), strict=True):
                    line += 1
                    yield pick(["" if cell is None else str(cell) for cell in row], line)
        except pyarrow.ArrowException as error:
            raise InputError(f"{name}: not a readable parquet file: {str(error).splitlines()[0]}") from error
    pick.finish()


@final
class ArrowCells:
    """Reads the columns of a file of Arrow's, batch by batch.

    pyarrow does not check text when it reads: what is no UTF-8 is read as `open_lines` does, with one note.

    Args:
        source: how the file is called in notes.
    """

    def __init__(self, source: str) -> None:
        self._source, self._noted = source, False

    def of(self, column: Any) -> list[Any]:  # noqa: ANN401 - an array of pyarrow's, an import that takes a while
        """Return the cells of a column, bytes as text."""
        import pyarrow

        kind = column.type
        if pyarrow.types.is_dictionary(kind):
            column, kind = column.dictionary_decode(), kind.value_type
        if pyarrow.types.is_string(kind):
            column = column.cast(pyarrow.binary())
        elif pyarrow.types.is_large_string(kind):
            column = column.cast(pyarrow.large_binary())
        return [self._shown(cell) if isinstance(cell, bytes) else cell for cell in column.to_pylist()]

    def _shown(self, cell: bytes) -> str:
        try:
            return cell.decode()
        except UnicodeDecodeError:
            text = as_cp1252(cell)
            if not self._noted:
                note(f"{self._source}: {quoted(text)} is {NO_UTF_8}")
            self._noted = True
            return text


def read_xlsx(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read the first sheet of an Excel workbook, whose first row is its header."""
    name = shown_name(source)
    with open_bytes(source) as stream:
        rows = sheet_rows(io.BytesIO(stream.read()), name)
        first, header = next(rows, (0, []))
        if not header:
            return
        lines = ["\t".join(" ".join(cell.split()) for cell in header) + "\n"]
        ahead = list(islice(rows, HEAD))
        lines += ["\t".join(" ".join(cell.split()) for cell in row) + "\n" for _, row in ahead]
        layout = layout_of(lines, "tsv", columns.text, name)
        if layout.about:
            note(f"{name}: {layout.about}")
        pick = Picker(layout, columns, name)
        for number, row in chain([(first, header)], ahead, rows):
            if number > first or not layout.start:
                yield pick([*row, *[""] * (len(layout.titles) - len(row))], number)
    pick.finish()
