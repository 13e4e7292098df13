"""Settings of searches and their defaults: budget, rounds, constraints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from seqvae.config.checks import HUGE, between, formerly, one_of, typed
from seqvae.config.optimizers import (
    DEFAULT_OPTIMIZER,
    OptimizerConfig,
    is_own,
    name_of,
    optimizer_from_dict,
    optimizer_to_dict,
    settings_of,
)
from seqvae.config.run import DEFAULT_MODEL
from seqvae.config.toml import flat, replaced
from seqvae.errors import ConfigError

# How likely a chemist must be to make a design; `auto` is settled when a laboratory's search begins, else it is `off`.
PLAUSIBLE = ("auto", "off", "weak", "usual", "strict")
SIMILARITIES = ("ecfp4", "ecfp6", "fcfp4", "ecfp4-counts", "ecfp6-counts", "fcfp4-counts", "ap", "phco")


@dataclass(frozen=True)
@typed
class OracleConfig:
    """How proposals are scored, and how many may be.

    Attributes:
        budget: calls in all, including those of the initial design and, in a resumed search, those made already.
        count: what counts as a call: `unique`, each distinct valid proposal, whatever its outcome; or `every`, each
            proposal.
        executor: where workers run: as `processes` of this machine, or on a `ray` cluster (pip install
            'seqvae[ray]').
        workers: how many score at a time, killed when they take too long; 0: none, this process scores, without a time
            limit; with Ray, one per core of the cluster.
        ray_address: address of the Ray cluster; empty: the one in `RAY_ADDRESS`, else a cluster is started here.
        timeout: seconds that a worker may take for one proposal.
        retries: how often a proposal is tried again whose worker was too slow or died.
        failures: how many may fail in a row before the search stops.
    """

    budget: int = 10_000
    count: str = "unique"
    executor: str = "processes"
    workers: int = 0
    ray_address: str = ""
    timeout: float = 60.0
    retries: int = 1
    failures: int = 20

    def __post_init__(self) -> None:
        one_of("oracle.count", self.count, ("unique", "every"))
        one_of("oracle.executor", self.executor, ("processes", "ray"))
        if self.ray_address and self.executor != "ray":
            raise ConfigError("oracle.ray_address: expected oracle.executor ray with it, got " + self.executor)
        between("oracle.timeout", self.timeout, 1e-3, HUGE)
        for name in ("budget", "failures"):
            between(f"oracle.{name}", getattr(self, name), 1, HUGE)
        for name in ("workers", "retries"):
            between(f"oracle.{name}", getattr(self, name), 0, 100_000)


@dataclass(frozen=True)
@typed
class CampaignConfig:
    """The rounds of a search and when it ends; the end changes nothing before it.

    Attributes:
        batch: proposals per round; 0: 100, but at most a fifth of the budget.
        seed: every random draw comes from it.
        initial: size of the initial design, scored before the optimiser breeds or models; 0: 100, but at most a fifth
            of the budget.
        minutes: end after this many minutes of wall time; 0: no limit.
        patience: end after this many calls without an improvement of the best, or, of several objectives, of the Pareto
            front; 0: no limit.
    """

    batch: int = 0
    seed: int = 0
    initial: int = 0
    minutes: float = 0.0
    patience: int = 0

    def __post_init__(self) -> None:
        between("campaign.batch", self.batch, 0, HUGE)
        between("campaign.seed", self.seed, 0, HUGE)
        if self.initial:
            between("campaign.initial", self.initial, 2, HUGE)
        between("campaign.minutes", self.minutes, 0.0, HUGE)
        between("campaign.patience", self.patience, 0, HUGE)


@dataclass(frozen=True)
@typed
class ConstraintConfig:
    """Constraints on every design; a proposal that breaks one counts as invalid and is never scored.

    Attributes:
        keep: parts that every design must have: SMARTS or SMILES of molecules, letters of sequences.
        forbid: parts that no design may have.
        shortest: least size: heavy atoms of a molecule, letters of a sequence.
        longest: greatest size; 0: no limit.
        like: a molecule that designs must resemble; or the sequence from which they may differ only at `positions`, or
            by at most `max_mutations`, or in synonymous codons (`same_protein`).
        min_similarity: least Tanimoto similarity to that molecule.
        max_similarity: greatest Tanimoto similarity to it.
        similarity: fingerprint of that similarity, as in the property `similarity:KIND:SMILES`; `ecfp4` has 2,048 bits.
        positions: positions of the sequence that may differ, counted from 1: `3-8,12`.
        alerts: structural alerts that no molecule may have: `mcf`, `pains`, `unstable` (what a chemist would not make:
            radicals, N-F, O-O and the like), files of SMARTS, or `none`; plates leave out `unstable` too, unless
            `none` is given.
        max_sa: greatest synthetic accessibility score of a molecule, 1 (easy) to 10; 0: no limit.
        plausible: how likely a chemist must be to make a molecule: `off`; `weak` (no `unstable`, SA score at most 6);
            `usual` (ring systems that occur in ChEMBL, no hetero-atom in a ring of three, no `unstable`, SA score at
            most 5); `strict` (common ring systems, no `unstable` and no `mcf`, SA score at most 4). `auto`: `usual` on
            plates, unless most molecules that the search begins with break it or `alerts` is `none`; `off` where an
            objective is computed.
        max_mutations: most letters that a sequence may have exchanged, inserted or removed against `like`; 0: any
            number.
        indels: letters of sequences are inserted and removed too where all that the search begins with have one length;
            otherwise they keep it.
        same_protein: designs have the protein of `like`, a coding sequence of DNA read from its first base on: codons
            are exchanged for synonymous ones alone.
    """

    keep: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    shortest: int = 0
    longest: int = 0
    like: str = ""
    min_similarity: float = field(default=0.0, metadata=formerly("least_alike"))
    max_similarity: float = field(default=1.0, metadata=formerly("most_alike"))
    similarity: str = SIMILARITIES[0]
    positions: str = ""
    alerts: tuple[str, ...] = ()
    max_sa: float = 0.0
    plausible: str = PLAUSIBLE[0]
    max_mutations: int = 0
    indels: bool = False
    same_protein: bool = False

    def __post_init__(self) -> None:
        one_of("constraints.plausible", self.plausible, PLAUSIBLE)
        for name in ("shortest", "longest"):
            between(f"constraints.{name}", getattr(self, name), 0, HUGE)
        if self.longest and self.longest < self.shortest:
            raise ConfigError(f"constraints.longest: expected {self.shortest} or more, got {self.longest}")
        one_of("constraints.similarity", self.similarity, SIMILARITIES)
        between("constraints.max_sa", self.max_sa, 0.0, 10.0)
        between("constraints.min_similarity", self.min_similarity, 0.0, 1.0)
        between("constraints.max_similarity", self.max_similarity, self.min_similarity, 1.0)
        between("constraints.max_mutations", self.max_mutations, 0, HUGE)
        if self.max_mutations and not self.like:
            raise ConfigError("constraints.max_mutations: expected the sequence too, by constraints.like")
        if self.indels and self.positions:
            raise ConfigError("constraints.indels: designs that differ at `positions` keep their length: leave one out")
        if self.indels and self.same_protein:
            raise ConfigError("constraints.indels: designs of the same protein keep their length: leave one out")
        for name in ("positions", "same_protein"):
            if getattr(self, name) and not self.like:
                raise ConfigError(f"constraints.{name}: expected the sequence too, by constraints.like")
        if self.limits_similarity and not self.like:
            raise ConfigError(
                "constraints.min_similarity, max_similarity: expected the molecule too, by constraints.like"
            )

    @property
    def projects(self) -> bool:
        """Whether a proposal stands for the sequence of `like` with some letters changed."""
        return bool(self.positions) or self.same_protein

    @property
    def limits_similarity(self) -> bool:
        """Whether the similarity is limited."""
        return self.min_similarity > 0.0 or self.max_similarity < 1.0


@dataclass(frozen=True)
@typed
class StagesConfig:
    """A cheap score before the objective, which then is called for the survivors alone.

    Attributes:
        cheap: property, or TOML file of terms, by which each round is screened first; its calls cost nothing of the
            budget and are counted apart; empty: there is none.
        survivors: share of the new proposals of a round, those with the highest cheap scores, for which the objective
            is called; a round has as many more proposals.
    """

    cheap: str = ""
    survivors: float = 0.1

    def __post_init__(self) -> None:
        between("stages.survivors", self.survivors, 0.001, 1.0)


@dataclass(frozen=True)
@typed
class AnalogConfig:
    """What counts as an analog of a lead, and how many are wanted.

    Attributes:
        number: how many analogs.
        min_similarity: least similarity to the lead: of molecules Tanimoto by ECFP4, 2,048 bits; of sequences one less
            the edit distance per letter.
        max_similarity: greatest similarity to the lead.
        scaffold: keep the lead's Bemis-Murcko scaffold.
        keep: parts that every analog must have: SMARTS or SMILES of molecules, letters of sequences.
        forbid: parts that no analog may have.
        alerts: structural alerts that no analog may have, unless the lead has them: `mcf`, `pains`, `unstable`, files
            of SMARTS, or `none`.
        max_sa: greatest synthetic accessibility score of a molecule, 1 (easy) to 10; 0: no limit.
        pool: designs among which the model chooses; 0: four times as many as are wanted, and 800 at least.
        seed: one seed, one result.
    """

    number: int = 100
    min_similarity: float = 0.4
    max_similarity: float = 1.0
    scaffold: bool = False
    keep: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ("unstable",)
    max_sa: float = 0.0
    pool: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        between("analogs.number", self.number, 1, HUGE)
        between("analogs.min_similarity", self.min_similarity, 0.0, 1.0)
        between("analogs.max_similarity", self.max_similarity, self.min_similarity, 1.0)
        if self.pool:
            between("analogs.pool", self.pool, self.number, HUGE)
        between("analogs.seed", self.seed, 0, HUGE)

    @property
    def constraints(self) -> ConstraintConfig:
        """The rules other than those that compare with the lead, as a search has them."""
        return ConstraintConfig(keep=self.keep, forbid=self.forbid, max_sa=self.max_sa)

    @property
    def size(self) -> int:
        """Number of designs among which the model chooses."""
        return self.pool or max(800, 4 * self.number)


@dataclass(frozen=True)
@typed
class SearchConfig:
    """A search: its space, its optimiser, and its budget.

    Attributes:
        model: name of a pretrained model, or folder of a trained one; empty, or `none`: search without a model, from
            given molecules or sequences.
        optimizer: name of the optimiser, or its settings.
        device: where the model computes: `auto`, `cpu` or `cuda`.
        oracle: budget, workers, time limits.
        campaign: batch, seed, and when the search ends.
        constraints: what every design must satisfy.
        stages: a cheap score before the objective.
    """

    model: str = DEFAULT_MODEL
    optimizer: str | OptimizerConfig = DEFAULT_OPTIMIZER
    device: str = "auto"
    oracle: OracleConfig = field(default_factory=OracleConfig)
    campaign: CampaignConfig = field(default_factory=CampaignConfig)
    constraints: ConstraintConfig = field(default_factory=ConstraintConfig)
    stages: StagesConfig = field(default_factory=StagesConfig)

    def __post_init__(self) -> None:
        if self.model == "none":
            object.__setattr__(self, "model", "")
        if self.stages.cheap and self.oracle.count != "unique":
            raise ConfigError("stages.cheap: the budget counts the survivors alone: leave oracle.count out")

    def idle(self) -> dict[str, str]:
        """Return the settings that have no effect beside the others, each with the reason."""
        found: dict[str, str] = {}
        if not self.model:
            found["device"] = "without a model"
        if not self.stages.cheap:
            found["survivors"] = "without a cheap score (--cheap)"
        if not self.oracle.workers and self.oracle.executor == "processes":
            alone = "without workers, since one process cannot end itself (with --workers 1 it has)"
            found |= dict.fromkeys(("timeout", "retries"), alone)
        if not is_own(self.optimizer):
            config, name = settings_of(self.optimizer), name_of(self.optimizer)
            own = flat(asdict(config))
            start = next((key for key in own if key.split(".")[-1] == "start"), "")
            if not start or own[start]:
                found["initial"] = f"beside optimizer.{start}" if start else f"with the optimizer {name}"
            for group, reason in config.idle().items():
                found |= {f"optimizer.{key}": f"where {reason}" for key in own if key.startswith(f"{group}.")}
        return found


def search_to_dict(config: SearchConfig) -> dict[str, Any]:
    """Return every setting of a search in the types of JSON and TOML; `search_from_dict` reads them."""
    plain = asdict(replace(config, optimizer=DEFAULT_OPTIMIZER))
    return {**plain, "optimizer": optimizer_to_dict(config.optimizer)}


def search_from_dict(values: Mapping[str, Any]) -> SearchConfig:
    """Build the settings of a search from nested mappings, as a TOML file gives them.

    Raises:
        ConfigError: for an unknown setting (with a suggestion), a value of the wrong type, or one out of range.
    """
    others = {key: value for key, value in values.items() if key != "optimizer"}
    config = replaced(SearchConfig(), others, "search")
    return replace(config, optimizer=optimizer_from_dict(values["optimizer"])) if "optimizer" in values else config


@dataclass(frozen=True)
@typed
class EndConfig:
    """When a resumed search ends; None: as before.

    Attributes:
        budget: calls in all, those made already included.
        minutes: end after this many minutes from now; 0: no limit.
        patience: as in `CampaignConfig`.
    """

    budget: int | None = None
    minutes: float | None = None
    patience: int | None = None

    def of(self, config: SearchConfig) -> SearchConfig:
        """Return the settings with these replaced; raises ConfigError if one is out of range."""
        oracle, campaign = config.oracle, config.campaign
        if self.budget is not None:
            oracle = replace(oracle, budget=self.budget)
        if self.minutes is not None:
            campaign = replace(campaign, minutes=self.minutes)
        if self.patience is not None:
            campaign = replace(campaign, patience=self.patience)
        return replace(config, oracle=oracle, campaign=campaign)
