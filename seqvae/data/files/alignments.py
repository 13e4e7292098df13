"""Aligned sequences of a family: A2M, A3M, aligned FASTA and Stockholm.

A row is read without its insertions: lower-case letters and `.` stand in columns that are not of the alignment's own,
as HMMER and HH-suite write them, and are dropped; what is left is one symbol for each match column, `-` for a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from seqvae.data.files.open import open_lines, shown_name
from seqvae.data.files.records import Columns, Flaw, Record
from seqvae.data.files.sequence_files import described, read_fasta
from seqvae.errors import InputError

ALIGNED = "aligned"  # the field that holds a row as it stands in the file, insertions too
_INSERTED = re.compile(r"[a-z.]+")
_BLANKS = str.maketrans("", "", " \t")


def matched(row: str) -> str:
    """Return the match columns of an aligned row: upper case and gaps.

    >>> matched("mskgEL-..KF")
    'EL-KF'
    """
    return _INSERTED.sub("", row)


def read_a2m(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read A2M, A3M or aligned FASTA; a row with another number of match columns than the first is a flaw."""
    return _rows(read_fasta(source, columns), columns)


def read_stockholm(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read the first alignment of a Stockholm file.

    Columns that `#=GC RF` leaves empty are insertions. Without that line insertions are lower case and `.`, as in A2M,
    unless no letter is in lower case: then `.` is a gap like `-`.
    """
    name = shown_name(source)
    rows: dict[str, list[str]] = {}
    first: dict[str, int] = {}
    reference: list[str] = []
    ended = False
    with open_lines(source) as lines:
        for number, line in enumerate(lines, 1):
            found = line.rstrip("\r\n")
            if number == 1 and not found.startswith("# STOCKHOLM"):
                raise InputError(f"{name}:1: expected a Stockholm file, which begins with # STOCKHOLM, got {found!r}")
            if found.startswith("//"):
                ended = True
                break
            if found.startswith("#=GC RF"):
                reference.append(found.split()[-1])
            elif found.strip() and not found.startswith("#"):
                title, _, part = found.strip().partition(" ")
                first.setdefault(title, number)
                rows.setdefault(title, []).append(part.translate(_BLANKS))
    if not ended:
        raise InputError(f"{name}: the alignment has no end (//): is the file cut off?")
    whole = {title: "".join(parts) for title, parts in rows.items()}
    kept = _in_a2m(whole, "".join(reference))
    yield from _rows((Record(row, title, first[title], described("", columns)) for title, row in kept), columns)


def _in_a2m(rows: dict[str, str], reference: str) -> list[tuple[str, str]]:
    """Return rows of a Stockholm file in A2M: insertions in lower case or as `.`, gaps as `-`."""
    if reference:
        kept = []
        for title, row in rows.items():
            letters = []
            for letter, mark in zip(row, reference, strict=False):
                inserted = mark in ".-~"
                gap = "." if inserted else "-"
                letters.append((letter.lower() if inserted else letter.upper()) if letter.isalpha() else gap)
            kept.append((title, "".join(letters)))
        return kept
    if any(letter.islower() for row in rows.values() for letter in row):
        return list(rows.items())
    return [(title, row.replace(".", "-")) for title, row in rows.items()]


def _rows(records: Iterable[Record | Flaw], columns: Columns) -> Iterator[Record | Flaw]:
    """Yield records with match columns alone as their texts."""
    width, first = 0, ""
    for record in records:
        if isinstance(record, Flaw):
            yield record
            continue
        text = matched(record.text)
        if not text.strip("-"):
            yield Flaw(record.text, record.line, "the row has no letter in any match column", record.name)
            continue
        if not width:
            width, first = len(text), record.name
        if len(text) != width:
            reason = (
                f"expected a row of {width:,} aligned columns, as the first ({first}), got {len(text):,}: is this an "
                "alignment?"
            )
            yield Flaw(record.text, record.line, reason, record.name)
            continue
        fields = dict(record.fields)
        if columns.all or ALIGNED in columns.keep:
            fields[ALIGNED] = record.text
        yield Record(text, record.name, record.line, fields)
