"""`seqvae properties list | score`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import App

from seqvae.cli.options import READING, Input, Out, Place
from seqvae.errors import UsageError

if TYPE_CHECKING:
    from seqvae.data.parts import Results
    from seqvae.data.readers import RecordReader
    from seqvae.properties import Property

app = App(
    name="properties",
    help_epilogue="""
Examples:

    seqvae properties list
    seqvae properties score qed pmo:deco_hop molecules.smi -o scores.csv
""",
)


@app.command(
    name="list",
    help_epilogue="""
Example:

    seqvae properties list

Words in capitals are to be filled in: similarity:ecfp4:CCO, smarts:[#6]=O.
""",
)
def list_() -> None:
    """List the properties: name, what it is of, and what it is."""
    from seqvae.cli.figures import print_rows
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

The last one is the function `docking` of your own `mine.py` in this folder: it takes one text and returns a number, or
None. Files may be larger than memory.
""",
)
def score(*words: Place, out: Out = "-", reading: Input = READING, quiet: bool = False) -> None:
    """Compute properties of texts.

    Args:
        words: names of properties, as `seqvae properties list` has them, then a file of texts (.smi .csv .tsv .parquet
            .sdf .fasta .gb .txt, each also .gz), or `-` for one a line.
        out: .csv, .tsv, .parquet or .npz, with the columns text and one a name; `-` writes a CSV table to standard
            output. A cell is empty where a text has no value.
        reading: how the texts are read.
        quiet: show no notes.
    """
    from seqvae.cli.options import ComputeOptions
    from seqvae.cli.outputs import write_pieces, writer_for
    from seqvae.data.readers import ReadSettings, RecordReader
    from seqvae.properties import get

    *names, source = words or ("",)
    if not names:
        raise UsageError(f"expected names of properties, then a file, got {' '.join(words) or 'nothing'}")
    writer_for(out, scores=True)
    reader = RecordReader(source, ReadSettings(reading.column, on_error=reading.on_error))
    with importable_here():
        properties = [get(name) for name in dict.fromkeys(names)]
        found = dict.fromkeys((one.name for one in properties), 0)
        write_pieces(out, _scored(properties, reader, found), scores=True)
    values = ", ".join(f"{name} {count:,}" for name, count in found.items())
    ComputeOptions(quiet=quiet).note(f"{reader.summary}; values: {values}; {out}")


def _scored(properties: Sequence[Property], reader: RecordReader, found: dict[str, int]) -> Iterator[Results]:
    """Yield the texts with their numbers, and count the numbers of each property."""
    import numpy as np

    from seqvae.config import CHUNK
    from seqvae.data.parts import Results
    from seqvae.properties import score as score_all

    records = iter(reader)
    while texts := [record.text for record in islice(records, CHUNK)]:
        columns = score_all(properties, texts)
        for name, column in columns.items():
            found[name] += int(np.isfinite(column).sum())
        yield Results(texts, {name: column.tolist() for name, column in columns.items()})


@contextmanager
def importable_here() -> Iterator[None]:
    """Let modules of the current folder be imported, after all others of the same name."""
    before = list(sys.path)
    sys.path.append(str(Path.cwd()))
    try:
        yield
    finally:
        sys.path[:] = before
