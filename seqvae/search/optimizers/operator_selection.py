"""Adaptive operator selection: operators that have done well lately make more of the next proposals.

Probability matching (Thierens 2005, doi:10.1145/1068009.1068251): the better operators of a task, and of its present
stage, are found while searching, and none is given up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.config import OperatorSelectionConfig
from seqvae.config.toml import checked
from seqvae.errors import ConfigError
from seqvae.search.storage.state import State

_DOUBT = 20.0  # prior: proposals at the average success rate that are added to those of each operator
_MANY = 1e12  # proposals


@final
class OperatorSelection:
    """Counts how often each operator's proposals were among the best when they came; recent ones count more.

    Args:
        shares: of each operator while nothing is known.
        config: memory and floor.
    """

    def __init__(self, shares: Mapping[str, float], config: OperatorSelectionConfig) -> None:
        total = sum(shares.values())
        self.config, self._shares = config, {name: share / total for name, share in shares.items()}
        self._made = dict.fromkeys(self._shares, 0.0)
        self._good = dict.fromkeys(self._shares, 0.0)

    def count(self, outcomes: Iterable[tuple[str, bool]]) -> None:
        """Count a round: each proposal's operator, and whether it is among the best; other proposers are ignored."""
        for counts in (self._made, self._good):
            for name in counts:
                counts[name] *= self.config.memory
        for name, good in outcomes:
            if name in self._made:
                self._made[name] += 1.0
                self._good[name] += good

    def shares(self) -> NDArray[np.float64]:
        """Return the share of each operator, in their order; they sum to 1."""
        base, made, good = (np.array(list(part.values())) for part in (self._shares, self._made, self._good))
        average = (good.sum() + 1.0) / (made.sum() + _DOUBT)
        rates = (good + _DOUBT * average) / (made + _DOUBT)
        shares = base * rates / (base * rates).sum()
        return np.asarray(self.config.floor * base + (1.0 - self.config.floor) * shares, np.float64)

    def state_dict(self) -> State:
        """Return the counts."""
        return {"made": dict(self._made), "good": dict(self._good)}

    def load_state_dict(self, state: State) -> None:
        """Go back to a state."""
        made, good = (checked(name, state[name], dict[str, float]) for name in ("made", "good"))
        known = list(made) == list(good) == list(self._shares)
        if not known or not all(0 <= good[name] <= made[name] < _MANY for name in made):
            raise ConfigError(f"expected counts of the operators {', '.join(self._shares)}, got {made}, {good}")
        self._made, self._good = made, good
