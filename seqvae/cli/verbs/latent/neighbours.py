"""`seqvae neighbours`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, READING, Compute, Input, Out, Place, check_before
from seqvae.runtime.progress import phase

app = App(
    name="neighbours",
    help_epilogue="""
Examples:

    seqvae neighbours drug-smiles 'CC(C)Cc1ccc(C(C)C(=O)O)cc1' library.csv -n 20
    seqvae neighbours runs/dna ACGTTGCA promoters.fasta --metric cosine --out near.csv

The table has the columns text, distance (of the posterior means), similarity (of molecules Tanimoto by ECFP4, 2,048
bits; of sequences one less the edit distance per letter), and all columns of the file; the nearest first.
""",
)


@app.default
def neighbours(
    model: str,
    query: str,
    source: Place,
    /,
    *,
    number: Annotated[int, Parameter(name=["--number", "-n"])] = 10,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    out: Out = "-",
    reading: Input = READING,
    computing: Compute = COMPUTING,
) -> None:
    """List the molecules or sequences of a file that lie nearest to one of yours in latent space.

    Args:
        model: folder of a trained model, or name of a pretrained one.
        query: SMILES or sequence.
        source: file of the molecules or sequences that are searched, or `-`.
        number: how many; the file may have fewer.
        metric: `euclidean`, or `cosine`, 1 - cosine of the angle.
        out: .csv, .tsv or .parquet, or the molecules or sequences alone as .smi, .txt or .fasta; `-` writes a CSV table
            to standard output.
        reading: how files are read.
        computing: where and how the model runs.
    """
    reading.check(source)
    check_before(model, out, source)
    with phase("loading PyTorch", computing.quiet):
        from seqvae import load
        from seqvae.data.files.carried import Carried
        from seqvae.data.files.chunks import Results
        from seqvae.data.files.readers import read_records
        from seqvae.data.files.writers import write_pieces
        from seqvae.latent.neighbours import near_texts

    codec = load(model, computing.device)
    codec.tokenize([query])  # a wrong one is refused before the file is read
    records, _ = read_records(source, replace(reading.settings(out), all=True))
    with phase(f"encoding {len(records):,} rows", computing.quiet):
        read = codec.tokenize([one.text for one in records], reading.on_error)
        found = near_texts(codec, query, read, number, metric, computing.batch_size)
    rows = [records[read.rows[one.row]] for one in found]
    own = {name: [getattr(one, name) for one in found] for name in ("distance", "similarity")}
    write_pieces(out, [Results([one.text for one in rows], own | Carried(own).of(rows))], scores=True)
    computing.note(f"the nearest {len(found):,} of {len(read):,} to {query}")
    if read.rejected:
        computing.note(read.left_out())
