"""Settings of the optimisers and their defaults, and the names that stand for them: in TOML, flags, search folders.

A new optimiser is a module of `seqvae.search.optimizers` with a function `build(config, material)`, and here a class of
settings and a row of `OPTIMIZERS`; flags, TOML, help and the search folder follow from these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from seqvae.config.breeding import (
    EvolutionConfig,
    GuideConfig,
    LatentMovesConfig,
    MoveConfig,
    OperatorConfig,
    OperatorSelectionConfig,
    RetrainingConfig,
)
from seqvae.config.checks import HUGE, between, one_of, suggestion, typed
from seqvae.config.toml import flat, nested, replaced
from seqvae.errors import ConfigError

INITIAL = 100  # scores from which a search starts to learn by default
BATCH = 100  # proposals per round by default
_NAME = "name"  # of the optimiser, beside its settings
DEFAULT_OPTIMIZER = "auto"
_SUBSPACE = 16  # directions: the published choice for searches of some hundred calls


@dataclass(frozen=True)
@typed
class OptimizerConfig:
    """The settings of any optimiser, as `seqvae.search.run` takes them."""

    def idle(self) -> dict[str, str]:
        """Return the groups of settings that have no effect given the others, each with the reason."""
        return {}


@dataclass(frozen=True)
@typed
class GenerativeConfig(OptimizerConfig):
    """An evolution whose generator is retrained on its results.

    Attributes:
        evolution: population and greed.
        selection: how the operators share the proposals.
        operators: how proposals are bred.
        latent_moves: how proposals are made in latent space.
        retraining: how the model is retrained.
        guide: how a Gaussian process chooses among proposals.
        retrained: whether the model is retrained on the best.
        guided: whether a Gaussian process chooses among proposals.
    """

    evolution: EvolutionConfig = field(default_factory=EvolutionConfig)
    selection: OperatorSelectionConfig = field(default_factory=OperatorSelectionConfig)
    operators: OperatorConfig = field(default_factory=OperatorConfig)
    latent_moves: LatentMovesConfig = field(default_factory=LatentMovesConfig)
    retraining: RetrainingConfig = field(default_factory=RetrainingConfig)
    guide: GuideConfig = field(default_factory=GuideConfig)
    retrained: bool = True
    guided: bool = True

    def idle(self) -> dict[str, str]:
        """Return the settings of the parts that are switched off."""
        return ({} if self.retrained else {"retraining": "retrained is off"}) | _unguided(self.guided)


def _unguided(guided: bool) -> dict[str, str]:
    return {} if guided else {"guide": "guided is off"}


@dataclass(frozen=True)
@typed
class GeneticConfig(OptimizerConfig):
    """A genetic algorithm, which needs no model.

    Attributes:
        moves: what mutation and crossover act on: the `graph` of a molecule or its `selfies`; sequences in both cases.
        evolution: population and greed.
        selection: how the operators share the proposals.
        operators: how proposals are bred.
        guide: how a Gaussian process chooses among proposals.
        guided: whether a Gaussian process chooses among proposals.
    """

    moves: str = "graph"
    evolution: EvolutionConfig = field(default_factory=EvolutionConfig)
    selection: OperatorSelectionConfig = field(default_factory=OperatorSelectionConfig)
    operators: MoveConfig = field(default_factory=MoveConfig)
    guide: GuideConfig = field(default_factory=GuideConfig)
    guided: bool = False

    def __post_init__(self) -> None:
        one_of("moves", self.moves, ("graph", "selfies"))

    def idle(self) -> dict[str, str]:
        """Return the settings of the parts that are switched off."""
        return _unguided(self.guided)


@dataclass(frozen=True)
@typed
class CmaConfig(OptimizerConfig):
    """How CMA-ES searches a latent space.

    Attributes:
        form: `full`, a whole covariance matrix; or `separable`, one variance per dimension (Ros & Hansen 2008,
            doi:10.1007/978-3-540-87700-4_30), for which a few hundred scores are enough.
        subspace: search only this many random directions through the start (Wang et al. 2016, doi:10.1613/jair.4806);
            0: the whole space.
        sigma: initial standard deviation around the start; 1 is the prior's.
        population: points per generation; 0: 4 + 3 ln(dimensions), or the batch where that is larger.
        start: size of the initial design, drawn from the prior; 0: as many as `initial` of the search.
    """

    form: str = "separable"
    subspace: int = 0
    sigma: float = 0.5
    population: int = 0
    start: int = 0

    def __post_init__(self) -> None:
        one_of("cma.form", self.form, ("full", "separable"))
        between("cma.sigma", self.sigma, 1e-6, 1e3)
        # a single direction has no separable form, and a generation of three no second parent
        between("cma.subspace", self.subspace, 2 if self.subspace else 0, 100_000)
        between("cma.population", self.population, 4 if self.population else 0, 100_000)
        between("cma.start", self.start, 0, HUGE)


@dataclass(frozen=True)
@typed
class TurboConfig(OptimizerConfig):
    """How trust regions search a latent space (Eriksson et al. 2019, arXiv:1910.01739).

    Lengths are relative to the unit cube that the Gaussian process works in.

    Attributes:
        acquisition: `thompson`, Thompson sampling over points of the regions; `logei` or `lognei`, the logarithm of the
            batch's expected improvement over the best score, or over the noisy ones (Ament et al. 2023,
            arXiv:2310.20708); of several objectives, both mean the improvement of the hypervolume (qLogNEHVI).
        regions: trust regions at a time.
        length: initial side of a region.
        shortest: side below which a region restarts elsewhere.
        longest: longest side.
        successes: rounds in a row with an improvement, after which a region doubles.
        failures: rounds in a row without one, after which it halves; 0: dimensions / batch, at least 4 / batch.
        candidates: points among which Thompson sampling chooses.
        decodes: decodings that are tried at a point before it is given up as one without anything new.
        points: most scores that the Gaussian process is fitted to.
        start: size of the initial design, drawn from the prior; 0: as many as `initial` of the search.
    """

    acquisition: str = "thompson"
    regions: int = 1
    length: float = 0.8
    shortest: float = 0.5**7
    longest: float = 1.6
    successes: int = 3
    failures: int = 0
    candidates: int = 2000
    decodes: int = 3
    points: int = 2000
    start: int = 0

    def __post_init__(self) -> None:
        one_of("turbo.acquisition", self.acquisition, ("thompson", "logei", "lognei"))
        between("turbo.shortest", self.shortest, 1e-9, self.longest)
        between("turbo.length", self.length, self.shortest, self.longest)
        between("turbo.longest", self.longest, 1e-9, 1e3)
        between("turbo.failures", self.failures, 0, HUGE)
        between("turbo.start", self.start, 2 if self.start else 0, HUGE)
        # joint draws of more candidates, and fits to more points, take more than minutes and gigabytes each
        between("turbo.candidates", self.candidates, 10, 20_000)
        between("turbo.points", self.points, 10, 20_000)
        for name in ("regions", "successes", "decodes"):
            between(f"turbo.{name}", getattr(self, name), 1, 1000)


@dataclass(frozen=True)
@typed
class AscentConfig(OptimizerConfig):
    """How gradients of learned heads are ascended in a latent space.

    Attributes:
        heads: networks of the ensemble.
        width: hidden units of each of their two layers.
        training: optimiser steps of their training, anew in each round.
        population: how many of the best may be starts.
        greed: how evenly starts are drawn: the weight of rank r among n scored is 1 / (greed * n + r).
        radius: farthest from its start that a point may go; 1 is the prior's standard deviation in one dimension.
        steps: gradient steps of the ascent.
        caution: standard deviations of the ensemble that are subtracted from its mean.
        penalty: cost, in standard deviations of the score, of each nat of prior log-density lost on the way.
        decodes: decodings that are tried at a point before it is given up as one without anything new.
        start: size of the initial design, drawn from the prior; 0: as many as `initial` of the search.
    """

    heads: int = 5
    width: int = 64
    training: int = 300
    population: int = 100
    greed: float = 0.01
    radius: float = 2.0
    steps: int = 20
    caution: float = 0.5
    penalty: float = 0.1
    decodes: int = 3
    start: int = 0

    def __post_init__(self) -> None:
        between("ascent.heads", self.heads, 2, 1000)  # of one there is no deviation
        between("ascent.radius", self.radius, 1e-6, 1e3)
        for name in ("caution", "penalty", "greed"):
            between(f"ascent.{name}", getattr(self, name), 0.0, HUGE)
        for name in ("width", "training", "steps", "decodes"):
            between(f"ascent.{name}", getattr(self, name), 1, 100_000)
        between("ascent.population", self.population, 2, HUGE)
        between("ascent.start", self.start, 2 if self.start else 0, HUGE)


@dataclass(frozen=True)
@typed
class SamplingConfig(OptimizerConfig):
    """Random samples from the model, a baseline without settings."""


@dataclass(frozen=True)
@typed
class ScreeningConfig(OptimizerConfig):
    """The texts of a file in random order, a baseline without settings."""


@dataclass(frozen=True)
class OptimizerRow:
    """The optimiser behind a name.

    Attributes:
        about: one line on it.
        module: of `seqvae.search.optimizers`, whose function `build` makes it.
        config: its settings, as that name has them.
        several: whether it handles several scores per text.
    """

    about: str
    module: str
    config: OptimizerConfig
    several: bool = False


_LATENT = GenerativeConfig(operators=OperatorConfig(mutation=0.0, crossover=0.0))
OPTIMIZERS: dict[str, OptimizerRow] = {
    "auto": OptimizerRow(
        "moves of graphs or sequences and of latent points, the model learning from the best",
        "latent_evolution",
        GenerativeConfig(),
        several=True,
    ),
    "latent": OptimizerRow(
        "moves of latent points alone, the model learning from the best", "latent_evolution", _LATENT, several=True
    ),
    "turbo": OptimizerRow(
        "trust regions of a Gaussian process over the latent space", "turbo", TurboConfig(), several=True
    ),
    "ascent": OptimizerRow(
        "gradients of networks that learn the scores over the latent space", "gradient_ascent", AscentConfig()
    ),
    "cma-es": OptimizerRow("CMA-ES over the latent space", "cma_es", CmaConfig()),
    "subspace": OptimizerRow(
        "CMA-ES over random directions of the latent space", "cma_es", CmaConfig(subspace=_SUBSPACE)
    ),
    "gp": OptimizerRow(
        "a Gaussian process by similarity, which chooses among bred texts",
        "genetic",
        GeneticConfig(guided=True),
        several=True,
    ),
    "ga": OptimizerRow(
        "a genetic algorithm over molecules as graphs, or over sequences", "genetic", GeneticConfig(), several=True
    ),
    "string-ga": OptimizerRow(
        "a genetic algorithm over molecules as SELFIES, or over sequences",
        "genetic",
        GeneticConfig(moves="selfies"),
        several=True,
    ),
    "sampling": OptimizerRow("a baseline: draws from the model", "baselines", SamplingConfig()),
    "screening": OptimizerRow("a baseline: the texts of a file in random order", "baselines", ScreeningConfig()),
}
OLD_NAMES = {"prior": "sampling"}  # still accepted


def is_own(optimizer: str | OptimizerConfig) -> bool:
    """Whether it is a user's own object, recorded only as `module:class`."""
    return isinstance(optimizer, str) and ":" in optimizer


def settings_of(optimizer: str | OptimizerConfig) -> OptimizerConfig:
    """Return the settings that a name stands for; raises ConfigError for an unknown name."""
    if isinstance(optimizer, OptimizerConfig):
        return optimizer
    name = OLD_NAMES.get(optimizer, optimizer)
    if name not in OPTIMIZERS:
        raise ConfigError(f"unknown optimizer {optimizer!r}{suggestion(optimizer, OPTIMIZERS)}")
    return OPTIMIZERS[name].config


def name_of(optimizer: str | OptimizerConfig) -> str:
    """Return the name; for settings, the name whose settings differ from them in the fewest."""
    if isinstance(optimizer, str):
        return OLD_NAMES.get(optimizer, optimizer)
    found = flat(asdict(optimizer))
    differ = {
        name: sum(found[key] != value for key, value in flat(asdict(row.config)).items())
        for name, row in OPTIMIZERS.items()
        if type(row.config) is type(optimizer)
    }
    if not differ:
        raise ConfigError(f"expected the settings of an optimiser by name, got {type(optimizer).__name__}")
    return min(differ, key=differ.__getitem__)


def optimizer_to_dict(optimizer: str | OptimizerConfig) -> dict[str, Any]:
    """Return the name and all settings; `optimizer_from_dict` reads them."""
    if is_own(optimizer):
        return {_NAME: optimizer}
    return {_NAME: name_of(optimizer), **asdict(settings_of(optimizer))}


def optimizer_from_dict(values: object) -> str | OptimizerConfig:
    """Return the optimiser of a name, or of a table with a name and settings; missing settings are those of the name.

    Raises:
        ConfigError: there is no such name, the optimiser has no such setting, or a value is of another type or out of
            range.
    """
    if not isinstance(values, Mapping):
        values = {_NAME: values}
    given = {key: value for key, value in values.items() if key != _NAME}
    name = values.get(_NAME, DEFAULT_OPTIMIZER)
    if not isinstance(name, str):
        raise ConfigError(f"optimizer.name: expected one of {', '.join(OPTIMIZERS)}, got {name!r}")
    if is_own(name) and not given:
        return name
    config = settings_of(name)
    known = flat(asdict(config))
    for key in flat(given):
        if key not in known and not any(one.startswith(f"{key}.") for one in known):
            has = f"it has {', '.join(known)}" if known else "it has none"
            raise ConfigError(f"optimizer: {name_of(name)!r} has no setting {key!r}; {has}")
    found = replaced(config, nested(flat(given)), "optimizer")
    return name_of(name) if found == config else found
