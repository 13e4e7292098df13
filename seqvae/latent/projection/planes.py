"""Planes in latent space: principal components and exact slices, whose way back is exact."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from seqvae.config.checks import door
from seqvae.errors import UsageError
from seqvae.latent.arithmetic import orthogonal
from seqvae.latent.checks import Points, points_of, tensors_of
from seqvae.latent.projection.kinds import PCA, SLICE

_FLAT = 1e-6  # of the longer side of a triangle: below, its corners lie on one line


class Projection(ABC):
    """A map of latent space to the plane.

    Attributes:
        kind: `pca`, `slice`, `tsne` or `umap`.
        exact: whether every place has a point of latent space that is placed there exactly.
    """

    kind: str
    exact: bool

    @property
    @abstractmethod
    def latent(self) -> int:
        """Dimensions of z."""

    @abstractmethod
    def place(self, z: Points) -> NDArray[np.float64]:
        """Return the place of each point, `(points, 2)`; each depends on no other.

        Raises:
            UsageError: z has another shape than `(points, latent)`.
        """

    @abstractmethod
    def back(self, places: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return a latent point for each place, `(places, latent)`."""

    @property
    @abstractmethod
    def described(self) -> str:
        """What the map is, as half a sentence."""


@final
@dataclass(frozen=True, eq=False)
class Plane(Projection):
    """A plane in latent space, onto which points are projected at right angles.

    Attributes:
        kind: `pca` or `slice`.
        origin: `(latent,)`, the point at (0, 0).
        basis: `(2, latent)`, the two axes, orthonormal; of a complete PCA as many as latent has dimensions.
        shares: of PCA: share of the variance along each axis; of a slice: empty.
        axes: what the axes are, for readers.
        anchors: texts that lie in the plane or at its centre, each with its place.
    """

    kind: str
    origin: NDArray[np.float64]
    basis: NDArray[np.float64]
    shares: tuple[float, ...] = ()
    axes: tuple[str, ...] = ("", "")
    anchors: tuple[tuple[str, float, float], ...] = ()
    exact = True

    @property
    def latent(self) -> int:
        """Dimensions of z."""
        return len(self.origin)

    def place(self, z: Points) -> NDArray[np.float64]:
        """Return coordinates along the axes; raises as `Projection.place`."""
        points = points_of(z, self.latent).double().numpy()
        return np.asarray((points - self.origin) @ self.basis.T)

    def back(self, places: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the point of the plane at each place, exact but for rounding to float32."""
        return (self.origin + np.asarray(places, np.float64) @ self.basis).astype(np.float32)

    def distance(self, z: Points) -> NDArray[np.float64]:
        """Return how far each point lies from the plane, `(points,)`."""
        points = points_of(z, self.latent).double().numpy()
        inside = self.origin + self.place(z) @ self.basis
        return np.asarray(np.linalg.norm(points - inside, axis=1))

    @property
    def described(self) -> str:
        """What the map is."""
        if self.kind == PCA:
            return f"the first two principal components of z, {sum(self.shares[:2]):.1%} of its variance"
        return f"a plane through latent space: {'; '.join(self.axes)}"


@door
def pca(z: Points, components: int = 2) -> Plane:
    """Return the plane of the first principal components, each axis with its largest loading positive.

    Args:
        z: `(points, latent)`.
        components: axes; as many as latent has dimensions make it invertible.

    Raises:
        UsageError: fewer than two points, or a number of components that latent does not have.
    """
    points = tensors_of(z)[0].double()
    if points.ndim != 2 or len(points) < 2 or not 2 <= components <= points.shape[1]:
        shape = tuple(points.shape)
        raise UsageError(
            f"PCA: expected at least 2 latent points of at least 2 dimensions, got {shape} and {components} components"
        )
    centre = points.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov(points.T, correction=0))
    values, basis = values.flip(0).clamp(min=0), vectors.T.flip(0)
    signs = basis.gather(1, basis.abs().argmax(1, keepdim=True)).sign()
    shares = tuple((values / values.sum().clamp(min=1e-300)).tolist()[:components])
    names = tuple(f"component {number + 1} ({share:.1%} of the variance)" for number, share in enumerate(shares))
    return Plane(PCA, centre.numpy(), (basis * signs)[:components].numpy(), shares, names)


@door
def plane_through(z: Points, names: Sequence[str]) -> Plane:
    """Return the plane through three points: the first axis from the first point to the second.

    Args:
        z: `(3, latent)`.
        names: what each point is, for readers.

    Raises:
        UsageError: not three points, or they lie on one line.
    """
    points = tensors_of(z)[0].double().numpy()
    if points.shape[:1] != (3,) or len(names) != 3 or points.ndim != 2 or points.shape[1] < 2:
        raise UsageError(f"a plane goes through 3 points of one latent space, got {points.shape}")
    sides = points[1:] - points[0]
    basis = _orthonormal(sides[0], sides[1])
    if basis is None:
        raise UsageError(f"{', '.join(names)}: lie on one line of latent space, through which many planes go")
    origin = points.mean(0)
    places = (points - origin) @ basis.T
    anchors = tuple((name, float(x), float(y)) for name, (x, y) in zip(names, places, strict=True))
    return Plane(SLICE, origin, basis, (), (f"through {names[0]}, {names[1]} and {names[2]}",), anchors)


@door
def plane_along(point: Points, first: Points, second: Points, names: Sequence[str]) -> Plane:
    """Return the plane around a point along two directions; of the second, what is at right angles to the first.

    Args:
        point: `(latent,)`, at (0, 0).
        first: a direction, `(latent,)`, such as an attribute vector.
        second: another one.
        names: of the point and of the two directions, for readers.

    Raises:
        UsageError: the directions are of another latent space, or parallel.
    """
    centre, one, other = (part.double() for part in tensors_of(point, first, second))
    if centre.ndim != 1 or len(names) != 3:
        raise UsageError(f"expected a point (latent,) and 3 names, got {tuple(centre.shape)} and {len(names)}")
    basis = _orthonormal(one.numpy(), orthogonal(other, one).double().numpy())
    if basis is None or basis.shape[1] != len(centre):
        raise UsageError(f"{names[1]}, {names[2]}: two directions of one latent space, not parallel, span a plane")
    axes = (f"around {names[0]}, {names[1]} to the right", f"{names[2]} upwards")
    return Plane(SLICE, centre.numpy(), basis, (), axes, ((names[0], 0.0, 0.0),))


def _orthonormal(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return two orthonormal vectors that span the same plane; None where the vectors are parallel, or one is zero."""
    length = float(np.linalg.norm(first))
    if length == 0:
        return None
    one = first / length
    rest = second - (second @ one) * one
    rest -= (rest @ one) * one  # twice is enough (Kahan, in Parlett 1980): what is left is at right angles to rounding
    away = float(np.linalg.norm(rest))
    return None if away <= _FLAT * max(length, float(np.linalg.norm(second))) else np.stack([one, rest / away])
