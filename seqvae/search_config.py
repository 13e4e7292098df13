"""Every setting of a search and its default, as `config` has those of everything else."""

from __future__ import annotations

from dataclasses import dataclass, field

from seqvae.config import DEFAULT_MODEL, HUGE, between, one_of
from seqvae.errors import ConfigError


@dataclass(frozen=True)
class OracleConfig:
    """How proposals are scored, and how many of them may be.

    Attributes:
        budget: calls that may be made, those of the start included.
        count: what is a call: `unique`, each valid text once, whatever came of it; or `every`, each proposal.
        workers: processes that score; 0: this one, in which nothing can be timed out.
        timeout: seconds that a worker may take for a text.
        retries: how often a text is tried again whose worker was too slow or died.
        failures: texts that may fail in a row; then the search stops.
    """

    budget: int = 10_000
    count: str = "unique"
    workers: int = 0
    timeout: float = 60.0
    retries: int = 1
    failures: int = 20

    def __post_init__(self) -> None:
        one_of("oracle.count", self.count, ("unique", "every"))
        between("oracle.timeout", self.timeout, 1e-3, HUGE)
        for name in ("budget", "failures"):
            between(f"oracle.{name}", getattr(self, name), 1, HUGE)
        for name in ("workers", "retries"):
            between(f"oracle.{name}", getattr(self, name), 0, 100_000)


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
class CreditConfig:
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
        between("credit.among", self.among, 1, HUGE)
        between("credit.memory", self.memory, 0.0, 1.0)
        between("credit.floor", self.floor, 0.0, 1.0)


@dataclass(frozen=True)
class BreedingConfig:
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
            between(f"breeding.{name}", getattr(self, name), 0.0, HUGE)
        between("breeding.mutated", self.mutated, 0.0, 1.0)
        if not self.mutation + self.crossover + self.latent_noise + self.latent_crossover:
            raise ConfigError("breeding: expected a way of breeding with a share above 0, all are 0")


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
        replay: share of each batch that is drawn from the texts of the start, so that the model forgets less.
    """

    every: int = 100
    steps: int = 8
    batch_size: int = 64
    population: int = 500
    greed: float = 0.01
    beta: float = 0.3
    learning_rate: float = 5e-4
    replay: float = 0.0

    def __post_init__(self) -> None:
        for name in ("every", "steps", "batch_size"):
            between(f"retraining.{name}", getattr(self, name), 1, HUGE)
        between("retraining.population", self.population, 2, HUGE)
        between("retraining.greed", self.greed, 0.0, HUGE)
        between("retraining.beta", self.beta, 0.0, 1e6)
        between("retraining.learning_rate", self.learning_rate, 1e-12, 10.0)
        between("retraining.replay", self.replay, 0.0, 1.0)


@dataclass(frozen=True)
class GenerativeConfig:
    """An evolution whose generator learns from it, setting by setting.

    Attributes:
        evolution: population and greed.
        credit: how the ways of breeding share the proposals.
        breeding: how proposals are made.
        latent_moves: how those in latent space are.
        retraining: how the generator learns.
        retrained: whether it does.
    """

    evolution: EvolutionConfig = field(default_factory=EvolutionConfig)
    credit: CreditConfig = field(default_factory=CreditConfig)
    breeding: BreedingConfig = field(default_factory=BreedingConfig)
    latent_moves: LatentMovesConfig = field(default_factory=LatentMovesConfig)
    retraining: RetrainingConfig = field(default_factory=RetrainingConfig)
    retrained: bool = True


@dataclass(frozen=True)
class CampaignConfig:
    """How a search goes on and when it ends; when it ends changes nothing before the end.

    Attributes:
        batch: proposals a round.
        seed: of every draw.
        minutes: end after so many minutes of wall time; 0: never for that reason.
        patience: end after so many calls without a better best; 0: never for that reason.
    """

    batch: int = 100
    seed: int = 0
    minutes: float = 0.0
    patience: int = 0

    def __post_init__(self) -> None:
        between("campaign.batch", self.batch, 1, HUGE)
        between("campaign.minutes", self.minutes, 0.0, HUGE)
        between("campaign.patience", self.patience, 0, HUGE)


@dataclass(frozen=True)
class ConstraintConfig:
    """What every design must keep to; a proposal that does not counts as invalid and is never scored.

    Attributes:
        keep: parts that it must have: SMARTS or SMILES of molecules, letters of sequences.
        forbid: parts that it must not have.
        shortest: least size: heavy atoms of a molecule, letters of a sequence.
        longest: most; 0: no limit.
        like: a molecule that it must be like; or the sequence of which it may differ at `positions` alone.
        least_alike: least Tanimoto similarity (ECFP4) to that molecule.
        most_alike: most.
        positions: of a sequence, from 1: `3-8,12`.
    """

    keep: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    shortest: int = 0
    longest: int = 0
    like: str = ""
    least_alike: float = 0.0
    most_alike: float = 1.0
    positions: str = ""

    def __post_init__(self) -> None:
        for name in ("shortest", "longest"):
            between(f"constraints.{name}", getattr(self, name), 0, HUGE)
        if self.longest and self.longest < self.shortest:
            raise ConfigError(f"constraints.longest: expected {self.shortest} or more, got {self.longest}")
        between("constraints.least_alike", self.least_alike, 0.0, 1.0)
        between("constraints.most_alike", self.most_alike, self.least_alike, 1.0)
        if self.positions and not self.like:
            raise ConfigError("constraints.positions: expected the sequence too, by constraints.like")


@dataclass(frozen=True)
class SearchConfig:
    """A search: what it goes through, how, and how far.

    Attributes:
        model: name of a shipped model or folder of a trained one; empty: none, the search begins with given texts.
        optimizer: name of the optimiser.
        device: where the model computes: `auto`, `cpu` or `cuda`.
        oracle: budget, workers, time limits.
        campaign: batch, seed, and when it ends.
        constraints: what every design must keep to.
    """

    model: str = DEFAULT_MODEL
    optimizer: str = "auto"
    device: str = "auto"
    oracle: OracleConfig = field(default_factory=OracleConfig)
    campaign: CampaignConfig = field(default_factory=CampaignConfig)
    constraints: ConstraintConfig = field(default_factory=ConstraintConfig)
