"""Read latent vectors, in chunks, from files written by `writers`."""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from seqvae.config import CHUNK
from seqvae.data.files.open import open_bytes, open_lines, shown_name
from seqvae.errors import InputError, RecordError, UsageError


def read_latent(source: str, latent: int) -> NDArray[np.float32]:
    """Read latent vectors whole; arguments and errors as `latent_chunks`.

    Returns:
        `(rows, latent)`.
    """
    return np.concatenate(list(latent_chunks(source, latent)))


def latent_chunks(source: str, latent: int) -> Iterator[NDArray[np.float32]]:
    """Read latent vectors: the array `z` of an .npz file, or the columns z0, z1, ... of a .parquet or .csv table.

    Args:
        source: a file, or `-` for a CSV table from standard input; it may be larger than memory.
        latent: dimensions of the model's latent space.

    Yields:
        `(CHUNK, latent)`, the last one possibly shorter.

    Raises:
        UsageError: the extension is unknown.
        InputError: the source cannot be read, or has no vectors of this size; the message gives the line, if any.
    """
    name = source.lower()
    if name.endswith(".npz"):
        pieces = _read_npz(source, latent)
    elif name.endswith(".parquet"):
        pieces = _read_parquet(source, latent)
    elif source == "-" or name.removesuffix(".gz").endswith(".csv"):
        pieces = _read_csv(source, latent)
    else:
        raise UsageError(f"{source}: latent vectors are read from .npz, .parquet or .csv, or from - for a pipe")
    rows = 0
    for z in pieces:
        bad = np.flatnonzero(~np.isfinite(z).all(axis=1))
        if bad.size:
            raise InputError(f"{shown_name(source)}: vector {rows + bad[0] + 1} holds NaN or an infinite number")
        rows += len(z)
        yield z.astype(np.float32)
    if not rows:
        raise InputError(f"{shown_name(source)}: the file holds no latent vectors")


def _read_npz(source: str, latent: int) -> Iterator[NDArray[np.floating]]:
    with open_bytes(source) as file:
        try:
            with zipfile.ZipFile(file) as archive, archive.open("z.npy") as member:
                shape, dtype, ordered = _array_header(member)
                if not np.issubdtype(dtype, np.floating):
                    raise InputError(f"{source}: the array `z` must hold floating-point numbers, it has {dtype}")
                if len(shape) != 2 or shape[1] != latent:
                    raise InputError(
                        f"{source}: expected latent vectors of {latent} dimensions, as the model has, got shape {shape}"
                    )
                step = CHUNK if ordered else max(shape[0], 1)  # an array stored by columns can only be read whole
                for start in range(0, shape[0], step):
                    size = (min(step, shape[0] - start), latent)
                    data = np.frombuffer(member.read(dtype.itemsize * size[0] * size[1]), dtype)
                    z = data.reshape(size, order="C" if ordered else "F")
                    yield from (z[first : first + CHUNK] for first in range(0, len(z), CHUNK))
        except KeyError as error:
            raise InputError(f"{source}: it has no array `z`; write latent vectors with seqvae encode") from error
        except (ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise InputError(f"{source}: not a NumPy .npz file, or truncated: {error}") from error


def _array_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Read shape, type, and whether it is stored by rows, from the start of a NumPy array file."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(member)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return shape, dtype, not by_columns


def _read_parquet(source: str, latent: int) -> Iterator[NDArray[np.floating]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(source).is_file():
        raise InputError(f"{source}: cannot be read: no such file")
    try:
        table = pq.ParquetFile(source)
        titles = _latent_titles(table.schema_arrow.names, source, latent)
        for batch in table.iter_batches(CHUNK, columns=titles):
            columns = [batch.column(title).to_numpy(zero_copy_only=False).astype(np.float32) for title in titles]
            yield np.stack(columns, axis=1)
    except pa.ArrowInvalid as error:
        raise InputError(f"{source}: not a Parquet file, or truncated") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{source}: the columns z0 to z{latent - 1} must hold numbers") from error


def _latent_titles(header: list[str], source: str, latent: int) -> list[str]:
    titles = [f"z{i}" for i in range(latent)]
    missing = next((title for title in titles if title not in header), f"z{latent}" if f"z{latent}" in header else "")
    if missing:
        found = sum(title[:1] == "z" and title[1:].isdigit() for title in header)
        raise InputError(
            f"{shown_name(source)}: expected the columns z0 to z{latent - 1}, one per latent dimension of the model, "
            f"got {found} of them"
        )
    return titles


def _read_csv(source: str, latent: int) -> Iterator[NDArray[np.floating]]:
    name = shown_name(source)
    with open_lines(source) as lines:
        table = csv.reader(lines)
        try:
            header = next(table, [])
            places = [header.index(title) for title in _latent_titles(header, source, latent)]
            while rows := [[float(row[place]) for place in places] for row in islice(table, CHUNK)]:
                yield np.array(rows, dtype=np.float32)
        except (ValueError, IndexError) as error:
            reason = f"expected a number in each of the columns z0 to z{latent - 1}"
            raise RecordError(reason, file=name, line=table.line_num) from error
        except csv.Error as error:
            raise RecordError(f"not a table: {error}", file=name, line=table.line_num) from error
