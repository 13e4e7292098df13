"""Write results by the extension of their file, each whole or not at all, or down a pipe."""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from seqvae.data.cache import atomic_file
from seqvae.errors import UsageError

TEXT = "text"
_FASTA_WIDTH = 80


@dataclass(frozen=True)
class Results:
    """Texts and what belongs to them, row by row.

    Attributes:
        texts: one a row.
        columns: further columns by title.
        z: latent vectors, `(rows, latent)`, for the formats that can hold them.
    """

    texts: Sequence[str]
    columns: Mapping[str, Sequence[object]] = field(default_factory=dict)
    z: NDArray[np.float32] | None = None


def write_lines(file: IO[bytes], results: Results) -> None:
    """Write the texts alone, one a line."""
    file.writelines(f"{text}\n".encode() for text in results.texts)


def write_fasta(file: IO[bytes], results: Results) -> None:
    """Write numbered FASTA records, the columns in their header lines."""
    for number, text in enumerate(results.texts):
        notes = "".join(f" {title}={_cell(values[number])}" for title, values in results.columns.items())
        lines = [text[start : start + _FASTA_WIDTH] for start in range(0, len(text), _FASTA_WIDTH)]
        file.write("\n".join([f">{number + 1}{notes}", *lines, ""]).encode())


def write_csv(file: IO[bytes], results: Results, delimiter: str = ",") -> None:
    """Write a table with a header line; latent vectors as columns z0, z1 and so on."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    titles, rows = _rows(results)
    table = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    table.writerow(titles)
    table.writerows(rows)
    text.flush()
    text.detach()


def write_tsv(file: IO[bytes], results: Results) -> None:
    """Write a table as `write_csv` does, with tabs."""
    write_csv(file, results, "\t")


def write_npz(file: IO[bytes], results: Results) -> None:
    """Write NumPy arrays: `text`, `z`, and one a column; they load without pickle."""
    arrays: dict[str, NDArray[Any]] = {TEXT: np.array(results.texts, dtype=np.str_)}
    arrays |= {title: np.asarray(values) for title, values in results.columns.items()}
    if results.z is not None:
        arrays["z"] = results.z
    np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def write_parquet(file: IO[bytes], results: Results) -> None:
    """Write a Parquet table; latent vectors as columns z0, z1 and so on."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns: dict[str, object] = {TEXT: list(results.texts)} | {k: pa.array(v) for k, v in results.columns.items()}
    if results.z is not None:
        columns |= {f"z{i}": results.z[:, i] for i in range(results.z.shape[1])}
    pq.write_table(pa.table(columns), file)


Writer = Callable[[IO[bytes], Results], None]
WITH_LATENT: dict[str, Writer] = {"npz": write_npz, "parquet": write_parquet, "csv": write_csv, "tsv": write_tsv}
TEXTS_ONLY: dict[str, Writer] = {"smi": write_lines, "txt": write_lines, "fasta": write_fasta, "fa": write_fasta}
_BINARY = ("npz", "parquet")


def writer_for(out: str, latent: bool = False) -> Writer:
    """Return what writes such a file; call it before long work, so that a mistake shows at once.

    Args:
        out: path, its extension the format (`.gz` after it packs the file), or `-` for standard output: a CSV table for
            latent vectors, else one text a line.
        latent: whether latent vectors are to be written.

    Raises:
        UsageError: the extension is unknown, or the format cannot hold latent vectors; with those that can.
    """
    if out == "-":
        return write_csv if latent else write_lines
    known = WITH_LATENT if latent else {**TEXTS_ONLY, **WITH_LATENT}
    name = Path(out).name.lower()
    kind = name.removesuffix(".gz").rpartition(".")[2] if "." in name else ""
    if kind not in known or (name.endswith(".gz") and kind in _BINARY):
        what = "latent vectors" if latent else "texts"
        raise UsageError(f"{out}: {what} are written as .{', .'.join(known)}, or to - for a pipe")
    return known[kind]


def write(out: str, results: Results) -> None:
    """Write results to a file, whole or not at all, or to standard output.

    Raises:
        UsageError: as `writer_for`.
        OSError: the disk refuses; an older file of that name is untouched.
    """
    writer = writer_for(out, results.z is not None)
    with _opened(out) as file:
        writer(file, results)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; raises OSError where the disk refuses."""
    with _opened(str(path)) as file:
        file.write(text.encode())


@contextmanager
def _opened(out: str) -> Iterator[IO[bytes]]:
    if out == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with atomic_file(Path(out).expanduser()) as file:
            if not out.lower().endswith(".gz"):
                yield file
                return
            with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:  # same content, same bytes
                yield packed  # type: ignore[misc]
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), out) from error


def _rows(results: Results) -> tuple[list[str], Iterator[list[object]]]:
    titles = [TEXT, *results.columns]
    if results.z is not None:
        titles += [f"z{i}" for i in range(results.z.shape[1])]

    def rows() -> Iterator[list[object]]:
        for number, text in enumerate(results.texts):
            vector = [] if results.z is None else [_cell(value) for value in results.z[number]]
            yield [text, *(_cell(values[number]) for values in results.columns.values()), *vector]

    return titles, rows()


def _cell(value: object) -> object:
    """Write a number with the digits that bring back the same float32, an unknown one as nothing."""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.9g}"
    return value
