"""How much work scores and imputation are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seqvae.config.checks import between, one_of, typed

SCORE_SAMPLES, SCORE_STEPS = 16, 10  # where neither the user nor a calibration says otherwise
SITE_CHANCE = 1e-4  # highest p of a site of a motif, as of FIMO (Grant et al. 2011, doi:10.1093/bioinformatics/btr064)


@dataclass(frozen=True)
@typed
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

    def settled(self, samples: int = SCORE_SAMPLES, steps: int = SCORE_STEPS) -> ScoreConfig:
        """Return the settings with these numbers of samples and gradient steps where they leave them open."""
        refine = steps if self.refine < 0 else self.refine
        return replace(self, samples=self.samples or samples, refine=refine)


@dataclass(frozen=True)
@typed
class ImputeConfig:
    """How unknown positions are filled.

    Attributes:
        method: `gibbs`, chains of Metropolis-within-Gibbs in latent space, or `importance`, importance sampling: some
            times quicker, and good where little is unknown.
        completions: most completions of each molecule or sequence that are kept, the likeliest first.
        samples: weighted draws of importance sampling, which also gives log p of what is known.
        chains: for each molecule or sequence, from 2; half of them start at draws from the prior.
        sweeps: of each chain, kept.
        warmup: sweeps before these.
        particles: of the filter that draws tokens, from 2, where the decoder reads those before them.
        seed: every random draw comes from it.
        error_rate: how likely a letter of a sequence was read wrong, as any of the others, between 0 and 1; 0: never.
            By default what the qualities of FASTQ say, and never in other files.
    """

    method: str = "gibbs"
    completions: int = 5
    samples: int = 500
    chains: int = 4
    sweeps: int = 200
    warmup: int = 100
    particles: int = 8
    seed: int = 0
    error_rate: float | None = None

    def __post_init__(self) -> None:
        one_of("method", self.method, ("gibbs", "importance"))
        between("completions", self.completions, 1, 1_000_000)
        between("samples", self.samples, 2, 10_000_000)
        between("chains", self.chains, 2, 10_000)
        between("sweeps", self.sweeps, 4, 10_000_000)
        between("warmup", self.warmup, 0, 10_000_000)
        between("particles", self.particles, 2, 10_000)
        between("seed", self.seed, 0, 2**63 - 1)
        if self.error_rate is not None:
            between("error_rate", self.error_rate, 0.0, 1.0)

    @property
    def draws(self) -> int:
        """How many completions of each text are drawn."""
        return self.samples if self.method == "importance" else self.chains * self.sweeps
