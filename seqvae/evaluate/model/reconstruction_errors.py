"""How far off a reconstruction is where it is not exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqvae.evaluate.similarity import Pair, differs_in_stereo_only, edit_distance, similarities
from seqvae.sequences.molecules import is_valid


@dataclass(frozen=True)
class Spread:
    """Mean and quartiles of some numbers."""

    mean: float
    lower_quartile: float
    median: float
    upper_quartile: float


@dataclass(frozen=True)
class ReconstructionErrors:
    """Texts that did not come back exactly, against what came instead.

    Attributes:
        count: number of misses.
        invalid: share of misses that are no molecule or an empty sequence.
        stereo_only: molecules: share of misses that are the same molecule but for stereo; None for sequences.
        tanimoto: molecules: Tanimoto similarity to the text, 0 where what came is no molecule; None for sequences.
        edits: sequences: edit distance to the text, characters; None for molecules.
    """

    count: int
    invalid: float | None
    stereo_only: float | None
    tanimoto: Spread | None
    edits: Spread | None


def measure_reconstruction_errors(pairs: Sequence[Pair], molecular: bool) -> ReconstructionErrors:
    """Measure misses, each a text and what came back instead; all but the count is None where there are none."""
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
