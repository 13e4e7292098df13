"""A rate-distortion curve: its points, their slopes and lower hull, and the curve of one decoder alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from seqvae import __version__
from seqvae.evaluate.evaluation import finite


@dataclass(frozen=True)
class Point:
    """A model trained at one KL weight, nats per text, means over texts that it was trained on.

    Whatever the model is, entropy - distortion <= information <= rate, of the texts measured, each equally likely
    (Alemi et al. 2018, arXiv:1711.00464); where it was trained to the end, the curve's slope is -beta.

    Attributes:
        beta: KL weight.
        steps: optimiser steps at this beta.
        rate: KL(q(z|x) || p(z)).
        rate_error: its standard error.
        distortion: E[-log p(x|z)].
        distortion_error: its standard error.
        entropy: of the texts measured: the logarithm of their number, if all differ.
        information: I(x; z) of the texts measured, from one draw of z for each.
        information_error: its standard error.
        active_units: dimensions of z whose posterior means vary.
        held_out_rate: rate of held-out texts; None: nothing was held out.
        held_out_distortion: their distortion.
        slope: dD/dR of the parabola through the point and its neighbours; None at the ends.
        on_hull: whether it lies on the lower convex hull of all points: no mix of others has less distortion at its
            rate.
        multiplier: beta where a training towards the same distortion ended; None: there was none.
        multiplier_distortion: what that training reached.
    """

    beta: float
    steps: int
    rate: float
    rate_error: float
    distortion: float
    distortion_error: float
    entropy: float
    information: float
    information_error: float
    active_units: int
    held_out_rate: float | None = None
    held_out_distortion: float | None = None
    slope: float | None = None
    on_hull: bool = False
    multiplier: float | None = None
    multiplier_distortion: float | None = None

    @property
    def least(self) -> float:
        """The least information that the distortion leaves possible: entropy - distortion."""
        return self.entropy - self.distortion


@dataclass(frozen=True)
class FixedPoint:
    """A point of the curve of one decoder and prior under the best of all encoders; nats per text.

    Attributes:
        beta: the weight of the rate at which no other encoder does better.
        rate: an upper bound on average, by what annealing has not reached.
        distortion: E[-log p(x|z)].
        effective: how many equally weighted chains each text's are worth, mean.
    """

    beta: float
    rate: float
    distortion: float
    effective: float


@dataclass(frozen=True)
class FixedCurve:
    """The curve of one model's decoder and prior, beside what its own encoder does on the same held-out texts."""

    texts: int
    rate: float
    distortion: float
    points: tuple[FixedPoint, ...]


@dataclass(frozen=True)
class RateDistortion:
    """All that `seqvae rate-distortion` prints, writes and draws.

    Attributes:
        source: name or folder of the model, or the file of settings.
        data: the dataset or file.
        kind: name of the domain.
        points: by ascending beta.
        fixed: the curve of the given model's decoder; None: no model was given, or none was asked for.
        settings: how it was traced.
    """

    source: str
    data: str
    kind: str
    points: tuple[Point, ...]
    fixed: FixedCurve | None
    settings: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return every number, ready for JSON."""
        points = [{**asdict(point), "entropy_minus_distortion": point.least} for point in self.points]
        return finite(
            {
                "source": self.source,
                "data": self.data,
                "points": points,
                "fixed": None if self.fixed is None else asdict(self.fixed),
                "settings": dict(self.settings),
                "seqvae": __version__,
            }
        )


def joined(points: Sequence[Point]) -> tuple[Point, ...]:
    """Return points by ascending beta, with the slopes and the hull that they have together."""
    ordered = sorted(points, key=lambda one: one.beta)
    places = [(one.rate, one.distortion) for one in ordered]
    below = lower_hull(places)
    found = []
    for number, one in enumerate(ordered):
        inside = 0 < number < len(ordered) - 1
        slope = parabola_slope(*places[number - 1 : number + 2]) if inside else None
        found.append(replace(one, slope=slope, on_hull=places[number] in below))
    return tuple(found)


Place = tuple[float, float]  # rate and distortion


def lower_hull(places: Sequence[Place]) -> list[Place]:
    """Return the points of the lower convex hull, by ascending rate, as far as the distortion falls.

    Examples:
        >>> lower_hull([(0.0, 4.0), (1.0, 2.0), (2.0, 2.5), (3.0, 1.0), (4.0, 3.0)])
        [(0.0, 4.0), (1.0, 2.0), (3.0, 1.0)]
    """
    hull: list[Place] = []
    for rate, distortion in sorted(set(places)):
        if hull and distortion >= min(one for _, one in hull):
            continue  # more rate for no less distortion
        while len(hull) > 1:
            (r0, d0), (r1, d1) = hull[-2:]
            if (d1 - d0) * (rate - r0) < (distortion - d0) * (r1 - r0):
                break
            hull.pop()
        hull.append((rate, distortion))
    return hull


def parabola_slope(before: Place, here: Place, after: Place) -> float | None:
    """Return the derivative at the middle one of the parabola through three points; None where two rates are equal.

    Examples:
        >>> parabola_slope((1.0, 1.0), (2.0, 4.0), (4.0, 16.0))
        4.0
    """
    left, right = here[0] - before[0], after[0] - here[0]
    if not left or not right or not left + right:
        return None
    first, second = (here[1] - before[1]) / left, (after[1] - here[1]) / right
    return (first * right + second * left) / (left + right)
