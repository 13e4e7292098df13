"""FASTA, FASTQ and GenBank."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

from seqvae.config import LONGEST_SEQUENCE
from seqvae.data.files.molecule_files import blocks
from seqvae.data.files.open import open_lines, shown_name
from seqvae.data.files.records import Columns, Flaw, Record
from seqvae.errors import InputError

_LENGTH = re.compile(r"^LOCUS\s+\S+\s+(\d+)\s+(?:bp|aa)\b")
_BROKEN = (ValueError, LookupError, TypeError, AttributeError, AssertionError)  # Biopython, of damaged records
DESCRIPTION = "description"  # what follows the name in the header of a FASTA record


def read_fasta(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read FASTA; the name is the header up to the first blank, the line that of the header; blanks in lines go."""
    header, start, parts, size = "", 0, list[str](), 0
    with open_lines(source) as lines:
        for number, line in enumerate(lines, 1):
            if line.startswith(">"):
                if start:
                    yield _fasta_record(header, start, parts, columns)
                header, start, parts, size = line[1:].strip(), number, [], 0
            elif line.strip() and not start:
                if line.startswith(";"):  # a comment of the first FASTA programs
                    continue
                raise InputError(f"{shown_name(source)}:{number}: FASTA must begin with a line that starts with '>'")
            else:
                parts.append("".join(line.split()))
                size += len(parts[-1])
                if size > LONGEST_SEQUENCE:
                    where = f"{shown_name(source)}:{start}"
                    raise InputError(f"{where}: expected a record of {LONGEST_SEQUENCE:,} letters at most, got more")
    if start:
        yield _fasta_record(header, start, parts, columns)


def _fasta_record(header: str, line: int, parts: list[str], columns: Columns) -> Record | Flaw:
    text = "".join(parts)
    name, _, rest = header.partition(" ")
    if not text:
        return Flaw(header, line, "the record has no sequence", name)
    return Record(text, name, line, described(rest, columns))


def described(text: str, columns: Columns) -> dict[str, str]:
    """Return the fields of a record: what follows its name, where it is asked for, and nothing for all others."""
    wanted = columns.all or DESCRIPTION in columns.keep
    return ({DESCRIPTION: text.strip()} if wanted else {}) | {t: "" for t in columns.keep if t != DESCRIPTION}


def read_fastq(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read FASTQ of four lines a record."""
    with open_lines(source) as lines:
        numbered = enumerate(lines, 1)
        for number, line in numbered:
            if not line.strip():
                continue
            text, plus, quality = (next(numbered, (0, ""))[1].strip() for _ in range(3))
            name, _, rest = line[1:].strip().partition(" ")
            if line.startswith("@") and plus.startswith("+") and text and quality and len(quality) != len(text):
                reason = f"FASTQ record with {len(text):,} letters and {len(quality):,} qualities: is the file cut off?"
                yield Flaw(line.strip(), number, reason, name)
            elif not line.startswith("@") or not plus.startswith("+") or not quality or not text:
                yield Flaw(line.strip(), number, "no FASTQ record of four lines: @name, letters, +, qualities", name)
            else:
                yield Record(text, name, number, described(rest, columns), quality=quality)


def read_genbank(source: Path | str, columns: Columns) -> Iterator[Record | Flaw]:
    """Read GenBank through Biopython; the name is the record's id.

    A record that is shorter or longer than its LOCUS line says, as one that is cut off is, is a flaw.
    """
    from Bio import BiopythonParserWarning, SeqIO
    from Bio.Seq import UndefinedSequenceError

    item: Record | Flaw
    with open_lines(source) as lines:
        for line, block in blocks(lines, "//", shown_name(source)):
            first = block.lstrip().split("\n", 1)[0].strip()
            name = first.split()[1] if len(first.split()) > 1 else ""
            try:
                with warnings.catch_warnings():
                    # Its warnings are about spacing, of which nothing is used here, and about the length, see below.
                    warnings.simplefilter("ignore", BiopythonParserWarning)
                    record = SeqIO.read(io.StringIO(block), "genbank")
                text, said = str(record.seq), _LENGTH.match(first)
                if said and int(said[1]) != len(text):
                    item = Flaw(
                        first, line, f"LOCUS says {int(said[1]):,} letters, {len(text):,} found: cut off?", name
                    )
                elif not block.rstrip().endswith("//"):
                    item = Flaw(first, line, "the record has no end (//): is the file cut off?", name)
                else:
                    known = record.id not in (None, "", "<unknown id>")  # Biopython's word for none
                    known_as = str(record.id) if known else name
                    circle = record.annotations.get("topology") == "circular"
                    item = Record(text, known_as, line, described(record.description, columns), circular=circle)
            except (
                ValueError,
                LookupError,
                TypeError,
                AttributeError,
                UndefinedSequenceError,
                AssertionError,
            ) as error:
                item = Flaw(first, line, f"Biopython cannot read this record: {error}", name)
            yield item
