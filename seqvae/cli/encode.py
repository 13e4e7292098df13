"""`seqvae encode`."""

from __future__ import annotations

from cyclopts import App

from seqvae.cli.options import COMPUTING, READING, Compute, Input, Out, Place

app = App(
    name="encode",
    help_epilogue="""
Examples:

    seqvae encode runs/zinc molecules.smi --out z.npz
    cat molecules.smi | seqvae encode runs/zinc - --out - > z.csv

The file holds the texts and their posterior means: the arrays `text` and `z` of an .npz, or the columns text, z0, z1,
... of a table.
""",
)


@app.default
def encode(
    model: str,
    source: Place,
    /,
    *,
    out: Out = "-",
    reading: Input = READING,
    computing: Compute = COMPUTING,
) -> None:
    """Turn texts into latent vectors.

    Args:
        model: folder of a trained model.
        source: file of texts (.smi .csv .tsv .parquet .sdf .fasta .gb .txt, each also .gz), or `-` for one a line.
        out: .npz, .parquet, .csv or .tsv; `-` writes a CSV table to standard output.
        reading: how the texts are read.
        computing: where and how the model runs.
    """
    from seqvae import load
    from seqvae.cli.inputs import read_texts
    from seqvae.cli.outputs import Results, write, writer_for

    writer_for(out, latent=True)
    codec = load(model, device=computing.device)
    records = read_texts(source, codec, reading, computing)
    texts = [record.text for record in records]
    z = codec.encode(texts, batch_size=computing.batch_size)
    names = {"name": [record.name for record in records]} if any(record.name for record in records) else {}
    write(out, Results(texts, names, z.numpy()))
    computing.note(f"{len(texts):,} texts encoded into {codec.latent} dimensions: {out}")
