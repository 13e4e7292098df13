"""Read texts from files of every supported format; each record is checked, and invalid ones are reported or skipped."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from seqvae.config import LONGEST_SEQUENCE
from seqvae.config.checks import between
from seqvae.data.files.formats import format_of, kind_of
from seqvae.data.files.open import STDIN, shown_name
from seqvae.data.files.records import MISSING_TEXTS, Columns, Flaw, Record
from seqvae.errors import InputError, RecordError, UsageError


@dataclass(frozen=True)
class ReadSettings:
    """How to read a source.

    Args:
        column: the column of the texts in a table; if empty, the obvious one.
        keep: other columns to put into `Record.fields`.
        format: one of `formats.FORMATS`, which overrides the ending and the content.
        on_error: "stop" raises at the first invalid record, "skip" writes it to the reject file and continues.
        reject_file: file of the invalid records; by default `<input>.rejected.csv` beside the input.
        all: put all other columns into `Record.fields`.
        standardize: molecules are read in their standard form (`sequences.standardize`).
        empty: a record without a text is a record with the empty text, not an invalid one.
        max_characters: a longer text is an invalid record, told before RDKit sees it; 0: what the domain allows
            (`config.LONGEST_MOLECULE`, `config.LONGEST_SEQUENCE`).

    Raises:
        UsageError: if `on_error` is something else, or a negative number of characters.
    """

    column: str = ""
    keep: tuple[str, ...] = ()
    format: str = ""
    on_error: str = "stop"
    reject_file: Path | None = None
    all: bool = False
    empty: bool = False
    standardize: bool = False
    max_characters: int = 0

    @property
    def columns(self) -> Columns:
        """The columns to read, and how long their texts may be."""
        return Columns(self.column, self.keep, self.all, self.max_characters)

    def __post_init__(self) -> None:
        if self.on_error not in ("stop", "skip"):
            raise UsageError(f'on_error must be "stop" or "skip", got {self.on_error!r}')
        between("max_characters", self.max_characters, 0, LONGEST_SEQUENCE)


@dataclass(frozen=True)
class ReadSummary:
    """A summary of reading a source.

    Args:
        source: its path, or `<stdin>`.
        kept: number of valid records.
        rejected: number of invalid records.
        reject_file: the file of the invalid records; None if there were none.
    """

    source: str
    kept: int
    rejected: int
    reject_file: Path | None

    def __str__(self) -> str:
        aside = f", {self.rejected:,} rejected (see {self.reject_file})" if self.rejected else ""
        return f"{self.source}: {self.kept:,} record{'s' * (self.kept != 1)} read{aside}"


REJECTED = ("file", "line", "name", "text", "reason")  # the columns of a reject file


def items_of(source: Path | str, settings: ReadSettings) -> Iterator[Record | Flaw]:
    """Yield the records of a source and those that violate its format; with `standardize`, in their standard form.

    Raises:
        UsageError: at once, if the format is unknown.
        InputError: while iterating, if the source cannot be read.
    """
    items = format_of(source, settings.format)(source, settings.columns)
    if settings.max_characters:
        items = (
            Flaw(item.text, item.line, reason, item.name, item.fields)
            if isinstance(item, Record) and (reason := settings.columns.too_long(len(item.text)))
            else item
            for item in items
        )
    return map(standard_record, items) if settings.standardize else items


def standard_record(item: Record | Flaw) -> Record | Flaw:
    """Return a molecule in its standard form; one that has none is a flaw, with its text as it was."""
    if isinstance(item, Flaw):
        return item
    from seqvae.sequences.standardize import standardized  # RDKit, which sequences do not need

    try:
        text = standardized(item.text).smiles
    except InputError as error:
        return Flaw(item.text, item.line, str(error), item.name, item.fields)
    return Record(text, item.name, item.line, item.fields, item.title)


class RecordReader:
    """Iterate over the valid records of a source; afterwards, `summary` counts the invalid ones.

    Args:
        source: a path, or `-` for standard input. Plain or packed (gzip, bz2, xz); the extension determines the format.
        settings: columns, format, and the handling of invalid records.
        check: called with each text; it returns the text to use (its canonical form, say) or raises `InputError`.
        judge: called with each record; it raises `InputError` where the record is of no use.
        items: what is read in place of the records of the source itself, such as windows that it names.

    Raises:
        UsageError: at once, if the format is unknown.
        InputError: while iterating, if the source is missing, empty, binary, truncated, or lacks the column.
        RecordError: while iterating with on_error="stop", for an invalid record; it has file, line and reason.
    """

    def __init__(
        self,
        source: Path | str,
        settings: ReadSettings | None = None,
        check: Callable[[str], str] | None = None,
        judge: Callable[[Record], object] | None = None,
        items: Iterable[Record | Flaw] | None = None,
    ) -> None:
        self.source = source
        self.settings = settings or ReadSettings()
        self._check, self._judge, self._items = check, judge, items
        if items is None:
            kind_of(source, self.settings.format)
        self._rejects = Rejects(source, self.settings.reject_file)
        self._kept = 0

    @property
    def summary(self) -> ReadSummary:
        """The numbers of records kept and rejected so far."""
        rejects = self._rejects
        return ReadSummary(shown_name(self.source), self._kept, rejects.count, rejects.path if rejects.count else None)

    def __iter__(self) -> Iterator[Record]:
        self._kept = 0
        name = shown_name(self.source)
        with self._rejects:
            for found in items_of(self.source, self.settings) if self._items is None else self._items:
                item = self._checked(found)
                if isinstance(item, Record):
                    self._kept += 1
                    yield item
                elif self.settings.on_error == "stop":
                    raise RecordError(item.reason, file=name, line=item.line)
                else:
                    self._rejects.add(name, item)
        if not self._kept:
            raise no_records(name, self._rejects)

    def _checked(self, item: Record | Flaw) -> Record | Flaw:
        if isinstance(item, Flaw):
            missing = self.settings.empty and item.text.lower() in MISSING_TEXTS and item.fields
            return Record("", item.name, item.line, item.fields) if missing else item
        try:
            text = item.text if self._check is None else self._check(item.text)
            if self._judge is not None:
                self._judge(item)
        except InputError as error:
            return Flaw(item.text, item.line, str(error), item.name, item.fields)
        return item if text == item.text else replace(item, text=text)


def no_records(source: str, rejects: Rejects) -> InputError:
    """Return the error for a source without a record that can be used."""
    if not rejects.count:
        return InputError(f"{source}: the file holds no records")
    return InputError(
        f"{source}: no usable record, all {rejects.count:,} were rejected (see {rejects.path}): {rejects.first}"
    )


class Rejects:
    """The reject file: created at the first invalid record, closed after reading.

    An older one of a path that was given is deleted: it would be taken for that of this reading.
    """

    def __init__(self, source: Path | str, path: Path | None) -> None:
        default = "stdin" if str(source) == STDIN else str(source)
        self.path = Path(path) if path else Path(f"{default}.rejected.csv")
        self._given = path is not None
        self.count = 0
        self.first = ""  # the first reason
        self._file: IO[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> None:
        self.count = 0
        if self._given:
            with suppress(OSError):
                self.path.unlink()

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, source: str, flaw: Flaw) -> None:
        """Write one invalid record."""
        if self._file is None:
            try:
                self._file = self.path.open("w", encoding="utf-8", newline="")
            except OSError as error:
                raise InputError(
                    f"{self.path}: cannot write the reject file: {error.strerror}; choose another path for it"
                ) from error
            self._writer = csv.writer(self._file)
            self._writer.writerow(REJECTED)
            self.first = flaw.reason
        self._writer.writerow([source, flaw.line, flaw.name, flaw.text, flaw.reason])
        self.count += 1


def read_records(
    source: Path | str,
    settings: ReadSettings | None = None,
    check: Callable[[str], str] | None = None,
    judge: Callable[[Record], object] | None = None,
    items: Iterable[Record | Flaw] | None = None,
) -> tuple[list[Record], ReadSummary]:
    """Read a whole source into memory.

    Args:
        source: a path, or `-` for standard input.
        settings: columns, format, and the handling of invalid records.
        check: called with each text, as in `RecordReader`.
        judge: called with each record, as there.
        items: what is read in place of the source's records, as there.

    Returns:
        The valid records and the summary.

    Raises:
        InputError: as `RecordReader`, and if there is no valid record.
        RecordError: with on_error="stop", for the first invalid record.
    """
    reader = RecordReader(source, settings, check, judge, items)
    return list(reader), reader.summary
