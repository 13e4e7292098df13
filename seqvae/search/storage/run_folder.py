"""The folder of a search: its settings, its start, its ledger, its state, and the lock that lets one process write."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from seqvae.config.stored import bytes_of, json_of
from seqvae.config.toml import checked
from seqvae.errors import ConfigError, InputError, UsageError
from seqvae.runtime.files import atomic_file
from seqvae.search.storage.ledger import GIVEN, Entry, Ledger, Shape, is_bare
from seqvae.search.storage.rows import RESTORE
from seqvae.search.storage.settings import CHEAP, COUNTED, DESIGN, FIRST, FORMAT, TERMS, read_settings
from seqvae.search.storage.trust import signed

__all__ = ["CHEAP", "COUNTED", "DESIGN", "FIRST", "FORMAT", "TERMS"]
LEDGER, STATE, SETTINGS, LOCK = "ledger.sqlite", "state.safetensors", "search.json", "lock"
START = "start.json"  # the texts that a search begins with
TOLD = "measured.json"  # measurements that were told before the search was begun
NAMES = "names.json"  # of designs, by canonical form
CARRIED = "columns.json"  # other columns of tables of measurements, by canonical form and title
# What is told before a search begins: text, scores, where it stood, name, and, since they are kept, other columns and
# standard errors.
_TOLD: tuple[Any, ...] = (str, tuple[float, ...], str, str, dict[str, str], tuple[float, ...])
_FEWEST_TOLD = 4


def begin(folder: Path, settings: Mapping[str, Any], start: Sequence[str], given: Sequence[Entry]) -> None:
    """Make the folder of a new search; its settings are written last, and a folder without them holds no search.

    Args:
        folder: of the search; it may hold the remains of a beginning that was cut off.
        settings: of the search.
        start: texts that it begins with.
        given: earlier measurements, its first round.

    Raises:
        UsageError: the folder holds a search already, or part of one; or another process begins one there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        if (folder / SETTINGS).exists():
            raise UsageError(
                f"{folder}: there is a search here already: resume it with --resume, or choose another folder"
            )
        # A ledger without settings is what is left of a beginning that was cut off, unless the search was run.
        path, was_run = folder / LEDGER, (folder / STATE).exists()
        if not is_bare(path):
            with closing(Ledger(path)) as ledger:
                was_run = was_run or any(entry.status != GIVEN for entry in ledger.entries())
        if was_run:
            raise UsageError(
                f"{folder}: there is a search here whose {SETTINGS} is missing: restore it, or choose another folder"
            )
        path.unlink(missing_ok=True)
        with atomic_file(folder / START) as file:
            file.write(json.dumps(list(start)).encode())
        with closing(ledger_of(folder, settings, new=True)) as ledger:
            ledger.add(given)
        write(folder, signed(settings))
        (folder / TOLD).unlink(missing_ok=True)  # they are in the ledger now


def keep_told(folder: Path, rows: Sequence[Any]) -> None:
    """Keep measurements that were told before the search was begun, in JSON's types, after those kept before."""
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        kept = [*told(folder), *rows]
        with atomic_file(folder / TOLD) as file:
            file.write(json.dumps(kept).encode())


def told(folder: Path) -> list[Any]:
    """Return the measurements that were told before the search was begun; raises InputError where they are damaged."""
    path = folder / TOLD
    if not path.exists():
        return []
    try:
        rows = checked("measurements", json_of(bytes_of(path), path), list[list[Any]])
        if any(not _FEWEST_TOLD <= len(row) <= len(_TOLD) for row in rows):
            raise ConfigError("expected text, scores, place, name and columns of each measurement, got other data")
        return [
            tuple(checked(f"measurement {number}", cell, kind) for cell, kind in zip(row, _TOLD, strict=False))
            for number, row in enumerate(rows, 1)
        ]
    except (ConfigError, InputError) as error:
        raise InputError(f"{path}: cannot read what was measured before the search ({error}): tell it again") from error


def start_of(folder: Path) -> tuple[str, ...]:
    """Return the texts that a search begins with; raises InputError where they are missing or damaged."""
    return tuple(_read(folder / START, list[str], "the texts that the search begins with", RESTORE))


def names(folder: Path) -> dict[str, str]:
    """Return the names of designs, by canonical form: of measured ones, and of those on plates."""
    return _by_form(folder / NAMES, dict[str, str])


def carried(folder: Path) -> dict[str, dict[str, str]]:
    """Return the other columns of measured designs, by canonical form and title."""
    return _by_form(folder / CARRIED, dict[str, dict[str, str]])


def _by_form(path: Path, kind: Any) -> dict[str, Any]:  # noqa: ANN401
    known = "what is known of the designs"
    return _read(path, kind, known, "restore or remove it") if path.exists() else {}


def _read(path: Path, kind: Any, what: str, way_out: str) -> Any:  # noqa: ANN401
    """Return what a JSON file of the folder holds, of the type given; raises InputError."""
    try:
        return checked(path.stem, json_of(bytes_of(path, what=what), path), kind)
    except (ConfigError, InputError) as error:
        raise InputError(f"{path}: cannot read {what} ({error}): {way_out}") from error


def add_carried(folder: Path, new: Iterable[tuple[str, Mapping[str, str]]]) -> None:
    """Remember columns of designs; of one that has several values in a column all are kept, `; ` between them."""
    before = carried(folder)
    found = {form: dict(cells) for form, cells in before.items()}
    for form, cells in new:
        known = found.setdefault(form, {}) if cells else {}
        for title, cell in cells.items():
            there = known.get(title, "").split("; ") if known.get(title) else []
            known[title] = "; ".join(there if cell in there else [*there, cell])
    if found != before:
        with atomic_file(folder / CARRIED) as file:
            file.write(json.dumps(found).encode())


def add_names(folder: Path, new: Mapping[str, str]) -> None:
    """Remember names of designs; a design keeps the first that it got."""
    if new:
        with atomic_file(folder / NAMES) as file:
            file.write(json.dumps({**new, **names(folder)}).encode())


def given_count(folder: Path, settings: Mapping[str, Any]) -> int:
    """Return how many texts had been measured before the search."""
    with closing(ledger_of(folder, settings)) as ledger:
        return len({entry.canonical for entry in ledger.entries(0) if entry.status == GIVEN})


def ledger_of(folder: Path, settings: Mapping[str, Any], new: bool = False) -> Ledger:
    """Open the ledger of a search with these settings; errors as of `Ledger`.

    Args:
        folder: of the search.
        settings: of the search.
        new: it is begun now: there is no ledger yet.

    Raises:
        InputError: there is no ledger though the search was begun: what was measured is lost.
    """
    path = folder / LEDGER
    if not new and (not path.exists() or (path.is_file() and not path.stat().st_size)):
        raise InputError(f"{path}: the ledger is missing, with all that was measured: {RESTORE}")
    about = {"objective": settings["objective"], "count": settings["config"]["oracle"]["count"]}
    about |= {CHEAP: settings[CHEAP]} if CHEAP in settings else {}
    return Ledger(path, about, shape_of(settings))


def shape_of(settings: Mapping[str, Any]) -> Shape:
    """Return how many numbers each row of the ledger has."""
    return Shape(len(settings["scores"]), len(settings.get(TERMS, ())))


def write(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write or replace the settings of a search; a kill leaves the old ones or the new ones."""
    with atomic_file(folder / SETTINGS) as file:
        file.write(json.dumps({"format": FORMAT, **settings}, indent=1).encode())


def settings_of(folder: Path) -> dict[str, Any]:
    """Return the settings of a search.

    Raises:
        InputError: there is no search in the folder, or its settings cannot be read.
    """
    try:
        return read_settings(folder / SETTINGS)
    except FileNotFoundError as error:
        raise InputError(f"{folder}: there is no search here: expected the folder that --out named") from error


def trust(folder: Path) -> None:
    """Let a search run what it names from now on, as if begun here; raises as `settings_of` and `locked`."""
    settings = settings_of(folder)
    with locked(folder):
        write(folder, signed(settings))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to the folder; the lock ends with the process, however that ends.

    Raises:
        UsageError: another process works there.
    """
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{folder}: another process works on this search: wait for it or end it, then resume"
            ) from error
        yield
