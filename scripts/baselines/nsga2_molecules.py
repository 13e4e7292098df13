"""NSGA-II (Deb et al. 2002, doi:10.1109/4235.996017) by pymoo, over molecules, with the graph moves of seqvae.

Tournaments, survival and the handling of constraint violations are pymoo's own. A child is a crossover of two parents,
a share of which is also mutated, or one mutated parent, in the shares of seqvae's genetic algorithm. A violation of the
constraint is known without a call, and such molecules are not scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import ElementwiseDuplicateElimination
from pymoo.core.mutation import Mutation
from pymoo.core.problem import Problem
from pymoo.core.sampling import Sampling
from pymoo.core.termination import NoTermination

from scripts.benchmarks.search.pareto_task import Target
from seqvae.config import OperatorConfig
from seqvae.properties.scoring import Scoring
from seqvae.search.domain.molecule_moves import MoleculeMoves

POPULATION = 100
_IDLE = 50  # generations without a new text, after which a run ends
_MOVES, _SHARES = MoleculeMoves(), OperatorConfig()
_CROSSED = _SHARES.crossover / (_SHARES.crossover + _SHARES.mutation)


class _Start(Sampling):
    def __init__(self, texts: Sequence[str]) -> None:
        super().__init__()
        self.texts = texts

    def _do(self, problem: Problem, n_samples: int, *args: Any, **kwargs: Any) -> NDArray[np.object_]:  # noqa: ANN401
        return np.array(self.texts[:n_samples], object)[:, None]


class _Cross(Crossover):
    """Joins a part of each parent, first and last in turn; returns the parent itself where they do not fit together."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(2, 2, prob=_CROSSED)
        self.rng = rng

    def _do(self, problem: Problem, X: NDArray[np.object_], *args: Any, **kwargs: Any) -> NDArray[np.object_]:  # noqa: ANN401
        found = X.copy()
        for row in range(X.shape[1]):
            first, second = X[0, row, 0], X[1, row, 0]
            found[0, row, 0] = _MOVES.cross(first, second, self.rng) or first
            found[1, row, 0] = _MOVES.cross(second, first, self.rng) or second
        return found


class _Mutate(Mutation):
    """Mutates copies of a parent, and a share of the crossovers."""

    def __init__(self, rng: np.random.Generator, known: dict[str, Any]) -> None:
        super().__init__()
        self.rng, self.known = rng, known

    def _do(self, problem: Problem, X: NDArray[np.object_], *args: Any, **kwargs: Any) -> NDArray[np.object_]:  # noqa: ANN401
        found = X.copy()
        for row, text in enumerate(X[:, 0]):
            if text in self.known or self.rng.random() < _SHARES.mutated:
                found[row, 0] = _MOVES.mutate(text, self.rng) or text
        return found


class _Same(ElementwiseDuplicateElimination):
    def is_equal(self, a: Any, b: Any) -> bool:  # noqa: ANN401
        """Whether two individuals are the same molecule: moves return canonical SMILES."""
        return bool(a.X[0] == b.X[0])


class _Calls:
    """Scores texts, each once and within the budget, unless they violate the constraint."""

    def __init__(self, scoring: Scoring, target: Target, budget: int) -> None:
        self.scoring, self.target, self.budget = scoring, target, budget
        self.known: dict[str, NDArray[np.float64]] = {}

    def __call__(self, texts: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return values to minimise, `(batch, objectives)`, and the violation of the constraint, `(batch, 1)`."""
        broken = self.target.min_similarity - self.target.likeness(texts)
        new = [text for text, off in zip(texts, broken, strict=True) if off <= 0 and text not in self.known]
        new = list(dict.fromkeys(new))[: self.budget - len(self.known)]
        if new:
            self.known.update(zip(new, self.scoring(new), strict=True))
        # What has no values, since it breaks the constraint or the budget is spent, is worse than all that has.
        nothing = np.full(self.scoring.columns, -1e3)
        values = np.array([self.known.get(text, nothing) for text in texts])
        return -values, np.where([text in self.known for text in texts], 0.0, np.maximum(broken, 1e-9))[:, None]


def run(scoring: Scoring, target: Target, start: Sequence[str], budget: int, seed: int) -> NDArray[np.float64]:
    """Return the values of all texts that were scored, `(calls, objectives)`, in the order of the calls."""
    rng, calls = np.random.default_rng(seed), _Calls(scoring, target, budget)
    algorithm = NSGA2(
        pop_size=min(POPULATION, len(start)),
        sampling=_Start(start),
        crossover=_Cross(rng),
        mutation=_Mutate(rng, calls.known),
        eliminate_duplicates=_Same(),
    )
    problem = Problem(n_var=1, n_obj=scoring.columns, n_ieq_constr=1, vtype=object)
    algorithm.setup(problem, termination=NoTermination(), seed=seed, verbose=False)
    idle = 0
    while len(calls.known) < budget and idle < _IDLE:
        before, infills = len(calls.known), algorithm.ask()
        if infills is not None and len(infills):
            values, broken = calls([row[0] for row in infills.get("X")])
            infills.set("F", values, "G", broken)
            for one in infills:
                one.evaluated.update(["F", "G"])
            algorithm.tell(infills=infills)
        idle = 0 if len(calls.known) > before else idle + 1
    return np.array(list(calls.known.values()), np.float64)
