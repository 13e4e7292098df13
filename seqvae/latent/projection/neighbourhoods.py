"""Maps that keep neighbours together, by t-SNE and UMAP, in which later points find their places among the old ones."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from seqvae.config.checks import door
from seqvae.errors import UsageError
from seqvae.latent.checks import Points, points_of, tensors_of
from seqvae.latent.neighbours import nearest
from seqvae.latent.projection.kinds import TSNE, UMAP, missing
from seqvae.latent.projection.planes import Projection
from seqvae.runtime.streams import PROJECTED_ROWS

_NEAREST = 10  # fitted points among which a later one finds its place (Kobak & Berens 2019, section "positioning")
_MEAN_OF = 3  # fitted points of which the way back takes the mean
MOST_FITTED = 20_000  # points that a map is fitted to: more take many minutes, and the others find their places


@final
@dataclass(frozen=True, eq=False)
class Neighbourhoods(Projection):
    """A t-SNE or UMAP map: what is near in latent space is near on it, distances between groups mean little.

    A later point is placed at the median of the places of its ten nearest fitted points (Kobak & Berens 2019,
    doi:10.1038/s41467-019-13056-x); a fitted point keeps its own. On UMAP maps too: what umap-learn does in its place
    depends on random numbers, and can be kept only as a pickle.

    Attributes:
        fitted: `(points, latent)`, the points that it was fitted to.
        places: `(points, 2)`, theirs.
        neighbours: that a point had in the fit: the perplexity of t-SNE, the number of neighbours of UMAP.
        seed: of the fit.
        kind: `tsne` or `umap`.
    """

    fitted: NDArray[np.float32]
    places: NDArray[np.float64]
    neighbours: float
    seed: int
    kind: str = TSNE
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
        made = "UMAP of z ({:g} neighbours)" if self.kind == UMAP else "t-SNE of z (perplexity {:g})"
        return f"{made.format(self.neighbours)}: neighbours stay neighbours, distances between groups mean little"


@door
def tsne(z: Points, perplexity: float = 30.0, seed: int = 0, most: int = MOST_FITTED) -> Neighbourhoods:
    """Fit a t-SNE map (van der Maaten & Hinton 2008) from a start at the principal components, as openTSNE does it.

    Args:
        z: `(points, latent)`, at least four.
        perplexity: how many neighbours a point has; lowered where there are few points.
        seed: of the optimisation, and of the choice where there are more than `most` points.
        most: points that the map is fitted to; the others find their places among these.

    Raises:
        UsageError: openTSNE is not installed, or there are fewer than four distinct points.
    """
    try:
        from openTSNE import TSNE as Fit
    except ImportError as error:
        raise missing(TSNE) from error
    points = _distinct(z, most, seed)
    usual = min(perplexity, max(1.0, (len(points) - 1) / 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries beneath
        made = Fit(perplexity=usual, random_state=seed % 2**32, initialization="pca", n_jobs=1).fit(points)
    return Neighbourhoods(points, np.asarray(made, np.float64), usual, seed)


@door
def umap(z: Points, neighbours: int = 15, seed: int = 0, most: int = MOST_FITTED) -> Neighbourhoods:
    """Fit a UMAP map (McInnes, Healy & Melville 2018, arXiv:1802.03426) from a start at the principal components.

    Args:
        z: `(points, latent)`, at least four.
        neighbours: that a point has; lowered where there are few points.
        seed: of the optimisation, and of the choice where there are more than `most` points.
        most: points that the map is fitted to; the others find their places among these.

    Raises:
        UsageError: umap-learn is not installed, or there are fewer than four distinct points.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries beneath, on import too
        try:
            from umap import UMAP as Fit
        except ImportError as error:
            raise missing(UMAP) from error
        points = _distinct(z, most, seed)
        usual = min(neighbours, len(points) - 1)
        made = Fit(n_neighbors=usual, random_state=seed % 2**32, init="pca", n_jobs=1).fit_transform(points)
    return Neighbourhoods(points, np.asarray(made, np.float64), float(usual), seed, UMAP)


def _distinct(z: Points, most: int, seed: int) -> NDArray[np.float32]:
    """Return the points that a map is fitted to, each once, since equal points have one place."""
    points = tensors_of(z)[0].float().numpy()
    if points.ndim == 2:
        points = np.unique(points, axis=0)
    if points.ndim != 2 or len(points) < 4:
        raise UsageError(f"t-SNE and UMAP: expected at least 4 different latent points, got {points.shape}")
    if len(points) <= most:
        return points
    rows = np.random.default_rng(PROJECTED_ROWS.seed(seed)).choice(len(points), most, replace=False)
    return points[np.sort(rows)]
