"""Desirabilities: a property's value mapped to 0 (useless) to 1 (as wanted), so that several can be combined.

Derringer & Suich 1980, doi:10.1080/00224065.1980.11980968, join desirabilities by their geometric mean. The curves here
are those of REINVENT (Loeffler et al. 2024, doi:10.1186/s13321-024-00812-5), with its convention: powers of ten, and a
`slope` k by which a sigmoid between `low` and `high` is

    d(x) = 1 / (1 + 10^(-10 k (x - (low + high) / 2) / (high - low)))

so that the default k = 0.25 gives 0.053 at low, 0.5 half way and 0.947 at high.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqvae.config import suggestion
from seqvae.errors import ConfigError

SLOPE = 0.25  # REINVENT's default k
_FLANKS = 4.0  # each flank of a window spans a quarter of its width, so that its centre is 0.99999 at the default slope
_SLOPES = (1e-3, 1e3)  # from a line to a step


def none(values: ArrayLike, low: float, high: float, slope: float) -> NDArray[np.float64]:
    """Return the numbers unchanged, whatever the bounds."""
    return np.asarray(values, np.float64)


def sigmoid(values: ArrayLike, low: float, high: float, slope: float = SLOPE) -> NDArray[np.float64]:
    """Return desirabilities that rise: 0.053 at `low` and 0.947 at `high`, with the default slope."""
    return _rise(values, low / 2 + high / 2, high - low, slope)


def reverse_sigmoid(values: ArrayLike, low: float, high: float, slope: float = SLOPE) -> NDArray[np.float64]:
    """Return desirabilities that fall: 1 minus those of `sigmoid`."""
    return _rise(values, low / 2 + high / 2, low - high, slope)


def window(values: ArrayLike, low: float, high: float, slope: float = SLOPE) -> NDArray[np.float64]:
    """Return desirabilities that are high between two bounds: 0.5 at each bound, near 1 half way.

    The minimum of a sigmoid that rises through `low` and one that falls through `high`. Each spans a quarter of the
    window's width w: with the default slope 0.947 is reached w/8 inside the bounds and 0.053 w/8 outside.
    """
    span = (high - low) / _FLANKS
    return np.minimum(_rise(values, low, span, slope), _rise(values, high, -span, slope))


def step(values: ArrayLike, low: float, high: float, slope: float = SLOPE) -> NDArray[np.float64]:
    """Return 1 from `low` to `high`, both included, and 0 elsewhere; the slope has no effect."""
    numbers = np.asarray(values, np.float64)
    return np.where(np.isnan(numbers), np.nan, (numbers >= low) & (numbers <= high))


def _rise(values: ArrayLike, middle: float, span: float, slope: float) -> NDArray[np.float64]:
    """Return 1 / (1 + 10^(-10 slope (x - middle) / span)); a negative span falls.

    Far away the exponent may be infinite: the value is then 0 or 1, as it should be. Only NaN gives NaN.
    """
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        steps = (np.asarray(values, np.float64) - middle) / span * (10.0 * slope * math.log(10.0))
        return np.asarray(np.exp(-np.logaddexp(0.0, -steps)))


Curve = Callable[[ArrayLike, float, float, float], NDArray[np.float64]]
TRANSFORMS: dict[str, Curve] = {
    "none": none,
    "sigmoid": sigmoid,
    "reverse_sigmoid": reverse_sigmoid,
    "window": window,
    "step": step,
}
_CURVED = ("sigmoid", "reverse_sigmoid", "window")
_SHAPES = (*_CURVED, "step")


@final
@dataclass(frozen=True)
class Desirability:
    """One of the `TRANSFORMS` with its bounds; NaN stays NaN.

    Attributes:
        transform: its name.
        low: lower bound, in the property's unit; -inf: none, which only a step allows.
        high: upper bound; inf: none, likewise.
        slope: steepness of a curve.

    Raises:
        ConfigError: the transform is unknown, a bound is missing, or a bound or the slope has no effect.

    >>> Desirability("sigmoid", 0.0, 10.0)([0.0, 5.0, 10.0]).round(3).tolist()
    [0.053, 0.5, 0.947]
    """

    transform: str = "none"
    low: float = -math.inf
    high: float = math.inf
    slope: float = SLOPE

    def __post_init__(self) -> None:
        if self.transform not in TRANSFORMS:
            raise ConfigError(f"transform: unknown value {self.transform!r}{suggestion(self.transform, TRANSFORMS)}")
        given = f"got {self.low:g} and {self.high:g}"
        if self.transform in _CURVED:
            if not 0.0 < (self.high - self.low) / _FLANKS < math.inf:
                raise ConfigError(f"low, high: transform {self.transform!r} needs both, the lower first, {given}")
            if not _SLOPES[0] <= self.slope <= _SLOPES[1]:
                raise ConfigError(f"slope: expected a number from {_SLOPES[0]:g} to {_SLOPES[1]:g}, got {self.slope:g}")
            return
        bounded = self.low != -math.inf or self.high != math.inf
        if self.slope != SLOPE:
            raise ConfigError(f"slope: transform {self.transform!r} has none, got {self.slope:g}: leave it out")
        if self.transform == "none" and bounded:
            raise ConfigError(f"low, high: no effect without a transform, {given}: name one of {', '.join(_SHAPES)}")
        real = self.low <= self.high and self.low < math.inf and self.high > -math.inf
        if self.transform == "step" and not (bounded and real):
            raise ConfigError(f"low, high: transform 'step' needs one of them or both, the lower first, {given}")

    def __call__(self, values: ArrayLike) -> NDArray[np.float64]:
        """Return the desirability of each number, in the same shape, float64."""
        return TRANSFORMS[self.transform](values, self.low, self.high, self.slope)
