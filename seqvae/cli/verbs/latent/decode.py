"""`seqvae decode`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.flags import flags_of, merged, refuse_idle, with_flags
from seqvae.cli.options import COMPUTING, SPREADING, Compute, Out, Place, Spread, check_before, conditions_of
from seqvae.config import DecodeConfig
from seqvae.config.toml import replaced

# `tries` would draw new latent points, but here they are given: the flag is refused with that reason.
SETTINGS = [
    replace(one, group="" if one.name == "tries" else one.group) for one in flags_of(DecodeConfig(), "", "Decoding")
]

app = App(
    name="decode",
    help_epilogue="""
Examples:

    seqvae decode runs/zinc z.npz --out molecules.csv
    seqvae decode runs/zinc z.csv --method sample --temperature 0.8 --seed 1 --out molecules.smi

Tables have the columns text, log_likelihood, log p(x|z) in nats, and valid, false where a SMILES is no molecule; .smi
and .txt have the molecules or sequences alone, one per line.
A model that was trained with --conditions decodes each vector under those in the columns of the source.
Files may be larger than memory.
""",
)


@app.default
@with_flags(SETTINGS)
def decode(
    model: str,
    source: Place,
    /,
    *,
    out: Out = "-",
    condition: Annotated[list[str] | None, Parameter(group="Decoding", negative=())] = None,
    computing: Compute = COMPUTING,
    spread: Spread = SPREADING,
    **given: Any,  # noqa: ANN401
) -> None:
    """Turn latent vectors into molecules or sequences.

    Args:
        model: folder of a trained model, or the name of a pretrained one.
        source: latent vectors as `seqvae encode` writes them (.npz, .parquet, .csv), or `-` for a CSV table.
        out: .csv, .tsv, .parquet, .npz, .smi, .txt or .fasta; `-` writes one per line to standard
            output.
        condition: a value that all are to have, as `logP=2.5`, of a column that the model was trained with as a
            condition, in place of the values in the source's columns; may be repeated.
        computing: where and how the model runs.
        spread: how work on a large file is spread, and resumed after a kill.
        **given: settings of the decoding whose flags were given.
    """
    how = replaced(DecodeConfig(), merged({}, given, SETTINGS), "decode")
    refuse_idle(given, how.idle() | {"tries": "on given latent points: it would draw new ones"})
    asked = conditions_of(condition) if condition else None
    check_before(model, out, source)
    from seqvae.cli.bulk import bar, in_bulk
    from seqvae.latent.files import decode_file

    bulk = in_bulk(model, out, spread, computing)
    if not bulk.codec.has_rules:
        refuse_idle(given, {"rules": f"on {model}, which writes neither SMILES nor codons"})
    with bar(computing) as advance:
        found = decode_file(bulk, source, out, how, advance, asked)
    if found.conditions and not condition:
        computing.note(found.conditions)
    valid = f" to {found.count - found.invalid:,} molecules" if bulk.codec.may_be_invalid else ""
    if found.invalid and not valid:
        valid = f", {found.count - found.invalid:,} to coding sequences without a stop before their end"
    computing.note(f"latent vectors: {found.count:,} decoded{valid}: {out}")
