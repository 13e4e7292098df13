"""Read latent vectors, in chunks, from files written by `writers`."""

from __future__ import annotations

import csv
import tokenize
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqvae.config import CHUNK
from seqvae.data.files.layout.layout import long_celled
from seqvae.data.files.open import DAMAGED_ARCHIVE, open_bytes, open_lines, shown_name, without_packing
from seqvae.data.files.tables import ArrowCells
from seqvae.errors import InputError, RecordError, UsageError

Rows = tuple[NDArray[Any], Mapping[str, Sequence[object]]]


def read_latent(source: str, latent: int) -> NDArray[np.float32]:
    """Read latent vectors whole; arguments and errors as `latent_chunks`.

    Returns:
        `(rows, latent)`.
    """
    return np.concatenate(list(latent_chunks(source, latent)))


def latent_chunks(source: str, latent: int) -> Iterator[NDArray[np.float32]]:
    """Yield latent vectors alone; as `latent_rows`."""
    return (z for z, _ in latent_rows(source, latent))


def is_latent_title(title: str) -> bool:
    """Return whether a column would be read as a dimension of latent vectors."""
    return title[:1] == "z" and title[1:].isdigit()


def latent_rows(source: str, latent: int) -> Iterator[Rows]:
    """Read latent vectors and the columns beside them.

    Vectors are the array `z` of an .npz file, or the columns z0, z1, ... of a .parquet, .csv or .tsv table.

    Args:
        source: a file, or `-` for a CSV table from standard input; it may be larger than memory.
        latent: dimensions of the model's latent space.

    Yields:
        `(CHUNK, latent)`, the last one possibly shorter, and the cells of the other columns by title.

    Raises:
        UsageError: the extension is unknown.
        InputError: the source cannot be read, or has no vectors of this size; the message gives the line, if any.
    """
    name = source.lower()
    if name.endswith(".npz"):
        pieces = _read_npz(source, latent)
    elif name.endswith(".parquet"):
        pieces = _read_parquet(source, latent)
    elif source == "-" or without_packing(name).endswith((".csv", ".tsv")):
        pieces = _read_csv(source, latent, "\t" if without_packing(name).endswith(".tsv") else ",")
    else:
        raise UsageError(f"{source}: latent vectors are read from .npz, .parquet, .csv or .tsv, or from - for a pipe")
    rows = 0
    for z, columns in pieces:
        bad = np.flatnonzero(~np.isfinite(z).all(axis=1))
        if bad.size:
            raise InputError(f"{shown_name(source)}: vector {rows + bad[0] + 1} holds NaN or an infinite number")
        rows += len(z)
        yield z.astype(np.float32), columns
    if not rows:
        raise InputError(f"{shown_name(source)}: the file holds no latent vectors")


def _read_npz(source: str, latent: int) -> Iterator[Rows]:
    with open_bytes(source) as file:
        try:
            with zipfile.ZipFile(file) as archive, archive.open("z.npy") as member, ExitStack() as stack:
                shape, dtype, ordered = _array_header(member)
                if not np.issubdtype(dtype, np.floating):
                    raise InputError(f"{source}: the array `z` must hold floating-point numbers, it has {dtype}")
                if len(shape) != 2 or shape[1] != latent:
                    raise InputError(
                        f"{source}: expected latent vectors of {latent} dimensions, as the model has, got shape {shape}"
                    )
                step = CHUNK if ordered else max(shape[0], 1)  # an array stored by columns can only be read whole
                others = _other_arrays(archive, stack, shape[0])
                for start in range(0, shape[0], step):
                    size = (min(step, shape[0] - start), latent)
                    data = np.frombuffer(member.read(dtype.itemsize * size[0] * size[1]), dtype)
                    z = data.reshape(size, order="C" if ordered else "F")
                    for first in range(0, len(z), CHUNK):
                        count = len(z[first : first + CHUNK])
                        columns = {
                            title: np.frombuffer(array.read(kind.itemsize * count), kind).tolist()
                            for title, (array, kind) in others.items()
                        }
                        yield z[first : first + CHUNK], columns
        except KeyError as error:
            raise InputError(f"{source}: it has no array `z`; write latent vectors with seqvae encode") from error
        except _BROKEN as error:
            raise InputError(f"{source}: not a NumPy .npz file, or truncated: {error}") from error


# The same of NumPy's reader of headers, which is Python's own tokenizer.
_BROKEN = (*DAMAGED_ARCHIVE, TypeError, AttributeError, SyntaxError, tokenize.TokenError)


def _other_arrays(archive: zipfile.ZipFile, stack: ExitStack, count: int) -> dict[str, tuple[IO[bytes], np.dtype[Any]]]:
    """Open the arrays of one number or text per vector, and read their headers."""
    found = {}
    for name in archive.namelist():
        if name.endswith(".npy") and name != "z.npy":
            member = stack.enter_context(archive.open(name))
            shape, dtype, _ = _array_header(member)
            if shape == (count,) and dtype.itemsize:
                found[name.removesuffix(".npy")] = (member, dtype)
    return found


def _array_header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any], bool]:
    """Read shape, type, and whether it is stored by rows, from the start of a NumPy array file."""
    version = np.lib.format.read_magic(member)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(member)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return shape, dtype, not by_columns


def _read_parquet(source: str, latent: int) -> Iterator[Rows]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(source).is_file():
        raise InputError(f"{source}: cannot be read: no such file")
    try:
        table = pq.ParquetFile(source)
        titles, cells = _latent_titles(table.schema_arrow.names, source, latent), ArrowCells(source)
        for batch in table.iter_batches(CHUNK):
            columns = [_single(batch.column(title).to_numpy(zero_copy_only=False)) for title in titles]
            others = {t: cells.of(batch.column(t)) for t in batch.schema.names if not is_latent_title(t)}
            yield np.stack(columns, axis=1), others
    except pa.ArrowException as error:
        raise InputError(f"{source}: not a Parquet file, or truncated") from error
    except (ValueError, TypeError) as error:
        raise InputError(f"{source}: the columns z0 to z{latent - 1} must hold numbers") from error


def _latent_titles(header: list[str], source: str, latent: int) -> list[str]:
    titles = [f"z{i}" for i in range(latent)]
    missing = next((title for title in titles if title not in header), f"z{latent}" if f"z{latent}" in header else "")
    if missing:
        found = sum(map(is_latent_title, header))
        raise InputError(
            f"{shown_name(source)}: expected the columns z0 to z{latent - 1}, one per latent dimension of the model, "
            f"got {found} of them"
        )
    return titles


def _single(numbers: ArrayLike) -> NDArray[np.float32]:
    """Return numbers as float32; those beyond it are infinite, which is refused where they are used."""
    with np.errstate(over="ignore"):
        return np.asarray(numbers, np.float64).astype(np.float32)


def _read_csv(source: str, latent: int, delimiter: str) -> Iterator[Rows]:
    name = shown_name(source)
    with open_lines(source) as lines:
        reader = csv.reader(lines, delimiter=delimiter)
        table = long_celled(reader)
        try:
            header = next(table, [])
            places = [header.index(title) for title in _latent_titles(header, source, latent)]
            others = [(title, place) for place, title in enumerate(header) if not is_latent_title(title)]
            while rows := list(islice(table, CHUNK)):
                cells = [[row[place] for place in places] for row in rows]
                # An underscore within a number is Python's own way of writing it, and nobody else's.
                if any("_" in cell for row in cells for cell in row):
                    raise ValueError("expected numbers without underscores")
                z = _single([[float(cell) for cell in row] for row in cells])
                yield z, {title: [row[place] for row in rows] for title, place in others}
        except (ValueError, IndexError) as error:
            reason = f"expected a number in each of the columns z0 to z{latent - 1}"
            raise RecordError(reason, file=name, line=reader.line_num) from error
        except csv.Error as error:
            raise RecordError(f"not a table: {error}", file=name, line=reader.line_num) from error
