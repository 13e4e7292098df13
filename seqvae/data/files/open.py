"""Open files and standard input, as lines of text or as bytes, plain or packed; failures are clear `InputError`s."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import re
import struct
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

from seqvae.errors import InputError, ReadingNote

STDIN = "-"
# What zipfile and its unpackers raise where an archive is damaged, or packed in a way that they do not know.
DAMAGED_ARCHIVE = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(RuntimeError, ValueError, LookupError, ArithmeticError),
)


@dataclass(frozen=True)
class _Packing:
    """A way to pack files: its name, how packed bytes begin, and what unpacks files and parts of them."""

    name: str
    begins: re.Pattern[bytes]
    open: Callable[..., object]
    part: Callable[[], Any]  # `decompress(bytes, most)`


# By the ending of the file's name. Of bz2 the first block, or the end of an empty file: three letters may be text.
_PACKINGS = {
    ".gz": _Packing("gzip", re.compile(rb"\x1f\x8b"), gzip.open, partial(zlib.decompressobj, wbits=31)),
    ".bz2": _Packing("bz2", re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"), bz2.open, bz2.BZ2Decompressor),
    ".xz": _Packing("xz", re.compile(rb"\xfd7zXZ\x00"), lzma.open, lzma.LZMADecompressor),
}
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
NO_UTF_8 = "not UTF-8, read as cp1252 (Windows, Latin-1)"
_ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that are not of the encoding, as "surrogateescape" keeps them
# In a line that is not UTF-8, these tell that the file is no text. Ends of lines and pages are text, as is the Ctrl-Z
# that ends files of DOS.
_CONTROL = re.compile("[\x01-\x08\x0e-\x19\x1b-\x1f]")


def shown_name(source: Path | str) -> str:
    """Return the name of a source in messages: its path, or `<stdin>` for `-`."""
    return "<stdin>" if str(source) == STDIN else str(source)


def without_packing(name: str) -> str:
    """Return the name of a file without the ending that says that it is packed (`.gz`, `.bz2`, `.xz`)."""
    path = Path(name)
    return name[: -len(path.suffix)] if path.suffix.lower() in _PACKINGS else name


def _packing_of(head: bytes) -> _Packing | None:
    return next((packing for packing in _PACKINGS.values() if packing.begins.match(head)), None)


@contextmanager
def open_bytes(source: Path | str) -> Iterator[IO[bytes]]:
    """Open a file, or standard input for `-`; content packed by gzip, bz2 or xz is unpacked.

    Args:
        source: path, or `-`.

    Yields:
        A binary stream.

    Raises:
        InputError: if the file is missing, a folder, unreadable, empty, or truncated or damaged as a packed stream.
    """
    name = shown_name(source)
    opened: AbstractContextManager[io.BufferedReader]
    packing = None
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
            head = raw.peek(_LOOKED_AT)
            if not head:
                raise InputError(f"{name}: the file is empty")
            packing, said = _packing_of(head), _PACKINGS.get(Path(name).suffix.lower())
            if packing:
                with cast("IO[bytes]", packing.open(raw, "rb")) as unpacked:
                    yield unpacked
            elif said:
                raise InputError(
                    f"{name}: not packed by {said.name}, although its name ends in {Path(name).suffix}; rename it or "
                    "pack it"
                )
            else:
                yield raw
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        raise _unreadable(name, packing, error) from error
    except OSError as error:
        if packing and error.errno is None:  # what gzip and bz2 raise for damaged bytes
            raise _unreadable(name, packing, error) from error
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from error


def _unreadable(name: str, packing: _Packing | None, error: Exception) -> InputError:
    what = "truncated" if isinstance(error, EOFError) else f"damaged ({error})"
    stream = f"{packing.name} stream" if packing else "file"
    return InputError(f"{name}: the {stream} is {what}; copy or download the file again")


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
        if not hasattr(stream, "peek"):
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
    if packing := _packing_of(head):
        with suppress(zlib.error, lzma.LZMAError, OSError, EOFError):
            return bytes(packing.part().decompress(head, _LOOKED_AT))
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
                line = as_cp1252(line.encode("utf-8", "surrogateescape"))
                if not noted:
                    note(f"{name}:{number}: {NO_UTF_8}; if a letter looks wrong: iconv")
                    noted = True
            yield line
    except UnicodeError as error:  # UTF-16 cut within a character
        raise InputError(f"{name}: the text is cut short or is not {lines.encoding}: {error}") from error


def as_cp1252(text: bytes) -> str:
    """Decode text that is not UTF-8, with which nothing goes wrong."""
    return text.decode("cp1252", "latin_1_where_undefined")


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
    return InputError(f"{name}:{line}: expected text, but the file is binary: {why}; give a text file, plain or packed")
