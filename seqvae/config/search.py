"""Settings of searches and their defaults: budget, rounds, constraints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from seqvae.config.checks import HUGE, between, one_of
from seqvae.config.optimizer_names import (
    DEFAULT_OPTIMIZER,
    is_own,
    name_of,
    optimizer_from_dict,
    optimizer_to_dict,
    settings_of,
)
from seqvae.config.optimizers import INITIAL, OptimizerConfig
from seqvae.config.run import DEFAULT_MODEL
from seqvae.config.toml import flat, replaced
from seqvae.errors import ConfigError


@dataclass(frozen=True)
class OracleConfig:
    """How proposals are scored, and how many may be.

    Attributes:
        budget: calls of the oracle, those for the initial texts included, and those before a search was resumed.
        count: what counts as a call: `unique`, each valid text once, even if scoring failed; or `every`, each proposal.
        executor: what the workers are: `processes` of this machine, or `ray`, of a Ray cluster (pip install
            'seqvae[ray]').
        workers: number of workers, which are killed when they take too long; 0: this process alone, without time
            limits; with Ray, one per core of the cluster.
        ray_address: address of the Ray cluster; empty: the one in `RAY_ADDRESS`, else one started on this machine.
        timeout: seconds that a worker may take per text.
        retries: how often a text is tried again after its worker was too slow or died.
        failures: successive failures after which the search stops.
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
class CampaignConfig:
    """The rounds of a search and when it ends; the end changes nothing before it.

    Attributes:
        batch: proposals per round.
        seed: seed of every random draw.
        initial: texts that are scored before the first ones are bred or modelled.
        minutes: minutes of wall time after which the search ends; 0: no limit.
        patience: calls without improvement after which the search ends; with several objectives, without a new text on
            the Pareto front; 0: no limit.
    """

    batch: int = 100
    seed: int = 0
    initial: int = INITIAL
    minutes: float = 0.0
    patience: int = 0

    def __post_init__(self) -> None:
        between("campaign.batch", self.batch, 1, HUGE)
        between("campaign.seed", self.seed, 0, HUGE)
        between("campaign.initial", self.initial, 2, HUGE)
        between("campaign.minutes", self.minutes, 0.0, HUGE)
        between("campaign.patience", self.patience, 0, HUGE)


@dataclass(frozen=True)
class ConstraintConfig:
    """Constraints on every design; a proposal that breaks one counts as invalid and is never scored.

    Attributes:
        keep: substructures that it must have, as SMARTS or SMILES; for sequences, letters in a row.
        forbid: substructures, or letters in a row, that it must not have.
        shortest: smallest size: heavy atoms of a molecule, letters of a sequence.
        longest: largest size; 0: no limit.
        like: the molecule that it must resemble; or the sequence that it may differ from only at `positions`.
        least_alike: lowest Tanimoto similarity (ECFP4) to that molecule.
        most_alike: highest Tanimoto similarity to it.
        positions: positions of the sequence that may differ, from 1: `3-8,12`.
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
        if self.alikeness and not self.like:
            raise ConfigError("constraints.least_alike, most_alike: expected the molecule too, by constraints.like")

    @property
    def alikeness(self) -> bool:
        """Whether the similarity is limited."""
        return self.least_alike > 0.0 or self.most_alike < 1.0


@dataclass(frozen=True)
class SearchConfig:
    """A search: its space, its optimiser, and its budget.

    Attributes:
        model: name of a pretrained model, or folder of a trained one; empty, or `none`: search without a model, from
            given texts.
        optimizer: name of the optimiser, or its settings.
        device: where the model computes: `auto`, `cpu` or `cuda`.
        oracle: budget, workers, time limits.
        campaign: batch, seed, and when it ends.
        constraints: constraints on every design.
    """

    model: str = DEFAULT_MODEL
    optimizer: str | OptimizerConfig = DEFAULT_OPTIMIZER
    device: str = "auto"
    oracle: OracleConfig = field(default_factory=OracleConfig)
    campaign: CampaignConfig = field(default_factory=CampaignConfig)
    constraints: ConstraintConfig = field(default_factory=ConstraintConfig)

    def __post_init__(self) -> None:
        if self.model == "none":
            object.__setattr__(self, "model", "")

    def idle(self) -> dict[str, str]:
        """Return the settings that have no effect beside the others, each with the reason."""
        found: dict[str, str] = {}
        if not self.model:
            found["device"] = "without a model"
        if not self.oracle.workers and self.oracle.executor == "processes":
            found |= dict.fromkeys(("timeout", "retries"), "without workers, since one process cannot end itself")
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
class EndConfig:
    """When a resumed search ends; None: as before.

    Attributes:
        budget: calls of the oracle, those already made included.
        minutes: minutes from now after which the search ends; 0: no limit.
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
