"""Write results in the format of the file's extension, chunk by chunk, each file whole or not at all, or to a pipe."""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, cast, final

import numpy as np
from numpy.typing import NDArray

from seqvae.data.files.chunks import Results
from seqvae.data.files.sequence_files import DESCRIPTION
from seqvae.errors import UsageError, visible
from seqvae.runtime.files import atomic_file, check_folder

TEXT, LATENT, NAME = "text", "z", "name"
QUALITY = "quality"  # the column of the Phred qualities of a sequence's letters
_FASTA_WIDTH = 80
SAFE = "SEQVAE_SAFE_CSV"  # environment variable: tables are for spreadsheets, in which no cell may be a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ROW_GROUP = 1 << 15  # rows per group of a Parquet file: a few megabytes


class Writer(ABC):
    """Writes results in chunks, all with the same columns.

    Args:
        file: to write to.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.rows = 0

    def append(self, results: Results) -> None:
        """Write some rows."""
        self.write(results)
        self.rows += len(results.texts)

    @abstractmethod
    def write(self, results: Results) -> None:
        """Write some rows; `rows` is the number of rows before them."""

    def finish(self) -> None:  # noqa: B027 - most formats have nothing to add
        """Write what follows the last row."""

    def close(self) -> None:  # noqa: B027 - most writers have nothing to release
        """Release everything but the file, after success or failure."""


@final
class LinesWriter(Writer):
    """The texts only, one per line."""

    def write(self, results: Results) -> None:
        """Write some rows."""
        self.file.writelines(f"{text}\n".encode() for text in results.texts)


@final
class SmilesWriter(Writer):
    """One text per line, with its name if it has one."""

    def write(self, results: Results) -> None:
        """Write some rows."""
        names = results.columns.get(NAME) or [""] * len(results.texts)
        lines = (f"{text} {_one_line(name)}".rstrip() for text, name in zip(results.texts, names, strict=True))
        self.file.writelines(f"{line}\n".encode() for line in lines)


@final
class FastaWriter(Writer):
    """FASTA records, named or numbered, with the other columns in their headers."""

    def write(self, results: Results) -> None:
        """Write some rows."""
        for number, text in enumerate(results.texts):
            shown = {title: _one_line(_cell(values[number])) for title, values in results.columns.items()}
            name = shown.pop(NAME, "").replace(" ", "_") or str(self.rows + number + 1)
            notes = "".join(f" {title}={cell}" for title, cell in shown.items())
            lines = [text[start : start + _FASTA_WIDTH] for start in range(0, len(text), _FASTA_WIDTH)]
            self.file.write("\n".join([f">{name}{notes}", *lines, ""]).encode())


@final
class FastqWriter(Writer):
    """FASTQ records of four lines, named or numbered, with their descriptions; the other columns are left out."""

    def write(self, results: Results) -> None:
        """Write some rows, each with its qualities (`QUALITY`), as many as it has letters."""
        for number, text in enumerate(results.texts):
            named, told, quality = (
                _one_line(results.columns[title][number]) if title in results.columns else ""
                for title in (NAME, DESCRIPTION, QUALITY)
            )
            header = f"{named.replace(' ', '_') or self.rows + number + 1} {told}".rstrip()
            self.file.write(f"@{header}\n{text}\n+\n{quality}\n".encode())


@final
class TableWriter(Writer):
    """A table with a header line; latent vectors as columns z0, z1 and so on."""

    def __init__(self, file: IO[bytes], delimiter: str = ",") -> None:
        super().__init__(file)
        self.delimiter = delimiter

    def write(self, results: Results) -> None:
        """Write some rows."""
        text = io.StringIO(newline="")
        table = csv.writer(text, delimiter=self.delimiter, lineterminator="\n")
        safe = os.environ.get(SAFE, "") not in ("", "0")
        if not self.rows:
            latent = [] if results.z is None else [f"z{i}" for i in range(results.z.shape[1])]
            table.writerow([TEXT, *results.columns, *latent])
        for number, one in enumerate(results.texts):
            vector = [] if results.z is None else [_cell(value) for value in results.z[number]]
            cells = [one, *(_cell(values[number]) for values in results.columns.values())]
            table.writerow([*(map(_no_formula, cells) if safe else cells), *vector])
        self.file.write(text.getvalue().encode())


def tabbed(file: IO[bytes]) -> TableWriter:
    """Return a writer of tab-separated tables."""
    return TableWriter(file, "\t")


@final
class NpzWriter(Writer):
    """NumPy arrays: `text`, `z`, and one per column; they load without pickle.

    An array's header has its length and the width of its texts, which are known only at the end: until then the arrays
    are in unnamed temporary files rather than in memory.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self._spools: dict[str, _Spool] = {}

    def write(self, results: Results) -> None:
        """Write some rows."""
        arrays: dict[str, NDArray[Any]] = {TEXT: np.array(results.texts, dtype=np.str_)}
        arrays |= {title: np.asarray(values) for title, values in results.columns.items()}
        if results.z is not None:
            arrays[LATENT] = results.z
        for name, array in arrays.items():
            if name not in self._spools:
                self._spools[name] = _Spool()
            self._spools[name].append(array)

    def finish(self) -> None:
        """Write the arrays to the archive."""
        with zipfile.ZipFile(self.file, "w") as archive:
            for name, spool in self._spools.items():
                about = zipfile.ZipInfo(f"{name}.npy")  # with a fixed date: same content, same bytes
                about.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(about, "w", force_zip64=True) as member:
                    spool.copy_to(member)

    def close(self) -> None:
        """Delete the unnamed files."""
        for spool in self._spools.values():
            spool.close()


@final
class _Spool:
    """Concatenated arrays in an unnamed file."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._parts: list[tuple[np.dtype[Any], tuple[int, ...]]] = []

    def append(self, array: NDArray[Any]) -> None:
        """Add an array."""
        self._file.write(array.tobytes())
        self._parts.append((array.dtype, array.shape))

    def copy_to(self, member: IO[bytes]) -> None:
        """Write all of them as one array, one at a time."""
        dtype = np.result_type(*(dtype for dtype, _ in self._parts))
        shape = (sum(shape[0] for _, shape in self._parts), *self._parts[0][1][1:])
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, header)
        self._file.seek(0)
        for kind, size in self._parts:
            data = self._file.read(kind.itemsize * int(np.prod(size)))
            member.write(np.frombuffer(data, kind).astype(dtype).tobytes())

    def close(self) -> None:
        """Delete the file."""
        self._file.close()


@final
class ParquetWriter(Writer):
    """A Parquet table; latent vectors as columns z0, z1 and so on."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self._waiting: list[Any] = []
        self._table: Any = None

    def write(self, results: Results) -> None:
        """Write some rows."""
        import pyarrow as pa

        columns: dict[str, object] = {TEXT: list(results.texts)} | {k: pa.array(v) for k, v in results.columns.items()}
        if results.z is not None:
            columns |= {f"z{i}": results.z[:, i] for i in range(results.z.shape[1])}
        self._waiting.append(pa.table(columns))
        if sum(map(len, self._waiting)) >= _ROW_GROUP:
            self._flush()

    def finish(self) -> None:
        """Write the remaining rows and the end of the file."""
        self._flush()
        if self._table is not None:
            self._table.close()

    def _flush(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not self._waiting:
            return
        rows = pa.concat_tables(self._waiting).combine_chunks()
        if self._table is None:
            self._table = pq.ParquetWriter(self.file, rows.schema)
        self._table.write_table(rows)
        self._waiting = []


MakeWriter = Callable[[IO[bytes]], Writer]
WITH_LATENT: dict[str, MakeWriter] = {"npz": NpzWriter, "parquet": ParquetWriter, "csv": TableWriter, "tsv": tabbed}
TEXTS_ONLY: dict[str, MakeWriter] = {"smi": SmilesWriter, "txt": LinesWriter, "fasta": FastaWriter, "fa": FastaWriter}
WITH_QUALITIES: dict[str, MakeWriter] = {"fastq": FastqWriter, "fq": FastqWriter}
_BINARY = ("npz", "parquet")


def writer_for(out: str, latent: bool = False, scores: bool = False, qualities: bool = False) -> MakeWriter:
    """Return the maker of a writer for a file; call it before long work, so that mistakes show at once.

    Args:
        out: path, whose extension is the format (a further `.gz` compresses it), or `-` for standard output: a CSV
            table for latent vectors and scores, else one text per line.
        latent: whether latent vectors are to be written.
        scores: whether columns are to be written, which a list of texts does not have.
        qualities: whether letters may have qualities, which FASTQ needs.

    Raises:
        UsageError: the extension is unknown, or the format cannot represent the results; the message lists those that
            can. Or the path is a folder.
        InputError: the file's folder is not writable.
    """
    if out == "-":
        return TableWriter if latent or scores else LinesWriter
    file = Path(out).expanduser()
    if file.is_dir():
        raise UsageError(f"{out} is a folder: give the name of a file in it")
    check_folder(file.parent)
    known = WITH_LATENT if latent or scores else {**TEXTS_ONLY, **WITH_LATENT, **(WITH_QUALITIES if qualities else {})}
    name = Path(out).name.lower()
    kind = name.removesuffix(".gz").rpartition(".")[2] if "." in name else ""
    if kind not in known or (name.endswith(".gz") and kind in _BINARY):
        what = "latent vectors" if latent else "scores" if scores else "molecules and sequences"
        raise UsageError(f"{out}: {what} are written as .{', .'.join(known)}, or to - for a pipe")
    return known[kind]


def write(out: str, results: Results) -> None:
    """Write results to a file, whole or not at all, or to standard output.

    Raises:
        UsageError: as `writer_for`.
        OSError: the file cannot be written; an older file of that name is untouched.
    """
    write_pieces(out, [results], latent=results.z is not None)


def write_pieces(
    out: str,
    pieces: Iterable[Results],
    latent: bool = False,
    parts: Path | None = None,
    scores: bool = False,
    qualities: bool = False,
) -> None:
    """Write results in chunks, all with the same columns; as `write`.

    Args:
        out: path, or `-`.
        pieces: taken one at a time: all of them together may be larger than memory.
        latent: whether they have latent vectors.
        parts: folder for the unfinished file; None: beside `out`. If this process is killed, everything it leaves is
            there.
        scores: whether columns are to be written, as in `writer_for`.
        qualities: whether letters may have qualities, as in `writer_for`.
    """
    make = writer_for(out, latent, scores, qualities)
    with _opened(out, parts) as file, closing(make(file)) as writer:
        for results in pieces:
            writer.append(results)
        writer.finish()


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; raises OSError if it cannot be written."""
    with _opened(str(path)) as file:
        file.write(text.encode())


@final
class _Terminal:
    """A terminal that only shows what is written to it: control characters of texts are escaped."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def write(self, data: bytes) -> int:
        """Write bytes of text."""
        return self.file.write(visible(data.decode("utf-8", "replace")).encode())

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Write lines."""
        for line in lines:
            self.write(line)


@contextmanager
def _opened(out: str, parts: Path | None = None) -> Iterator[IO[bytes]]:
    if out == "-":
        plain = sys.stdout.buffer
        yield cast("IO[bytes]", _Terminal(plain)) if sys.stdout.isatty() else plain
        plain.flush()
        return
    target = Path(out).expanduser()
    try:
        with atomic_file(parts / target.name if parts else target) as file:
            if not out.lower().endswith(".gz"):
                yield file
            else:
                with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:  # same content, same bytes
                    yield packed  # type: ignore[misc]
        if parts:
            (parts / target.name).replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), out) from error


def _no_formula(cell: object) -> object:
    """Return a cell that a spreadsheet takes for text: an apostrophe stands before what would be a formula."""
    if not isinstance(cell, str) or not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def _one_line(value: object) -> str:
    return " ".join(str(value).split())


def _cell(value: object) -> object:
    """Return a number with enough digits to restore the same float32, NaN as an empty cell."""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.9g}"
    return value
