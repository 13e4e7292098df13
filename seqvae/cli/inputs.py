"""Read texts that a model can encode, and latent vectors that it can decode."""

from __future__ import annotations

import csv
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seqvae.cli.options import ComputeOptions, InputOptions
from seqvae.data.formats import Record
from seqvae.data.readers import ReadSettings, read_records
from seqvae.data.streams import open_bytes, open_lines, shown_name
from seqvae.errors import InputError, RecordError, SeqVAEWarning, UsageError

if TYPE_CHECKING:
    from seqvae.latent.codec import Codec


def read_texts(source: str, codec: Codec, options: InputOptions, compute: ComputeOptions) -> list[Record]:
    """Read the records of a source that the model can encode.

    Raises:
        InputError: the source cannot be read, or, unless they are skipped, a record cannot be encoded.
    """

    def check(text: str) -> str:
        codec.check(text)
        return text

    with warnings.catch_warnings():
        # a tokenizer that drops unseen tokens says so when the texts are encoded, once for all, not here for each
        warnings.simplefilter("ignore", SeqVAEWarning)
        records, summary = read_records(source, ReadSettings(options.column, on_error=options.on_error), check)
    if summary.rejected:
        compute.note(str(summary))
    return records


def read_latent(source: str, latent: int) -> NDArray[np.float32]:
    """Read latent vectors: the array `z` of an .npz file, or the columns z0, z1, ... of a .parquet or .csv table.

    Args:
        source: a file, or `-` for a CSV table from standard input.
        latent: dimensions of the model's latent space.

    Returns:
        `(rows, latent)`.

    Raises:
        UsageError: the extension is another one.
        InputError: the source cannot be read, or holds no vectors of this size; with the line, where there is one.
    """
    name = source.lower()
    if name.endswith(".npz"):
        z = _read_npz(source)
    elif name.endswith(".parquet"):
        z = _read_parquet(source, latent)
    elif source == "-" or name.removesuffix(".gz").endswith(".csv"):
        z = _read_csv(source, latent)
    else:
        raise UsageError(f"{source}: latent vectors are read from .npz, .parquet or .csv, or from - for a pipe")
    return _checked(z, source, latent)


def _checked(z: NDArray[np.floating], source: str, latent: int) -> NDArray[np.float32]:
    name = shown_name(source)
    if z.ndim != 2 or z.shape[1] != latent:
        raise InputError(
            f"{name}: expected latent vectors of {latent} dimensions, as the model has, got shape {z.shape}"
        )
    if not len(z):
        raise InputError(f"{name}: the file holds no latent vectors")
    bad = np.flatnonzero(~np.isfinite(z).all(axis=1))
    if bad.size:
        raise InputError(f"{name}: vector {bad[0] + 1} holds NaN or an infinite number")
    return z.astype(np.float32)


def _read_npz(source: str) -> NDArray[np.floating]:
    with open_bytes(source) as file:
        try:
            arrays = np.load(file, allow_pickle=False)
            z = arrays["z"]
        except (ValueError, zipfile.BadZipFile, EOFError) as error:
            raise InputError(f"{source}: not a NumPy .npz file, or cut short: {error}") from error
        except (KeyError, IndexError, TypeError) as error:
            raise InputError(f"{source}: it has no array `z`; write latent vectors with seqvae encode") from error
    if not np.issubdtype(z.dtype, np.floating):
        raise InputError(f"{source}: the array `z` must hold floating-point numbers, it has {z.dtype}")
    return z


def _read_parquet(source: str, latent: int) -> NDArray[np.floating]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not Path(source).is_file():
        raise InputError(f"{source}: cannot be read: no such file")
    try:
        table = pq.read_table(source)
    except pa.ArrowInvalid as error:
        raise InputError(f"{source}: not a Parquet file, or cut short") from error
    titles = _latent_titles(table.column_names, source, latent)
    try:
        columns = [table.column(title).to_numpy().astype(np.float32) for title in titles]
    except (ValueError, TypeError) as error:
        raise InputError(f"{source}: the columns z0 to {titles[-1]} must hold numbers") from error
    return np.stack(columns, axis=1)


def _latent_titles(header: list[str], source: str, latent: int) -> list[str]:
    titles = [f"z{i}" for i in range(latent)]
    missing = next((title for title in titles if title not in header), f"z{latent}" if f"z{latent}" in header else "")
    if missing:
        found = sum(title[:1] == "z" and title[1:].isdigit() for title in header)
        raise InputError(
            f"{shown_name(source)}: expected the columns z0 to z{latent - 1}, one a latent dimension of the model, "
            f"got {found} of them"
        )
    return titles


def _read_csv(source: str, latent: int) -> NDArray[np.floating]:
    name = shown_name(source)
    rows: list[list[float]] = []
    with open_lines(source) as lines:
        table = csv.reader(lines)
        try:
            header = next(table, [])
            places = [header.index(title) for title in _latent_titles(header, source, latent)]
            for row in table:
                rows.append([float(row[place]) for place in places])
        except (ValueError, IndexError) as error:
            reason = f"expected a number in each of the columns z0 to z{latent - 1}"
            raise RecordError(reason, file=name, line=table.line_num) from error
        except csv.Error as error:
            raise RecordError(f"not a table: {error}", file=name, line=table.line_num) from error
    return np.array(rows, dtype=np.float32).reshape(len(rows), latent)


def read_curve(folder: Path, title: str) -> tuple[list[float], list[float]]:
    """Read one figure over the steps from a model folder's training logs; of a resumed run, all parts in order."""
    steps: list[float] = []
    values: list[float] = []
    for path in sorted(folder.glob("logs/version_*/metrics.csv"), key=lambda p: int(p.parent.name.partition("_")[2])):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get(title):
                    steps.append(float(row["step"]))
                    values.append(float(row[title]))
    return steps, values
