"""How smoothly decoded texts change along paths between latent points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from seqvae.config import suggestion
from seqvae.data.tokens.tokenized import AnyTexts
from seqvae.errors import UsageError
from seqvae.evaluate.similarity import similarities
from seqvae.latent.codec import Codec
from seqvae.latent.interpolate import PATHS
from seqvae.runtime.streams import PATH_ENDS

_ROUNDING = 1e-9  # of similarities: smaller changes are ignored


@dataclass(frozen=True)
class PathSettings:
    """Which paths are decoded.

    Attributes:
        pairs: pairs of texts, drawn at random.
        steps: points along the path between the two, both ends included.
        kind: `slerp` or `linear`.
        seed: seed of the draws.
    """

    pairs: int = 100
    steps: int = 11
    kind: str = "slerp"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pairs < 1 or self.steps < 2:
            raise UsageError(f"expected pairs from 1 and steps from 2, got {self.pairs} and {self.steps}")
        if self.kind not in PATHS:
            raise UsageError(f"unknown kind of path {self.kind!r}{suggestion(self.kind, PATHS)}")


@dataclass(frozen=True)
class PathQuality:
    """What is decoded along paths between the posterior means of two texts; means over the paths.

    Similarity is that of `similarity.similarities`: Tanimoto for molecules, from the edit distance for sequences, and 0
    if a point is not valid.

    Attributes:
        pairs: number of paths.
        steps: points along each, ends included.
        validity: share of points that decode to a valid text.
        distinct: number of distinct valid texts along a path.
        similarity: of neighbouring points.
        similarity_moved: of neighbouring points with different texts; None if there are none.
        worst_step: the smallest similarity of neighbouring points along a path.
        ends_similarity: of the two ends: that of a single jump.
        monotone: share of paths that are valid throughout and on which no step comes closer to the first end or moves
            away from the last.
        forward_steps: share of steps that are between valid points and do neither.
    """

    pairs: int
    steps: int
    validity: float
    distinct: float
    similarity: float
    similarity_moved: float | None
    worst_step: float
    ends_similarity: float
    monotone: float
    forward_steps: float


def path_quality(codec: Codec, texts: AnyTexts, settings: PathSettings | None = None) -> PathQuality:
    """Interpolate between random pairs of texts, decode greedily at equal steps, and measure the result.

    Args:
        codec: the model.
        texts: held-out texts, at least two distinct ones in canonical form.
        settings: which paths.

    Raises:
        UsageError: fewer than two distinct texts.
        InputError: a text cannot be encoded.
    """
    settings = settings or PathSettings()
    first, last = _pairs(len(texts), settings)
    z = codec.encode(texts, refine=0)
    points = PATHS[settings.kind](z[first], z[last], settings.steps).transpose(0, 1)
    decoded = codec.generate(points.flatten(0, 1)).texts
    forms = [codec.tokenizer.normalize_or_none(text) or "" for text in decoded]
    return measure_paths(
        [forms[i : i + settings.steps] for i in range(0, len(forms), settings.steps)], codec.tokenizer.molecular
    )


def _pairs(count: int, settings: PathSettings) -> NDArray[np.int64]:
    """Return the rows of the first and of the last texts, `(2, pairs)`; the two of a pair always differ."""
    if count < 2:
        raise UsageError(f"a path needs two texts, got {count}")
    rng = np.random.default_rng(PATH_ENDS.seed(settings.seed))
    first = rng.integers(count, size=settings.pairs)
    return np.stack([first, (first + rng.integers(1, count, size=settings.pairs)) % count])


def measure_paths(paths: Sequence[Sequence[str]], molecular: bool) -> PathQuality:
    """Measure decoded paths of one length, each text in canonical form, or empty if it is not valid."""
    forms = np.array(paths, dtype=object)
    steps = _similarities(forms[:, :-1], forms[:, 1:], molecular)
    from_first = _similarities(np.broadcast_to(forms[:, :1], forms.shape), forms, molecular)
    to_last = _similarities(np.broadcast_to(forms[:, -1:], forms.shape), forms, molecular)
    valid = forms != ""
    forward = (np.diff(from_first) <= _ROUNDING) & (np.diff(to_last) >= -_ROUNDING) & valid[:, :-1] & valid[:, 1:]
    moved = forms[:, :-1] != forms[:, 1:]
    return PathQuality(
        pairs=forms.shape[0],
        steps=forms.shape[1],
        validity=float(valid.mean()),
        distinct=float(np.mean([len(set(path) - {""}) for path in paths])),
        similarity=float(steps.mean()),
        similarity_moved=float(steps[moved].mean()) if moved.any() else None,
        worst_step=float(steps.min(1).mean()),
        ends_similarity=float(to_last[:, 0].mean()),
        monotone=float(forward.all(1).mean()),
        forward_steps=float(forward.mean()),
    )


def _similarities(
    left: NDArray[np.object_], right: NDArray[np.object_], molecular: bool
) -> Float[np.ndarray, "paths points"]:
    pairs = list(zip(left.ravel().tolist(), right.ravel().tolist(), strict=True))
    return np.array(similarities(pairs, molecular)).reshape(right.shape)
