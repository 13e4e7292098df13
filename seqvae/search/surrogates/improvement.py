"""The improvement of scores on those that are known, for one objective or several.

The gain of a row of scores is the least over the front of its largest lead in an objective: the maximin improvement of
Svenson & Santner 2016 (doi:10.1016/j.csda.2015.08.011). It is positive beyond the front, negative behind it, and with
one objective it is the score less the best one.

Along a direction, a row is worth its score in the objective where it lags furthest: the scalarisation whose mean over
all directions is the hypervolume (Zhang & Golovin 2020, arXiv:2006.04655). So a batch that takes the best row for each
of several directions spreads along the front.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqvae.search.memory import pareto


@final
@dataclass(frozen=True)
class ParetoFront:
    """The Pareto front of the known scores.

    Attributes:
        rows: `(front, objectives)`, the scores that no others dominate.
        below: `(objectives,)`, the reference point of its hypervolume.
        unit: `(objectives,)`, from there to the best of each objective.
    """

    rows: Tensor
    below: Tensor
    unit: Tensor

    @staticmethod
    def of(values: NDArray[np.float64], device: torch.device) -> ParetoFront:
        """Return the front of scores, `(batch, objectives)`, higher is better."""
        below, best = pareto.reference(values), values.max(0)
        rows = np.unique(values[pareto.pareto_front(values)], axis=0)
        return ParetoFront(*(torch.from_numpy(part).to(device) for part in (rows, below, best - below)))

    def gain(self, values: Tensor) -> Tensor:
        """Return how far each row of scores, `(batch, objectives)`, goes beyond the front, `(batch,)`."""
        return ((values.unsqueeze(1) - self.rows) / self.unit).amax(2).amin(1)

    def along(self, values: Tensor) -> Tensor:
        """Return the worth of rows of scores, `(draws, batch, objectives)`, each draw along a direction of its own.

        Directions are drawn from torch's global generator; the result is `(draws, batch)`.
        """
        drawn = torch.randn(len(values), 1, values.shape[2], dtype=values.dtype).to(values).abs()
        directions = drawn / drawn.norm(dim=2, keepdim=True)
        return ((values - self.below) / self.unit / directions).amin(2)
