"""The folder of a search: its settings, its start, its ledger, its state, and the lock that lets one process write."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from seqvae.errors import InputError, UsageError
from seqvae.runtime.files import atomic_file
from seqvae.search.storage.ledger import GIVEN, Entry, Ledger

LEDGER, STATE, SETTINGS, LOCK = "ledger.sqlite", "state.safetensors", "search.json", "lock"
DESIGN = "initial_design"  # in the settings: rounds end with this many proposals first; absent: as the batch is
START = "start.json"  # the texts that a search begins with
TOLD = "measured.json"  # measurements that were told before the search was begun
TERMS = "terms"  # in the settings: the columns of the terms in the ledger; absent: it has none
NAMES = "names.json"  # of designs, by canonical form
CARRIED = "columns.json"  # other columns of tables of measurements, by canonical form and title
FORMAT = 3
COUNTED = "counted_similarity"  # in the settings: similarities by the names of bits are those of counts


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
        if path.exists():
            with closing(Ledger(path)) as ledger:
                was_run = was_run or any(entry.status != GIVEN for entry in ledger.entries())
        if was_run:
            raise UsageError(
                f"{folder}: there is a search here whose {SETTINGS} is missing: restore it, or choose another folder"
            )
        path.unlink(missing_ok=True)
        with atomic_file(folder / START) as file:
            file.write(json.dumps(list(start)).encode())
        with closing(ledger_of(folder, settings)) as ledger:
            ledger.add(given)
        write(folder, settings)
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
        found = json.loads(path.read_text(encoding="utf-8"))
        return [
            (str(text), tuple(map(float, scores)), str(where), str(name), dict(*fields))
            for text, scores, where, name, *fields in found  # earlier versions kept no fields
        ]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot read what was measured before the search ({error}): tell it again") from error


def names(folder: Path) -> dict[str, str]:
    """Return the names of designs, by canonical form: of measured ones, and of those on plates."""
    return {str(form): str(name) for form, name in _by_form(folder / NAMES).items()}


def carried(folder: Path) -> dict[str, dict[str, str]]:
    """Return the other columns of measured designs, by canonical form and title."""
    try:
        found = _by_form(folder / CARRIED)
        return {str(form): {str(t): str(cell) for t, cell in cells.items()} for form, cells in found.items()}
    except AttributeError as error:
        raise InputError(f"{folder / CARRIED}: expected cells by title, got others: restore or remove it") from error


def _by_form(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")).items()) if path.exists() else {}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: cannot read what is known of the designs ({error}): restore or remove it") from error


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
        return sum(entry.status == GIVEN for entry in ledger.entries(0))


def ledger_of(folder: Path, settings: Mapping[str, Any]) -> Ledger:
    """Open the ledger of a search with these settings; errors as of `Ledger`."""
    about = {"objective": settings["objective"], "count": settings["config"]["oracle"]["count"]}
    return Ledger(folder / LEDGER, about)


def write(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write or replace the settings of a search; a kill leaves the old ones or the new ones."""
    with atomic_file(folder / SETTINGS) as file:
        file.write(json.dumps({"format": FORMAT, **settings}, indent=1).encode())


def settings_of(folder: Path) -> dict[str, Any]:
    """Return the settings of a search.

    Raises:
        InputError: there is no search in the folder, or its settings cannot be read.
    """
    path = folder / SETTINGS
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        written = found.pop("format")
    except FileNotFoundError as error:
        raise InputError(f"{folder}: there is no search here: expected the folder that --out named") from error
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise InputError(f"{path}: cannot read the settings of the search ({error})") from error
    if written not in range(1, FORMAT + 1):
        raise InputError(f"{path}: was written in format {written}, this seqvae reads {FORMAT} and older ones")
    if written == 1:  # format 1 has the optimiser's name alone, format 2 a table with its settings
        found["config"]["optimizer"] = {"name": found["config"]["optimizer"]}
    if written <= 2:  # in formats 1 and 2 ecfp4 and the like, which are bits now, were counts
        found["config"]["constraints"]["similarity"] = "ecfp4-counts"
        found[COUNTED] = True
    return found


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
