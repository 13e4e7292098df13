"""Settings of the parts that evolutions share: who is bred, how, what learns, and what chooses among offspring."""

from __future__ import annotations

from dataclasses import dataclass, fields

from seqvae.config.checks import HUGE, between
from seqvae.errors import ConfigError


@dataclass(frozen=True)
class EvolutionConfig:
    """How proposals are bred from the best texts so far.

    Attributes:
        population: best texts that may be parents.
        greed: how evenly they are chosen: a text's share is 1 / (greed * texts so far + its rank).
        start: texts that must have a score before any are bred; 0: as many as `initial` of the search.
    """

    population: int = 200
    greed: float = 0.01
    start: int = 0

    def __post_init__(self) -> None:
        between("evolution.population", self.population, 2, HUGE)
        between("evolution.greed", self.greed, 0.0, HUGE)
        between("evolution.start", self.start, 2 if self.start else 0, HUGE)


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
class MoveConfig:
    """Which share of the proposals each way of breeding makes; they are divided by their sum.

    Attributes:
        mutation: share of proposals by one move from one parent, as a graph or as a sequence.
        crossover: share of proposals from parts of two parents, as graphs or as sequences.
        mutated: share of these that are mutated too.
    """

    mutation: float = 0.15
    crossover: float = 0.35
    mutated: float = 0.3

    def __post_init__(self) -> None:
        between("operators.mutated", self.mutated, 0.0, 1.0)
        shares = {one.name: getattr(self, one.name) for one in fields(self) if one.name != "mutated"}
        for name, share in shares.items():
            between(f"operators.{name}", share, 0.0, HUGE)
        if not sum(shares.values()):
            raise ConfigError("operators: expected an operator with a share above 0, all are 0")


@dataclass(frozen=True)
class OperatorConfig(MoveConfig):
    """The same with the ways that need a model.

    Attributes:
        latent_noise: share of proposals decoded from around one parent's posterior.
        latent_crossover: share of proposals decoded from a point between two parents.
    """

    latent_noise: float = 0.25
    latent_crossover: float = 0.25


@dataclass(frozen=True)
class LatentMovesConfig:
    """How a text is bred in latent space.

    Attributes:
        spread: standard deviations of the posterior that a point is moved by.
        temperature: temperature of the decoding.
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
        steps: gradient steps each time.
        batch_size: texts a step.
        population: best texts that are learned from.
        greed: how evenly they are drawn: a text's share is 1 / (greed * texts so far + its rank).
        beta: KL weight meanwhile.
        learning_rate: Adam's step size.
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
        broods: how often that is done at most in each, until so many are new; 0: once, and under constraints, which
            most offspring break, twelve times.
        points: most scores that the process is fitted to.
    """

    generations: int = 2
    offspring: int = 150
    broods: int = 0
    points: int = 1000

    def __post_init__(self) -> None:
        between("guide.generations", self.generations, 1, 1000)
        between("guide.offspring", self.offspring, 2, 20_000)
        between("guide.broods", self.broods, 0, 1000)
        between("guide.points", self.points, 10, 20_000)
