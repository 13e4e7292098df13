"""How samples and models are measured."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.config.checks import typed
from seqvae.config.decoding import DecodeConfig


@dataclass(frozen=True)
@typed
class EvaluationConfig:
    """How a model is sampled and measured.

    Attributes:
        number: samples drawn from a model.
        prior: `normal`, `fitted`, or `auto` for the one of these that the model card prefers.
        tries: for models of SMILES: most draws for each sample, as in `seqvae sample`; with 1, every draw that is no
            molecule counts against the model.
        seed: every random draw comes from it.
        motifs: DNA: file of motifs whose hits are counted (JASPAR or minimal MEME), or `promoter-boxes` for the -10 and
            -35 boxes of E. coli.
        quick: leave out confidence intervals, what real data reach, the 10 x 10 protocol, refined posteriors and the
            metrics of the latent space.
    """

    number: int = 10_000
    prior: str = "auto"
    tries: int = DecodeConfig.tries
    seed: int = DecodeConfig.seed
    motifs: str = ""
    quick: bool = False
