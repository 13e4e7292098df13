"""The folder of a search: its settings, its ledger, its state, and the lock that lets one process write there."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seqvae.data.cache import atomic_file
from seqvae.errors import InputError, UsageError

LEDGER, STATE, SETTINGS, LOCK = "ledger.sqlite", "state.safetensors", "search.json", "lock"
FORMAT = 1


def begin(folder: Path, settings: Mapping[str, Any]) -> None:
    """Make the folder of a new search and write down its settings.

    Raises:
        UsageError: a search is there already.
    """
    if (folder / SETTINGS).exists():
        raise UsageError(f"{folder}: there is a search here already: go on with it by --resume, or take another folder")
    write(folder, settings)


def write(folder: Path, settings: Mapping[str, Any]) -> None:
    """Write down the settings of a search, in place of those that are there; a kill leaves the one or the other."""
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
    if written != FORMAT:
        raise InputError(f"{path}: was written in format {written}, this seqvae reads {FORMAT}")
    return found


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from writing to the folder; the lock goes with the process, however it ends.

    Raises:
        UsageError: another process works there.
    """
    with (folder / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{folder}: another process works on this search: wait for it or end it, then go on"
            ) from error
        yield
