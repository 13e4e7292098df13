"""The cache folder, and files that are either complete or absent."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from seqvae.errors import InputError

PART = ".part"  # ends the names of temporary files
_YOUNG = 60.0  # seconds


def cache_folder(*parts: str) -> Path:
    """Folder for downloads and packed tokens: `$SEQVAE_CACHE`, else `$XDG_CACHE_HOME/seqvae`, else `~/.cache/seqvae`.

    Args:
        *parts: names of folders below it.

    Returns:
        The path; it is not created here.

    Examples:
        >>> cache_folder("packed").name
        'packed'
    """
    if chosen := os.environ.get("SEQVAE_CACHE"):
        return Path(chosen).expanduser().joinpath(*parts)
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser().joinpath("seqvae", *parts)


def check_folder(folder: Path) -> None:
    """Check, before long work, that files can be written into a folder, which need not exist yet.

    Raises:
        InputError: they cannot.
    """
    place = folder.expanduser().absolute()
    there = next(path for path in (place, *place.parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"{folder}: cannot write here: {there} is a file, not a folder: give another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: cannot write here: no permission to write in {there}: give another place")


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside `path` that takes its place only when the block ends well.

    Args:
        path: the file to create or replace; its folder is created.

    Yields:
        A binary file, open for reading and writing.

    Raises:
        OSError: if the disk refuses; nothing is left behind and an older `path` is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left(path.parent)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
    _claim(handle)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(name).chmod(0o666 & ~_umask())
            Path(name).replace(path)  # while it is claimed
    finally:
        Path(name).unlink(missing_ok=True)  # gone already where all went well


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill a temporary folder beside `path` that becomes `path` only when the block ends well.

    A folder that another process put there meanwhile stays, and this one is discarded: use it where the folder's name
    determines its content.

    Args:
        path: the folder to create.

    Yields:
        The temporary folder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_left(path.parent)
    part = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent))
    claimed = os.open(part, os.O_RDONLY)
    _claim(claimed)
    try:
        yield part
        part.chmod(0o777 & ~_umask())
        try:
            part.rename(path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        os.close(claimed)
        shutil.rmtree(part, ignore_errors=True)


def _claim(handle: int) -> None:
    """Mark a temporary file or folder as one that a living process writes, by a lock that is gone with the process."""
    with suppress(OSError):  # some network file systems have none
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@functools.cache
def remove_left(folder: Path) -> None:
    """Remove, once in a process, the temporary files and folders that dead processes have left in a folder."""
    for part in folder.glob(f".*{PART}"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime < _YOUNG:
                continue  # it may not be locked yet
            handle = os.open(part, os.O_RDONLY | os.O_NONBLOCK)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if part.is_dir():
                    shutil.rmtree(part, ignore_errors=True)
                else:
                    part.unlink()
            finally:
                os.close(handle)


def _umask() -> int:
    # The only way to read the mask is to set it; temporary files are private (0600) and results should not be.
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
