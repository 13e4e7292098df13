"""How samples and models are measured, a model is diagnosed, and its rate-distortion curve is traced."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.config.checks import between, typed
from seqvae.config.decoding import DecodeConfig
from seqvae.errors import ConfigError


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


@dataclass(frozen=True)
@typed
class RateDistortionConfig:
    """How a rate-distortion curve is traced.

    Attributes:
        betas: KL weights to train at, separated by commas; empty: none, for the curve of one fixed model alone.
        epochs: passes of each training that begins with the weights of its neighbour; 0: a third of those of the model
            that the first begins with, or of the first itself.
        chains: sequences of neighbours, each traced by a process of its own; the first training of each begins with the
            given model, or from scratch. The result depends on it.
        multipliers: train once more at each beta, towards its distortion and from one and a half of it, to see whether
            a target's multiplier comes back to that beta; twice the work.
        texts: training and held-out molecules or sequences, at most, that the points are measured on; the first ones.
        samples: posterior samples of each.
        annealed: held-out molecules or sequences of which the curve of a given model's decoder is annealed; 0: none.
        annealing_chains: of each of them.
        annealing_steps: temperatures of a chain; each takes five gradients of the decoder.
        seed: every random draw of the measurements comes from it.
    """

    betas: str = "0.05,0.1,0.2,0.4,0.7,1,2"
    epochs: int = 0
    chains: int = 1
    multipliers: bool = True
    texts: int = 1000
    samples: int = 10
    annealed: int = 16
    annealing_chains: int = 8
    annealing_steps: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for beta in self.values:
            between("betas", beta, 1e-4, 1000.0)
        between("epochs", self.epochs, 0, 1_000_000)
        between("chains", self.chains, 1, max(1, len(self.values)))
        for name in ("texts", "samples"):
            between(name, getattr(self, name), 2 if name == "texts" else 1, 1_000_000)
        between("annealed", self.annealed, 0, 10_000)
        between("annealing_chains", self.annealing_chains, 1, 10_000)
        between("annealing_steps", self.annealing_steps, 2, 1_000_000)
        between("seed", self.seed, 0, 2**63 - 1)

    @property
    def values(self) -> tuple[float, ...]:
        """The KL weights, ascending, each once."""
        try:
            return tuple(sorted({float(word) for word in self.betas.split(",") if word.strip()}))
        except ValueError as error:
            raise ConfigError(f"betas: expected numbers separated by commas, got {self.betas!r}") from error
