"""What scores a model gives to texts that it was not trained on, so that those of others can be judged by them.

Each score is taken relative to the length: its expected value and spread follow the number of tokens, and what is kept
are the standardised values of texts that did not choose these. A score's p-value is the share of them
that is at least as high.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

FORMAT = 1
_LINES, _VALUES, _MEAN, _COVARIANCE, _SMALLEST = "lines", "values", "mean", "covariance", "smallest"


@final
@dataclass(frozen=True)
class Line:
    """A score's expected value and spread by the number of tokens: linear between some lengths, level beyond them.

    Attributes:
        lengths: ascending, at least one.
        means: expected value at each.
        spreads: mean deviation at each, above 0.
    """

    lengths: tuple[float, ...]
    means: tuple[float, ...]
    spreads: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("lengths", "means", "spreads"):
            object.__setattr__(self, name, tuple(map(float, getattr(self, name))))
        if not len(self.lengths) == len(self.means) == len(self.spreads) > 0 or min(self.spreads) <= 0:
            raise ValueError("a line needs a value and a spread above 0 at each length")

    def expected(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the expected value at each length."""
        return np.asarray(np.interp(tokens, self.lengths, self.means))

    def standardised(self, values: NDArray[np.float64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return how far values lie above those expected at their lengths, in units of the spread there."""
        return np.asarray((values - self.expected(tokens)) / np.interp(tokens, self.lengths, self.spreads))


@final
@dataclass(frozen=True)
class Calibration:
    """The scores of held-out texts.

    Attributes:
        source: the texts, by the name of their file or dataset.
        texts: how many there were, in all.
        longest: tokens of the longest of them.
        repeats: share of them that are one symbol again and again.
        samples: latent points of each score.
        steps: gradient steps of each.
        seed: of these.
        lines: by score, its expected value and spread.
        values: by score, standardised values, ascending; the higher, the less familiar.
        smallest: of each text the smallest p-value of all scores, ascending.
        mean: `(latent,)`, of the aggregate posterior.
        covariance: `(latent, latent)`, of the same.
    """

    source: str
    texts: int
    longest: int
    repeats: float
    samples: int
    steps: int
    seed: int
    lines: Mapping[str, Line]
    values: Mapping[str, NDArray[np.float32]]
    smallest: NDArray[np.float32]
    mean: NDArray[np.float32]
    covariance: NDArray[np.float32]

    def to_files(self) -> tuple[dict[str, Any], bytes]:
        """Return it as JSON values and as safetensors."""
        plain = ("source", "texts", "longest", "repeats", "samples", "steps", "seed")
        record: dict[str, Any] = {"format": FORMAT, **{name: getattr(self, name) for name in plain}}
        record[_LINES] = {name: vars(line) for name, line in self.lines.items()}
        arrays = {f"{_VALUES}.{name}": values for name, values in self.values.items()}
        arrays |= {_SMALLEST: self.smallest, _MEAN: self.mean, _COVARIANCE: self.covariance}
        return record, save({name: np.ascontiguousarray(values, np.float32) for name, values in arrays.items()})

    @classmethod
    def from_files(cls, record: Mapping[str, Any], numbers: bytes, latent: int) -> Calibration:
        """Return what `to_files` wrote, of a model with that many latent dimensions.

        Raises:
            KeyError, TypeError, ValueError, SafetensorError: it is something else.
        """
        fields = dict(record)
        if fields.pop("format") != FORMAT:
            raise ValueError(f"it has format {record['format']}, this seqvae reads {FORMAT}: update seqvae")
        arrays = load(numbers)
        lines = {name: Line(**values) for name, values in fields.pop(_LINES).items()}
        values = {name: arrays.pop(f"{_VALUES}.{name}") for name in lines}
        plain: dict[str, Any] = {**fields, **arrays}
        found = cls(lines=lines, values=values, **plain)
        if found.mean.shape != (latent,) or found.covariance.shape != (latent, latent):
            raise ValueError(f"expected {latent} latent dimensions, got {found.mean.shape}")
        if not all(len(part) for part in (found.smallest, *values.values())):
            raise ValueError("it holds no values")
        return found
