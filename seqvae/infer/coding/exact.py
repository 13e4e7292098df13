"""Arithmetic that gives the same bits on every processor, at every thread count and batch size.

A decoder must find the probabilities that the encoder had, to the last bit, or everything after them is noise. IEEE 754
fixes the result of a single addition, product, quotient or root, so element by element float64 is the same everywhere;
what differs is the order in which sums are added (threads, vector units, batch sizes), and library functions such as
`exp`. Hence:

* what enters a sum of products is rounded to whole multiples of a power of two, so coarse that every partial sum is a
  whole number below 2^53: float64 holds it exactly, in any order of addition, fused or not;
* `exp` is a polynomial, one elementary operation after the other; `sigmoid`, `tanh` and the probabilities of tokens are
  read from tables made by it, which is ten times as fast.

What is rounded so changes a logit by less than 1e-3, and the bits by that squared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

_EXACT = 52  # bits of a whole number that float64 holds, one in reserve
_MOST_PLACES = 24
_LOG2_E = 1.4426950408889634
# ln 2 in two parts, the first with so few bits that its multiples are exact (Cody & Waite 1980).
_LN2_HIGH, _LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
_TAYLOR = tuple(1.0 / math.factorial(k) for k in range(11, -1, -1))  # to 1e-14 for |x| <= ln(2) / 2
_LOWEST, _HIGHEST = -60.0, 60.0  # beyond, exp is as good as 0, or never asked for
# Abramowitz & Stegun 1964, formula 7.1.26: erf to 1.5e-7.
_ERF_P, _ERF = 0.3275911, (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
_HALF_ROOT = 0.7071067811865476


def _polynomial(x: Numbers, coefficients: tuple[float, ...]) -> Numbers:
    """Evaluate a polynomial by Horner's rule, the coefficient of the highest power first."""
    found = np.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        found *= x
        found += coefficient
    return found


def exp(x: Numbers) -> Numbers:
    """Return e to the x, x clipped to +-60, with a relative error below 1e-14."""
    clipped = np.clip(x, _LOWEST, _HIGHEST)
    power = np.rint(clipped * _LOG2_E)
    rest = clipped - power * _LN2_HIGH
    rest -= power * _LN2_LOW
    return np.ldexp(_polynomial(rest, _TAYLOR), power.astype(np.int32))


@final
class Table:
    """A function of one variable, read from a table at the nearest point of a grid.

    Args:
        function: computed once at every point.
        lowest: a whole number; smaller arguments are taken for it.
        highest: the same at the other end.
        places: the grid's points are whole multiples of 2^-places.
    """

    def __init__(self, function: Callable[[Numbers], Numbers], lowest: int, highest: int, places: int) -> None:
        self.lowest, self.highest, self.scale = float(lowest), float(highest), 2.0**places
        points = np.arange(lowest * int(self.scale), highest * int(self.scale) + 1)
        self.values = function(points / self.scale)

    def __call__(self, x: Numbers) -> Numbers:
        """Return the function at each argument."""
        places = np.clip(x, self.lowest, self.highest)
        places *= self.scale
        np.rint(places, out=places)
        places -= self.lowest * self.scale
        return self.values.take(places.astype(np.int32))


# Half the distance of two points times the slope is the largest error: 1e-4.
sigmoid = Table(lambda x: 1.0 / (1.0 + exp(-x)), -16, 16, 11)
tanh = Table(lambda x: 1.0 - 2.0 / (1.0 + exp(2.0 * x)), -8, 8, 12)
_WEIGHT_BITS = 30  # of the likeliest symbol; more than the 24 bits that the coder distinguishes
_weights = Table(lambda x: np.floor(exp(x) * 2.0**_WEIGHT_BITS) + 1.0, -22, 0, 10)


def weights_of(logits: Numbers) -> Numbers:
    """Return whole numbers from 1 in proportion to e^logits, over the last axis; 0 for a logit of minus infinity."""
    found = _weights(logits - logits.max(-1, keepdims=True))
    found[logits == -np.inf] = 0.0
    return found


def erf(x: Numbers) -> Numbers:
    """Return the error function, to 1.5e-7."""
    size = np.abs(x)
    t = 1.0 / (1.0 + _ERF_P * size)
    tail = _polynomial(t, _ERF) * t * exp(-(size * size))
    return np.copysign(1.0 - tail, x)


def gelu(x: Numbers) -> Numbers:
    """Return x times the standard normal distribution function at x."""
    return x * normal_cdf(x)


def normal_cdf(x: Numbers) -> Numbers:
    """Return the standard normal distribution function, to 1e-7."""
    return 0.5 * (1.0 + erf(x * _HALF_ROOT))


def whole(x: Numbers, places: int, most: float) -> Numbers:
    """Return x, clipped to +-most, as whole multiples of 2^-places; both powers of two keep this exact."""
    scaled = np.clip(x, -most, most)
    scaled *= 2.0**places
    return np.rint(scaled, out=scaled)


def exact_sum(x: Numbers, places: int, most: float) -> Numbers:
    """Return the sums over the last axis of x rounded to a grid; the axis times most times 2^places is below 2^53."""
    return whole(x, places, most).sum(-1) * 2.0**-places


def power_above(x: float) -> float:
    """Return the least power of two that is at least x, for a positive x."""
    fraction, power = math.frexp(x)
    return math.ldexp(1.0, power - (fraction == 0.5))


@final
class Linear:
    """x W^T + b, without rounding but for that of x and W to their grids.

    Args:
        weight: `(out, in)`.
        bias: `(out,)`, or None.
        most: inputs are clipped to +-most, a power of two.
    """

    def __init__(self, weight: NDArray[np.floating], bias: NDArray[np.floating] | None, most: float = 1.0) -> None:
        given = np.asarray(weight, np.float64)
        largest = power_above(max(float(np.abs(given).max(initial=0.0)), 2.0**-_MOST_PLACES))
        room = _EXACT - math.frexp(given.shape[1] * largest * most)[1]
        places = max(room // 2, 0)
        self.most, self.places = most, min(room - min(places, _MOST_PLACES), _MOST_PLACES)
        weight_places = min(places, _MOST_PLACES)
        # The weights are stored the other way round: rows of a batch come from the left.
        self.weight = np.ascontiguousarray(whole(given, weight_places, largest).T)
        self.unit = 2.0 ** -(self.places + weight_places)
        self.bias = None if bias is None else np.asarray(bias, np.float64)

    def __call__(self, x: Numbers) -> Numbers:
        """Return the products of rows, `(..., in)` to `(..., out)`."""
        found = np.matmul(whole(x, self.places, self.most), self.weight)
        found *= self.unit
        if self.bias is not None:
            found += self.bias
        return found


@final
class LayerNorm:
    """The normalisation of the last axis (Ba et al. 2016, arXiv:1607.06450), inputs clipped to +-4096.

    Args:
        weight: `(channels,)`.
        bias: `(channels,)`.
        eps: added to the variance.
    """

    _clip, _deviation = 4096.0, 64.0

    def __init__(self, weight: NDArray[np.floating], bias: NDArray[np.floating], eps: float) -> None:
        self.weight, self.bias, self.eps = np.asarray(weight, np.float64), np.asarray(bias, np.float64), eps
        channels = len(self.weight)
        self.places = _EXACT - math.frexp(channels * self._clip)[1]
        self.square_places = (_EXACT - math.frexp(channels * self._deviation**2)[1]) // 2

    @property
    def most(self) -> float:
        """A power of two that no output exceeds in size: the deviations of n numbers are at most root n apart."""
        largest = float(np.abs(self.weight).max()) * math.sqrt(len(self.weight)) + float(np.abs(self.bias).max())
        return power_above(max(largest, 1.0))

    def __call__(self, x: Numbers) -> Numbers:
        """Return the normalised rows."""
        channels = len(self.weight)
        centred = x - (exact_sum(x, self.places, self._clip) / channels)[..., None]
        wholes = whole(centred, self.square_places, self._deviation)
        variance = (wholes * wholes).sum(-1) * 4.0**-self.square_places / channels
        return centred / np.sqrt(variance + self.eps)[..., None] * self.weight + self.bias
