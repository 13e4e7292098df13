"""Every setting of a run and its default: frozen, flat dataclasses that refuse values out of range."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from seqvae.config.checks import HUGE, between, one_of, typed
from seqvae.config.data import DataConfig, TokenizerConfig, names_of, told_by
from seqvae.config.objective import ObjectiveConfig
from seqvae.errors import ConfigError

DEFAULT_MODEL = "drug-smiles"  # the pretrained model of molecules that verbs take where none is named
INFERENCE_BATCH = 512  # texts per batch outside training: fills a few cores, takes a few hundred MB at most
# Settings whose own names say too little outside their sections: what flags and Python's keywords call them.
SETTING_NAMES = {
    "tokenizer.kind": "tokenizer",
    "model.prior": "model_prior",
    "model.prior_components": "model_prior_components",
    "model.prior_layers": "model_prior_layers",
    "model.prior_width": "model_prior_width",
    "model.prior_groups": "model_prior_groups",
}
REFINE_STEPS = (
    20  # gradient steps on a text's own posterior; BENCHMARKS.md has the reconstruction with and without them
)
# Rows whose random draws come from one generator, so that large runs can be cut there; with other chunks the same seed
# would give other results.
CHUNK = 2048


@dataclass(frozen=True)
@typed
class ModelConfig:
    """The parts of a model and their sizes.

    Attributes:
        encoder: `gru` (bidirectional), `conv` (dilated residual convolution), or `dense` (fully connected, for aligned
            sequences, which take it where no part and no size is given).
        decoder: `gru` or `causal_conv` (autoregressive), or one independent categorical per position: `position` (by
            convolutions) or `dense` (fully connected, for aligned sequences, which take it as the encoder).
        posterior: q(z|x), `diagonal` (Gaussian, dimensions independent), `full` (Gaussian with a full covariance) or
            `iaf` (inverse autoregressive flow).
        prior: p(z) of the training: `normal`, N(0, I); `mixture` (Gaussians that are trained with the model); `vamp`
            (the posteriors of learned pseudo-inputs); `flow` (normalizing flow that is trained with the model); or
            `conditional` (a Gaussian for each value of `data.conditions`, which choose it by themselves).
        posterior_layers: layers of the posterior's flow.
        posterior_width: hidden units in each of them, and numbers that the encoder passes on to them.
        posterior_groups: groups of dimensions in each of them, from 2; with more the flow fits better, and densities of
            points that are not its own samples take longer.
        prior_components: Gaussians of a mixture, or pseudo-inputs.
        prior_layers: layers of the prior's flow.
        prior_width: hidden units of each of them.
        prior_groups: groups of dimensions in each of them, from 2; with more the flow fits better and samples more
            slowly.
        latent: dimensions of z.
        embedding: width of a token's vector.
        encoder_width: hidden units per direction (gru) or channels (conv).
        decoder_width: hidden units (gru) or channels (conv).
        encoder_layers: stacked layers (gru) or residual blocks (conv).
        decoder_layers: the same for the decoder.
        dropout: share of hidden units dropped between layers while training.
        encoder_pooling: what a `gru` encoder makes its posterior of: the `ends`, the last state of each direction, or
            `attention`, weighted means of all states besides.
        encoder_tokens: what a `gru` encoder reads: `merged` tokens, as the decoder writes, or the `base` symbols that
            they are made of, which takes longer and depends less on where tokens happen to be cut.
        max_length: most tokens of a molecule or sequence; 0: as many as the longest of the training data has.
        lengths: `fixed`: the model writes nothing but sequences of `max_length` letters; `free`: of up to so many;
            `auto`: fixed where all sequences of the training data have one length, else free, as molecules always.
        ends: whether sequences of `fixed` length end there for `certain`, or as `learned`, which leaves an early end
            some probability, as in models of before there was this setting; `auto`: certain in a new training.
        strands: `both`: DNA or RNA and its reverse complement have the same probability, the mean of what either would
            have by itself; `one`: as they are read.
        counts: whether the decoder stands on counts, of what letter follows which and stands where, and learns what
            they do not say: `added`, or `none`; `auto`: added for fewer than 10,000 sequences of DNA, RNA or protein
            whose KL weight is left to their number as well.
        labels: labels that p(y|z) predicts, separated by commas; set from `data.labels`.
        conditions: what the model is given, separated by commas; set from `data.conditions`.
        conditioned: what reads the conditions: `all`, prior, encoder and decoder, or the `prior` alone, so that latent
            points say all that the decoder knows; `auto`: all.
        classes: the classes of labels and conditions that are no numbers, as JSON; set from the data.
        inferred: the condition that is inferred where it is missing; set from `data.inferred`.
    """

    encoder: str = "gru"
    decoder: str = "gru"
    posterior: str = "diagonal"
    prior: str = "normal"
    posterior_layers: int = 2
    posterior_width: int = 64
    posterior_groups: int = 8
    prior_components: int = 16
    prior_layers: int = 3
    prior_width: int = 128
    prior_groups: int = 8
    latent: int = 64
    embedding: int = 128
    encoder_width: int = 256
    decoder_width: int = 512
    encoder_layers: int = 1
    decoder_layers: int = 1
    dropout: float = 0.0
    encoder_pooling: str = "ends"
    encoder_tokens: str = "merged"
    max_length: int = 0
    lengths: str = "auto"
    ends: str = "auto"
    strands: str = "one"
    counts: str = "auto"
    labels: str = ""
    conditions: str = ""
    conditioned: str = "auto"
    classes: str = ""
    inferred: str = ""

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of `labels`."""
        return names_of(self.labels)

    @property
    def condition_names(self) -> tuple[str, ...]:
        """The names of `conditions`."""
        return names_of(self.conditions)

    @property
    def class_table(self) -> dict[str, tuple[str, ...]]:
        """The classes of each column that has some, in the order of their numbers.

        Raises:
            ConfigError: `classes` is no JSON of at least two classes for each name.
        """
        try:
            found = json.loads(self.classes or "{}")
            table = {str(name): tuple(map(str, classes)) for name, classes in found.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise ConfigError(f"model.classes: expected classes by name as JSON, got {self.classes!r:.80}") from error
        for name, classes in table.items():
            if len({*classes}) < max(2, len(classes)):
                raise ConfigError(f"model.classes: expected two classes or more of {name!r}, each once, got {classes}")
        return table

    def kinds_of(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Return how many classes each column has, 0 for numbers."""
        table = self.class_table
        return tuple(len(table.get(name, ())) for name in names)

    @property
    def told(self) -> int:
        """How many numbers encoder and decoder are told of the conditions; 0 where they read none."""
        kinds = self.kinds_of(self.condition_names) if self.conditioned == "all" else ()
        return told_by(kinds)

    def idle(self) -> dict[str, str]:
        """Return the settings of posterior and prior that have no effect beside the others, each with the reason."""
        found = {}
        if self.posterior != "iaf":
            for name in ("posterior_layers", "posterior_width", "posterior_groups"):
                found[name] = f"with posterior {self.posterior}, only with iaf"
        if self.prior != "flow":
            for name in ("model_prior_layers", "model_prior_width", "model_prior_groups"):
                found[name] = f"with model prior {self.prior}, only with flow"
        return found

    def __post_init__(self) -> None:
        one_of("model.encoder", self.encoder, ("gru", "conv", "dense"))
        one_of("model.decoder", self.decoder, ("gru", "causal_conv", "position", "dense"))
        one_of("model.posterior", self.posterior, ("diagonal", "full", "iaf"))
        one_of("model.prior", self.prior, ("normal", "mixture", "vamp", "flow", "conditional"))
        one_of("model.encoder_pooling", self.encoder_pooling, ("ends", "attention"))
        one_of("model.encoder_tokens", self.encoder_tokens, ("merged", "base"))
        one_of("model.lengths", self.lengths, ("auto", "fixed", "free"))
        one_of("model.ends", self.ends, ("auto", "certain", "learned"))
        one_of("model.strands", self.strands, ("one", "both"))
        one_of("model.counts", self.counts, ("auto", "added", "none"))
        one_of("model.conditioned", self.conditioned, ("auto", "all", "prior"))
        table = self.class_table  # it is checked when it is read
        if self.inferred and not (self.inferred in table and self.inferred in self.condition_names):
            raise ConfigError(f"model.inferred: expected a condition that has classes, got {self.inferred!r}")
        if self.inferred and self.strands == "both":
            raise ConfigError("model.strands: a class that is inferred needs one strand, got both")
        if self.encoder_tokens == "base" and self.encoder != "gru":
            raise ConfigError(f"model.encoder_tokens: base symbols are for encoder gru, got encoder {self.encoder}")
        if self.encoder_tokens == "base" and self.prior == "vamp":
            raise ConfigError("model.prior: vamp's pseudo-inputs are of merged tokens; take encoder_tokens merged")
        between("model.prior_components", self.prior_components, 1, 10_000)
        for name in ("posterior_groups", "prior_groups"):
            between(f"model.{name}", getattr(self, name), 2, 100_000)
        for name in ("posterior_layers", "posterior_width", "prior_layers", "prior_width"):
            between(f"model.{name}", getattr(self, name), 1, 100_000)
        between("model.dropout", self.dropout, 0.0, 0.95)
        between("model.max_length", self.max_length, 0, 100_000)
        for name in ("latent", "embedding", "encoder_width", "decoder_width", "encoder_layers", "decoder_layers"):
            between(f"model.{name}", getattr(self, name), 1, 100_000)


@dataclass(frozen=True)
@typed
class TrainingConfig:
    """How the weights are trained.

    Attributes:
        epochs: passes over the training split; 0: by its size, for enough steps: up to 60 over a few hundred molecules
            or sequences, 10 (in fine-tuning 20) over many.
        batch_size: molecules or sequences per step and device; 0: by their number, 16 for a few hundred, 256 (in
            fine-tuning 64) for many.
        learning_rate: highest learning rate of Adam; -1: 0.001, but 0.0003 where the decoder stands on counts of few
            sequences.
        rate_schedule: `cosine` (to zero) or `constant`.
        clip: largest norm of the gradient of the loss in nats per sequence; 0: no clipping.
        average: decay per step of an exponential moving average of the weights; validations measure both, and the model
            gets the ones with the better objective. 0: no average; 0.999 spans about a thousand steps.
        patience: validations without a better objective after which training stops, and the best weights are kept; 0:
            never; -1: where the passes are chosen by the number of molecules or sequences, and there are few of these.
        validations_per_epoch: validations in each epoch.
        checkpoint_minutes: minutes between checkpoints; 0: only one at every validation.
        device: `auto`, `cpu` or `cuda`.
        precision: `32`, `bf16`, or `auto`: bf16 on CUDA; on the CPU float32 storage with the fastest matrix products
            (oneDNN, which may round factors to bf16 on hardware that supports it).
        devices: number of devices (processes); more than one trains with Lightning's `strategy`.
        strategy: a Lightning strategy by name; `auto`: `ddp_spawn` for more than one device.
        seed: seed of every random draw.
    """

    epochs: int = 0
    batch_size: int = 0
    learning_rate: float = -1.0
    rate_schedule: str = "cosine"
    clip: float = 50.0
    average: float = 0.0
    patience: int = -1
    validations_per_epoch: int = 1
    checkpoint_minutes: float = 5.0
    device: str = "auto"
    precision: str = "auto"
    devices: int = 1
    strategy: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        one_of("training.rate_schedule", self.rate_schedule, ("cosine", "constant"))
        one_of("training.device", self.device, ("auto", "cpu", "cuda"))
        one_of("training.precision", self.precision, ("auto", "32", "bf16"))
        if self.learning_rate != -1.0:
            between("training.learning_rate", self.learning_rate, 0.0, 10.0)
        between("training.average", self.average, 0.0, 0.999999)
        between("training.devices", self.devices, 1, 10_000)
        between("training.validations_per_epoch", self.validations_per_epoch, 1, HUGE)
        for name in ("epochs", "batch_size", "clip", "checkpoint_minutes", "seed"):
            between(f"training.{name}", getattr(self, name), 0, HUGE)
        between("training.patience", self.patience, -1, HUGE)

    @property
    def highest_rate(self) -> float:
        """The highest learning rate: `learning_rate`, or, where no data have decided it, that of many texts."""
        return 1e-3 if self.learning_rate == -1.0 else self.learning_rate


@dataclass(frozen=True)
@typed
class PriorConfig:
    """The density fitted to the latent points after training, which samples may be drawn from.

    Attributes:
        prior: `mixture` (Gaussians, their number by BIC), `flow` (normalizing flow), `auto` (the better of the two by
            the log density of the validation split's latent points), or `none`.
        prior_components: most Gaussians of a mixture.
        prior_layers: layers of the flow.
        prior_width: hidden units of each layer of the flow.
        prior_groups: groups of dimensions in each layer, from 2; with more the flow fits better and samples more
            slowly.
        prior_steps: most optimiser steps of the flow.
        prior_minutes: most minutes for the flow; steps are left out that would take longer. 0: no limit.
    """

    prior: str = "auto"
    prior_components: int = 32
    prior_layers: int = 3
    prior_width: int = 256
    prior_groups: int = 8
    prior_steps: int = 2000
    prior_minutes: float = 10.0

    def __post_init__(self) -> None:
        one_of("prior.prior", self.prior, ("auto", "none", "mixture", "flow"))
        between("prior.prior_minutes", self.prior_minutes, 0.0, HUGE)
        between("prior.prior_groups", self.prior_groups, 2, 100_000)
        between("prior.prior_components", self.prior_components, 1, 10_000)
        between("prior.prior_steps", self.prior_steps, 1, HUGE)
        for name in ("prior_layers", "prior_width"):
            between(f"prior.{name}", getattr(self, name), 1, 100_000)

    def idle(self) -> dict[str, str]:
        """Return the settings that have no effect beside the others, each with the reason."""
        flow = ("prior_layers", "prior_width", "prior_groups", "prior_steps", "prior_minutes")
        names = {"none": ("prior_components", *flow), "mixture": flow, "flow": ("prior_components",)}
        return dict.fromkeys(names.get(self.prior, ()), f"with prior {self.prior}")


@dataclass(frozen=True)
@typed
class RunConfig:
    """A whole training run: one section of settings for each part."""

    data: DataConfig = field(default_factory=DataConfig)
    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    objective: ObjectiveConfig = field(default_factory=ObjectiveConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)

    def __post_init__(self) -> None:
        given = bool(self.data.condition_names or self.model.conditions)
        if self.model.prior == "conditional" and not given:
            raise ConfigError("model.prior: conditional needs data.conditions, the columns that it is given")
        if self.data.condition_names and self.model.prior not in ("normal", "conditional"):
            raise ConfigError(
                f"data.conditions: the prior given these is a Gaussian; leave out model.prior {self.model.prior}"
            )
        if self.data.inferred and self.model.conditioned == "prior":
            raise ConfigError("data.inferred: encoder and decoder have to read the class; leave out model.conditioned")
        if self.objective.random_cuts and self.model.encoder != "gru":
            raise ConfigError(f"objective.random_cuts: cuts are for encoder gru, got encoder {self.model.encoder}")

    def idle(self) -> dict[str, str]:
        """Return the settings that have no effect beside the others, each with the reason."""
        objective, found = self.objective, {**self.prior.idle(), **self.model.idle()}
        if objective.schedule != "cyclical":
            found["cycles"] = f"with schedule {objective.schedule}, only with cyclical"
        if objective.schedule == "constant":
            found["warmup"] = "with schedule constant"
        if not objective.lagging:
            found["encoder_steps"] = "without lagging"
        if self.model.decoder in ("position", "dense"):
            found["word_dropout"] = f"with decoder {self.model.decoder}, which reads no tokens"
        if not (self.data.condition_names or self.model.conditions):
            found |= dict.fromkeys(("condition_dropout", "conditioned"), "without conditions")
        if not (self.data.inferred or self.model.inferred):
            found["classification"] = "without an inferred class"
        if self.model.encoder_tokens == "base":
            found["random_cuts"] = "with encoder_tokens base, which are cut already"
        if self.tokenizer.kind not in ("auto", "dna", "rna", "protein"):
            found["allow_gap"] = f"with tokenizer {self.tokenizer.kind}, only with dna, rna and protein"
        if self.model.encoder != "gru":
            by = {"conv": "which always pools by attention", "dense": "which reads all positions at once"}
            found["encoder_pooling"] = f"with encoder {self.model.encoder}, {by[self.model.encoder]}"
        if not self.data.spellings:
            found["spelling_share"] = "with no spellings"
        if self.data.split == "published":
            found["test_fraction"] = "with split published"
        return found


@dataclass(frozen=True)
@typed
class AdaptConfig:
    """Which weights of a trained model change in fine-tuning.

    Attributes:
        freeze_encoder: train the decoder only: molecules or sequences keep their latent points.
        freeze_decoder: train the encoder only: latent points keep their decodings; with a lower beta, more is
            reconstructed exactly, and samples of N(0, I) stay what they were.
        lora: rank of low-rank adapters, which are trained in place of the weights and merged into them in the end; 0:
            the weights themselves are trained.
        beta: KL weight; -1: as the model was trained.
    """

    freeze_encoder: bool = False
    freeze_decoder: bool = False
    lora: int = 0
    beta: float = -1.0

    def __post_init__(self) -> None:
        if self.freeze_encoder and self.freeze_decoder:
            raise ConfigError(
                "adapt.freeze_encoder, adapt.freeze_decoder: with both nothing is left to learn; drop one"
            )
        between("adapt.lora", self.lora, 0, 10_000)
        if self.beta != -1.0:
            between("adapt.beta", self.beta, 0.0, 1000.0)


@dataclass(frozen=True)
@typed
class FinetuneConfig:
    """How a trained model is fine-tuned on new texts.

    The defaults suit some hundred texts and more: larger shares are held out than in training from scratch, the
    learning rate is lower, training stops when validation no longer improves, and the prior takes no longer than the
    rest.
    """

    data: DataConfig = field(default_factory=lambda: DataConfig(valid_fraction=0.1, test_fraction=0.1))
    training: TrainingConfig = field(default_factory=lambda: TrainingConfig(learning_rate=3e-4))
    prior: PriorConfig = field(default_factory=lambda: PriorConfig(prior_minutes=2.0))
    adapt: AdaptConfig = field(default_factory=AdaptConfig)
