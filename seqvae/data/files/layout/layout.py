"""How a text file is laid out: separator, header and column of the texts, told by its first lines.

What stands in the lines decides; the file's ending decides only what they leave open. Whatever is not what the ending
says, or is not obvious, is said in one line (`Layout.about`).
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seqvae.config import LONGEST_SEQUENCE
from seqvae.data.files.layout.guesses import MOLECULES, are_selfies, is_like, is_number, kind_of_cells
from seqvae.data.files.layout.titles import HOW, distinct, is_plain, likely, matching, name_column, present, text_column
from seqvae.errors import InputError

HEAD = 100  # lines that tell the layout
BLANK, TAB, WHOLE = " ", "\t", ""  # separators that are not those of csv; WHOLE: the line is the text
_WORDS = {",": "commas", ";": "semicolons", TAB: "tabs", "|": "pipes", BLANK: "blanks"}
# Which separators a file may have, the one that its ending says first.
_ORDER = {"csv": ",;\t|", "tsv": "\t;,|", "smi": "\t;,| ", "txt": "\t;,| "}
# A quoted cell, a word, or a CXSMILES with its extension.
_CELL = re.compile(r"\"[^\"]*\"(?=\s|$)|\S+(?: +\|[^|]*\|(?=\s|$))?")
_EXTENSION = re.compile(r"(?<=\S) \|[^|]*\|(?=\s|\"|$)")  # of a CXSMILES


@dataclass(frozen=True)
class Layout:
    """How the lines of a file are read.

    Attributes:
        separator: of the cells; `BLANK`: runs of blanks; `WHOLE`: each line is one text.
        titles: of the columns; of a file without a header: `column_1`, ...
        text: place of the column of the texts.
        start: number of lines before the first record.
        name: place of the column of names or ids, None where there is none.
        named: what follows the text on its line is its name, as in SMILES files, and may be missing.
        selfies: the texts are SELFIES, to be read as molecules.
        about: what was decided, for the user; empty where the file is what its ending says.
    """

    separator: str
    titles: tuple[str, ...]
    text: int
    start: int
    name: int | None = None
    named: bool = False
    selfies: bool = False
    about: str = ""


def layout_of(head: Sequence[str], kind: str, asked: str, name: str) -> Layout:
    """Tell the layout of a file.

    Args:
        head: its first lines, at most `HEAD`.
        kind: what its ending says: `csv`, `tsv`, `smi` or `txt`.
        asked: title or number of the column of the texts; empty: to be found.
        name: of the file, for messages.

    Raises:
        InputError: there is no such column, or it is not clear which one holds the texts.
    """
    return _Sniffer(head, kind, asked, name).layout()


def split_line(line: str, separator: str, most: int = 0) -> list[str]:
    """Return the cells of one line, for separators that no cell may hold; of `most`, the last one has all the rest."""
    if separator == WHOLE:
        return [line.strip()]
    if separator != BLANK:
        return line.rstrip("\r\n").split(separator)
    cells = list(_CELL.finditer(line))
    if 0 < most < len(cells):
        return [*(_bare(cell[0]) for cell in cells[: most - 1]), line[cells[most - 1].start() :].strip()]
    return [_bare(cell[0]) for cell in cells]


def _bare(cell: str) -> str:
    """Return a cell without the quotes around it."""
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def long_celled(rows: Iterator[list[str]]) -> Iterator[list[str]]:
    """Yield the rows of a reader of csv, whose cells may be as long as a sequence; csv's own limit is put back."""
    while True:
        before = csv.field_size_limit(LONGEST_SEQUENCE)  # csv's own would refuse a plasmid
        try:
            row = next(rows, None)
        finally:
            csv.field_size_limit(before)
        if row is None:
            return
        yield row


def csv_rows(lines: Iterator[str], separator: str) -> Iterator[tuple[list[str], list[str] | csv.Error]]:
    """Yield the lines and the cells of each row; in place of the cells of a row with a malformed quote the error.

    Only the first line of such a row counts as it: the others, which an open quote has swallowed, are read again.
    """
    waiting, taken = deque[str](), list[str]()

    def feed() -> Iterator[str]:
        """Yield lines, those first that a broken quote took too many of."""
        while (line := waiting.popleft() if waiting else next(lines, None)) is not None:
            taken.append(line)
            yield line

    while True:
        rows = csv.reader(feed(), delimiter=separator, strict=True, skipinitialspace=True)
        try:
            for row in long_celled(rows):
                yield taken, row
                taken.clear()
            return
        except csv.Error as error:
            yield taken[:1], error
            waiting.extendleft(reversed(taken[1:]))
            taken.clear()


def _rows(lines: Sequence[str], separator: str) -> list[list[str]]:
    """Return the rows of some lines, blank ones left out; a cell may be cut, if the last line is within it."""
    lines = [line for line in lines if line.strip()]
    if separator in (BLANK, WHOLE):
        return [split_line(line, separator) for line in lines]
    if separator == TAB:
        return [[cell.strip('" \r\n') for cell in split_line(line, TAB)] for line in lines]
    try:
        plain = [row for row in csv.reader(lines, delimiter=separator) if row]
        # where a quote is left open, a row that swallows the following ones
        sound = [row for _, row in csv_rows(iter(lines), separator) if row and not isinstance(row, csv.Error)]
        return max(plain, sound, key=lambda rows: sum(len(row) == len(rows[0]) for row in rows))
    except csv.Error:  # a cell above the limit: then the lines below it tell nothing
        return [split_line(line, separator) for line in lines]


class _Sniffer:
    """The first lines of a file, and what they tell."""

    def __init__(self, head: Sequence[str], kind: str, asked: str, name: str) -> None:
        self.kind, self.asked, self.name = kind, asked, name
        self.table = kind in ("csv", "tsv")
        self.usual = {"csv": ",", "tsv": TAB, "smi": BLANK, "txt": WHOLE}[kind]
        self.start, self.comments = 0, 0
        self.lines = list(head)
        self._leave_comments_out()
        self.body = [line for line in self.lines[self.start :] if line.strip()]
        self.row_names = self._title_row_names()

    def _leave_comments_out(self) -> None:
        """Pass over blank lines and comments; a comment that is the header of what follows becomes the header."""
        while self.start < len(self.lines):
            line = self.lines[self.start]
            if line.lstrip().startswith("#"):
                bare = line.lstrip("# \t")
                after = next((one for one in self.lines[self.start + 1 :] if one.strip()), "")
                for separator in _ORDER[self.kind] + BLANK:
                    (titles, *_), cells = _rows([bare], separator) or [[]], _rows([after], separator) or [[]]
                    if likely(titles) and (len(titles) == len(cells[0]) or len(titles) == 1):
                        self.lines[self.start] = bare
                        return
                self.comments += 1
            elif line.strip():
                return
            self.start += 1

    def _title_row_names(self) -> bool:
        """Whether the first column has no title, as R writes tables with the names of their rows; it is given one."""
        for separator in dict.fromkeys((*_ORDER[self.kind], BLANK)):
            header, *rows = _rows(self.body, separator) or [[]]
            if not rows or not likely(header) or any(len(row) != len(header) + 1 for row in rows):
                continue
            place = header.index(likely(header)[0])
            if kind_of_cells([row[place + 1] for row in rows]) and not kind_of_cells([row[place] for row in rows]):
                self.body[0] = f"{'row' if name_column(header, place) is not None else 'name'}{separator}{self.body[0]}"
                return True
        return False

    def layout(self) -> Layout:
        """Return the layout: by titles that are known, else by what the cells hold."""
        if not self.body:
            return Layout(self.usual, (), 0, self.start)
        found = self._by_titles()
        return found or self._by_cells()

    def _by_titles(self) -> Layout | None:
        """Return the layout of a file whose first line has a title that is known or asked for."""
        best: tuple[int, str, list[str]] | None = None
        asked = "" if self.asked.isdigit() else self.asked
        for separator in dict.fromkeys((*_ORDER[self.kind], BLANK, self.usual)):
            rows = _rows(self.body, separator)
            titles = distinct(rows[0])
            wanted = matching(titles, asked) if asked else likely(titles)
            if not wanted or not self._fits(rows, separator):
                continue
            if best is None or len(titles) > best[0]:
                best = len(titles), separator, titles
        if best is None and self.table:  # most rows are ragged: their number of cells tells nothing, the header does
            titles = distinct(_rows(self.body[:1], self.usual)[0])
            if len(titles) > 1 and (matching(titles, asked) if asked else likely(titles)):
                best = len(titles), self.usual, titles
        if best is None:
            first = self.body[0].split()[:1]
            if self.kind != "smi" or asked or not likely(first):
                return None
            best = 1, BLANK, first  # what follows the title is a remark
        _, separator, titles = best
        if separator == WHOLE:  # a list of words may begin with "text" or "sequence"
            cells = [line.split()[0] for line in self.body[1:] if line.strip()]
            if not asked and not kind_of_cells(cells, alone=True):
                return None
        title = text_column(titles, self.asked, self.name)
        return self._made(separator, titles, titles.index(title), header=True)

    def _fits(self, rows: Sequence[Sequence[str]], separator: str) -> bool:
        """Return whether the rows have as many cells as the first one."""
        count, others = len(rows[0]), rows[1:]
        if count == 1 or not others:
            return count > 1 or separator == self.usual or (separator == BLANK and self.usual == WHOLE)
        if separator == BLANK:  # the last cell may have blanks, and a name may be missing
            good = sum(len(row) >= count - (count == 2) for row in others)
        else:
            good = sum(len(row) == count for row in others)
        return 2 * good >= len(others)

    def _by_cells(self) -> Layout:
        """Return the layout of a file without known titles."""
        candidates: list[tuple[str, list[list[str]], dict[int, str]]] = []
        bare = [_EXTENSION.sub("", line) for line in self.body]  # its commas and pipes separate nothing
        for separator in _ORDER[self.kind]:
            rows = _rows(bare, separator)
            count = len(rows[-1])
            alike = sum(len(row) == count for row in rows)
            if count < 2 or alike < 0.9 * len(rows):
                continue
            columns = [[row[place] for row in rows[1:] or rows if len(row) == count] for place in range(count)]
            kinds = {place: kind for place, cells in enumerate(columns) if (kind := kind_of_cells(cells))}
            candidates.append((separator, [row for row in rows if len(row) == count], kinds))
        for separator, rows, kinds in candidates:
            if kinds and not (separator == BLANK and len(kinds) > 1):  # words, or a sequence in blocks of ten
                return self._of_columns(separator, rows, kinds)
        whole = [line.strip() for line in self.body]
        if self.table and candidates and not kind_of_cells(whole, alone=True):
            separator, rows, _ = candidates[0]
            titles = distinct(rows[0])
            return self._made(separator, titles, titles.index(text_column(titles, self.asked, self.name)), header=True)
        return self._of_lines()

    def _of_columns(self, separator: str, rows: list[list[str]], kinds: dict[int, str]) -> Layout:
        """Return the layout of columns some of which hold molecules or sequences."""
        below = rows[1:] or rows
        header = not any(is_like(rows[0][place], kind, [row[place] for row in below]) for place, kind in kinds.items())
        titles = distinct(rows[0]) if header else [f"column_{place}" for place in range(1, len(rows[0]) + 1)]
        if self.asked:
            return self._made(separator, titles, titles.index(present(titles, self.asked, self.name)), header)
        # An id in capitals may look like a protein: it does not count beside molecules or nucleotides.
        sure = [place for place, kind in kinds.items() if kind != "proteins"] or list(kinds)
        if len(sure) > 1:
            shown = ", ".join(titles[place] if header else str(place + 1) for place in sure)
            what = "several columns hold molecules or sequences" if header else "no header, and several columns fit"
            raise InputError(
                f"{self.name}: {what} ({shown}), separated by {_WORDS[separator]}: name the column: "
                f"{HOW if header else '--column NUMBER (column=NUMBER in Python)'}"
            )
        named = not header and separator == BLANK and sure[0] == 0
        return self._made(separator, titles[:1] if named else titles, sure[0], header, named)

    def _of_lines(self) -> Layout:
        """Return the layout of one text per line, perhaps with a name after it."""
        separator, named = self.usual, self.kind == "smi"
        words = [split_line(line, BLANK)[0] for line in self.body]
        if self.kind == "txt" and any(len(line.split()) > 1 for line in self.body):
            named = kind_of_cells(words) == MOLECULES
            separator = BLANK if named else WHOLE
        cells = words if named else [line.strip().strip('"') for line in self.body]
        kind = kind_of_cells(cells[1:] or cells, alone=True)
        header = self.table and not (kind and is_like(cells[0], kind, cells[1:] or cells))
        titles = distinct([cells[0]]) if header else ["column_1"]
        if self.asked:
            present(titles, self.asked, self.name)
        return self._made(separator, titles, 0, header, named)

    def _made(self, separator: str, titles: list[str], text: int, header: bool, named: bool = False) -> Layout:
        """Return the layout, with a sentence about what is not as the file's ending says."""
        lists = self.kind in ("smi", "txt")
        if header and separator in (BLANK, WHOLE) and len(titles) <= 2 and text == 0 and lists:
            named, separator = True, BLANK
        rows = _rows(self.body[header:], separator)
        selfies = are_selfies([row[text] for row in rows if len(row) > text])
        if header:
            name = name_column(titles, text)
        else:  # the first column beside that of the texts that does not hold numbers
            columns = {i: [row[i] for row in rows if len(row) > i] for i in range(len(titles)) if i != text}
            name = next((i for i, cells in columns.items() if 2 * sum(map(is_number, cells)) <= len(cells)), None)
        named = named or (lists and len(titles) == 2 and text == 0 and name == 1)
        said = []
        if len(titles) > 1 and separator != self.usual:
            said.append(f"columns separated by {_WORDS[separator]}")
        elif named and self.kind == "txt":
            said.append("each line a SMILES and its name")
        if self.table != header:
            said.append("with a header" if header else "no header: the first line is a record")
        if header and not self.asked and not is_plain(titles[text]) and len(titles) > 1:
            said.append(f"molecules or sequences from column {titles[text]!r}")
        elif not header and len(titles) > 1:
            said.append(f"molecules or sequences from column {text + 1}")
        if self.row_names:
            said.append("the first column, which has no title, holds the names of the rows")
        if self.comments:
            said.append(f"{self.comments} comment line{'s' * (self.comments > 1)} left out")
        if selfies:
            said.append("SELFIES, read as molecules")
        plain = self.kind == "smi" and said == ["with a header"]
        about = "" if plain else ", ".join(said)
        start = self.start
        if header and separator in (BLANK, TAB, WHOLE):
            start += 1
        elif header:  # of several lines where a quoted title is broken
            parsed = csv.reader(self.body, delimiter=separator)
            next(parsed, None)
            start += parsed.line_num
        return Layout(separator, tuple(titles), text, start, name, named, selfies, about)
