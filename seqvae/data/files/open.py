"""Open files and standard input, as lines of text or as bytes, plain or gzipped; failures are clear `InputError`s."""

from __future__ import annotations

import codecs
import gzip
import io
import re
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import IO, cast

from seqvae.errors import InputError, ReadingNote

STDIN = "-"
_GZIP_MAGIC = b"\x1f\x8b"
LONGEST_LINE = 1 << 28  # characters, more than the longest human chromosome: one without end would fill the memory
_LOOKED_AT = 4096  # bytes that tell the encoding
# UTF-32 first: its mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that are not of the encoding, as "surrogateescape" keeps them
# In a line that is not UTF-8, these tell that the file is no text. Ends of lines and pages are text, as is the Ctrl-Z
# that ends files of DOS.
_CONTROL = re.compile("[\x01-\x08\x0e-\x19\x1b-\x1f]")


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
    """Open a source as lines of text, each with its line ending: LF, CR LF or a bare CR.

    UTF-8, and UTF-16 or UTF-32 with a byte order mark or with plain letters. Lines that are not UTF-8 are read as
    cp1252 (Windows, of which Latin-1 is a part), with one `ReadingNote`. A byte order mark is dropped.

    Yields:
        An iterator over the lines.

    Raises:
        InputError: as `open_bytes`, and if the content is binary (a control character that no text has).
    """
    with open_bytes(source) as stream:
        if not isinstance(stream, (io.BufferedReader, gzip.GzipFile)):
            stream = cast("IO[bytes]", io.BufferedReader(cast("io.RawIOBase", stream)))
        head = cast("io.BufferedReader", stream).peek(_LOOKED_AT)[:_LOOKED_AT]
        text = io.TextIOWrapper(stream, _encoding(head), "surrogateescape", newline="")
        try:
            yield _checked(text, shown_name(source))
        finally:
            text.detach()  # else it would close standard input


def head_of(source: Path | str) -> tuple[bytes, str]:
    """Return the first bytes of a source, unpacked, and the text that they are; standard input stays as it was.

    Raises:
        InputError: as `open_bytes`.
    """
    if str(source) != STDIN:
        with open_bytes(source) as stream:
            head = stream.read(_LOOKED_AT)
    else:
        head = _head_of_stdin()
    return head, head.decode(_encoding(head), "replace")


def _head_of_stdin() -> bytes:
    stream = sys.stdin.buffer
    if isinstance(stream, io.BufferedReader):
        head = stream.peek(_LOOKED_AT)[:_LOOKED_AT]
    elif stream.seekable():  # standard input may have been replaced by another binary stream
        place = stream.tell()
        head = stream.read(_LOOKED_AT)
        stream.seek(place)
    else:
        head = b""
    if head.startswith(_GZIP_MAGIC):
        with suppress(zlib.error):
            head = zlib.decompressobj(wbits=31).decompress(head, _LOOKED_AT)
    return head


def _encoding(head: bytes) -> str:
    """Return the encoding that the first bytes of a text tell."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    pairs = len(head) // 2
    for name, places in (("utf-16-le", head[1::2]), ("utf-16-be", head[0::2])):  # every other byte of plain letters
        if pairs >= 2 and places.count(0) >= 0.9 * pairs and head.count(0) <= pairs:
            return name
    return "utf-8"


def _checked(lines: io.TextIOWrapper, name: str) -> Iterator[str]:
    """Yield the lines; those that are not UTF-8 as cp1252, with one note."""
    noted = False
    try:
        for number, line in enumerate(iter(partial(lines.readline, LONGEST_LINE), ""), 1):
            if len(line) == LONGEST_LINE and line[-1] not in "\r\n":
                raise InputError(
                    f"{name}:{number}: expected lines of less than {LONGEST_LINE:,} characters: has it no line ends?"
                )
            if "\0" in line:
                raise _binary(name, number, "it has a NUL byte")
            if not line.isascii() and _ESCAPED.search(line):
                if found := _CONTROL.search(line):
                    raise _binary(name, number, f"it has the control character 0x{ord(found[0]):02x}")
                if not lines.encoding.startswith("utf-8"):
                    raise _binary(name, number, f"it is not all {lines.encoding}")
                line = line.encode("utf-8", "surrogateescape").decode("cp1252", "latin_1_where_undefined")
                if not noted:
                    note(
                        f"{name}:{number}: not UTF-8, read as cp1252 (Windows, Latin-1); if a letter looks wrong: iconv"
                    )
                    noted = True
            yield line
    except UnicodeError as error:  # UTF-16 cut within a character
        raise InputError(f"{name}: the text is cut short or is not {lines.encoding}: {error}") from error


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    """Decode the five bytes that cp1252 leaves undefined as Latin-1 does."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("latin_1_where_undefined", _as_latin_1)


def note(text: str) -> None:
    """Warn, in one line, of a decision about what is read."""
    warnings.warn(text, ReadingNote, stacklevel=2)


def _binary(name: str, line: int, why: str) -> InputError:
    return InputError(
        f"{name}:{line}: expected text, but the file is binary: {why}; give a text file, plain or gzipped"
    )
