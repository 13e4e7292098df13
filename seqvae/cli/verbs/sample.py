"""`seqvae sample`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, SPREADING, Compute, Out, Spread
from seqvae.config import DecodeConfig

app = App(
    name="sample",
    help_epilogue="""
Examples:

    seqvae sample runs/zinc -n 1000 --seed 1 --out new.smi
    seqvae sample runs/zinc -n 20 --temperature 0.7
    seqvae sample runs/zinc --prior normal

Tables hold the columns text and log_likelihood, log p(x|z) in nats; .smi and .txt the texts alone, one a line.
""",
)


@dataclass(frozen=True)
class SamplingOptions:
    """How samples are drawn.

    Attributes:
        temperature: divides the logits; below 1 the likelier texts are preferred.
        top_p: sample from the smallest set of tokens that holds this share of the probability.
        prior: `normal` for N(0, I), or `mixture` where the model was trained with one; `fitted` for the density fitted
            to its latent points after training; or `auto`, the one of these that the model prefers.
        tries: of a model that writes SMILES: draw a sample that is no molecule again, up to so many times in all.
        seed: one seed, one result.
    """

    temperature: float = DecodeConfig.temperature
    top_p: float = DecodeConfig.top_p
    prior: str = "auto"
    tries: int = DecodeConfig.tries
    seed: int = DecodeConfig.seed

    def config(self) -> DecodeConfig:
        """Return how a text is chosen; raises ConfigError where a number is out of range."""
        return DecodeConfig("sample", temperature=self.temperature, top_p=self.top_p, tries=self.tries, seed=self.seed)


SAMPLING = SamplingOptions()


@app.default
def sample(
    model: str,
    /,
    *,
    number: Annotated[int, Parameter(name=["--number", "-n"])] = 1000,
    out: Out = "-",
    sampling: Annotated[SamplingOptions, Parameter(name="*", group="Sampling")] = SAMPLING,
    computing: Compute = COMPUTING,
    spread: Spread = SPREADING,
) -> None:
    """Draw new texts from a prior: z from p(z), then a text from p(x|z).

    Args:
        model: folder of a trained model, or the name of one that ships.
        number: how many texts.
        out: .csv, .tsv, .parquet, .npz, .smi, .txt or .fasta; `-` writes one text a line to standard output.
        sampling: how samples are drawn.
        computing: where and how the model runs.
        spread: over what a large number is spread, and how it goes on after a kill.
    """
    from seqvae.cli.bulk import in_bulk, write_bulk

    how = sampling.config()
    bulk = in_bulk(model, out, spread, computing)
    write_bulk(bulk, out, bulk.sample(number, how, sampling.prior), computing, number)
    computing.note(f"{number:,} texts sampled: {out}")
