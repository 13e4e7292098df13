"""How far off reconstructions are that are not exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqvae.evaluate.similarity import Pair, differs_in_stereo_only, edit_distance, similarities
from seqvae.sequences.molecules import is_valid


@dataclass(frozen=True)
class Spread:
    """Mean and quartiles of a set of numbers."""

    mean: float
    lower_quartile: float
    median: float
    upper_quartile: float


@dataclass(frozen=True)
class ReconstructionErrors:
    """Texts that were not reconstructed exactly, compared with their reconstructions.

    Attributes:
        count: number of misses.
        invalid: share of misses that are invalid molecules or empty sequences.
        stereo_only: molecules: share of misses that are the same molecule except for stereo; None for sequences.
        tanimoto: molecules: Tanimoto similarity to the original, 0 for an invalid one; None for sequences.
        edits: sequences: edit distance to the original, characters; None for molecules.
    """

    count: int
    invalid: float | None
    stereo_only: float | None
    tanimoto: Spread | None
    edits: Spread | None


def measure_reconstruction_errors(pairs: Sequence[Pair], molecular: bool) -> ReconstructionErrors:
    """Measure misses, each a text and its reconstruction; without any, everything except the count is None."""
    if not pairs:
        return ReconstructionErrors(0, None, None, None, None)
    if not molecular:
        distances = [float(edit_distance(left, right)) for left, right in pairs]
        return ReconstructionErrors(
            len(pairs), _share([not right for _, right in pairs]), None, None, _spread(distances)
        )
    return ReconstructionErrors(
        len(pairs),
        _share([not is_valid(right) for _, right in pairs]),
        _share([differs_in_stereo_only(left, right) for left, right in pairs]),
        _spread(similarities(pairs, molecular=True)),
        None,
    )


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found)


def _spread(values: Sequence[float]) -> Spread:
    return Spread(float(np.mean(values)), *(float(v) for v in np.quantile(values, (0.25, 0.5, 0.75))))
