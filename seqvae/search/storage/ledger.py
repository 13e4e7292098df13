"""The ledger of a search: every proposal and what became of it, in one SQLite file that survives a kill.

A row is identified by its round and its place in the round, so that a round that is asked for again after a kill finds
what it has scored already, whatever the order in which workers finished. Rows are only ever added, and counted: a
ledger that has fewer than it counted is damaged, and so is one in which rounds or places are missing.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, final

import numpy as np

from seqvae.config.stored import json_of
from seqvae.errors import InputError, SeqVAEError, UsageError
from seqvae.search.storage.rows import (
    CACHED,
    CALLED,
    FAILED,
    GIVEN,
    INVALID,
    OK,
    OVER_BUDGET,
    RESTORE,
    TIMEOUT,
    Entry,
    Rows,
    Shape,
)
from seqvae.search.storage.tables import BRED, CHEAP_SCORES, ERRORS, EVALUATED, TERMS

__all__ = ["CACHED", "CALLED", "FAILED", "GIVEN", "INVALID", "OK", "OVER_BUDGET", "TIMEOUT", "Entry", "Ledger", "Shape"]
FORMAT = 1
EVALUATIONS, LEARNED, PLATES, CHEAP = "evaluations", "learned", "plates", "cheap"  # what a ledger counts
_WAIT_SECONDS = 30.0  # for another process to finish writing
_LITTLE = 1 << 20  # bytes; with less left on the disk, SQLite fails in ways that do not say so
_ANY = Shape()


@final
class Ledger:
    """The file of a search's evaluations.

    Args:
        path: the SQLite file, created where there is none.
        about: what the scores depend on, in JSON's types; a ledger of another search is refused. None: not checked,
            and the ledger is only read.
        shape: how many numbers each row has.

    Raises:
        UsageError: the file is no ledger, or the ledger of another search.
        InputError: there is no such file, or it is damaged: rounds, places or rows are missing.
        OSError: the disk refuses.
    """

    def __init__(self, path: Path, about: Mapping[str, Any] | None = None, shape: Shape = _ANY) -> None:
        self.path, self.shape = path, shape
        if about is None and not path.exists():
            raise InputError(f"{path}: there is no ledger")
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: expected the ledger of a search, got no regular file")
        new = is_bare(path)
        with self._told():
            if about is None:
                self._connection = self._readable()
            else:
                self._connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
                # A commit is on disk before its scores are used, and readers do not wait for writers.
                self._connection.execute("PRAGMA journal_mode=WAL")
                self._connection.execute("PRAGMA synchronous=FULL")
                self._connection.executescript(EVALUATED)
        if about is None or not self._begun({"format": FORMAT, **about}, new):
            self._check_rows()

    def _readable(self) -> sqlite3.Connection:
        """Open the file so that nothing is written, in a folder that cannot be written to either."""
        log = Path(f"{self.path}-wal")
        modes = ["ro"] if log.exists() and log.stat().st_size else ["ro", "ro&immutable=1"]
        while True:
            place = f"{self.path.absolute().as_uri()}?mode={modes.pop(0)}"
            connection = sqlite3.connect(place, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)
            try:
                connection.execute("SELECT * FROM about, evaluations LIMIT 1").fetchall()
                return connection
            except sqlite3.OperationalError as error:
                connection.close()
                if "no such table" in str(error):  # an empty file is a database without tables
                    raise sqlite3.DatabaseError(str(error)) from error
                if not modes:
                    raise

    def _begun(self, wanted: Mapping[str, Any], new: bool) -> bool:
        """Write what the scores depend on into a new ledger; return whether it was new."""
        found = self.about()
        if json.loads(json.dumps(wanted)) == found:
            return False
        if found or not new:
            differ = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
            raise UsageError(
                f"{self.path}: is the ledger of another search (another {', '.join(differ)}): choose another folder"
            )
        with self._writing():
            rows = [(key, json.dumps(value)) for key, value in wanted.items()]
            self._connection.executemany("INSERT INTO about VALUES (?, ?)", rows)
        return True

    def about(self) -> dict[str, Any]:
        """Return what the scores depend on."""
        with self._told():
            rows = self._connection.execute("SELECT key, value FROM about").fetchall()
        for key, value in rows:
            if not isinstance(key, str) or not isinstance(value, str):
                raise InputError(f"{self.path}: about: damaged: expected text, got {key!r}, {value!r}: {RESTORE}")
        return {key: json_of(value.encode(), self.path, what=f"about, {key}: damaged") for key, value in rows}

    def add(self, entries: Iterable[Entry]) -> None:
        """Write entries, all or none.

        Raises:
            UsageError: there is an entry of that round and place already.
            OSError: the disk is full, or refuses.
        """
        rows, terms, errors, bred = [], [], [], []
        for one in entries:
            scores = _numbers(one.scores)
            if one.terms:
                terms.append((one.round, one.place, _numbers(one.terms)))
            if one.errors:
                errors.append((one.round, one.place, _numbers(one.errors)))
            if one.parents or one.predicted:
                predicted = _numbers(one.predicted) if one.predicted else None
                bred.append((one.round, one.place, json.dumps(one.parents), predicted))
            z = None if one.z is None else np.asarray(one.z, "<f4").tobytes()
            head = (one.round, one.place, one.text, one.canonical, one.status, scores)
            rows.append((*head, one.error, one.seconds, one.proposer, z, one.seed))
        try:
            with self._writing():
                self._connection.executemany(f"INSERT INTO evaluations VALUES ({','.join('?' * 11)})", rows)
                if terms:
                    self._connection.execute(TERMS)
                    self._connection.executemany("INSERT INTO terms VALUES (?, ?, ?)", terms)
                if errors:
                    self._connection.execute(ERRORS)
                    self._connection.executemany("INSERT INTO standard_errors VALUES (?, ?, ?)", errors)
                if bred:
                    self._connection.execute(BRED)
                    self._connection.executemany("INSERT INTO bred VALUES (?, ?, ?, ?)", bred)
                more = "UPDATE counts SET value = value + ? WHERE name = ?"
                self._connection.execute(more, (len(rows), EVALUATIONS))
        except sqlite3.IntegrityError as error:
            raise UsageError(f"{self.path}: has these proposals already: another process writes here") from error

    def add_cheap(self, round_: int, found: Mapping[int, tuple[str, float, str]]) -> None:
        """Write cheap scores of a round; raises as `add`.

        Args:
            round_: its number.
            found: by place the canonical form, its score, and why it has none (NaN), else "".
        """
        rows = [(round_, place, form, _numbers((score,)), why) for place, (form, score, why) in found.items()]
        try:
            with self._writing():
                self._connection.execute(CHEAP_SCORES)
                self._connection.executemany("INSERT INTO cheap_scores VALUES (?, ?, ?, ?, ?)", rows)
                more = (
                    "INSERT INTO counts VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value"
                )
                self._connection.execute(more, (CHEAP, len(rows)))
        except sqlite3.IntegrityError as error:
            raise UsageError(f"{self.path}: has these cheap scores already: another process writes here") from error

    def cheap(self, round_: int) -> dict[int, tuple[str, float, str]]:
        """Return the cheap scores of a round, as they were added; raises InputError where one is damaged."""
        if not self._has("cheap_scores"):
            return {}
        with self._told():
            query = "SELECT round, place, form, cheap, why FROM cheap_scores WHERE round = ? ORDER BY place"
            found = self._connection.execute(query, (round_,)).fetchall()
        rows = Rows(self.path, self.shape)
        return {row[1]: (str(row[2]), rows.cheap(row, row[3]), str(row[4])) for row in found}

    def entries(self, round_: int | None = None) -> Iterator[Entry]:
        """Yield the entries in the order of rounds and places, or those of one round; raises InputError as `Rows`."""
        where, values = ("", ()) if round_ is None else (" WHERE round = ?", (round_,))
        yield from self._read(f"{self._selected()}{where} ORDER BY round, place", values)

    def before(self, round_: int) -> Iterator[Entry]:
        """Yield the entries of all rounds before this one, in their order."""
        yield from self._read(f"{self._selected()} WHERE round < ? ORDER BY round, place", (round_,))

    def _read(self, query: str, values: Sequence[object]) -> Iterator[Entry]:
        rows = Rows(self.path, self.shape)
        with self._told():
            cursor = self._connection.execute(query, values)
        while True:
            with self._told():
                row = cursor.fetchone()
            if row is None:
                return
            yield rows.entry(row)

    def _selected(self) -> str:
        joined = "NATURAL LEFT JOIN terms" if self._has("terms") else "JOIN (SELECT NULL AS numbers)"
        known = self._has("standard_errors")
        more = "NATURAL LEFT JOIN standard_errors" if known else "JOIN (SELECT NULL AS deviations)"
        screened = "NATURAL LEFT JOIN cheap_scores" if self._has("cheap_scores") else "JOIN (SELECT NULL AS cheap)"
        nothing = "JOIN (SELECT NULL AS parents, NULL AS predicted)"
        bred = "NATURAL LEFT JOIN bred" if self._has("bred") else nothing
        columns = "evaluations.*, numbers, deviations, cheap, parents, predicted"
        return f"SELECT {columns} FROM evaluations {joined} {more} {screened} {bred}"

    def _has(self, table: str) -> bool:
        with self._told():
            found = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        return found is not None

    def rounds(self) -> int:
        """Return the number of rounds, up to the last one that has an entry or a cheap score."""
        tables = ["evaluations", *(["cheap_scores"] if self._has("cheap_scores") else [])]
        with self._told():
            found = [self._connection.execute(f"SELECT MAX(round) FROM {one}").fetchone()[0] for one in tables]
        return max((last + 1 for last in found if last is not None), default=0)

    def rows(self, rounds: int) -> int:
        """Return how many entries the first rounds have."""
        with self._told():
            return int(
                self._connection.execute("SELECT COUNT(*) FROM evaluations WHERE round < ?", (rounds,)).fetchone()[0]
            )

    def counts(self) -> dict[str, int]:
        """Return what the ledger has counted: rows, and rounds and plates of the last saved state; {} of an old one."""
        if not self._has("counts"):
            return {}
        with self._told():
            found = self._connection.execute("SELECT name, value FROM counts").fetchall()
        if not all(type(name) is str and type(value) is int and value >= 0 for name, value in found):
            raise InputError(f"{self.path}: counts: damaged: expected numbers from 0, got {found}: {RESTORE}")
        return dict(found)

    def count(self, **numbers: int) -> None:
        """Keep counts that belong to a state which has just been saved."""
        with self._writing():
            rows = list(numbers.items())
            self._connection.executemany("INSERT OR REPLACE INTO counts VALUES (?, ?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _check_rows(self) -> None:
        """Raise InputError where rows, rounds or places are missing; of the last round only some may be scored."""
        query = "SELECT round, COUNT(*), MIN(place), MAX(place) FROM evaluations GROUP BY round ORDER BY round"
        with self._told():
            found = self._connection.execute(query).fetchall()
        total = 0
        for number, (round_, count, first, last) in enumerate(found):
            if round_ != number:
                raise InputError(
                    f"{self.path}: damaged: expected round {number} after {number} rounds, got {round_!r}: {RESTORE}"
                )
            whole = (first, last) == (0, count - 1)
            if not all(isinstance(one, int) and one >= 0 for one in (first, last)) or (
                number + 1 < len(found) and not whole
            ):
                raise InputError(
                    f"{self.path}: round {number}: damaged: expected the places 0 to {count - 1}, "
                    f"got {first!r} to {last!r}: {RESTORE}"
                )
            total += count
        counts, left = self.counts(), {EVALUATIONS: total}
        if CHEAP in counts:
            with self._told():
                known = self._has("cheap_scores")
                query = "SELECT COUNT(*) FROM cheap_scores"
                left[CHEAP] = self._connection.execute(query).fetchone()[0] if known else 0
        for name, what in ((EVALUATIONS, "evaluations"), (CHEAP, "cheap scores")):
            if left.get(name, 0) < (counted := counts.get(name, 0)):
                raise InputError(
                    f"{self.path}: damaged: {counted:,} {what} were written, {left[name]:,} are left: {RESTORE}"
                )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        with self._told():
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield
                self._connection.execute("COMMIT")
            except BaseException:  # an interruption too must leave all entries or none
                if self._connection.in_transaction:
                    with suppress(sqlite3.Error):  # a full disk may have ended it
                        self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what SQLite raises into errors that say what to do."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise
        except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
            raise _told_of(self.path, error) from error


def is_bare(path: Path) -> bool:
    """Return whether there is no file, or one without tables: what is left of a beginning that was cut off."""
    if not path.is_file() or not path.stat().st_size:
        return True
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0] == 0)
    except sqlite3.Error:  # whoever opens it says why
        return False


def _told_of(path: Path, error: Exception) -> SeqVAEError | OSError:
    """Return an error of SQLite as one of a full disk, of the disk, of another process, or of a damaged file."""
    name = getattr(error, "sqlite_errorname", "")
    refused = ("SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_NOLFS")
    if name.startswith("SQLITE_FULL") or (name.startswith(refused) and shutil.disk_usage(path.parent).free < _LITTLE):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    if name.startswith(refused):
        return OSError(errno.EIO, f"cannot use the ledger ({error})", str(path))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return UsageError(f"{path}: another process writes to this ledger: wait for it or end it, then run again")
    if name.startswith("SQLITE_CORRUPT") or isinstance(error, (UnicodeDecodeError, OverflowError)):
        return InputError(f"{path}: damaged ({error}): {RESTORE}")
    if isinstance(error, sqlite3.OperationalError):  # columns are missing, a text is no UTF-8
        return InputError(f"{path}: damaged ({' '.join(str(error).split())}): {RESTORE}")
    return UsageError(f"{path}: expected the ledger of a search, got another file ({error})")


def _numbers(values: Sequence[float]) -> str:
    return json.dumps([None if np.isnan(value) else value for value in values])
