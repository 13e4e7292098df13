"""How much work a score is."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.config.checks import between

SCORE_SAMPLES, SCORE_STEPS = 16, 10  # where neither the user nor a calibration says otherwise


@dataclass(frozen=True)
class ScoreConfig:
    """How molecules or sequences are scored.

    Attributes:
        samples: latent points that log p(x) of each is estimated from, from 2; 0: as many as the model was calibrated
            with, or else 16.
        refine: gradient steps on the posterior of each, for its best ELBO; 0: none, and neither likelihood regret nor
            refined unfamiliarity; -1: as many as the model was calibrated with, or else 10.
        seed: every random draw comes from it.
        false_discoveries: expected share of false alarms among the rows called outliers (Benjamini-Hochberg).
    """

    samples: int = 0
    refine: int = -1
    seed: int = 0
    false_discoveries: float = 0.05

    def __post_init__(self) -> None:
        between("samples", self.samples, 0, 1_000_000)
        if self.samples == 1:
            between("samples", self.samples, 2, 1_000_000)
        between("refine", self.refine, -1, 100_000)
        between("seed", self.seed, 0, 2**63 - 1)
        between("false_discoveries", self.false_discoveries, 0.0, 1.0)
