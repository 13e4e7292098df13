"""Nearest neighbours in a latent space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvae.config import INFERENCE_BATCH, suggestion
from seqvae.config.checks import door
from seqvae.data.tokens.tokenized import AnyTexts
from seqvae.errors import UsageError
from seqvae.latent.checks import Points, tensors_of
from seqvae.latent.chunks import at_least_one
from seqvae.latent.codec import Codec
from seqvae.properties.molecules.cache import Sheets
from seqvae.properties.similarity import similarities

METRICS = ("euclidean", "cosine")
_ENTRIES = 1 << 22  # largest table of distances held at a time: 32 MiB of float64


@dataclass(frozen=True)
class Neighbours:
    """The nearest points of each query, nearest first.

    Attributes:
        distances: `(queries, k)`, euclidean, or 1 - cosine of the angle.
        indices: `(queries, k)`, rows of the points searched.
    """

    distances: Float[Tensor, "queries k"]
    indices: Int[Tensor, "queries k"]


@dataclass(frozen=True)
class NearText:
    """A text near another one in latent space.

    Attributes:
        row: among the texts that were searched and could be read.
        distance: of the posterior means.
        similarity: of the texts, as `properties.similarity` has it.
    """

    row: int
    distance: float
    similarity: float


@door
def nearest(queries: Points, points: Points, k: int, metric: str = "euclidean") -> Neighbours:
    """Return the k points nearest to each query, by exhaustive search: exact, in blocks of bounded memory.

    Candidates are found by matrix products in float64; their distances are then computed from differences, so that a
    point that is its own neighbour has distance 0 and not a rounding error.

    Args:
        queries: `(queries, latent)`: a tensor, an array or lists.
        points: `(points, latent)`, the points to search.
        k: neighbours per query, 1 to the number of points.
        metric: `euclidean` or `cosine` (1 - cosine of the angle, 0 to 2).

    Returns:
        Distances (in the type of the queries) and indices.

    Raises:
        UsageError: an unknown metric, a k out of range, shapes that do not fit, or, for `cosine`, a zero vector.
    """
    if metric not in METRICS:
        raise UsageError(f"unknown metric {metric!r}{suggestion(metric, METRICS)}")
    queries, points = tensors_of(queries, points)
    if queries.ndim != 2 or points.ndim != 2 or queries.shape[1] != points.shape[1] or len(queries) == 0:
        shapes = f"{tuple(queries.shape)} and {tuple(points.shape)}"
        raise UsageError(f"expected queries and points of shape (rows, latent) with one latent size, got {shapes}")
    if not 1 <= k <= len(points):
        raise UsageError(f"k: expected 1 to {len(points)}, the number of points, got {k}")
    left, right = queries.double(), points.double()
    if metric == "cosine":
        left, right = _directions(left, "query"), _directions(right, "point")
    rows = max(1, _ENTRIES // max(min(len(points), 4096), k * points.shape[1]))
    found = [_nearest_block(block, right, k) for block in left.split(rows)]
    distances, indices = (torch.cat(part) for part in zip(*found, strict=True))
    if metric == "cosine":
        distances = distances.square() / 2  # for unit vectors, |u - v|^2 = 2 - 2 cos
    return Neighbours(distances.to(queries.dtype), indices)


def near_texts(
    codec: Codec,
    query: str,
    texts: AnyTexts,
    k: int = 10,
    metric: str = "euclidean",
    batch_size: int = INFERENCE_BATCH,
) -> list[NearText]:
    """Return the texts whose posterior means lie nearest to that of one text, nearest first; at most `k` of them.

    Args:
        codec: the model.
        query: a text.
        texts: those that are searched.
        k: how many, from 1.
        metric: as in `nearest`.
        batch_size: texts at a time.

    Raises:
        InputError: the model cannot read a text.
        UsageError: as `nearest`; or there is nothing to search.
    """
    at_least_one("number of neighbours", k)
    first, read = codec.tokenize([query]), codec.tokenize(texts)
    if not len(read):
        raise UsageError("expected at least one text to search, got none")
    start, points = (codec.encode(one, batch_size, refine=0) for one in (first, read))
    found = nearest(start, points, min(k, len(read)), metric)
    rows = found.indices[0].tolist()
    sheets = Sheets() if codec.tokenizer.molecular else None
    like = [row[0] for row in similarities([read.forms[row] for row in rows], first.forms, sheets)]
    return list(map(NearText, rows, found.distances[0].tolist(), map(float, like)))


def _directions(rows: Tensor, what: str) -> Tensor:
    norms = rows.norm(dim=1, keepdim=True)
    zero = (norms == 0).flatten().nonzero()
    if len(zero):
        raise UsageError(f"cosine distance: {what} {int(zero[0])} is the zero vector, which has no direction")
    return rows / norms


def _nearest_block(queries: Tensor, points: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Return euclidean distances and indices of the k nearest points, keeping the best k over blocks of points."""
    best = queries.new_full((len(queries), 0), torch.inf)
    indices = torch.empty(len(queries), 0, dtype=torch.long, device=queries.device)
    columns = max(k, _ENTRIES // len(queries))
    for start in range(0, len(points), columns):
        block = points[start : start + columns]
        # |q - p|^2 without |q|^2, which does not change the order
        closeness = torch.addmm(block.square().sum(1), queries, block.T, alpha=-2)
        new = torch.arange(start, start + len(block), device=queries.device).expand(len(queries), -1)
        joined = torch.cat([best, closeness], dim=1)
        best, kept = joined.topk(min(k, joined.shape[1]), largest=False)
        indices = torch.cat([indices, new], dim=1).gather(1, kept)
    distances = (queries.unsqueeze(1) - points[indices]).norm(dim=2)
    distances, order = distances.sort(dim=1, stable=True)
    return distances, indices.gather(1, order)
