"""Rows of an Excel workbook (.xlsx, ECMA-376), its first sheet, without a library: values only.

A formula has its last value, a date is the number of days that Excel keeps.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import IO
from xml.etree import ElementTree

from seqvae.data.files.open import DAMAGED_ARCHIVE
from seqvae.errors import InputError

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_LARGEST = 1 << 30  # bytes of one part, unpacked: a workbook has at most a million rows


def sheet_rows(stream: IO[bytes], name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, cells as text) of the first sheet; empty rows are left out.

    Raises:
        InputError: it is no workbook, or damaged.
    """
    try:
        with zipfile.ZipFile(stream) as book:
            sheets = sorted(
                (part for part in book.namelist() if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", part)),
                key=lambda part: int(re.findall(r"\d+", part)[-1]),
            )
            if not sheets:
                raise InputError(f"{name}: the workbook has no sheet")
            if any(info.file_size > _LARGEST for info in book.infolist()):
                raise InputError(f"{name}: the workbook is too large; save the sheet as CSV")
            words: list[str] = []  # that cells refer to
            if "xl/sharedStrings.xml" in book.namelist():
                with book.open("xl/sharedStrings.xml") as part:
                    root = ElementTree.parse(part).getroot()
                words = ["".join(_letters(item)) for item in root.iter(f"{_MAIN}si")]
            with book.open(sheets[0]) as part:
                for count, (_, row) in enumerate(ElementTree.iterparse(part), 1):
                    if row.tag == f"{_MAIN}row":
                        cells = _cells(row, words)
                        if any(cells):
                            yield int(row.get("r") or count), cells
                        row.clear()
    except (ElementTree.ParseError, *DAMAGED_ARCHIVE) as error:
        raise InputError(f"{name}: not a readable .xlsx workbook: {error}; save the sheet as CSV") from error


def _letters(item: ElementTree.Element) -> Iterator[str]:
    """Yield the pieces of a string, without the readings that Japanese cells carry."""
    for child in item:
        if child.tag == f"{_MAIN}t":
            yield child.text or ""
        elif child.tag == f"{_MAIN}r":
            yield from _letters(child)


def _cells(row: ElementTree.Element, words: list[str]) -> list[str]:
    cells: list[str] = []
    for cell in row.iter(f"{_MAIN}c"):
        place = _column(cell.get("r") or "", len(cells))
        cells += [""] * (place - len(cells))
        value, kind = cell.findtext(f"{_MAIN}v") or "", cell.get("t")
        if kind == "s" and value:
            value = words[int(value)]
        elif kind == "inlineStr":
            inner = cell.find(f"{_MAIN}is")
            value = "" if inner is None else "".join(_letters(inner))
        elif kind == "b":
            value = "TRUE" if value == "1" else "FALSE"
        cells.append(value.strip())
    return cells


def _column(reference: str, otherwise: int) -> int:
    """Return the place of the column of a reference such as AB12."""
    letters = re.match(r"[A-Z]+", reference)
    if not letters:
        return otherwise
    place = 0
    for letter in letters[0]:
        place = 26 * place + ord(letter) - 64
    return place - 1
