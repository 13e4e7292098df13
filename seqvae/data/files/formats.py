"""Which reader reads a source: by what is asked for, by its content, by the ending of its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from seqvae.data.files.alignments import read_a2m, read_stockholm
from seqvae.data.files.molecule_files import read_sdf
from seqvae.data.files.open import head_of, note, shown_name, without_packing
from seqvae.data.files.records import Columns, Flaw, Record
from seqvae.data.files.sequence_files import read_fasta, read_fastq, read_genbank
from seqvae.data.files.tables import read_parquet, read_table, read_xlsx
from seqvae.errors import UsageError

__all__ = ["ENDINGS", "FORMATS", "TABLES", "Columns", "Flaw", "Format", "Record", "format_of"]

Format = Callable[[Path | str, Columns], Iterator[Record | Flaw]]

_READERS: Mapping[str, Format] = {
    "txt": partial(read_table, kind="txt"),
    "smi": partial(read_table, kind="smi"),
    "csv": partial(read_table, kind="csv"),
    "tsv": partial(read_table, kind="tsv"),
    "parquet": read_parquet,
    "xlsx": read_xlsx,
    "sdf": read_sdf,
    "fasta": read_fasta,
    "fastq": read_fastq,
    "gb": read_genbank,
    "a2m": read_a2m,
    "sto": read_stockholm,
}
_TITLES = {
    "parquet": "a Parquet file",
    "xlsx": "an Excel workbook",
    "sdf": "molfiles (SDF)",
    "fasta": "FASTA",
    "fastq": "FASTQ",
    "gb": "GenBank",
    "sto": "a Stockholm alignment",
}
ENDINGS: Mapping[str, str] = {
    **{name: name for name in _READERS},
    **dict.fromkeys(("smiles", "ism", "cxsmiles"), "smi"),
    **dict.fromkeys(("tab",), "tsv"),
    **dict.fromkeys(("xlsm",), "xlsx"),
    **dict.fromkeys(("sd", "mol", "mdl"), "sdf"),
    **dict.fromkeys(("fa", "faa", "fna", "ffn", "frn", "fas", "fsa", "mpfa", "aa"), "fasta"),
    **dict.fromkeys(("fq",), "fastq"),
    **dict.fromkeys(("a3m", "afa"), "a2m"),
    **dict.fromkeys(("sth", "stk", "stockholm"), "sto"),
    **dict.fromkeys(("gbk", "gbff", "genbank", "gp", "gpff"), "gb"),
}
"""The format of each known ending of a file's name; `ENDINGS` are also the names that a format may be asked for by."""

FORMATS = tuple(ENDINGS)
ALIGNMENTS = ("a2m", "sto")  # formats of aligned sequences
TABLES = ("txt", "smi", "csv", "tsv", "parquet", "xlsx")  # formats that may have columns
_ARCHIVES = ("zip", "tar", "tgz", "7z", "rar", "zst")
_PARQUET, _ZIP, _LEGACY = b"PAR1", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_COUNTS = re.compile(r"[ \d]{6,}.*V[23]000\s*$")


def kind_of(source: Path | str, asked: str = "") -> str:
    """Return the format that a source has by its ending (one of packing, as `.gz`, is ignored), or that is asked for.

    Args:
        source: path, or `-` for standard input, which is `txt` by default.
        asked: a key of `ENDINGS` that overrides the ending and the content.

    Raises:
        UsageError: if the format is unknown; the message lists the known ones.
    """
    given = asked.lower().lstrip(".")
    kind = given or ("txt" if str(source) == "-" else Path(without_packing(str(source))).suffix[1:].lower())
    if kind not in ENDINGS:
        what = f"format {asked!r}" if asked else f"extension of {source}"
        advice = "" if asked else "; or name its format: --format (format= in Python)"
        if kind in _ARCHIVES:
            raise UsageError(f"{source}: an archive: unpack it and give the file in it")
        raise UsageError(
            f"unknown {what}: expected one of {', '.join(ENDINGS)}, each plain or with .gz, .bz2 or .xz{advice}"
        )
    return ENDINGS[kind]


def is_alignment(source: Path | str, asked: str = "") -> bool:
    """Return whether a source holds aligned sequences; standard input does where its format says so.

    Raises:
        UsageError: if the format is unknown.
    """
    kind = kind_of(source, asked)
    return (kind if asked or str(source) == "-" else _content(source, kind)) in ALIGNMENTS


def format_of(source: Path | str, asked: str = "") -> Format:
    """Choose the reader of a source; what its content says wins over its ending.

    Args:
        source: path, or `-` for standard input.
        asked: a key of `ENDINGS` that overrides the ending and the content.

    Raises:
        UsageError: if the format is unknown; the message lists the known ones.
    """
    kind = kind_of(source, asked)
    return _READERS[kind] if asked else partial(_read_by_content, kind=kind)


def _read_by_content(source: Path | str, columns: Columns, kind: str) -> Iterator[Record | Flaw]:
    found = _content(source, kind)
    if found != kind:
        note(f"{shown_name(source)}: read as {_TITLES[found]}, which it holds")
    yield from _READERS[found](source, columns)


def _content(source: Path | str, kind: str) -> str:
    """Return the format that the first bytes of a source show; `kind` where they leave it open."""
    head, text = head_of(source)
    if head.startswith(_PARQUET) and kind != "parquet":
        return "parquet"
    if (head.startswith(_ZIP) and b"xl/" in head) or (head.startswith(_ZIP) and b"[Content_Types].xml" in head):
        return "xlsx"
    if head.startswith(_LEGACY):
        raise UsageError(f"{shown_name(source)}: an Excel workbook of before 2007: save it as .xlsx or as CSV")
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or kind in ("parquet", "xlsx"):
        return kind
    if lines[0].startswith(">"):
        return kind if kind == "a2m" else "fasta"
    if lines[0].startswith("# STOCKHOLM "):
        return "sto"
    if lines[0].startswith("LOCUS "):
        return "gb"
    if lines[0].startswith("@") and len(lines) > 2 and lines[2].startswith("+"):
        return "fastq"
    if any(_COUNTS.match(line) for line in text.splitlines()[:5]):
        return "sdf"
    return kind
