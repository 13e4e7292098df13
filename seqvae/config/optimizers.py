"""Settings of the optimisers and their defaults, as `config` has those of everything else."""

from __future__ import annotations

from dataclasses import dataclass, field

from seqvae.config.checks import HUGE, between, one_of
from seqvae.errors import ConfigError


@dataclass(frozen=True)
class EvolutionConfig:
    """How proposals are bred from the best texts so far.

    Attributes:
        population: best texts that may be parents.
        greed: how evenly they are chosen: a text's share is 1 / (greed * texts so far + its rank).
        start: texts that must have a score before any are bred.
    """

    population: int = 200
    greed: float = 0.01
    start: int = 100

    def __post_init__(self) -> None:
        between("evolution.population", self.population, 2, HUGE)
        between("evolution.greed", self.greed, 0.0, HUGE)
        between("evolution.start", self.start, 2, HUGE)


@dataclass(frozen=True)
class OperatorSelectionConfig:
    """How the ways of breeding share the proposals by what they have brought.

    Attributes:
        among: a proposal has done well if it is among so many of the best when it comes.
        memory: what a round's counts are worth a round later; 0: the last round alone.
        floor: share of the proposals that is divided as at the start; 1: all of them, always.
    """

    among: int = 100
    memory: float = 0.9
    floor: float = 0.2

    def __post_init__(self) -> None:
        between("selection.among", self.among, 1, HUGE)
        between("selection.memory", self.memory, 0.0, 1.0)
        between("selection.floor", self.floor, 0.0, 1.0)


@dataclass(frozen=True)
class OperatorConfig:
    """Which share of the proposals each way of breeding makes; they are divided by their sum.

    Attributes:
        mutation: one move from one parent, as a graph or as a sequence.
        crossover: parts of two parents, as graphs or as sequences.
        mutated: share of these that are mutated too.
        latent_noise: a decoded draw from around one parent's posterior.
        latent_crossover: a decoded point between two parents.
    """

    mutation: float = 0.15
    crossover: float = 0.35
    mutated: float = 0.3
    latent_noise: float = 0.25
    latent_crossover: float = 0.25

    def __post_init__(self) -> None:
        for name in ("mutation", "crossover", "latent_noise", "latent_crossover"):
            between(f"operators.{name}", getattr(self, name), 0.0, HUGE)
        between("operators.mutated", self.mutated, 0.0, 1.0)
        if not self.mutation + self.crossover + self.latent_noise + self.latent_crossover:
            raise ConfigError("operators: expected an operator with a share above 0, all are 0")


@dataclass(frozen=True)
class LatentMovesConfig:
    """How a text is bred in latent space.

    Attributes:
        spread: standard deviations of the posterior that a point is moved by.
        temperature: of the decoding.
    """

    spread: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        between("latent_moves.spread", self.spread, 0.0, 1e3)
        between("latent_moves.temperature", self.temperature, 1e-3, 1e3)


@dataclass(frozen=True)
class RetrainingConfig:
    """How the generator goes on learning from the best texts of a search.

    Attributes:
        every: scored texts between two trainings.
        steps: of gradient each time.
        batch_size: texts a step.
        population: best texts that are learned from.
        greed: how evenly they are drawn, as in `EvolutionConfig`.
        beta: price of the rate meanwhile.
        learning_rate: of Adam.
        replay: share of each batch that is drawn from the texts that the search was given to begin with, so that the
            model forgets less.
        randomised: share of each batch whose SMILES are written with their atoms in a random order, so that the model
            learns molecules more than ways of writing them.
    """

    every: int = 100
    steps: int = 8
    batch_size: int = 64
    population: int = 500
    greed: float = 0.01
    beta: float = 0.3
    learning_rate: float = 5e-4
    replay: float = 0.0
    randomised: float = 0.0

    def __post_init__(self) -> None:
        for name in ("every", "steps", "batch_size"):
            between(f"retraining.{name}", getattr(self, name), 1, HUGE)
        between("retraining.population", self.population, 2, HUGE)
        between("retraining.greed", self.greed, 0.0, HUGE)
        between("retraining.beta", self.beta, 0.0, 1e6)
        between("retraining.learning_rate", self.learning_rate, 1e-12, 10.0)
        between("retraining.replay", self.replay, 0.0, 1.0)
        between("retraining.randomised", self.randomised, 0.0, 1.0)


@dataclass(frozen=True)
class GuideConfig:
    """How a Gaussian process over texts chooses among bred ones.

    Attributes:
        generations: rounds of breeding before a batch is chosen.
        offspring: texts bred in each.
        broods: how often that is done at most in each, until so many are new; under constraints, which most offspring
            break, the searches by name breed more often.
        points: most scores that the process is fitted to.
    """

    generations: int = 2
    offspring: int = 150
    broods: int = 1
    points: int = 1000

    def __post_init__(self) -> None:
        between("guide.generations", self.generations, 1, 1000)
        between("guide.offspring", self.offspring, 2, 20_000)
        between("guide.broods", self.broods, 1, 1000)
        between("guide.points", self.points, 10, 20_000)


@dataclass(frozen=True)
class GenerativeConfig:
    """An evolution whose generator learns from it, setting by setting.

    Attributes:
        evolution: population and greed.
        selection: how the ways of breeding share the proposals.
        operators: how proposals are made.
        latent_moves: how those in latent space are.
        retraining: how the generator learns.
        guide: how a Gaussian process chooses among proposals.
        retrained: whether the generator learns.
        guided: whether a process chooses.
    """

    evolution: EvolutionConfig = field(default_factory=EvolutionConfig)
    selection: OperatorSelectionConfig = field(default_factory=OperatorSelectionConfig)
    operators: OperatorConfig = field(default_factory=OperatorConfig)
    latent_moves: LatentMovesConfig = field(default_factory=LatentMovesConfig)
    retraining: RetrainingConfig = field(default_factory=RetrainingConfig)
    guide: GuideConfig = field(default_factory=GuideConfig)
    retrained: bool = True
    guided: bool = True


@dataclass(frozen=True)
class CmaConfig:
    """How CMA-ES searches a latent space.

    Attributes:
        form: `full`, a whole covariance matrix; or `separable`, a variance a dimension (Ros & Hansen 2008,
            doi:10.1007/978-3-540-87700-4_30), which some hundred scores are enough for.
        subspace: search so many random directions through the start alone (Wang et al. 2016, doi:10.1613/jair.4806);
            0: the whole space.
        sigma: standard deviation around the start at first; 1 is the prior's.
        population: points a generation; 0: 4 + 3 ln(dimensions), or the batch that is asked for where that is larger.
        start: texts that must have a score before it begins; until then the prior is sampled.
    """

    form: str = "separable"
    subspace: int = 0
    sigma: float = 0.5
    population: int = 0
    start: int = 100

    def __post_init__(self) -> None:
        one_of("cma.form", self.form, ("full", "separable"))
        between("cma.sigma", self.sigma, 1e-6, 1e3)
        # a single direction has no separable form, and a generation of three no second parent
        between("cma.subspace", self.subspace, 2 if self.subspace else 0, 100_000)
        between("cma.population", self.population, 4 if self.population else 0, 100_000)
        between("cma.start", self.start, 1, HUGE)


@dataclass(frozen=True)
class TurboConfig:
    """How trust regions search a latent space (Eriksson et al. 2019, arXiv:1910.01739).

    Lengths are shares of the box that the Gaussian process sees as the unit cube.

    Attributes:
        acquisition: `thompson`, draws of the posterior over points of the regions; `logei` or `lognei`, the logarithm
            of the batch's expected improvement, over the best score or over the noisy ones (Ament et al. 2023,
            arXiv:2310.20708); of several objectives both are that of the volume of their front (qLogNEHVI).
        regions: trust regions at a time.
        length: side of a region at first.
        shortest: side below which a region begins elsewhere.
        longest: longest side.
        successes: rounds in a row that find something better, after which a region doubles.
        failures: rounds in a row that do not, after which it halves; 0: dimensions over the batch, at least 4 over it.
        candidates: points among which Thompson sampling chooses.
        decodes: texts that are tried at a point before it counts as one that brings nothing new.
        points: most scores that the Gaussian process is fitted to.
        start: texts that must have a score before it begins; until then the prior is sampled.
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
    start: int = 100

    def __post_init__(self) -> None:
        one_of("turbo.acquisition", self.acquisition, ("thompson", "logei", "lognei"))
        between("turbo.shortest", self.shortest, 1e-9, self.longest)
        between("turbo.length", self.length, self.shortest, self.longest)
        between("turbo.longest", self.longest, 1e-9, 1e3)
        between("turbo.failures", self.failures, 0, HUGE)
        between("turbo.start", self.start, 2, HUGE)
        # joint draws of more candidates, and fits to more points, take more than minutes and gigabytes each
        between("turbo.candidates", self.candidates, 10, 20_000)
        between("turbo.points", self.points, 10, 20_000)
        for name in ("regions", "successes", "decodes"):
            between(f"turbo.{name}", getattr(self, name), 1, 1000)


@dataclass(frozen=True)
class AscentConfig:
    """How gradients of learned heads are followed in a latent space.

    Attributes:
        heads: networks of the ensemble.
        width: hidden units of each of their two layers.
        training: optimiser steps in which they learn, anew in each round.
        population: best texts that may be starts.
        greed: how evenly starts are chosen: a text's share is 1 / (greed * texts + its rank).
        radius: farthest from its start that a point may go; 1 is the prior's standard deviation in one dimension.
        steps: of the ascent.
        caution: standard deviations of the ensemble that are taken off its mean.
        penalty: standard deviations of the score that a nat of prior log-density lost on the way costs.
        decodes: texts that are tried at a point before it counts as one that brings nothing new.
        start: texts that must have a score before it begins; until then the prior is sampled.
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
    start: int = 100

    def __post_init__(self) -> None:
        between("ascent.heads", self.heads, 2, 1000)  # of one there is no deviation
        between("ascent.radius", self.radius, 1e-6, 1e3)
        for name in ("caution", "penalty", "greed"):
            between(f"ascent.{name}", getattr(self, name), 0.0, HUGE)
        for name in ("width", "training", "steps", "decodes"):
            between(f"ascent.{name}", getattr(self, name), 1, 100_000)
        for name in ("population", "start"):
            between(f"ascent.{name}", getattr(self, name), 2, HUGE)
