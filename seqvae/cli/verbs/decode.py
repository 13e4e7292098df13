"""`seqvae decode`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, SPREADING, Compute, Out, Place, Spread
from seqvae.config import DecodeConfig

GREEDY = DecodeConfig()

app = App(
    name="decode",
    help_epilogue="""
Examples:

    seqvae decode runs/zinc z.npz --out molecules.csv
    seqvae decode runs/zinc z.csv --method sample --temperature 0.8 --seed 1 --out molecules.smi

Tables hold the columns text and log_likelihood, log p(x|z) in nats; .smi and .txt the texts alone, one a line.
Files may be larger than memory.
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
    spread: Spread = SPREADING,
) -> None:
    """Turn latent vectors into texts.

    Args:
        model: folder of a trained model, or the name of one that ships.
        source: latent vectors as `seqvae encode` writes them (.npz, .parquet, .csv), or `-` for a CSV table.
        out: .csv, .tsv, .parquet, .npz, .smi, .txt or .fasta; `-` writes one text a line to standard output.
        how: how a text is chosen.
        computing: where and how the model runs.
        spread: over what a large file is spread, and how it goes on after a kill.
    """
    from seqvae.cli.bulk import bar, in_bulk
    from seqvae.latent.files import decode_file

    bulk = in_bulk(model, out, spread, computing)
    with bar(computing) as advance:
        count = decode_file(bulk, source, out, how, advance)
    computing.note(f"{count:,} latent vectors decoded: {out}")
