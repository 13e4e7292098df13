"""Whatever is read from disk passes here: regular files of bounded size, and JSON that is nothing but data.

What the data must look like is checked by `seqvae.config.toml.checked`, for JSON as for TOML.
"""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

from seqvae.errors import InputError, SeqVAEError

SETTINGS_MOST = 1 << 24  # bytes of a file of settings: a thousand times the longest that is written
DATA_MOST = 1 << 32  # bytes of a file of texts or numbers, which is read whole
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")  # half of a surrogate pair, which no text can hold alone


def bytes_of(path: Path, most: int = DATA_MOST, kind: type[SeqVAEError] = InputError, what: str = "this file") -> bytes:
    """Return the bytes of a regular file.

    Args:
        path: path of the file.
        most: bytes that it may have.
        kind: class of the errors.
        what: what the file holds, for messages.

    Raises:
        SeqVAEError: of that class: the file is missing, cannot be read, is a pipe or a device, or is larger.
    """
    check_regular(path, most, kind, what)
    try:
        return path.read_bytes()
    except OSError as error:
        raise kind(f"{path}: cannot read {what}: {error.strerror}") from error


def check_regular(
    path: Path, most: int = DATA_MOST, kind: type[SeqVAEError] = InputError, what: str = "this file"
) -> None:
    """Raise an error where there is no regular file of so many bytes at most; arguments as in `bytes_of`."""
    try:
        about = path.stat()
    except (OSError, ValueError) as error:  # a ValueError: a path with a null byte
        reason = getattr(error, "strerror", None) or error
        raise kind(f"{path}: cannot read {what}: {reason}") from error
    for test, name in _KINDS:
        if test(about.st_mode):
            raise kind(f"{path}: cannot read {what}: expected a regular file, got {name}")
    if about.st_size > most:
        raise kind(f"{path}: cannot read {what}: expected {most:,} bytes at most, got {about.st_size:,}")


def json_of(data: bytes, path: Path, kind: type[SeqVAEError] = InputError, what: str = "damaged") -> Any:  # noqa: ANN401
    """Return what JSON holds; an error is of the class given, and says with `what` what it means."""
    try:
        found = json.loads(data)
        if _HALF_PAIR.search(data):
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError as error:
        raise kind(f"{path}: {what}: not JSON as expected: nested too deep") from error
    except ValueError as error:
        raise kind(f"{path}: {what}: not JSON ({error})") from error
    return found
