"""`seqvae decode`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, Compute, Out, Place
from seqvae.config import DecodeConfig

GREEDY = DecodeConfig()

app = App(
    name="decode",
    help_epilogue="""
Examples:

    seqvae decode runs/zinc z.npz --out molecules.csv
    seqvae decode runs/zinc z.csv --method sample --temperature 0.8 --seed 1 --out molecules.smi

Tables hold the columns text and log_likelihood, log p(x|z) in nats; .smi and .txt the texts alone, one a line.
""",
)


@app.default
def decode(
    model: str,
    source: Place,
    /,
    *,
    out: Out = "-",
    how: Annotated[DecodeConfig, Parameter(name="*", group="Decoding")] = GREEDY,
    computing: Compute = COMPUTING,
) -> None:
    """Turn latent vectors into texts.

    Args:
        model: folder of a trained model.
        source: latent vectors as `seqvae encode` writes them (.npz, .parquet, .csv), or `-` for a CSV table.
        out: .csv, .tsv, .parquet, .npz, .smi, .txt or .fasta; `-` writes one text a line to standard output.
        how: how a text is chosen.
        computing: where and how the model runs.
    """
    from seqvae import load
    from seqvae.cli.inputs import read_latent
    from seqvae.cli.outputs import Results, write, writer_for

    writer_for(out)
    codec = load(model, device=computing.device)
    z = read_latent(source, codec.latent)
    found = codec.generate(z, how, computing.batch_size)
    write(out, Results(found.texts, {"log_likelihood": found.log_likelihood.tolist()}))
    computing.note(f"{len(z):,} latent vectors decoded: {out}")
