"""Several objectives at once: texts ranked by the fronts that they lie on, and within a front by crowding distance.

Deb et al. 2002 (NSGA-II, doi:10.1109/4235.996017), in a steady state: texts that have dropped out of the best are not
ranked again, since more texts can only push them further back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.config.toml import checked
from seqvae.search.memory.archive import Archive
from seqvae.search.storage.state import State

_BELOW = 0.1  # of a front's width (Ishibuchi et al. 2011, as cited by BoTorch)
MARKS = (96, 384, 1_000, 10_000)  # calls: one plate, four, and the budgets of benchmarks
_OBJECTIVES = 3  # the time for a hypervolume grows exponentially with their number
_RANKED = 1000  # texts that are ranked at a time: several populations, in a few milliseconds


def fitness(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a number per row to rank by, `(batch,)`: minus its front, plus 0 to 1 by its crowding distance.

    Args:
        values: `(batch, objectives)`, higher is better, finite.
    """
    from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

    found = np.empty(len(values))
    for number, pareto_front in enumerate(NonDominatedSorting().do(-values) if len(values) else []):
        distinct, copies = np.unique(
            values[pareto_front], axis=0, return_inverse=True
        )  # copies share the distance of one
        room = _room(distinct)[copies]
        found[pareto_front] = -number + room / (1.0 + room)  # the ends of a front come close to 1
    return found


def _room(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the crowding distance of each row of a front: sum over objectives of its neighbours' gap by the width."""
    found = np.zeros(len(values))
    for column in values.T:
        order = np.argsort(column, kind="stable")
        width = column[order[-1]] - column[order[0]]
        if width > 0:
            found[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / width
        found[order[[0, -1]]] += 1e9  # the ends of a front come before all others
    return found


@final
class ParetoRanks:
    """Keeps the scores of an archive equal to the ranks of its texts by several objectives.

    Args:
        archive: whose scores are set.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.values: dict[str, tuple[float, ...]] = {}

    def state_dict(self) -> State:
        """Return the values of all texts; the archive keeps its own state."""
        return {"several": list(self.values), "values": np.array(list(self.values.values()), np.float64)}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        rows = np.asarray(state["values"], np.float64).tolist()
        self.values = {
            text: tuple(row) for text, row in zip(checked("several", state["several"], list[str]), rows, strict=True)
        }

    def update(self, texts: Sequence[str], values: NDArray[np.float64]) -> None:
        """Add texts with their values, `(batch, objectives)`; a text with a NaN has no rank."""
        for text, row in zip(texts, values, strict=True):
            if np.isfinite(row).all():
                self.values[text] = tuple(row.tolist())
            else:
                self.archive.add(text, float("nan"))
        new = [text for text in texts if text in self.values]
        known = self.archive.best(_RANKED)
        behind = self.archive.best(2 * _RANKED)[_RANKED:]
        among = list(dict.fromkeys([*known, *new]))
        if not among:
            return
        ranks = fitness(np.array([self.values[text] for text in among], np.float64))
        lowest = float(ranks.min(initial=0.0))
        for text in behind:
            self.archive.add(text, min(self.archive.score(text), lowest - 1.0))
        for text, rank in zip(among, ranks, strict=True):
            self.archive.add(text, float(rank))


def pareto_front(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rows that no other row dominates, `(front,)`, in their order."""
    from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

    if not len(values):
        return np.empty(0, np.int64)
    return np.sort(NonDominatedSorting().do(-values, only_non_dominated_front=True)).astype(np.int64)


def hypervolume(values: NDArray[np.float64], below: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the hypervolume that the rows dominate above a reference point.

    Args:
        values: `(batch, objectives)`, higher is better.
        below: `(objectives,)`, the reference point.
    """
    from pymoo.indicators.hv import HV

    return float(HV(ref_point=-np.asarray(below, np.float64))(-values)) if len(values) else 0.0


def hypervolumes(values: NDArray[np.float64], below: NDArray[np.float64]) -> dict[int, float]:
    """Return the hypervolume after each of `MARKS` calls that there are, and after the last call, by their number.

    It is empty of more than three objectives: that takes too long.

    Args:
        values: `(calls, objectives)` in the order of the calls; NaN where one brought no score.
        below: `(objectives,)`, the reference point.
    """
    found = dict[int, float]()
    if values.shape[1] > _OBJECTIVES:
        return found
    for calls in [*(mark for mark in MARKS if mark < len(values)), len(values)]:
        scored = values[:calls][np.isfinite(values[:calls]).all(axis=1)]
        found[calls] = hypervolume(scored[pareto_front(scored)], below)
    return found


def reference(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a reference point below a front for its hypervolume, `(objectives,)`.

    It is the worst value of each objective on the front less a tenth of the front's width there, as BoTorch infers it,
    so that the ends of the front count; where the front has no width, that of all values is taken.
    """
    best = values[pareto_front(values)]
    width = np.where(np.ptp(best, axis=0) > 0, np.ptp(best, axis=0), np.ptp(values, axis=0))
    return np.asarray(best.min(0) - _BELOW * np.where(width > 0, width, 1.0))


def shares(values: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of a front's hypervolume above a point would be lost without each row, `(front,)`.

    Rows with equal values share one contribution.
    """
    distinct, copies = np.unique(values, axis=0, return_inverse=True)
    whole = hypervolume(distinct, below)
    without = [hypervolume(np.delete(distinct, row, axis=0), below) for row in range(len(distinct))]
    return np.asarray((whole - np.array(without))[copies.ravel()])
