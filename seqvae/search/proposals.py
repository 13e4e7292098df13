"""What travels between an optimiser and the oracle: candidates, and their scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Canonical = Callable[[str], str | None]


@dataclass(frozen=True)
class Candidate:
    """A text that is to be scored, and where it comes from.

    Attributes:
        text: in any form.
        proposer: what proposed it.
        z: its latent point, `(latent,)`, where it has one.
        seed: of its decoding, where it has one.
        form: its canonical form, by which it was found to be new; None: it has not been read yet.
    """

    text: str
    proposer: str = ""
    z: NDArray[np.float32] | None = None
    seed: int | None = None
    form: str | None = None


@dataclass(frozen=True)
class Scores:
    """What the oracle said of a batch.

    Attributes:
        values: `(batch, scores)` float64; NaN where there is no score.
        statuses: `ok`, `cached`, `invalid`, `failed`, `timeout` or `over_budget`, one a text.
        canonical: the canonical form of each text; None of an invalid one.
    """

    values: NDArray[np.float64]
    statuses: list[str]
    canonical: list[str | None]
