"""Write results by the extension of their file, piece by piece, each file whole or not at all, or down a pipe."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, final

import numpy as np
from numpy.typing import NDArray

from seqvae.data.files.chunks import Results
from seqvae.errors import UsageError
from seqvae.runtime.files import atomic_file, check_folder

TEXT, LATENT = "text", "z"
_FASTA_WIDTH = 80
_ROW_GROUP = 1 << 15  # rows of a Parquet file that are written together: some megabytes


class Writer(ABC):
    """Writes results that come in pieces, all with the same columns.

    Args:
        file: where to.
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
        """Write some rows; `rows` tells how many there are before them."""

    def finish(self) -> None:  # noqa: B027 - most formats have no end of their own
        """Write what comes after the last row."""

    def close(self) -> None:  # noqa: B027 - most writers hold nothing
        """Let go of everything but the file, whether all went well or not."""


@final
class LinesWriter(Writer):
    """The texts alone, one a line."""

    def write(self, results: Results) -> None:
        """Write some rows."""
        self.file.writelines(f"{text}\n".encode() for text in results.texts)


@final
class FastaWriter(Writer):
    """Numbered FASTA records, the columns in their header lines."""

    def write(self, results: Results) -> None:
        """Write some rows."""
        for number, text in enumerate(results.texts):
            notes = "".join(f" {title}={_cell(values[number])}" for title, values in results.columns.items())
            lines = [text[start : start + _FASTA_WIDTH] for start in range(0, len(text), _FASTA_WIDTH)]
            self.file.write("\n".join([f">{self.rows + number + 1}{notes}", *lines, ""]).encode())


@final
class TableWriter(Writer):
    """A table with a header line; latent vectors as columns z0, z1 and so on."""

    def __init__(self, file: IO[bytes], delimiter: str = ",") -> None:
        super().__init__(file)
        self.delimiter = delimiter

    def write(self, results: Results) -> None:
        """Write some rows."""
        text = io.StringIO(newline="")
        titles, rows = _rows(results)
        table = csv.writer(text, delimiter=self.delimiter, lineterminator="\n")
        if not self.rows:
            table.writerow(titles)
        table.writerows(rows)
        self.file.write(text.getvalue().encode())


def tabbed(file: IO[bytes]) -> TableWriter:
    """Return a writer of tables with tabs."""
    return TableWriter(file, "\t")


@final
class NpzWriter(Writer):
    """NumPy arrays: `text`, `z`, and one a column; they load without pickle.

    An array's header tells its length and the width of its texts, which are known in the end only: until then the
    arrays lie in unnamed temporary files, not in memory.
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
        """Put the arrays together."""
        with zipfile.ZipFile(self.file, "w") as archive:
            for name, spool in self._spools.items():
                about = zipfile.ZipInfo(f"{name}.npy")  # of a fixed date: same content, same bytes
                about.compress_type = zipfile.ZIP_DEFLATED
                with archive.open(about, "w", force_zip64=True) as member:
                    spool.copy_to(member)

    def close(self) -> None:
        """Drop the unnamed files."""
        for spool in self._spools.values():
            spool.close()


@final
class _Spool:
    """Arrays one after the other in an unnamed file."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._parts: list[tuple[np.dtype[Any], tuple[int, ...]]] = []

    def append(self, array: NDArray[Any]) -> None:
        self._file.write(array.tobytes())
        self._parts.append((array.dtype, array.shape))

    def copy_to(self, member: IO[bytes]) -> None:
        """Write the whole as one array, a part at a time."""
        dtype = np.result_type(*(dtype for dtype, _ in self._parts))
        shape = (sum(shape[0] for _, shape in self._parts), *self._parts[0][1][1:])
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, header)
        self._file.seek(0)
        for kind, size in self._parts:
            data = self._file.read(kind.itemsize * int(np.prod(size)))
            member.write(np.frombuffer(data, kind).astype(dtype).tobytes())

    def close(self) -> None:
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
        """Write what comes after the last row."""
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
TEXTS_ONLY: dict[str, MakeWriter] = {"smi": LinesWriter, "txt": LinesWriter, "fasta": FastaWriter, "fa": FastaWriter}
_BINARY = ("npz", "parquet")


def writer_for(out: str, latent: bool = False, scores: bool = False) -> MakeWriter:
    """Return what makes the writer of such a file; call it before long work, so that a mistake shows at once.

    Args:
        out: path, its extension the format (`.gz` after it packs the file), or `-` for standard output: a CSV table for
            latent vectors and scores, else one text a line.
        latent: whether latent vectors are to be written.
        scores: whether the columns matter, which a list of texts does not hold.

    Raises:
        UsageError: the extension is unknown, or the format cannot hold what is to be written; with those that can. Or
            a folder is where the file belongs.
        InputError: nothing can be written into its folder.
    """
    if out == "-":
        return TableWriter if latent or scores else LinesWriter
    file = Path(out).expanduser()
    if file.is_dir():
        raise UsageError(f"{out} is a folder: give the name of a file in it")
    check_folder(file.parent)
    known = WITH_LATENT if latent or scores else {**TEXTS_ONLY, **WITH_LATENT}
    name = Path(out).name.lower()
    kind = name.removesuffix(".gz").rpartition(".")[2] if "." in name else ""
    if kind not in known or (name.endswith(".gz") and kind in _BINARY):
        what = "latent vectors" if latent else "scores" if scores else "texts"
        raise UsageError(f"{out}: {what} are written as .{', .'.join(known)}, or to - for a pipe")
    return known[kind]


def write(out: str, results: Results) -> None:
    """Write results to a file, whole or not at all, or to standard output.

    Raises:
        UsageError: as `writer_for`.
        OSError: the disk refuses; an older file of that name is untouched.
    """
    write_pieces(out, [results], latent=results.z is not None)


def write_pieces(
    out: str, pieces: Iterable[Results], latent: bool = False, parts: Path | None = None, scores: bool = False
) -> None:
    """Write results that come in pieces, all with the same columns; as `write`.

    Args:
        out: path, or `-`.
        pieces: taken one at a time: the whole may be larger than memory.
        latent: whether they hold latent vectors.
        parts: folder that holds the unfinished file, if it is not to lie beside `out`: whoever kills this process
            finds all that is left of it there.
        scores: whether the columns matter, as in `writer_for`.
    """
    make = writer_for(out, latent, scores)
    with _opened(out, parts) as file, closing(make(file)) as writer:
        for results in pieces:
            writer.append(results)
        writer.finish()


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all; raises OSError where the disk refuses."""
    with _opened(str(path)) as file:
        file.write(text.encode())


@contextmanager
def _opened(out: str, parts: Path | None = None) -> Iterator[IO[bytes]]:
    if out == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
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
