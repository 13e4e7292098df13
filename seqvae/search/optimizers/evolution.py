"""Evolution: offspring are bred from the best texts so far, by one or several operators."""

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
    """Predicts texts without a score."""

    def bounds(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return an upper bound on the score of each text, `(texts,)`."""

    def choose(self, bounds: dict[str, float], count: int) -> list[str]:
        """Return the `count` texts that are most worth a call."""

    def predicted(self, texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return mean and standard deviation of the first score of each text, `(texts,)`."""


class Chooser(Protocol):
    """Makes the surrogate that chooses among offspring: `similarity_gp.Guide`."""

    config: GuideConfig

    def fitted(self, archive: Archive, several: Mapping[str, tuple[float, ...]], rng: np.random.Generator) -> Surrogate:
        """Return a surrogate fitted to these scores; `several` holds those of texts that have more than one."""

    def state_dict(self) -> State:
        """Return what the next surrogate depends on besides the scores."""

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""


class Learner(Protocol):
    """Improves breeding by learning from the texts so far: a generative model that is retrained."""

    def learn(self, archive: Archive) -> None:
        """Learn, if enough texts are new."""

    def state_dict(self) -> State:
        """Return the state of the learner."""

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""


@final
class Evolution:
    """Breeds offspring from parents drawn by rank among the best texts (Tripp et al. 2020, arXiv:2006.09191).

    With graph moves of molecules it is a graph genetic algorithm in a steady state (Jensen 2019,
    doi:10.1039/C8SC05372C; Tripp & Hernandez-Lobato 2023, arXiv:2310.09267, on how strong that is).

    Args:
        start: the initial design, which also serves where breeding finds nothing new.
        operators: each with its share of the proposals.
        canonical: returns the canonical form of a text, None for an invalid one.
        config: population, greed, size of the initial design.
        seed: of all draws.
        learner: learns from each round.
        selection: how the shares of the operators follow their success.
        guide: chooses among many offspring; None: as many are bred as are wanted.
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
        """Return new proposals: of the initial design until there are enough scores, then offspring."""
        novel = NoveltyFilter(count, self.canonical, self.archive)
        ripe = len(self.archive) >= (self.config.start or INITIAL) and self.archive.ranked
        if not ripe:
            fill(novel, (self.start,), self._rng)
        elif self.guide is not None:
            self._choose(self.guide, novel)
        if novel.lacking > 0:
            for (operator, _), wanted in zip(self.operators.values(), self._quotas(novel.lacking), strict=True):
                novel.fill(partial(self._offspring, operator, self.archive, list(novel.seen)), wanted)
        fill(novel, (self.start,), self._rng)
        return novel.found

    def tell(self, candidates: Sequence[Candidate], scores: Scores) -> None:
        """Remember the score of each valid text, or its Pareto rank where it has several scores."""
        rows = zip(scores.canonical, scores.statuses, strict=True)
        told = {form: row for row, (form, status) in enumerate(rows) if form is not None and status != OVER_BUDGET}
        values = scores.values[list(told.values())]
        if values.shape[1] > 1:
            self._ranks.update(list(told), values)
        else:
            self.archive.update(told, values[:, 0].tolist())
        most, share = self.selection.config.among, self.selection.config.share
        best = set(self.archive.best(min(most, max(1, int(share * len(self.archive))))))
        self.selection.count((candidates[row].proposer, form in best) for form, row in told.items())
        if self.learner is not None:
            self.learner.learn(self.archive)

    def state_dict(self) -> State:
        """Return texts, scores, the generator, and the states of selection, learner and guide."""
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
        """Divide proposals among the operators; remainders of rounding are drawn."""
        exact = count * self.selection.shares()
        whole = np.floor(exact).astype(int)
        left = count - int(whole.sum())
        if left:
            parts = exact - whole
            for row in self._rng.choice(len(exact), left, p=parts / parts.sum()):
                whole[row] += 1
        return [int(number) for number in whole]

    def _offspring(
        self, operator: Operator, archive: Archive, proposed: Sequence[str], count: int
    ) -> Sequence[Candidate]:
        """Breed from the best texts of an archive; before any has a score, from the proposals so far."""
        count = max(count, operator.least) if count else 0
        parents = archive.parents(2 * count, self._rng, self.config.population, self.config.greed)
        if not parents and proposed:
            parents = [proposed[int(row)] for row in self._rng.integers(len(proposed), size=2 * count)]
        return operator(parents, count, self._rng) if parents else []

    def _choose(self, guide: Chooser, novel: NoveltyFilter) -> None:
        """Breed some generations, each from what the surrogate ranks best so far, and take its choice of them all."""
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
        chosen = surrogate.choose(bounds, novel.lacking)
        means, deviations = surrogate.predicted(chosen) if chosen else ((), ())
        for text, *predicted in zip(chosen, means, deviations, strict=True):
            bred = replace(pool[text], parents=self._scored_ancestors(text, pool))
            novel.found.append(replace(bred, predicted=tuple(map(float, predicted))))

    def _scored_ancestors(self, text: str, pool: Mapping[str, Candidate]) -> tuple[str, ...]:
        """Return the scored designs that a text goes back to: its parents, or those of parents that were only bred."""
        found: dict[str, None] = {}
        waiting, seen = [*pool[text].parents], {text}
        while waiting:
            one = waiting.pop(0)
            if one in self.archive or one not in pool:
                found[one] = None
            elif one not in seen:
                seen.add(one)
                waiting += pool[one].parents
        return tuple(found)

    def _brood(self, climbing: Archive, config: GuideConfig, novel: NoveltyFilter) -> dict[str, Candidate]:
        """Return the new offspring of a generation by canonical form."""
        found: dict[str, Candidate] = {}
        for _ in range(config.broods or 1):
            lacking = config.offspring - len(found)
            if lacking <= 0:
                break
            bred: list[Candidate] = []
            for (operator, _), wanted in zip(self.operators.values(), self._quotas(lacking), strict=True):
                bred += self._offspring(operator, climbing, (), wanted)
            bred = [replace(one, form=self.canonical(one.text)) for one in bred]
            found |= {str(one.form): one for one in bred if novel.new(one.form)}
        return found
