"""One writer at a time: a lock of the kernel on a folder, gone with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from seqvae.errors import UsageError

_NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP, errno.EINVAL)  # some network file systems lock no folders


@contextmanager
def one_writer(folder: Path, work: str) -> Iterator[None]:
    """Keep other processes from writing to a folder, which is created, and removed again where it stays empty.

    Nothing is left in the folder. Where the file system locks no folders, there is no lock.

    Args:
        folder: the output of a verb.
        work: what writes there, for messages.

    Raises:
        UsageError: another process works there.
        OSError: the folder cannot be created.
    """
    new = not folder.exists()
    handle = _opened(folder)
    try:
        while not _locked(handle, folder, work):  # removed meanwhile by the process that held the lock
            os.close(handle)
            handle = _opened(folder)
        yield
    finally:
        os.close(handle)
        if new:
            with suppress(OSError):  # it is no longer empty
                folder.rmdir()


def _opened(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _locked(handle: int, folder: Path, work: str) -> bool:
    """Lock an open folder; return whether it is still the one at that path."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(
            f"{folder}: another process writes here ({work} needs the folder alone): wait for it or end it, or choose "
            "another place"
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return True
    try:
        return os.path.samestat(os.fstat(handle), folder.stat())
    except FileNotFoundError:
        return False
