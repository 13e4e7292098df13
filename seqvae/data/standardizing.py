"""Standardise the molecules of a file, row by row, with what changed in each."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import islice

from seqvae.config import ExecutorConfig
from seqvae.data.files.carried import Carried, rejects_beside
from seqvae.data.files.chunks import Results
from seqvae.data.files.open import shown_name
from seqvae.data.files.readers import ReadSettings, ReadSummary, Rejects, items_of, no_records
from seqvae.data.files.records import Flaw, Record
from seqvae.data.files.writers import write_pieces
from seqvae.errors import InputError, RecordError
from seqvae.runtime.executor import Job, run_chunks
from seqvae.sequences.standardize import STEPS, check_steps, standardized

INPUT, CHANGES = "input_text", "changes"  # columns of the output: the molecule as it was, and the steps that changed it
_CHUNK = 500  # molecules per task: about a second of work
_Row = tuple[Record, str, str]  # as read, its standard form, and what changed
_Made = list[tuple[str, str, str]]  # SMILES, changes, and the reason where there is none


@dataclass
class Standardizing:
    """What became of a file.

    Attributes:
        read: how many records were standardised, and how many rejected.
        changed: records that are another molecule than before.
        steps: by step, the records that it changed.
        alike: records whose standard form came earlier.
    """

    read: ReadSummary
    changed: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    alike: int = 0


def standardize_file(
    source: str,
    out: str,
    settings: ReadSettings | None = None,
    steps: Sequence[str] = STEPS,
    workers: int = 1,
) -> Standardizing:
    """Standardise the molecules of a file, which may be larger than memory.

    Args:
        source: path, or `-` for standard input.
        out: path, or `-`; tables have the columns text, those of the source, `input_text` and `changes`.
        settings: how the source is read; the list of records that have no standard form stands beside the output.
        steps: as in `sequences.standardize.standardized`.
        workers: processes; 1: this one.

    Raises:
        UsageError: an unknown step.
        InputError: the source cannot be read, or, unless they are skipped, holds a record that is no molecule.
    """
    settings = settings or ReadSettings()
    settings = replace(settings, all=True, reject_file=settings.reject_file or rejects_beside(out))
    work = _Work(source, settings, check_steps(steps), workers)
    with work.rejects:
        write_pieces(out, work.pieces(), scores=out == "-")
    rejects = work.rejects
    work.found.read = ReadSummary(shown_name(source), work.kept, rejects.count, rejects.path if rejects.count else None)
    return work.found


class _Work:
    """The records of a source on their way to their standard forms."""

    def __init__(self, source: str, settings: ReadSettings, steps: tuple[str, ...], workers: int) -> None:
        self.name, self.settings, self.steps = shown_name(source), settings, steps
        self.rejects = Rejects(source, settings.reject_file)
        self.found = Standardizing(ReadSummary(self.name, 0, 0, None))
        self.kept = 0
        self._items = items_of(source, settings)
        self._waiting: deque[list[Record | Flaw]] = deque()
        self._carried, self._seen = Carried((INPUT, CHANGES)), set[int]()
        self._where = ExecutorConfig("local" if workers == 1 else "processes", workers)

    def pieces(self) -> Iterator[Results]:
        """Yield the standard forms, chunk by chunk."""

        def texts() -> Iterator[list[str]]:
            """Yield what there is to work on, and keep all that was read until it comes back."""
            while chunk := list(islice(self._items, _CHUNK)):
                self._waiting.append(chunk)
                yield [item.text for item in chunk if isinstance(item, Record)]

        job = Job(_worker, (self.steps,), _worker(self.steps))
        with closing(run_chunks(job, texts(), self._where)) as chunks:
            for made in chunks:
                if rows := self._rows(iter(made)):
                    self.kept += len(rows)
                    for _, text, changes in rows:
                        self.found.changed += bool(changes)
                        self.found.steps.update(changes.split(";") if changes else ())
                        self.found.alike += hash(text) in self._seen
                        self._seen.add(hash(text))
                    columns = {
                        **self._carried.of([item for item, *_ in rows]),
                        INPUT: [item.text for item, *_ in rows],
                        CHANGES: [changes for *_, changes in rows],
                    }
                    yield Results([text for _, text, _ in rows], columns)
        if not self.kept:
            raise no_records(self.name, self.rejects)

    def _rows(self, made: Iterator[tuple[str, str, str]]) -> list[_Row]:
        """Return the rows of the next chunk that have a standard form; reject the others."""
        rows: list[_Row] = []
        for item in self._waiting.popleft():
            text, changes, reason = next(made) if isinstance(item, Record) else ("", "", item.reason)
            if isinstance(item, Record) and not reason:
                rows.append((item, text, changes))
            elif self.settings.on_error == "stop":
                reason = f"{reason} (--on-error skip leaves such records out)"
                raise RecordError(reason, file=self.name, line=item.line)
            else:
                self.rejects.add(self.name, Flaw(item.text, item.line, reason, item.name))
        return rows


def _worker(steps: tuple[str, ...]) -> Callable[[list[str]], _Made]:
    """Return a function from molecules to their standard forms."""

    def work(texts: list[str]) -> _Made:
        """Return standard form, changes and reason for rejection of each molecule."""
        made: _Made = []
        for text in texts:
            try:
                one = standardized(text, steps)
                made.append((one.smiles, ";".join(one.changes), ""))
            except InputError as error:
                made.append(("", "", str(error)))
        return made

    return work
