"""How far scores go beyond those that are known, of one objective or of several at once.

What a score adds to a front is the least that would have to be taken off it, in the objective where it is ahead
furthest, until some row of the front is as good in everything: the maximin improvement of Svenson & Santner 2016
(doi:10.1016/j.csda.2015.08.011). It is positive beyond the front, negative behind it, and of one objective it is the
score less the best one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqvae.search import pareto


@final
@dataclass(frozen=True)
class Front:
    """The best of what is known.

    Attributes:
        rows: `(front, objectives)`, what nothing known is better than in everything.
        unit: `(objectives,)`, by which differences are divided: the standard deviation of all that is known.
    """

    rows: Tensor
    unit: Tensor

    @staticmethod
    def of(values: NDArray[np.float64], device: torch.device) -> Front:
        """Return the front of scores, `(batch, objectives)`, higher is better."""
        spread = values.std(0)
        unit = np.where(spread > 0, spread, 1.0)
        rows = np.unique(values[pareto.front(values)], axis=0)
        return Front(torch.from_numpy(rows).to(device), torch.from_numpy(unit).to(device))

    def gain(self, values: Tensor) -> Tensor:
        """Return how far each row of scores, `(batch, objectives)`, goes beyond the front, `(batch,)`."""
        return ((values.unsqueeze(1) - self.rows) / self.unit).amax(2).amin(1)

    def with_row(self, row: Tensor) -> Front:
        """Return the front with a row of scores, `(objectives,)`, in it."""
        return replace(self, rows=torch.cat([self.rows, row.unsqueeze(0)]))
