"""`seqvae interpolate`."""

from __future__ import annotations

import sys
from typing import Literal

from cyclopts import App

from seqvae.cli.options import Out, check_before

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
    """Walk through latent space from one molecule or sequence to another, decoding on the way.

    Args:
        model: folder of a trained model, or the name of a pretrained one.
        first: SMILES or sequence to start from.
        last: SMILES or sequence to end at.
        steps: how many on the way, including both ends as the model decodes them.
        kind: `slerp` (spherical, the direction turns at a constant rate) or `linear` (the straight line).
        refine: gradient steps on the latent vectors of both ends, from the encoder's; `auto`: on an end alone that is
            not reconstructed without.
        out: .csv, .tsv, .parquet, .npz, .smi, .txt or .fasta; `-` writes one per line to standard
            output.
        device: `auto`, `cpu` or `cuda`.
    """
    check_before(model, out)
    from seqvae import load
    from seqvae.data.files.writers import WITH_LATENT, Results, write, writer_for
    from seqvae.latent.bulk import VALID
    from seqvae.latent.files import valid

    codec = load(model, device=device)
    path = codec.interpolate(first, last, steps=steps, kind=kind, refine=refine)
    columns, found = {"step": list(range(len(path)))}, valid(codec, path)
    write(out, Results(path, columns | {VALID: found} if writer_for(out) in WITH_LATENT.values() else columns))
    if not all(found):
        print(f"{found.count(False)} of {len(path)} steps are no molecules", file=sys.stderr)
