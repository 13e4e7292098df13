"""One generator per file format: from a source to its records. They parse the format and do not check the texts."""

from __future__ import annotations

import csv
import difflib
import io
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqvae.data.files.open import open_bytes, open_lines, shown_name
from seqvae.errors import InputError, InvalidMoleculeError, UsageError

# Titles of obvious text columns, in lower case.
_TEXT_COLUMNS = ("smiles", "sequence", "seq", "selfies", "text")
_NAME_COLUMNS = ("name", "id")


@dataclass(frozen=True, slots=True)
class Record:
    """One text of a file.

    Args:
        text: SMILES, sequence or line, as in the file.
        name: the record's name in the file, "" if it has none.
        line: 1-based line where it starts; in a Parquet file, the row.
        fields: the other columns requested, as text.
    """

    text: str
    name: str
    line: int
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A record that violates the format.

    Args:
        text: the part that could be read.
        line: 1-based line where it starts; in a Parquet file, the row.
        reason: what is wrong.
    """

    text: str
    line: int
    reason: str


@dataclass(frozen=True)
class Columns:
    """Which columns of a table to read.

    Args:
        text: the column of the texts; if empty, the obvious one (smiles, sequence, seq, selfies, or the only one).
        keep: other columns to put into `Record.fields`.
    """

    text: str = ""
    keep: tuple[str, ...] = ()


_NO_FIELDS: Mapping[str, str] = {}


def read_lines(source: Path | str, _: Columns) -> Iterator[Record | Flaw]:
    """Read one text per line; blank lines are skipped."""
    with open_lines(source) as lines:
        for number, line in enumerate(lines, 1):
            if text := line.strip():
                yield Record(text, "", number, _NO_FIELDS)


def read_smi(source: Path | str, _: Columns) -> Iterator[Record | Flaw]:
    """Read SMILES lines: the SMILES, then optionally a name; a first line that begins with "smiles" is a header."""
    with open_lines(source) as lines:
        for number, line in enumerate(lines, 1):
            parts = line.split(maxsplit=1)
            if parts and not (number == 1 and parts[0].lower() == "smiles"):
                yield Record(parts[0], parts[1].strip() if len(parts) > 1 else "", number, _NO_FIELDS)


def read_csv(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read a comma-separated table with a header line."""
    return _read_table(source, columns, ",")


def read_tsv(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read a tab-separated table with a header line."""
    return _read_table(source, columns, "\t")


def _read_table(source: Path | str, columns: Columns, delimiter: str) -> Iterator[Record | Flaw]:
    name = shown_name(source)
    with open_lines(source) as lines:
        rows = csv.reader(lines, delimiter=delimiter, strict=True)  # else an open quote swallows the following lines
        before = 0
        try:
            header = [title.strip() for title in next(rows, [])]
            pick = _Picker(header, columns, name)
            before = rows.line_num
            for row in rows:
                line, before = before + 1, rows.line_num
                if row:
                    yield pick(row, line)
        except csv.Error as error:
            raise InputError(f"{name}:{before + 1}: not a table: {error}; is a quote left open here?") from error


class _Picker:
    """Extracts the wanted cells from a row of a table; a column `selfies` is converted to SMILES."""

    def __init__(self, header: list[str], columns: Columns, name: str) -> None:
        self.header = header
        self.text = header.index(text_column(header, columns.text, name))
        self.in_selfies = header[self.text].lower() == "selfies"
        self.keep = [(title, header.index(_present(header, title, name))) for title in columns.keep]
        names = [i for i, title in enumerate(header) if title.lower() in _NAME_COLUMNS and i != self.text]
        self.name = names[0] if names else None

    def __call__(self, row: Sequence[str], line: int) -> Record | Flaw:
        if len(row) != len(self.header):
            reason = f"{len(self.header)} columns expected as in the header, {len(row)} found"
            return Flaw(" ".join(row), line, reason)
        text = row[self.text].strip()
        if not text:
            return Flaw("", line, f"the column {self.header[self.text]!r} is empty here")
        if self.in_selfies:
            from seqvae.sequences.molecules import selfies_to_smiles  # loads RDKit, which other columns do not need

            try:
                text = selfies_to_smiles(text)
            except InvalidMoleculeError as error:
                return Flaw(text, line, str(error))
        fields = {title: row[i] for title, i in self.keep} if self.keep else _NO_FIELDS
        return Record(text, "" if self.name is None else row[self.name], line, fields)


def text_column(header: Sequence[str], asked: str, name: str) -> str:
    """Find the column of the texts.

    Args:
        header: the table's columns.
        asked: the requested column, or "" for the obvious one.
        name: the file, for the message.

    Returns:
        Its title.

    Raises:
        InputError: if there is no such column, or none is obvious; the message lists the columns.
    """
    if asked:
        return _present(header, asked, name)
    if len(header) == 1:
        return header[0]
    obvious = [title for title in header if title.lower() in _TEXT_COLUMNS]
    if len(obvious) != 1:
        many = "several are likely" if obvious else "none is obvious"
        found = ", ".join(header) or "no header"
        raise InputError(f"{name}: name the column of the molecules or sequences, {many} among: {found}")
    return obvious[0]


def _present(header: Sequence[str], title: str, name: str) -> str:
    if title in header:
        return title
    close = difflib.get_close_matches(title.lower(), [h.lower() for h in header], 1)
    hint = next((f"; did you mean {h!r}?" for h in header if close and h.lower() == close[0]), "")
    raise InputError(f"{name}: no column {title!r}; the columns are {', '.join(header) or 'none'}{hint}")


def read_parquet(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read a Parquet file, batch by batch; a gzipped one, or a pipe, is read whole first: its index is at the end."""
    import pyarrow
    import pyarrow.parquet

    name = shown_name(source)
    with open_bytes(source) as stream:
        direct = isinstance(stream, io.BufferedReader) and stream.seekable()
        try:
            table = pyarrow.parquet.ParquetFile(stream if direct else io.BytesIO(stream.read()))
            pick = _Picker(list(table.schema_arrow.names), columns, name)
            line = 0
            for batch in table.iter_batches(columns=pick.header):
                for row in zip(*(batch.column(title).to_pylist() for title in pick.header), strict=True):
                    line += 1
                    yield pick(["" if cell is None else str(cell) for cell in row], line)
        except pyarrow.ArrowException as error:
            raise InputError(f"{name}: not a readable parquet file: {str(error).splitlines()[0]}") from error


def read_fasta(source: Path | str, _: Columns) -> Iterator[Record | Flaw]:
    """Read FASTA; the name is the header up to the first blank, the line that of the header."""
    header, start, parts = "", 0, list[str]()
    with open_lines(source) as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith(">"):
                if start:
                    yield _fasta_record(header, start, parts)
                header, start, parts = line[1:].strip(), number, []
            elif line.strip() and not start:
                raise InputError(f"{shown_name(source)}:{number}: FASTA must begin with a line that starts with '>'")
            else:
                parts.append(line.strip())
    if start:
        yield _fasta_record(header, start, parts)


def _fasta_record(header: str, line: int, parts: list[str]) -> Record | Flaw:
    text = "".join(parts)
    if not text:
        return Flaw(header, line, "the record has no sequence")
    return Record(text, header.split(maxsplit=1)[0] if header else "", line, _NO_FIELDS)


def _blocks(lines: Iterator[str], end: str) -> Iterator[tuple[int, str]]:
    """Divide lines into (first line, text) blocks, each ended by the line `end`, which the last may lack."""
    start, block = 1, list[str]()
    for number, line in enumerate(lines, 1):
        block.append(line)
        if line.strip() == end:
            yield start, "".join(block)
            start, block = number + 1, []
    if "".join(block).strip():
        yield start, "".join(block)


def read_sdf(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read an SD file through RDKit; the text is the molecule's canonical SMILES with stereo."""
    from rdkit import Chem, rdBase

    with open_lines(source) as lines:
        for line, block in _blocks(lines, "$$$$"):
            with rdBase.BlockLogs():  # the reason below replaces RDKit's log
                molecule = next(iter(Chem.ForwardSDMolSupplier(io.BytesIO(block.encode()))), None)
            if molecule is None:
                yield Flaw(block.split("\n", 1)[0].strip(), line, "RDKit cannot read this molecule")
                continue
            fields = {t: molecule.GetProp(t) if molecule.HasProp(t) else "" for t in columns.keep}
            yield Record(Chem.MolToSmiles(molecule), molecule.GetProp("_Name"), line, fields)


def read_genbank(source: Path | str, _: Columns) -> Iterator[Record | Flaw]:
    """Read GenBank through Biopython; the name is the record's id."""
    from Bio import BiopythonParserWarning, SeqIO
    from Bio.Seq import UndefinedSequenceError

    item: Record | Flaw
    with open_lines(source) as lines:
        for line, block in _blocks(lines, "//"):
            try:
                with warnings.catch_warnings():
                    # It warns about odd spacing in the LOCUS line, of which only the name is used here.
                    warnings.simplefilter("ignore", BiopythonParserWarning)
                    record = SeqIO.read(io.StringIO(block), "genbank")
                item = Record(str(record.seq), record.id, line, _NO_FIELDS)
            except (ValueError, UndefinedSequenceError) as error:
                item = Flaw(block.split("\n", 1)[0].strip(), line, f"Biopython cannot read this record: {error}")
            yield item


Format = Callable[[Path | str, Columns], Iterator[Record | Flaw]]
TABLES = (read_csv, read_tsv, read_parquet)  # formats with columns

FORMATS: Mapping[str, Format] = {
    "txt": read_lines,
    "smi": read_smi,
    "csv": read_csv,
    "tsv": read_tsv,
    "parquet": read_parquet,
    "sdf": read_sdf,
    "fasta": read_fasta,
    "fa": read_fasta,
    "faa": read_fasta,
    "fna": read_fasta,
    "ffn": read_fasta,
    "frn": read_fasta,
    "gb": read_genbank,
    "gbk": read_genbank,
}


def format_of(source: Path | str, asked: str = "") -> Format:
    """Choose the reader of a source by its extension (a further `.gz` is ignored).

    Args:
        source: path, or `-` for standard input, which is `txt` by default.
        asked: a key of `FORMATS` that overrides the extension.

    Raises:
        UsageError: if the format is unknown; the message lists the known ones.
    """
    suffixes = [s.lower() for s in Path(source).suffixes]
    kind = asked or ("txt" if str(source) == "-" else ([s for s in suffixes if s != ".gz"] or [""])[-1][1:])
    if kind not in FORMATS:
        what = f"format {asked!r}" if asked else f"extension of {source}"
        raise UsageError(f"unknown {what}: expected one of {', '.join(FORMATS)}, each plain or with .gz")
    return FORMATS[kind]
