"""Settings that evolutionary optimisers share: parents, operators, retraining, and choice among offspring."""

from __future__ import annotations

from dataclasses import dataclass, fields

from seqvae.config.checks import HUGE, between, one_of, typed
from seqvae.errors import ConfigError


@dataclass(frozen=True)
@typed
class EvolutionConfig:
    """How parents are chosen from the best texts so far.

    Attributes:
        population: how many of the best may be parents.
        greed: how evenly parents are drawn: the weight of rank r among n scored is 1 / (greed * n + r).
        start: how many must have a score before any are bred; 0: as many as `initial` of the search.
    """

    population: int = 200
    greed: float = 0.01
    start: int = 0

    def __post_init__(self) -> None:
        between("evolution.population", self.population, 2, HUGE)
        between("evolution.greed", self.greed, 0.0, HUGE)
        between("evolution.start", self.start, 2 if self.start else 0, HUGE)


@dataclass(frozen=True)
@typed
class OperatorSelectionConfig:
    """How the operators share the proposals according to their success.

    Attributes:
        among: an operator earns credit for a proposal that enters this many of the best.
        share: or the best so large a share of all, if that is fewer: at first, when all are among so many, nothing is
            earned by that.
        memory: weight of a round's credit one round later; 0: only the last round counts.
        floor: share of the proposals that is always divided as at the start; 1: all of them.
    """

    among: int = 100
    share: float = 0.2
    memory: float = 0.9
    floor: float = 0.2

    def __post_init__(self) -> None:
        between("selection.among", self.among, 1, HUGE)
        between("selection.share", self.share, 1e-3, 1.0)
        between("selection.memory", self.memory, 0.0, 1.0)
        between("selection.floor", self.floor, 0.0, 1.0)


@dataclass(frozen=True)
@typed
class MoveConfig:
    """The share of the proposals that each operator makes, relative to their sum.

    Attributes:
        mutation: share of proposals by one move on one parent, as a graph or as a sequence.
        crossover: share of proposals from parts of two parents, as graphs or as sequences.
        mutated: share of the crossovers that are also mutated.
        elements: how often a mutation of a graph writes each element: `spread`, rare ones far more often than molecules
            have them (phosphorus ten times as often as ChEMBL, two hundred times as often as ZINC), so that a search
            comes to all of them soon; or `chembl`, as often as atoms of ChEMBL are of each.
        apart: of sequences of one length, whether moves that shift letters are operators of their own.
    """

    mutation: float = 0.15
    crossover: float = 0.35
    mutated: float = 0.3
    elements: str = "spread"
    apart: bool = True

    def __post_init__(self) -> None:
        between("operators.mutated", self.mutated, 0.0, 1.0)
        one_of("operators.elements", self.elements, ("spread", "chembl"))
        others = ("mutated", "elements", "apart")
        shares = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in others}
        for name, share in shares.items():
            between(f"operators.{name}", share, 0.0, HUGE)
        if not sum(shares.values()):
            raise ConfigError("operators: expected an operator with a share above 0, all are 0")


@dataclass(frozen=True)
@typed
class OperatorConfig(MoveConfig):
    """The same with the operators that need a model.

    Attributes:
        latent_noise: share of proposals decoded from noise around one parent's posterior.
        latent_crossover: share of proposals decoded from a point between two parents.
    """

    latent_noise: float = 0.25
    latent_crossover: float = 0.25


@dataclass(frozen=True)
@typed
class LatentMovesConfig:
    """How offspring are made in latent space.

    Attributes:
        spread: size of the noise, in standard deviations of the posterior.
        temperature: temperature of the decoding.
    """

    spread: float = 1.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        between("latent_moves.spread", self.spread, 0.0, 1e3)
        between("latent_moves.temperature", self.temperature, 1e-3, 1e3)


@dataclass(frozen=True)
@typed
class RetrainingConfig:
    """How the generator is retrained on the best texts of a search.

    Attributes:
        every: scored molecules or sequences between two trainings.
        steps: gradient steps each time.
        batch_size: molecules or sequences per step.
        population: how many of the best are learned from.
        greed: how evenly they are drawn: the weight of rank r among n scored is 1 / (greed * n + r).
        beta: KL weight while retraining.
        learning_rate: Adam's step size.
        replay: share of each batch that is drawn from the initial design, so that the model forgets less.
        randomised: share of each batch that is written as random SMILES, so that the model learns molecules rather than
            spellings.
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
@typed
class GuideConfig:
    """How a Gaussian process over texts chooses among offspring.

    Attributes:
        generations: rounds of breeding before a batch is chosen.
        offspring: how many are bred in each generation.
        broods: how often breeding is repeated at most in each generation, until so many are new; 0: once, or twelve
            times under constraints, which most offspring break.
        points: most scores that the Gaussian process is fitted to.
        places: whether sequences are compared by the letter at each position too, besides words.
    """

    generations: int = 2
    offspring: int = 150
    broods: int = 0
    points: int = 1000
    places: bool = True

    def __post_init__(self) -> None:
        between("guide.generations", self.generations, 1, 1000)
        between("guide.offspring", self.offspring, 2, 20_000)
        between("guide.broods", self.broods, 0, 1000)
        between("guide.points", self.points, 10, 20_000)
