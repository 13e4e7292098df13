"""The ledger of a search: every proposal and what became of it, in one SQLite file that survives a kill.

A row is identified by its round and its place in the round, so that a round that is asked for again after a kill finds
what it has scored already, whatever the order in which workers finished. Rows are only ever added.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import InputError, UsageError

FORMAT = 1
OK, CACHED, INVALID, FAILED, TIMEOUT, OVER_BUDGET = "ok", "cached", "invalid", "failed", "timeout", "over_budget"
GIVEN = "given"
CALLED = (OK, FAILED, TIMEOUT)  # statuses of proposals that the oracle was called for
_WAIT_SECONDS = 30.0  # for another process to finish writing
# Made with the first terms that are written: ledgers of earlier versions, and of single terms, have none.
_TERMS = """
CREATE TABLE IF NOT EXISTS terms (
    round INTEGER NOT NULL,
    place INTEGER NOT NULL,
    numbers TEXT NOT NULL,
    PRIMARY KEY (round, place)
) WITHOUT ROWID
"""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS evaluations (
    round INTEGER NOT NULL,
    place INTEGER NOT NULL,
    text TEXT NOT NULL,
    canonical TEXT,
    status TEXT NOT NULL,
    scores TEXT NOT NULL,
    error TEXT NOT NULL,
    seconds REAL NOT NULL,
    proposer TEXT NOT NULL,
    z BLOB,
    seed INTEGER,
    PRIMARY KEY (round, place)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Entry:
    """One proposal and its outcome.

    Attributes:
        round: the round that proposed it, from 0.
        place: its place in the round, from 0.
        text: what was scored: the canonical form; of an invalid text, the text as it was proposed.
        canonical: the canonical form; None where the text is invalid.
        status: `ok`, `cached` (scored before), `invalid`, `failed`, `timeout`, `over_budget` (not scored), or `given`
            (measured before the search, which costs no call).
        scores: from the oracle; NaN where there is none.
        error: why it failed; "" where it did not.
        seconds: the oracle's time for it, wall clock.
        proposer: the operator or model that proposed it.
        z: its latent point, `(latent,)`, where it has one.
        seed: of its decoding, where it was sampled.
        terms: what the score is made of; empty where that is not known.
    """

    round: int
    place: int
    text: str
    canonical: str | None
    status: str
    scores: tuple[float, ...]
    error: str = ""
    seconds: float = field(default=0.0, compare=False)
    proposer: str = ""
    z: NDArray[np.float32] | None = field(default=None, compare=False)
    seed: int | None = None
    terms: tuple[float, ...] = field(default=(), compare=False)


@final
class Ledger:
    """The file of a search's evaluations.

    Args:
        path: the SQLite file, created where there is none.
        about: what the scores depend on, in JSON's types; a ledger of another search is refused. None: not checked.

    Raises:
        UsageError: the file is no ledger, or the ledger of another search.
        InputError: the file cannot be opened.
    """

    def __init__(self, path: Path, about: Mapping[str, Any] | None = None) -> None:
        self.path = path
        if about is None and not path.is_file():
            raise InputError(f"{path}: there is no ledger")
        try:
            self._connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
            # A commit is on disk before its scores are used, and readers do not wait for writers.
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError as error:
            raise UsageError(f"{path}: expected the ledger of a search, got another file ({error})") from error
        found, wanted = self.about(), {"format": FORMAT, **(about or {})}
        if about is None or json.loads(json.dumps(wanted)) == found:
            return
        if found:
            differ = sorted(key for key in {*found, *wanted} if found.get(key) != wanted.get(key))
            raise UsageError(
                f"{path}: is the ledger of another search (another {', '.join(differ)}): choose another folder"
            )
        with self._writing():
            rows = [(key, json.dumps(value)) for key, value in wanted.items()]
            self._connection.executemany("INSERT INTO about VALUES (?, ?)", rows)

    def about(self) -> dict[str, Any]:
        """Return what the scores depend on."""
        rows = self._connection.execute("SELECT key, value FROM about").fetchall()
        return {key: json.loads(value) for key, value in rows}

    def add(self, entries: Iterable[Entry]) -> None:
        """Write entries, all or none.

        Raises:
            UsageError: there is an entry of that round and place already.
        """
        rows, terms = [], []
        for one in entries:
            scores = _numbers(one.scores)
            if one.terms:
                terms.append((one.round, one.place, _numbers(one.terms)))
            z = None if one.z is None else np.asarray(one.z, "<f4").tobytes()
            head = (one.round, one.place, one.text, one.canonical, one.status, scores)
            rows.append((*head, one.error, one.seconds, one.proposer, z, one.seed))
        try:
            with self._writing():
                self._connection.executemany(f"INSERT INTO evaluations VALUES ({','.join('?' * 11)})", rows)
                if terms:
                    self._connection.execute(_TERMS)
                    self._connection.executemany("INSERT INTO terms VALUES (?, ?, ?)", terms)
        except sqlite3.IntegrityError as error:
            raise UsageError(f"{self.path}: has these proposals already: another process writes here") from error

    def entries(self, round_: int | None = None) -> Iterator[Entry]:
        """Yield the entries in the order of rounds and places, or those of one round."""
        where, values = ("", ()) if round_ is None else (" WHERE round = ?", (round_,))
        query = f"{self._selected()}{where} ORDER BY round, place"
        yield from map(_entry, self._connection.execute(query, values))

    def before(self, round_: int) -> Iterator[Entry]:
        """Yield the entries of all rounds before this one, in their order."""
        query = f"{self._selected()} WHERE round < ? ORDER BY round, place"
        yield from map(_entry, self._connection.execute(query, (round_,)))

    def _selected(self) -> str:
        known = self._connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'terms'").fetchone()
        joined = "NATURAL LEFT JOIN terms" if known else "JOIN (SELECT NULL AS numbers)"
        return f"SELECT evaluations.*, numbers FROM evaluations {joined}"

    def rounds(self) -> int:
        """Return the number of rounds, up to the last one that has an entry."""
        last = self._connection.execute("SELECT MAX(round) FROM evaluations").fetchone()[0]
        return 0 if last is None else last + 1

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:  # an interruption too must leave all entries or none
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _numbers(values: Sequence[float]) -> str:
    return json.dumps([None if np.isnan(value) else value for value in values])


def _read(numbers: str) -> tuple[float, ...]:
    return tuple(float("nan") if number is None else float(number) for number in json.loads(numbers))


def _entry(row: Sequence[Any]) -> Entry:
    round_, place, text, canonical, status, scores, error, seconds, proposer, z, seed, terms = row
    point = None if z is None else np.frombuffer(z, "<f4")
    # Earlier versions wrote the proposal as it was made, which is another design where positions are kept.
    text = text if canonical is None else canonical
    return Entry(
        round_,
        place,
        text,
        canonical,
        status,
        _read(scores),
        error,
        seconds,
        proposer,
        point,
        seed,
        _read(terms or "[]"),
    )
