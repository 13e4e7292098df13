"""`seqvae sample`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, Compute, Out
from seqvae.config import DecodeConfig

app = App(
    name="sample",
    help_epilogue="""
Examples:

    seqvae sample runs/zinc -n 1000 --seed 1 --out new.smi
    seqvae sample runs/zinc -n 20 --temperature 0.7

Tables hold the columns text and log_likelihood, log p(x|z) in nats; .smi and .txt the texts alone, one a line.
""",
)


@app.default
def sample(
    model: str,
    /,
    *,
    number: Annotated[int, Parameter(name=["--number", "-n"])] = 1000,
    out: Out = "-",
    temperature: float = DecodeConfig.temperature,
    top_p: float = DecodeConfig.top_p,
    seed: int = DecodeConfig.seed,
    computing: Compute = COMPUTING,
) -> None:
    """Draw new texts from the prior: z from p(z), then a text from p(x|z).

    Args:
        model: folder of a trained model.
        number: how many texts.
        out: .csv, .tsv, .parquet, .npz, .smi, .txt or .fasta; `-` writes one text a line to standard output.
        temperature: divides the logits; below 1 the likelier texts are preferred.
        top_p: sample from the smallest set of tokens that holds this share of the probability.
        seed: one seed, one result.
        computing: where and how the model runs.
    """
    from seqvae import load
    from seqvae.cli.outputs import Results, write, writer_for

    how = DecodeConfig("sample", temperature=temperature, top_p=top_p, seed=seed)
    writer_for(out)
    codec = load(model, device=computing.device)
    found = codec.generate(codec.draw(number, seed), how, computing.batch_size)
    write(out, Results(found.texts, {"log_likelihood": found.log_likelihood.tolist()}))
    computing.note(f"{number:,} texts sampled: {out}")
