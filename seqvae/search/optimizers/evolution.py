"""Evolution: proposals are bred from the best texts so far, by one or several ways of breeding."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from seqvae.config import INITIAL, EvolutionConfig, GuideConfig, OperatorSelectionConfig
from seqvae.search.memory.archive import Archive
from seqvae.search.memory.initial_design import InitialDesign, fill
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.search.memory.pareto import ParetoRanks
from seqvae.search.optimizers.operator_selection import OperatorSelection
from seqvae.search.optimizers.operators import Operator
from seqvae.search.proposals import Candidate, Scores
from seqvae.search.storage.ledger import OVER_BUDGET
from seqvae.search.storage.state import State


class Surrogate(Protocol):
    """What is thought of texts without a score."""

    def bounds(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return how high the score of each text may be, `(texts,)`."""

    def choose(self, bounds: dict[str, float], count: int) -> list[str]:
        """Return so many of the texts, those that are most worth a call."""


class Chooser(Protocol):
    """What says which of many bred texts are worth a call, from the scores so far: `guide.Guide`."""

    config: GuideConfig

    def fitted(self, archive: Archive, several: Mapping[str, tuple[float, ...]], rng: np.random.Generator) -> Surrogate:
        """Return what is thought after these scores; `several` has those of texts that have more than one."""

    def state_dict(self) -> State:
        """Return what the next guess follows from, besides the scores."""

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""


class Learner(Protocol):
    """What learns from the texts so far, so that breeding gets better: a model that breeds, retrained."""

    def learn(self, archive: Archive) -> None:
        """Learn, if it is time for it."""

    def state_dict(self) -> State:
        """Return what the learner has come to."""

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""


@final
class Evolution:
    """Breeds proposals from parents drawn by rank among the best texts (Tripp et al. 2020, arXiv:2006.09191).

    With moves of molecules as graphs it is a graph genetic algorithm in a steady state (Jensen 2019,
    doi:10.1039/C8SC05372C; Tripp & Hernandez-Lobato 2023, arXiv:2310.09267, for how strong that is).

    Args:
        start: returns so many texts by a seed, to begin with and where breeding finds nothing new.
        operators: ways of breeding and the share of proposals that each makes.
        canonical: returns the canonical form of a text, None for an invalid one.
        config: population, greed, size of the start.
        seed: of all draws.
        learner: what learns from each round.
        selection: how the ways of breeding share the proposals by what they have brought.
        guide: what chooses among many proposals; None: as many are bred as are wanted.
    """

    def __init__(
        self,
        start: InitialDesign,
        operators: Mapping[str, tuple[Operator, float]],
        canonical: Callable[[str], str | None],
        config: EvolutionConfig | None = None,
        seed: int = 0,
        learner: Learner | None = None,
        selection: OperatorSelectionConfig | None = None,
        guide: Chooser | None = None,
    ) -> None:
        self.guide = guide
        self.start, self.operators, self.canonical, self.learner = start, operators, canonical, learner
        self.config, self.archive = config or EvolutionConfig(), Archive()
        self._ranks = ParetoRanks(self.archive)
        self.selection = OperatorSelection(
            {name: share for name, (_, share) in operators.items()}, selection or OperatorSelectionConfig()
        )
        self._rng = np.random.default_rng(seed)

    def ask(self, count: int) -> list[Candidate]:
        """Return proposals that are new: from the start until it is time to breed, or until it has no more."""
        novel = NoveltyFilter(count, self.canonical, self.archive)
        ripe = len(self.archive) >= (self.config.start or INITIAL) and self.archive.ranked
        if not ripe:
            fill(novel, (self.start,), self._rng)
        elif self.guide is not None:
            self._choose(self.guide, novel)
        if novel.lacking > 0:
            for (operator, _), wanted in zip(self.operators.values(), self._quotas(novel.lacking), strict=True):
                novel.fill(partial(self._made_by, operator, list(novel.seen)), wanted)
        fill(novel, (self.start,), self._rng)
        return novel.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember the score of each valid text; of several scores, its rank among all that were seen."""
        rows = zip(scores.canonical, scores.statuses, strict=True)
        told = {form: row for row, (form, status) in enumerate(rows) if form is not None and status != OVER_BUDGET}
        values = scores.values[list(told.values())]
        if values.shape[1] > 1:
            self._ranks.update(list(told), values)
        else:
            self.archive.update(told, values[:, 0].tolist())
        best = set(self.archive.best(self.selection.config.among))
        self.selection.count((candidates[row].proposer, form in best) for form, row in told.items())
        if self.learner is not None:
            self.learner.learn(self.archive)

    def state_dict(self) -> State:
        """Return the texts, their scores, the generator of numbers, and what has been learned."""
        return {
            **self.archive.state_dict(),
            **self._ranks.state_dict(),
            "rng": self._rng.bit_generator.state,
            "credit": self.selection.state_dict(),
            "learner": self.learner.state_dict() if self.learner is not None else {},
            "guide": self.guide.state_dict() if self.guide is not None else {},
        }

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        self.archive = Archive.of(state)
        self._ranks = ParetoRanks(self.archive)
        self._ranks.load_state_dict(state)
        self._rng.bit_generator.state = state["rng"]
        self.selection.load_state_dict(state["credit"])
        if self.learner is not None:
            self.learner.load_state_dict(state["learner"])
        if self.guide is not None:
            self.guide.load_state_dict(state["guide"])

    def _quotas(self, count: int) -> list[int]:
        """Divide proposals among the ways of breeding; what is left by rounding is drawn."""
        exact = count * self.selection.shares()
        whole = np.floor(exact).astype(int)
        left = count - int(whole.sum())
        if left:
            parts = exact - whole
            for row in self._rng.choice(len(exact), left, p=parts / parts.sum()):
                whole[row] += 1
        return [int(number) for number in whole]

    def _made_by(self, operator: Operator, proposed: Sequence[str], count: int) -> Sequence[Candidate]:
        """Breed from the best; before anything has a score, from what is proposed."""
        count = max(count, operator.least)
        parents = self.archive.parents(2 * count, self._rng, self.config.population, self.config.greed)
        if not parents and proposed:
            parents = [proposed[int(row)] for row in self._rng.integers(len(proposed), size=2 * count)]
        return operator(parents, count, self._rng) if parents else []

    def _choose(self, guide: Chooser, novel: NoveltyFilter) -> None:
        """Breed some generations, each from what the guide thinks best so far, and take what it chooses of all."""
        surrogate, climbing = guide.fitted(self.archive, self._ranks.values, self._rng), Archive()
        pool: dict[str, Candidate] = {}
        parents = self.archive.best(self.config.population)
        climbing.update(parents, surrogate.bounds(parents))
        bounds: dict[str, float] = {}
        for _ in range(guide.config.generations):
            children = self._brood(climbing, guide.config, novel)
            values = surrogate.bounds(list(children)).tolist()
            climbing.update(children, values)
            pool |= children
            bounds |= dict(zip(children, values, strict=True))
        novel.found += [pool[text] for text in surrogate.choose(bounds, novel.lacking)]

    def _brood(self, climbing: Archive, config: GuideConfig, novel: NoveltyFilter) -> dict[str, Candidate]:
        """Return the new texts of a generation by canonical form."""
        found: dict[str, Candidate] = {}
        for _ in range(config.broods or 1):
            lacking = config.offspring - len(found)
            if lacking <= 0:
                break
            offspring = [replace(one, form=self.canonical(one.text)) for one in self._offspring(climbing, lacking)]
            found |= {str(one.form): one for one in offspring if novel.new(one.form)}
        return found

    def _offspring(self, climbing: Archive, count: int) -> list[Candidate]:
        found: list[Candidate] = []
        for (operator, _), wanted in zip(self.operators.values(), self._quotas(count), strict=True):
            size = max(wanted, operator.least) if wanted else 0
            parents = climbing.parents(2 * size, self._rng, self.config.population, self.config.greed)
            found += operator(parents, size, self._rng)
        return found
