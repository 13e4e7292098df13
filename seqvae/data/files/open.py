"""Open files and standard input, as lines of text or as bytes, plain or gzipped; failures are clear `InputError`s."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, cast

from seqvae.errors import InputError

STDIN = "-"
_GZIP_MAGIC = b"\x1f\x8b"


def shown_name(source: Path | str) -> str:
    """Return the name of a source in messages: its path, or `<stdin>` for `-`."""
    return "<stdin>" if str(source) == STDIN else str(source)


@contextmanager
def open_bytes(source: Path | str) -> Iterator[IO[bytes]]:
    """Open a file, or standard input for `-`; gzipped content is decompressed.

    Args:
        source: path, or `-`.

    Yields:
        A binary stream.

    Raises:
        InputError: if the file is missing, a folder, unreadable, empty, or truncated within its gzip stream.
    """
    name = shown_name(source)
    opened: AbstractContextManager[io.BufferedReader]
    try:
        if str(source) == STDIN:
            stream = sys.stdin.buffer
            # Standard input may have been replaced by another binary stream, which may lack `peek`.
            if not isinstance(stream, io.BufferedReader):
                stream = io.BufferedReader(cast("io.RawIOBase", stream))
            opened = nullcontext(stream)
        else:
            opened = Path(source).expanduser().open("rb")
        with opened as raw:
            head = raw.peek(len(_GZIP_MAGIC))
            if not head:
                raise InputError(f"{name}: the file is empty")
            if head.startswith(_GZIP_MAGIC):
                with gzip.open(raw, "rb") as unpacked:
                    yield cast("IO[bytes]", unpacked)
            elif name.endswith(".gz"):
                raise InputError(f"{name}: not gzipped, although its name ends in .gz; rename it or gzip it")
            else:
                yield raw
    except EOFError as error:
        raise InputError(f"{name}: the gzip stream is truncated; copy or download the file again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{name}: the gzip stream is damaged ({error}); copy or download the file again") from error
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error


@contextmanager
def open_lines(source: Path | str) -> Iterator[Iterator[str]]:
    """Open a source as lines of UTF-8 text, each with its line ending; a byte order mark is dropped.

    Yields:
        An iterator over the lines.

    Raises:
        InputError: as `open_bytes`, and if the content is binary (a NUL byte, or invalid UTF-8).
    """
    with open_bytes(source) as stream:
        yield _decoded(stream, shown_name(source))


def _decoded(stream: IO[bytes], name: str) -> Iterator[str]:
    for number, raw in enumerate(stream, 1):
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _binary(name, number, f"byte 0x{raw[error.start]:02x} is not UTF-8") from error
        if "\0" in line:
            raise _binary(name, number, "it has a NUL byte")
        yield line


def _binary(name: str, line: int, why: str) -> InputError:
    return InputError(
        f"{name}:{line}: expected text, but the file is binary: {why}; give a text file, plain or gzipped"
    )
