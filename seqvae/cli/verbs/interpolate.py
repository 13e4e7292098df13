"""`seqvae interpolate`."""

from __future__ import annotations

from typing import Literal

from cyclopts import App

from seqvae.cli.options import Out

app = App(
    name="interpolate",
    help_epilogue="""
Example:

    seqvae interpolate runs/zinc "CC(=O)Nc1ccc(O)cc1" "CC(C)Cc1ccc(cc1)C(C)C(=O)O" --steps 8
""",
)


@app.default
def interpolate(
    model: str,
    first: str,
    last: str,
    /,
    *,
    steps: int = 8,
    kind: str = "slerp",
    refine: int | Literal["auto"] = "auto",
    out: Out = "-",
    device: str = "auto",
) -> None:
    """Walk through latent space from one text to another, and decode on the way.

    Args:
        model: folder of a trained model, or the name of one that ships.
        first: text to start from.
        last: text to end at.
        steps: texts on the way, both ends (as the model decodes them) included.
        kind: `slerp` turns the direction at a constant rate, `linear` takes the straight line.
        refine: gradient steps on the latent vectors of the two ends, from where the encoder put them; `auto`: on an end
            alone that does not decode to its own text.
        out: .csv, .tsv, .parquet, .npz, .smi, .txt or .fasta; `-` writes one text a line to standard output.
        device: `auto`, `cpu` or `cuda`.
    """
    from seqvae import load
    from seqvae.data.files.writers import Results, write, writer_for

    writer_for(out)
    path = load(model, device=device).interpolate(first, last, steps=steps, kind=kind, refine=refine)
    write(out, Results(path, {"step": list(range(len(path)))}))
