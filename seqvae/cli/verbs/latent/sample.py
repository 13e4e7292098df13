"""`seqvae sample`."""

from __future__ import annotations

from typing import Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.flags import flags_of, merged, refuse_idle, with_flags
from seqvae.cli.options import COMPUTING, SPREADING, Compute, Out, Spread, check_before, conditions_of
from seqvae.config import DecodeConfig
from seqvae.config.toml import replaced
from seqvae.errors import UsageError

app = App(
    name="sample",
    help_epilogue="""
Examples:

    seqvae sample runs/zinc -n 1000 --seed 1 --out new.smi
    seqvae sample runs/zinc -n 20 --temperature 0.7
    seqvae sample runs/zinc --prior normal
    seqvae sample runs/measured -n 500 --condition logP=2.5 --condition qed=0.9 --guidance 1

Tables have the columns text, log_likelihood, log p(x|z) in nats, and valid, false where a SMILES is no molecule, or a
coding sequence has a stop before its end; .smi and .txt have the molecules or sequences alone, one per line.
""",
)


SETTINGS = flags_of(
    DecodeConfig("sample"),
    "",
    "Sampling",
    ("temperature", "top_p", "rules", "tries", "guidance", "seed"),
    {"tries": "for models of SMILES: most draws for each sample, until it is a molecule"},
)


@app.default
@with_flags(SETTINGS)
def sample(
    model: str,
    /,
    *,
    number: Annotated[int, Parameter(name=["--number", "-n"])] = 1000,
    out: Out = "-",
    prior: Annotated[str, Parameter(group="Sampling")] = "auto",
    condition: Annotated[list[str] | None, Parameter(group="Sampling", negative=())] = None,
    computing: Compute = COMPUTING,
    spread: Spread = SPREADING,
    **given: Any,  # noqa: ANN401
) -> None:
    """Draw new molecules or sequences: z from a prior p(z), then x from p(x|z).

    Args:
        model: folder of a trained model, or the name of a pretrained one.
        number: how many molecules or sequences.
        out: .csv, .tsv, .parquet, .npz, .smi, .txt or .fasta; `-` writes one per line to standard
            output.
        prior: `normal` for N(0, I) (`mixture` where the model was trained with one), `fitted` for the density fitted to
            the latent points after training, or `auto` for the one of these that the model card prefers.
        condition: a value that samples are to have, as `logP=2.5` or `kind=active`, of a column that the model was
            trained with as a condition; may be repeated, and those left out may have any value.
        computing: where and how the model runs.
        spread: how a large number is spread, and resumed after a kill.
        **given: settings of the sampling whose flags were given.
    """
    if condition and prior != "auto":
        raise UsageError(f"--prior {prior} takes no --condition: leave one of them out")
    how = replaced(DecodeConfig("sample"), merged({}, given, SETTINGS), "sample")
    values = conditions_of(condition) if condition else prior
    check_before(model, out)
    from seqvae.cli.bulk import bar, in_bulk
    from seqvae.latent.files import sample_file

    bulk = in_bulk(model, out, spread, computing)
    if not bulk.codec.may_be_invalid:
        refuse_idle(given, {"tries": f"on {model}, which writes no SMILES"})
    if not bulk.codec.has_rules:
        refuse_idle(given, {"rules": f"on {model}, which writes neither SMILES nor codons"})
    with bar(computing, number) as advance:
        found = sample_file(bulk, number, out, how, values, advance)
    valid = f", {number - found.invalid:,} of them molecules" if bulk.codec.may_be_invalid else ""
    if found.invalid and not valid:
        valid = f", {number - found.invalid:,} of them coding sequences without a stop before their end"
    computing.note(f"{number:,} samples drawn{valid}: {out}")
