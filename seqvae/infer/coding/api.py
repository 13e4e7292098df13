"""Compress a file by a model, and get it back, whole or row by row."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, final

from seqvae.artifact.weights import weights_hash
from seqvae.config import INFERENCE_BATCH
from seqvae.data.files.open import open_bytes, shown_name
from seqvae.errors import ArtifactError, InputError, UsageError
from seqvae.infer.coding import scheme as schemes
from seqvae.infer.coding.blocks import NoSuchBits, decode, encode
from seqvae.infer.coding.container import (
    Damaged,
    Index,
    packed,
    read_header,
    read_index,
    rows_again,
    unpacked,
    write_header,
    write_index,
)
from seqvae.infer.coding.network import ExactModel
from seqvae.infer.coding.rows import Layout, Row, rows_of
from seqvae.infer.coding.scheme import chosen
from seqvae.infer.coding.texts import ids_of, text_of
from seqvae.latent.codec import Codec, load
from seqvae.runtime.device import evaluating
from seqvae.runtime.files import atomic_file

BLOCK = 64  # rows: reading one of them takes a fraction of a second, and the block's own bytes cost each row a third
_LOOKED_AT = 1024  # rows that the scheme follows from
_MOST_ROWS = 1 << 20  # in a block
_ID = 32  # digits of a model's sha256 that a container has
_Advance = Callable[[int], object]


@final
@dataclass(frozen=True)
class CompressSettings:
    """How a file is compressed.

    Attributes:
        block: rows that are coded together; any row of a block is read by decoding the block. More take fewer bytes.
        chained: code latent points by bits-back where the model allows it.
        batch_size: blocks side by side; it changes no byte.
        column: of the texts in a table.
        format: in place of the file's ending.

    Raises:
        UsageError: a number is out of range.
    """

    block: int = BLOCK
    chained: bool = True
    batch_size: int = INFERENCE_BATCH
    column: str = ""
    format: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.block <= _MOST_ROWS:
            raise UsageError(f"block: expected a number of rows from 1 to {_MOST_ROWS:,}, got {self.block}")
        if self.batch_size < 1:
            raise UsageError(f"batch_size: expected a number from 1, got {self.batch_size}")


@final
@dataclass(frozen=True)
class Compressed:
    """What became of a file.

    Attributes:
        rows: in the file.
        outside: how many of their texts the model did not code; they are stored as bytes.
        before: bytes of the file.
        after: bytes of the container.
        text_bytes: of the texts alone.
        model_bytes: that the model's code of the texts takes.
        bits: what the chosen scheme took for a text of a sample, without what each block takes once.
    """

    rows: int
    outside: int
    before: int
    after: int
    text_bytes: int
    model_bytes: int
    bits: float


def identity(codec: Codec) -> str:
    """Return the first half of the sha256 of all that the code depends on: weights, tokenizer and sizes."""
    about = [_unversioned(codec.tokenizer.to_dict()), codec.latent, codec.max_length, codec.run.model.posterior]
    return weights_hash(codec.model, before=json.dumps(about, sort_keys=True).encode())[:_ID]


def _unversioned(record: dict[str, Any]) -> dict[str, Any]:
    """Return a tokenizer's record without the versions of libraries, which are those of here and now."""
    plain = {key: _unversioned(value) if isinstance(value, dict) else value for key, value in record.items()}
    return plain | {"versions": None}


def compress(
    model: str | Path | Codec,
    source: str | Path,
    out: Path,
    settings: CompressSettings | None = None,
    advance: _Advance | None = None,
) -> Compressed:
    """Compress a file of molecules or sequences without loss; the container appears whole or not at all.

    Args:
        model: name of a pretrained model, folder of a trained one, or the loaded model.
        source: file of lines (.smi .txt .csv .tsv .fasta, also .gz, whose content is taken), or `-`.
        out: the container.
        settings: how.
        advance: called with a number of rows as they are done.

    Raises:
        ArtifactError: there is no such model.
        InputError: the file cannot be read.
        UsageError: the file is of no kind that consists of lines.
    """
    how, codec = settings or CompressSettings(), model if isinstance(model, Codec) else load(model, "cpu")
    with open_bytes(source) as stream, evaluating(codec.model):
        layout, rows = rows_of(stream, str(source), how.column, how.format)
        first = list(islice(rows, _LOOKED_AT))
        if not first:
            raise InputError(f"{shown_name(source)}: the file holds no records")
        writer = _Writer(codec, how, layout, ids_of(codec, [row.text for row in first]))
        with atomic_file(Path(out).expanduser()) as file:
            return writer.write(file, "" if isinstance(model, Codec) else str(model), chain(first, rows), advance)


class _Writer:
    def __init__(self, codec: Codec, how: CompressSettings, layout: Layout, first: Sequence[list[int] | None]) -> None:
        self.codec, self.how, self.layout, self.model = codec, how, layout, ExactModel(codec)
        self.found = chosen(self.model, first, how.block, codec.model.prior.kind == "normal", how.chained)
        self.rows = self.outside = self.text_bytes = self.model_bytes = 0
        self.before = len(layout.head)

    def write(self, file: IO[bytes], name: str, rows: Iterator[Row], advance: _Advance | None) -> Compressed:
        """Write header, blocks and index, and return what was written."""
        header = {
            "model": {"name": name, "sha256": identity(self.codec)},
            "layout": self.layout.to_dict(),
            "scheme": schemes.to_dict(self.found.scheme),
            "block": self.how.block,
        }
        after, places, size = write_header(file, header), [], self.how.block
        while group := list(islice(rows, size * self.how.batch_size)):
            ids = ids_of(self.codec, [row.text for row in group])
            starts = range(0, len(group), size)
            words = encode(self.model, self.found.scheme, [ids[start : start + size] for start in starts], advance)
            for start, data in zip(starts, words, strict=True):
                some, outside = group[start : start + size], [one is None for one in ids[start : start + size]]
                plain = b"".join(map(self.layout.written, some))
                self.rows, self.outside = self.rows + len(some), self.outside + sum(outside)
                self.before, self.model_bytes = self.before + len(plain), self.model_bytes + len(data)
                self.text_bytes += sum(len(row.text) for row in some)
                block = packed(data, some, outside, zlib.crc32(plain))
                file.write(block)
                places.append((len(block), zlib.crc32(block)))
        after += sum(length for length, _ in places) + write_index(file, places, self.rows, self.outside)
        return Compressed(
            self.rows, self.outside, self.before, after, self.text_bytes, self.model_bytes, self.found.bits
        )


@final
class Container(AbstractContextManager["Container"]):
    """A compressed file: `container[17]` is its row 17, from 0, as it stood there, without its end of line.

    Args:
        path: the container.
        model: the model that coded it, where the name in it does not lead there.

    Raises:
        InputError: it is no container, or damaged, or of another model.
        ArtifactError: its model is not there.
    """

    def __init__(self, path: str | Path, model: str | Path | Codec | None = None) -> None:
        self.name = str(path)
        try:
            self._file: IO[bytes] = Path(path).expanduser().open("rb")
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            self._read_head(model)
        except BaseException:  # whatever went wrong, Ctrl-C included: nobody else will close the file
            self._file.close()
            raise

    def _read_head(self, model: str | Path | Codec | None) -> None:
        header, start = read_header(self._file, self.name)
        self.index: Index = read_index(self._file, self.name, start)
        try:
            self.block, self.layout = int(header["block"]), Layout.from_dict(header["layout"])
            self.scheme = schemes.from_dict(header["scheme"])
            named, wanted = str(header["model"]["name"]), str(header["model"]["sha256"])
            if not 1 <= self.block <= _MOST_ROWS or -(-self.index.rows // self.block) != len(self.index.places):
                raise ValueError("number of blocks")
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{self.name}: not a container that seqvae wrote: {error}") from error
        self._codec = self._loaded(model, named)
        if identity(self._codec) != wanted:
            given = "the model given" if model is not None else named
            raise InputError(
                f"{self.name}: coded by another model than {given} (sha256 {wanted[:12]}..., named {named!r} then): "
                "give that one, --model MODEL (model= in Python)"
            )
        if len(self.scheme.grid.steps) != self._codec.latent:
            raise InputError(
                f"{self.name}: not a container that seqvae wrote: a grid of other dimensions than the model"
            )
        self._model = ExactModel(self._codec)
        self._latest: tuple[int, list[bytes]] = (-1, [])

    def _loaded(self, model: str | Path | Codec | None, named: str) -> Codec:
        if isinstance(model, Codec):
            return model
        if model is None and not named:
            raise UsageError(f"{self.name}: names no model: give the one that coded it, --model MODEL")
        try:
            return load(model if model is not None else named, "cpu")
        except (ArtifactError, UsageError) as error:
            if model is not None:
                raise
            raise ArtifactError(f"{self.name}: its model is not here; say where, --model MODEL: {error}") from error

    def __len__(self) -> int:
        return self.index.rows

    def __getitem__(self, row: int) -> str:
        if not -len(self) <= row < len(self):
            raise IndexError(f"{self.name}: has the rows 0 to {len(self) - 1:,}, not {row:,}")
        number, place = divmod(row % len(self), self.block)
        if self._latest[0] != number:
            self._latest = number, self._decoded([number])[0]
        return self._latest[1][place].rstrip(b"\r\n").decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        for row in self.pieces():
            yield row.rstrip(b"\r\n").decode("utf-8", "surrogateescape")

    def pieces(self, batch_size: int = INFERENCE_BATCH, advance: _Advance | None = None) -> Iterator[bytes]:
        """Yield the bytes of each row, without the file's head; so many blocks are decoded side by side.

        Raises:
            InputError: a block is damaged.
        """
        for start in range(0, len(self.index.places), batch_size):
            numbers = range(start, min(start + batch_size, len(self.index.places)))
            for rows in self._decoded(numbers, advance):
                yield from rows

    def _decoded(self, numbers: Sequence[int], advance: _Advance | None = None) -> list[list[bytes]]:
        """Return the rows of some blocks, checked before and after decoding."""
        read = [self._unpacked(number) for number in numbers]
        counts = [min(self.block, self.index.rows - number * self.block) for number in numbers]
        blocks = [(words, count) for (words, _, _), count in zip(read, counts, strict=True)]
        try:
            with evaluating(self._codec.model):
                texts = decode(self._model, self.scheme, blocks, advance)
        except NoSuchBits as error:
            raise InputError(
                self._wrong(numbers[0], numbers[-1], f"their bits are those of no text: {error}")
            ) from error
        found = []
        for number, (_, plain, rest), ids in zip(numbers, read, texts, strict=True):
            coded = [None if one is None else text_of(self._codec.tokenizer, one) for one in ids]
            try:
                rows = [self.layout.written(row) for row in rows_again(rest, coded)]
            except Damaged as error:
                raise InputError(self._wrong(number, number, str(error))) from error
            if zlib.crc32(b"".join(rows)) != plain:
                raise InputError(self._wrong(number, number, "decoded to other bytes than were compressed"))
            found.append(rows)
        return found

    def _unpacked(self, number: int) -> tuple[bytes, int, bytes]:
        place, length, check = self.index.places[number]
        self._file.seek(place)
        data = self._file.read(length)
        try:
            if len(data) != length or zlib.crc32(data) != check:
                raise Damaged("the checksum does not fit")
            return unpacked(data)
        except Damaged as error:
            raise InputError(self._wrong(number, number, f"damaged: {error}; copy the file again")) from error

    def _wrong(self, first: int, last: int, why: str) -> str:
        rows = f"rows {first * self.block:,} to {min((last + 1) * self.block, len(self)) - 1:,}"
        blocks = f"block {first:,}" if first == last else f"blocks {first:,} to {last:,}"
        return f"{self.name}: {blocks} ({rows}): {why}"

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def decompress(
    source: str | Path,
    out: Path,
    model: str | Path | Codec | None = None,
    batch_size: int = INFERENCE_BATCH,
    advance: _Advance | None = None,
) -> int:
    """Write the file that was compressed, whole or not at all, and return how many rows it has.

    Args:
        source: the container.
        out: the file.
        model: as of `Container`.
        batch_size: blocks side by side.
        advance: called with a number of rows as they are done.

    Raises:
        InputError: as `Container`; and a block is damaged.
        ArtifactError: as `Container`.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size: expected a number from 1, got {batch_size}")
    with Container(source, model) as container, atomic_file(Path(out).expanduser()) as file:
        file.write(container.layout.head)
        for row in container.pieces(batch_size, advance):
            file.write(row)
        return len(container)
