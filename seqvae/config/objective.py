"""The training objective: the KL weight or a target in its place, and what keeps z in use."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.config.checks import between, one_of, typed
from seqvae.errors import ConfigError

BETA = 0.1  # the KL weight of most trainings
TARGETS = ("target_rate", "target_distortion", "target_reconstruction")


@dataclass(frozen=True)
@typed
class ObjectiveConfig:
    """The training objective, distortion + beta * rate, in nats per sequence.

    A target takes the place of a guessed beta: training moves beta until the target is met, from the given beta on, and
    says where it ended. One target at most.

    Attributes:
        beta: KL weight, that of the rate; 1 is the ELBO. -1: 0.1, which keeps most molecules reconstructible, but 1 for
            fewer than 10,000 DNA, RNA or protein sequences, which are then predicted better.
        target_rate: nats per sequence that z should carry; 0: none.
        target_distortion: nats per sequence that a sampled z should leave open, at most, with no more rate than that
            takes (GECO: Rezende & Viola 2018, arXiv:1810.00597); 0: none.
        target_reconstruction: share of the validation molecules or sequences that should be decoded exactly from their
            posterior means; beta moves at each validation after a quarter of the training, so that it takes some ten of
            them; 0: none.
        schedule: `constant`, `linear` (0 to beta over the warm-up) or `cyclical` (the same, repeated); `auto`: linear,
            but constant where the decoder stands on counts of few sequences, which it would learn by heart at first.
        warmup: share of the training over which beta rises (of each cycle, if cyclical), so that it always finishes.
        cycles: number of cycles of the cyclical schedule (Fu et al. 2019, arXiv:1903.10145).
        free_bits: nats of rate per latent dimension without a penalty (Kingma et al. 2016, arXiv:1606.04934). With a
            prior for which the rate has no closed form, all dimensions form one group with `latent` times as many.
        free_bits_total: nats of rate per sequence without a penalty, whichever dimensions carry them; not with
            `free_bits`.
        pretraining: share of the training that comes first, as an autoencoder, without the rate; the decoder then
            begins anew, and beta rises after it. With `free_bits`, Li et al. 2019 (arXiv:1909.00868).
        lagging: share of the training, at its beginning, in which decoder and prior take only some of the steps, so
            that the encoder does not lag behind them (He et al. 2019, arXiv:1901.05534).
        encoder_steps: steps of the encoder for each of theirs while it may lag.
        word_dropout: share of input tokens hidden from an autoregressive decoder while training (Bowman et al. 2016,
            arXiv:1511.06349).
        condition_dropout: share of known conditions hidden while training, so that samples may be asked for any of them
            alone, or for none.
        classification: nats that a wrong class costs: the weight of -log q(y|x) where the class is known that the model
            infers (alpha of Kingma et al. 2014, who take a tenth of the number of texts over that of known classes).
        random_cuts: share of merged tokens that the encoder reads as their base symbols while training, drawn anew
            each time (after BPE dropout, Provilkov et al. 2020, arXiv:1910.13267).
    """

    beta: float = -1.0
    schedule: str = "auto"
    warmup: float = 0.2
    cycles: int = 4
    free_bits: float = 0.0
    word_dropout: float = 0.0
    random_cuts: float = 0.0
    condition_dropout: float = 0.2
    classification: float = 10.0
    target_rate: float = 0.0
    target_distortion: float = 0.0
    target_reconstruction: float = 0.0
    free_bits_total: float = 0.0
    pretraining: float = 0.0
    lagging: float = 0.0
    encoder_steps: int = 5

    def __post_init__(self) -> None:
        between("objective.target_rate", self.target_rate, 0.0, 1e6)
        between("objective.target_distortion", self.target_distortion, 0.0, 1e6)
        between("objective.target_reconstruction", self.target_reconstruction, 0.0, 1.0)
        targets = [name for name in TARGETS if getattr(self, name)]
        if len(targets) > 1:
            raise ConfigError(f"objective.{', objective.'.join(targets)}: one target at most; drop the others")
        if targets and not self.beta:
            raise ConfigError(f"objective.beta: with objective.{targets[0]} beta moves from a value above 0, got 0")
        one_of("objective.schedule", self.schedule, ("auto", "constant", "linear", "cyclical"))
        if self.beta != -1.0:
            between("objective.beta", self.beta, 0.0, 1000.0)
        between("objective.warmup", self.warmup, 0.0, 1.0)
        between("objective.cycles", self.cycles, 1, 1000)
        between("objective.free_bits", self.free_bits, 0.0, 1000.0)
        between("objective.free_bits_total", self.free_bits_total, 0.0, 1e6)
        if self.free_bits and self.free_bits_total:
            raise ConfigError("objective.free_bits, objective.free_bits_total: one of them at most; drop the other")
        between("objective.pretraining", self.pretraining, 0.0, 0.9)
        if targets and self.pretraining:
            raise ConfigError(f"objective.pretraining: without beta, which objective.{targets[0]} moves; drop one")
        between("objective.lagging", self.lagging, 0.0, 1.0)
        between("objective.encoder_steps", self.encoder_steps, 1, 1000)
        between("objective.word_dropout", self.word_dropout, 0.0, 0.95)
        between("objective.random_cuts", self.random_cuts, 0.0, 1.0)
        between("objective.condition_dropout", self.condition_dropout, 0.0, 1.0)
        between("objective.classification", self.classification, 0.0, 1e6)

    @property
    def weight(self) -> float:
        """The KL weight: `beta`, or, where no data have decided it, that of many texts."""
        return BETA if self.beta == -1.0 else self.beta
