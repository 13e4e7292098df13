"""Projections of latent space to the plane and back: PCA, exact slices, and t-SNE in which later points find a place.

The place of a point follows from the point and the projection alone: whatever is placed later moves nothing. On disk a
projection is a folder of JSON and safetensors, so that a map can be made again and others placed on it.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from seqvae.config.checks import door
from seqvae.config.stored import bytes_of, json_of
from seqvae.config.toml import checked
from seqvae.errors import ArtifactError, ConfigError, NewerFormatError, UsageError
from seqvae.latent.arithmetic import orthogonal
from seqvae.latent.checks import Points, points_of, tensors_of
from seqvae.latent.neighbours import nearest
from seqvae.runtime.files import atomic_file
from seqvae.runtime.streams import PROJECTED_ROWS

PCA, SLICE, TSNE = "pca", "slice", "tsne"
_NEAREST = 10  # fitted points among which a later one finds its place (Kobak & Berens 2019, section "positioning")
_MEAN_OF = 3  # fitted points of which the way back takes the mean
MOST_FITTED = 20_000  # points that t-SNE is fitted to: more take many minutes, and the others find their places
FORMAT = 1  # of a projection on disk, a folder of JSON and safetensors
RECORD, NUMBERS = "projection.json", "projection.safetensors"
_FLAT = 1e-6  # of the longer side of a triangle: below, its corners lie on one line


class Projection(ABC):
    """A map of latent space to the plane.

    Attributes:
        kind: `pca`, `slice` or `tsne`.
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


@final
@dataclass(frozen=True, eq=False)
class Neighbourhoods(Projection):
    """A t-SNE map: what is near in latent space is near on it, distances between groups mean little.

    A later point is placed at the median of the places of its ten nearest fitted points (Kobak & Berens 2019,
    doi:10.1038/s41467-019-13056-x); a fitted point keeps its own.

    Attributes:
        fitted: `(points, latent)`, the points that it was fitted to.
        places: `(points, 2)`, theirs.
        perplexity: of the fit.
        seed: of the fit.
    """

    fitted: NDArray[np.float32]
    places: NDArray[np.float64]
    perplexity: float
    seed: int
    kind = TSNE
    exact = False

    @property
    def latent(self) -> int:
        """Dimensions of z."""
        return int(self.fitted.shape[1])

    def place(self, z: Points) -> NDArray[np.float64]:
        """Return the place of each point; raises as `Projection.place`."""
        found = nearest(points_of(z, self.latent), self.fitted, min(_NEAREST, len(self.fitted)))
        near = self.places[found.indices.numpy()]
        own = found.distances[:, 0].numpy() == 0
        return np.where(own[:, None], near[:, 0], np.median(near, axis=1))

    def beside(self, z: Points) -> NDArray[np.float64]:
        """Return the place of the fitted point nearest to each point: of points among none, no middle is taken."""
        found = nearest(points_of(z, self.latent), self.fitted, 1)
        return self.places[found.indices[:, 0].numpy()]

    def back(self, places: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return a mean of the fitted points that are placed nearest, weighted by the inverse of their distance."""
        found = nearest(np.asarray(places, np.float64), self.places, min(_MEAN_OF, len(self.fitted)))
        weights = 1 / np.maximum(found.distances.numpy(), 1e-12)
        weights /= weights.sum(1, keepdims=True)
        return np.einsum("pk,pkl->pl", weights, self.fitted[found.indices.numpy()]).astype(np.float32)

    @property
    def described(self) -> str:
        """What the map is."""
        return (
            f"t-SNE of z (perplexity {self.perplexity:g}): neighbours stay neighbours, distances between groups mean "
            "little"
        )


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


@door
def tsne(z: Points, perplexity: float = 30.0, seed: int = 0, most: int = MOST_FITTED) -> Neighbourhoods:
    """Fit a t-SNE map (van der Maaten & Hinton 2008) from a start at the principal components, as openTSNE does it.

    Args:
        z: `(points, latent)`, at least four.
        perplexity: how many neighbours a point has; lowered where there are few points.
        seed: of the optimisation, and of the choice where there are more than `most` points.
        most: points that the map is fitted to; the others find their places among these.

    Raises:
        UsageError: openTSNE is not installed, or there are fewer than four points.
    """
    try:
        from openTSNE import TSNE
    except ImportError as error:
        raise UsageError(
            "t-SNE needs openTSNE: pip install 'seqvae[map]'; or take --projection pca, which needs nothing"
        ) from error
    points = tensors_of(z)[0].float().numpy()
    if points.ndim != 2 or len(points) < 4:
        raise UsageError(f"t-SNE: expected at least 4 latent points, got {points.shape}")
    points = np.unique(points, axis=0)  # equal points have one place
    if len(points) > most:
        rows = np.random.default_rng(PROJECTED_ROWS.seed(seed)).choice(len(points), most, replace=False)
        points = points[np.sort(rows)]
    usual = min(perplexity, max(1.0, (len(points) - 1) / 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries beneath
        made = TSNE(perplexity=usual, random_state=seed % 2**32, initialization="pca", n_jobs=1).fit(points)
    return Neighbourhoods(points, np.asarray(made, np.float64), usual, seed)


def save_projection(folder: Path, projection: Projection, model: str) -> None:
    """Write a projection; each file appears complete or not at all, the one with the checksum last.

    Args:
        folder: is created.
        projection: what is written.
        model: hash of the weights of the model whose latent space it maps.

    Raises:
        OSError: the disk refuses.
    """
    record: dict[str, Any] = {"format": FORMAT, "kind": projection.kind, "model": model, "latent": projection.latent}
    if isinstance(projection, Plane):
        arrays: dict[str, NDArray[Any]] = {"origin": projection.origin, "basis": projection.basis}
        record |= {name: list(getattr(projection, name)) for name in ("shares", "axes")}
        record["anchors"] = [list(one) for one in projection.anchors]
    elif isinstance(projection, Neighbourhoods):
        arrays = {"fitted": projection.fitted, "places": projection.places}
        record |= {"perplexity": projection.perplexity, "seed": projection.seed}
    numbers = save({name: np.ascontiguousarray(values) for name, values in arrays.items()})
    record["sha256"] = hashlib.sha256(numbers).hexdigest()
    for name, data in ((NUMBERS, numbers), (RECORD, (json.dumps(record, indent=1) + "\n").encode())):
        with atomic_file(folder / name) as file:
            file.write(data)


def load_projection(folder: Path, model: str = "") -> Projection:
    """Read a projection.

    Args:
        folder: as `save_projection` wrote it.
        model: hash of the weights of the model that it is wanted for; empty: of any.

    Raises:
        ArtifactError: a file is missing, damaged, or of something else.
        NewerFormatError: a newer seqvae wrote it.
        UsageError: it maps the latent space of another model.
    """
    record = json_of(bytes_of(folder / RECORD, kind=ArtifactError, what="a projection"), folder / RECORD, ArtifactError)
    numbers = bytes_of(folder / NUMBERS, kind=ArtifactError, what="the numbers of a projection")
    try:
        found = checked("format", record["format"], int)
        if found > FORMAT:
            raise NewerFormatError(f"{folder}: a projection of format {found}, this seqvae reads {FORMAT}: update it")
        if hashlib.sha256(numbers).hexdigest() != record["sha256"]:
            raise ValueError(f"{NUMBERS} is not the file that {RECORD} describes: copy the whole folder again")
        projection = _projection(record, load(numbers))
    except (KeyError, TypeError, ValueError, ConfigError, SafetensorError) as error:
        raise ArtifactError(f"{folder}: not a whole projection: {error}") from error
    if model and record["model"] != model:
        raise UsageError(f"{folder}: maps the latent space of another model: make a new one with --save-projection")
    return projection


def _projection(record: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Projection:
    """Return what a record and its numbers say; raises KeyError, ValueError or ConfigError where they do not fit."""
    kind, latent = record["kind"], checked("latent", record["latent"], int)
    for name, values in arrays.items():
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ValueError(f"{name}: expected finite numbers")
    if kind in (PCA, SLICE):
        origin, basis = arrays["origin"].astype(np.float64), arrays["basis"].astype(np.float64)
        if origin.shape != (latent,) or basis.shape != (2, latent):
            raise ValueError(f"expected a plane in {latent} dimensions, got {origin.shape} and {basis.shape}")
        shares = checked("shares", record["shares"], tuple[float, ...])
        axes = checked("axes", record["axes"], tuple[str, ...])
        anchors = tuple(
            (checked("anchors", name, str), *map(float, (x, y)))
            for name, x, y in checked("anchors", record["anchors"], list[Any])
        )
        return Plane(kind, origin, basis, shares, axes, anchors)
    if kind != TSNE:
        raise ValueError(f"unknown kind {kind!r}")
    fitted, places = arrays["fitted"].astype(np.float32), arrays["places"].astype(np.float64)
    if fitted.ndim != 2 or fitted.shape[1] != latent or places.shape != (len(fitted), 2):
        raise ValueError(f"expected points in {latent} dimensions and their places, got {fitted.shape}, {places.shape}")
    perplexity, seed = checked("perplexity", record["perplexity"], float), checked("seed", record["seed"], int)
    return Neighbourhoods(fitted, places, perplexity, seed)
