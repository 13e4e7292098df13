"""Read texts from files of every supported format, each record checked, the bad ones reported or set aside."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from seqvae.data.files.formats import Columns, Flaw, Record, format_of
from seqvae.data.files.open import STDIN, shown_name
from seqvae.errors import InputError, RecordError, UsageError


@dataclass(frozen=True)
class ReadSettings:
    """How a source is read.

    Args:
        column: the column of the texts in a table; where empty, the obvious one.
        keep: other columns to put into `Record.fields`.
        format: a key of `formats.FORMATS` that overrides the extension; standard input is `txt` without it.
        on_error: "stop" raises at the first bad record, "skip" writes it to the reject file and goes on.
        reject_file: where bad records go; by default `<input>.rejected.csv` beside the input.

    Raises:
        UsageError: if `on_error` is another word.
    """

    column: str = ""
    keep: tuple[str, ...] = ()
    format: str = ""
    on_error: str = "stop"
    reject_file: Path | None = None

    def __post_init__(self) -> None:
        if self.on_error not in ("stop", "skip"):
            raise UsageError(f'on_error must be "stop" or "skip", got {self.on_error!r}')


@dataclass(frozen=True)
class ReadSummary:
    """What came of reading a source.

    Args:
        source: its path, or `<stdin>`.
        kept: number of records given out.
        rejected: number of bad records set aside.
        reject_file: where they are; None where there were none.
    """

    source: str
    kept: int
    rejected: int
    reject_file: Path | None

    def __str__(self) -> str:
        aside = f", {self.rejected:,} rejected (see {self.reject_file})" if self.rejected else ""
        return f"{self.source}: {self.kept:,} records read{aside}"


class RecordReader:
    """Iterate over the good records of a source; afterwards, `summary` tells how many were bad.

    Args:
        source: a path, or `-` for standard input. Plain or gzipped; the format follows from the extension.
        settings: columns, format, and what becomes of bad records.
        check: called with each text; it returns the text to use (its canonical form, say) or raises `InputError`.

    Raises:
        UsageError: at once, if the format is unknown.
        InputError: while iterating, if the source is missing, empty, binary, cut short, or lacks the column.
        RecordError: while iterating with on_error="stop", for a bad record; it has file, line and reason.
    """

    def __init__(
        self,
        source: Path | str,
        settings: ReadSettings | None = None,
        check: Callable[[str], str] | None = None,
    ) -> None:
        self.source = source
        self.settings = settings or ReadSettings()
        self._check = check
        self._format = format_of(source, self.settings.format)
        self._rejects = Rejects(source, self.settings.reject_file)
        self._kept = 0

    @property
    def summary(self) -> ReadSummary:
        """How many records were kept and rejected so far."""
        rejects = self._rejects
        return ReadSummary(shown_name(self.source), self._kept, rejects.count, rejects.path if rejects.count else None)

    def __iter__(self) -> Iterator[Record]:
        self._kept = 0
        with self._rejects:
            for item in self._format(self.source, Columns(self.settings.column, self.settings.keep)):
                record = self._checked(item)
                if isinstance(record, Flaw):
                    self._set_aside(record)
                else:
                    self._kept += 1
                    yield record
        if not self._kept and not self._rejects.count:
            raise InputError(f"{shown_name(self.source)}: the file holds no records")

    def _checked(self, item: Record | Flaw) -> Record | Flaw:
        if self._check is None or isinstance(item, Flaw):
            return item
        try:
            text = self._check(item.text)
        except InputError as error:
            return Flaw(item.text, item.line, str(error))
        return item if text == item.text else Record(text, item.name, item.line, item.fields)

    def _set_aside(self, flaw: Flaw) -> None:
        if self.settings.on_error == "stop":
            raise RecordError(flaw.reason, file=shown_name(self.source), line=flaw.line)
        self._rejects.add(shown_name(self.source), flaw)


class Rejects:
    """The reject file: made when the first bad record comes, closed at the end of the reading."""

    def __init__(self, source: Path | str, path: Path | None) -> None:
        default = "stdin" if str(source) == STDIN else str(source)
        self.path = path or Path(f"{default}.rejected.csv")
        self.count = 0
        self._file: IO[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> None:
        self.count = 0

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, source: str, flaw: Flaw) -> None:
        """Write one bad record."""
        if self._file is None:
            self._open()
        self._writer.writerow([source, flaw.line, flaw.text, flaw.reason])
        self.count += 1

    def _open(self) -> None:
        try:
            self._file = self.path.open("w", encoding="utf-8", newline="")
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot write the reject file: {error.strerror}; give another place for it"
            ) from error
        self._writer = csv.writer(self._file)
        self._writer.writerow(["file", "line", "text", "reason"])


def read_records(
    source: Path | str,
    settings: ReadSettings | None = None,
    check: Callable[[str], str] | None = None,
) -> tuple[list[Record], ReadSummary]:
    """Read a whole source into memory.

    Args:
        source: a path, or `-` for standard input.
        settings: columns, format, and what becomes of bad records.
        check: called with each text, as in `RecordReader`.

    Returns:
        The good records and the summary.

    Raises:
        InputError: as `RecordReader`, and if no good record is left.
        RecordError: with on_error="stop", for the first bad record.
    """
    reader = RecordReader(source, settings, check)
    records = list(reader)
    if not records:
        raise InputError(f"{reader.summary.source}: no usable record, all {reader.summary.rejected:,} were rejected")
    return records, reader.summary
