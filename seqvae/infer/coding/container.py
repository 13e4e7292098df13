"""The container: a header, blocks of rows, and an index with their lengths and checksums.

| part | holds |
| --- | --- |
| magic | 8 bytes, which a transfer as text would damage |
| header | its length, JSON (format, model, layout of the file, coding scheme, rows in a block), CRC-32 |
| blocks | one after the other: length of the coded texts, these, CRC-32 of the rows as they were, their rest |
| index | length and CRC-32 of each block, number of rows, number of texts that the model did not code |
| end | length and CRC-32 of the index, 4 bytes of magic |

Numbers are little-endian, lengths in groups of seven bits. The rest of the rows is what the model does not code:
names, other columns, texts outside its vocabulary; deflated where that is shorter.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any, final

from seqvae.errors import InputError
from seqvae.infer.coding.rows import Row

MAGIC, END = b"\x89SVZ\r\n\x1a\n", b"SVZ\n"
FORMAT = 1
_U32 = struct.Struct("<I")
_LONGEST_HEADER = 1 << 24
_MOST_BYTES = 1 << 30  # of a block that is unpacked


class Damaged(Exception):
    """Bytes that are not as they were written."""


@final
@dataclass(frozen=True)
class Index:
    """Where the blocks lie.

    Attributes:
        places: offset, length and checksum of each block.
        rows: in the whole file.
        outside: how many of their texts the model did not code.
    """

    places: tuple[tuple[int, int, int], ...]
    rows: int
    outside: int


def number(value: int) -> bytes:
    """Return a number from 0 in groups of seven bits, the lowest first."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


@final
class Reader:
    """Reads numbers and bytes one after the other; raises `Damaged` where there are not enough."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def number(self) -> int:
        """Return what `number` wrote."""
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise Damaged("a number without an end")

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count > len(self._data) - self._place:
            raise Damaged("too few bytes")
        self._place += count
        return self._data[self._place - count : self._place]

    def rest(self) -> bytes:
        """Return all other bytes."""
        return self.take(len(self._data) - self._place)


def write_header(file: IO[bytes], values: dict[str, Any]) -> int:
    """Write the magic and the header, and return how many bytes that were."""
    header = json.dumps({"format": FORMAT, **values}, separators=(",", ":")).encode()
    data = MAGIC + _U32.pack(len(header)) + header + _U32.pack(zlib.crc32(header))
    file.write(data)
    return len(data)


def read_header(file: IO[bytes], name: str) -> tuple[dict[str, Any], int]:
    """Return the header, and where the first block starts.

    Raises:
        InputError: it is no container, it is damaged, or a newer seqvae wrote it.
    """
    file.seek(0)
    if file.read(len(MAGIC)) != MAGIC:
        raise InputError(f"{name}: not a file of `seqvae compress`: give one, as it was written")
    length = int.from_bytes(file.read(4), "little")
    header, check = file.read(min(length, _LONGEST_HEADER)), file.read(4)
    if len(header) != length or check != _U32.pack(zlib.crc32(header)):
        raise InputError(f"{name}: the header is damaged (its checksum does not fit): copy the file again")
    try:
        values = json.loads(header)
        found = values["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{name}: not a container that seqvae wrote: {error}") from error
    if found != FORMAT:
        raise InputError(
            f"{name}: has format {found!r}, this seqvae reads {FORMAT}: update seqvae (pip install --upgrade seqvae)"
        )
    return values, file.tell()


def write_index(file: IO[bytes], blocks: Iterable[tuple[int, int]], rows: int, outside: int) -> int:
    """Write the index and the end of a container, from length and checksum of each block; return how many bytes."""
    parts = [number(length) + _U32.pack(check) for length, check in blocks]
    data = b"".join([number(len(parts)), *parts, number(rows), number(outside)])
    data += _U32.pack(len(data)) + _U32.pack(zlib.crc32(data)) + END
    file.write(data)
    return len(data)


def read_index(file: IO[bytes], name: str, start: int) -> Index:
    """Return the index of a container whose blocks start there.

    Raises:
        InputError: the end is missing, or the index is damaged.
    """
    size = file.seek(0, 2)
    tail = len(END) + 8
    file.seek(max(start, size - tail))
    end = file.read()
    if len(end) != tail or not end.endswith(END):
        raise InputError(f"{name}: truncated: its end is missing; copy the file again")
    length = int.from_bytes(end[:4], "little")
    file.seek(max(start, size - tail - length))
    data = file.read(length)
    try:
        if zlib.crc32(data) != int.from_bytes(end[4:8], "little"):
            raise Damaged("checksum")
        index, place = Reader(data), start
        places = []
        for _ in range(index.number()):
            size_of, check = index.number(), int.from_bytes(index.take(4), "little")
            places.append((place, size_of, check))
            place += size_of
        if place != size - tail - length:
            raise Damaged("the blocks do not reach up to it")
        return Index(tuple(places), index.number(), index.number())
    except Damaged as error:
        raise InputError(f"{name}: the index is damaged or truncated ({error}): copy the file again") from error


def packed(words: bytes, rows: Sequence[Row], outside: Sequence[bool], plain: int) -> bytes:
    """Return a block: the coded texts, the checksum of its rows as they were, and the rest of them."""
    return number(len(words)) + words + _U32.pack(plain) + _packed_rest(rows, outside)


def _packed_rest(rows: Sequence[Row], outside: Sequence[bool]) -> bytes:
    texts = [row.text for row, lost in zip(rows, outside, strict=True) if lost]
    if not texts and not any(row.before or row.after is not None for row in rows):
        return b""
    lengths = [number(len(row.before)) for row in rows]
    lengths += [number(0 if row.after is None else len(row.after) + 1) for row in rows]
    lengths += [number(len(text)) for text in texts]
    data = b"".join([*lengths, *(row.before for row in rows), *(row.after or b"" for row in rows), *texts])
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    short = packer.compress(data) + packer.flush()
    return b"\x01" + short if len(short) < len(data) else b"\x00" + data


def unpacked(block: bytes) -> tuple[bytes, int, bytes]:
    """Return coded texts, checksum of the rows, and what `rows_again` takes; raises `Damaged`."""
    reader = Reader(block)
    words = reader.take(reader.number())
    return words, int.from_bytes(reader.take(4), "little"), reader.rest()


def rows_again(rest: bytes, texts: Sequence[bytes | None]) -> list[Row]:
    """Return the rows of a block from the texts that the model coded, and the rest; raises `Damaged`."""
    if not rest:
        coded = [text for text in texts if text is not None]
        if len(coded) < len(texts):
            raise Damaged("a text is missing")
        return [Row(b"", text, None) for text in coded]
    reader = Reader(_inflated(rest[1:]) if rest[0] else rest[1:])
    befores, afters = [reader.number() for _ in texts], [reader.number() for _ in texts]
    lengths = [reader.number() for text in texts if text is None]
    before = [reader.take(length) for length in befores]
    after = [reader.take(length - 1) if length else None for length in afters]
    stored = [reader.take(length) for length in lengths]
    stored.reverse()
    return [
        Row(first, stored.pop() if text is None else text, last)
        for first, text, last in zip(before, texts, after, strict=True)
    ]


def _inflated(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(-15)
    try:
        found = unpacker.decompress(data, _MOST_BYTES)
    except zlib.error as error:
        raise Damaged(str(error)) from error
    if not unpacker.eof:
        raise Damaged("too few bytes")
    return found
