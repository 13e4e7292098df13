"""What passes between an optimiser and the oracle: candidates and their scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Canonical = Callable[[str], str | None]


@dataclass(frozen=True)
class Candidate:
    """A text to be scored, and where it comes from.

    Attributes:
        text: in any form.
        proposer: the operator or model that proposed it.
        z: its latent point, `(latent,)`, where it has one.
        seed: of its decoding, where it was sampled.
        form: its canonical form, where it has been computed already.
        parents: canonical forms of the scored designs that it was bred from; none where it was not.
        predicted: mean and standard deviation of the first score that a surrogate predicted, where one chose it.
        about: what else is said of it on a plate, by the title of the column.
    """

    text: str
    proposer: str = ""
    z: NDArray[np.float32] | None = None
    seed: int | None = None
    form: str | None = None
    parents: tuple[str, ...] = field(default=(), compare=False)
    predicted: tuple[float, ...] = field(default=(), compare=False)
    about: Mapping[str, str | float | None] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Take a point in any form: an optimiser of the user's own may have a tensor, or a list."""
        if self.z is not None and not isinstance(self.z, np.ndarray):
            from seqvae.latent.checks import tensors_of

            object.__setattr__(self, "z", tensors_of(self.z)[0].detach().float().cpu().numpy())


@dataclass(frozen=True)
class Scores:
    """The oracle's scores of a batch.

    Attributes:
        values: `(batch, scores)` float64; NaN where there is no score.
        statuses: `ok`, `cached`, `invalid`, `failed`, `timeout`, `over_budget` or `screened_out`, one per text.
        canonical: the canonical form of each text; None of an invalid one.
    """

    values: NDArray[np.float64]
    statuses: list[str]
    canonical: list[str | None]
