"""`seqvae properties list | score | scan`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import READING, Input, Out, Place, check_file
from seqvae.config import SITE_CHANCE
from seqvae.errors import InputError, UsageError

if TYPE_CHECKING:
    from seqvae.data.files.chunks import Results
    from seqvae.data.files.readers import RecordReader
    from seqvae.properties.columns import Columns

app = App(
    name="properties",
    help_epilogue="""
Examples:

    seqvae properties list
    seqvae properties score qed pmo:deco_hop molecules.smi -o scores.csv
    seqvae properties scan motifs.jaspar promoters.fasta -o sites.csv
""",
)


@app.command(
    name="list",
    help_epilogue="""
Example:

    seqvae properties list

Replace the words in capitals by your own: similarity:ecfp4:CCO, smarts:[#6]=O.
""",
)
def list_() -> None:
    """List the properties: name, kind of molecule or sequence, explanation."""
    from seqvae.cli.printing import print_rows
    from seqvae.properties import forms, listed

    rows = [(found.name, found.kind, found.about) for found in listed()]
    print_rows([("name", "of", "what"), *rows, *forms()])


@app.command(
    usage="Usage: seqvae properties score NAME... FILE [OPTIONS]",
    help_epilogue="""
Examples:

    seqvae properties score qed logp sa molecules.smi -o scores.csv
    seqvae properties score pmo:deco_hop 'similarity:ecfp4:CCOc1ccc(Cl)cc1' table.csv --column smiles -o scores.parquet
    seqvae properties score mine:docking molecules.smi -o scores.csv
    seqvae properties score tasks.toml molecules.smi -o scores.csv

`mine:docking` is the function `docking` of your own `mine.py` in this folder: it takes one SMILES or sequence and
returns a number, or None. Files may be larger than memory.

`tasks.toml` joins many terms into one score:

    join = "geometric"  # or "arithmetic", or "pareto": no score, the terms side by side

    [[term]]
    property = "qed"
    weight = 2.0

    [[term]]
    property = "logp"
    transform = "window"  # or sigmoid, reverse_sigmoid, step; with a slope, by default 0.25
    low = 1.0
    high = 3.5

    [[term]]
    command = "./dock.sh {smiles}"  # prints a number; with {file} or nothing: all molecules at once
    name = "docking"
    timeout = 60
    transform = "reverse_sigmoid"
    low = -12.0
    high = -6.0

It adds a column `score`, and for each term its value (`logp`) and its desirability (`logp.desirability`).
""",
)
def score(*words: Place, out: Out = "-", reading: Input = READING, quiet: bool = False) -> None:
    """Compute properties of molecules or sequences.

    Args:
        words: names of properties, as `seqvae properties list` shows them, or .toml files of several terms; then a file
            of molecules or sequences (.smi .csv .tsv .parquet .sdf .fasta .gb .txt, each also .gz), or `-` for one per
            line.
        out: .csv, .tsv, .parquet or .npz, with a column text, the columns of the input and one column per name; `-`
            writes a CSV table to standard output. The cell of a missing value is empty.
        reading: how the file is read.
        quiet: show no notes.
    """
    from seqvae.cli.options import ComputeOptions
    from seqvae.data.files.readers import RecordReader
    from seqvae.data.files.writers import write_pieces, writer_for
    from seqvae.properties.columns import Columns

    *names, source = words or ("",)
    if not names:
        raise UsageError(f"expected names of properties, then a file, got {' '.join(words) or 'nothing'}")
    writer_for(out, scores=True)
    reading.check(source)
    check_file(source)
    reader = RecordReader(source, replace(reading.settings(out), all=True, empty=True))
    with importable_here():
        columns = Columns(names)
        found, first = dict.fromkeys(columns.titles, 0), list[str]()
        write_pieces(out, _scored(columns, reader, found, first), scores=True)
    values = ", ".join(f"{name} {count:,}" for name, count in found.items())
    ComputeOptions(quiet=quiet).note(f"{reader.summary}; values: {values}; {out}")
    if not any(found.values()):
        from seqvae.data.reasons import unreadable

        domains = [name for one in columns.properties for name in one.domains]
        why = unreadable(first, domains) or "is it the right --column, and what these properties are of?"
        raise InputError(
            f"{reader.summary.source}: none of {reader.summary.kept:,} records has a value of {', '.join(found)}: {why}"
        )


def _scored(columns: Columns, reader: RecordReader, found: dict[str, int], first: list[str]) -> Iterator[Results]:
    """Yield the texts with their values; count the values of each column in `found`, and keep the `first` texts."""
    import numpy as np

    from seqvae.config import CHUNK
    from seqvae.data.files.carried import Carried
    from seqvae.data.files.chunks import Results

    records, carried = iter(reader), Carried(columns.titles)
    while rows := list(islice(records, CHUNK)):
        values = columns([record.text for record in rows])
        for name, column in values.items():
            found[name] += int((~np.isnan(column)).sum())  # infinity is written, and counts
        texts = [record.text for record in rows]
        first[:] = first or texts
        yield Results(texts, carried.of(rows) | {name: column.tolist() for name, column in values.items()})


@dataclass(frozen=True)
class ScanOptions:
    """What is a site.

    Attributes:
        motif: name or identifier of the one to scan for, also several times; by default all of the file.
        threshold: highest p of a site.
        one_strand: scan the strand that is given, and not its reverse complement.
        background: random DNA that p is about: `uniform`, or with the shares of bases of the `sequences`.
        circular: the sequences are circles, as GenBank says itself of some: sites may span the origin.
    """

    motif: Annotated[tuple[str, ...], Parameter(negative=())] = ()
    threshold: float = SITE_CHANCE
    one_strand: Annotated[bool, Parameter(negative="")] = False
    background: str = "uniform"
    circular: Annotated[bool, Parameter(negative="")] = False


_SCANNING = ScanOptions()


@app.command(
    help_epilogue="""
Examples:

    seqvae properties scan motifs.jaspar promoters.fasta -o sites.csv
    seqvae properties scan motifs.meme promoters.fasta --motif boxA --threshold 0.001 --one-strand -o sites.csv
    seqvae sample runs/dna -n 1000 | seqvae properties scan motifs.jaspar - --background sequences -o sites.csv

The table has one row for each site:

    text            its bases as they stand on its strand; name, sequence: the
                    record that it is in, by its name and its number
    motif, start, end, strand
                    positions from 1 on the strand that was given; beyond the
                    last base of a circle they go on
    score           bits over uniform bases, as dna:motif=FILE#NAME
    p               chance that a window of random DNA scores as high: exact
    q               rate of false discoveries among all windows under this
                    motif, at this p (Benjamini-Hochberg)

Windows with N or other codes are not scanned.
""",
)
def scan(
    motifs: str,
    source: Place,
    /,
    *,
    out: Out = "-",
    scanning: Annotated[ScanOptions, Parameter(name="*")] = _SCANNING,
    reading: Input = READING,
    quiet: bool = False,
) -> None:
    """Find sites of motifs in DNA sequences, with p-values.

    Args:
        motifs: file of motifs: JASPAR, or minimal MEME.
        source: file of DNA sequences (.fasta .fastq .gb .csv .tsv .parquet .txt, each also .gz), or `-` for one per
            line.
        out: .csv, .tsv, .parquet or .npz; `-` writes a CSV table to standard output.
        scanning: what is a site.
        reading: how the source is read.
        quiet: show no notes.
    """
    from seqvae.cli.options import ComputeOptions
    from seqvae.data.files.chunks import Results
    from seqvae.data.files.readers import read_records
    from seqvae.data.files.writers import write_pieces, writer_for
    from seqvae.properties import scan as run
    from seqvae.properties.dna.motifs import read_motif, read_motifs
    from seqvae.sequences.dna import normalize_dna

    writer_for(out, scores=True)
    reading.check(source)
    check_file(source)
    both = not scanning.one_strand
    asked = [read_motif(motifs, name, both) for name in scanning.motif]
    wanted = asked or read_motifs(motifs, both)
    records, read = read_records(source, reading.settings(out), normalize_dna)
    circles = [scanning.circular or record.circular for record in records]
    found = run([record.text for record in records], wanted, scanning.threshold, scanning.background, circles)
    columns: dict[str, list[object]] = {
        "name": [records[row].name for row in found.rows],
        "sequence": [row + 1 for row in found.rows],
    }
    titles = {"motifs": "motif", "starts": "start", "ends": "end", "strands": "strand", "scores": "score"}
    columns |= {titles.get(name, name): getattr(found, name) for name in (*titles, "p", "q")}
    write_pieces(out, [Results(found.windows, columns)], scores=True)
    note = ComputeOptions(quiet=quiet).note
    if read.rejected:
        note(str(read))
    note(
        f"{read.source}: {len(found.rows):,} sites with p up to {scanning.threshold:g}, in {len(set(found.rows)):,} of "
        f"{len(records):,} sequences; windows scanned: "
        f"{', '.join(f'{name} {count:,}' for name, count in found.tested.items())}; {out}"
    )


@contextmanager
def importable_here() -> Iterator[None]:
    """Let modules in the current folder be imported; installed ones of the same name come first."""
    before = list(sys.path)
    sys.path.append(str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before
