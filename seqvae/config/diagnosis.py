"""How a model is diagnosed."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.config.checks import between, typed


@dataclass(frozen=True)
@typed
class DiagnosisConfig:
    """How much work a diagnosis is.

    Attributes:
        texts: held-out molecules or sequences, at most, and as many training ones; the first ones.
        samples: k of the importance-weighted bound: posterior samples of each, from 1; more make it tighter.
        refined: molecules or sequences, at most, whose posteriors are refined; each costs some tens of training steps.
        seed: every random draw comes from it.
        quick: leave out whatever takes gradient steps or decodes paths and prior draws: refined posteriors, the
            inference gap, dark areas, smoothness and the decoder's geometry.
    """

    texts: int = 1000
    samples: int = 30
    refined: int = 200
    seed: int = 0
    quick: bool = False

    def __post_init__(self) -> None:
        between("texts", self.texts, 1, 1_000_000)
        between("samples", self.samples, 1, 100_000)
        between("refined", self.refined, 0, 1_000_000)
        between("seed", self.seed, 0, 2**63 - 1)
