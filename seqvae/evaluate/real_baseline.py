"""Real texts in place of samples: the metrics that a model which has learned everything would reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqvae.evaluate.compare import generation
from seqvae.evaluate.records import GenerationSettings, References

# Training texts cannot be new to training, and GuacaMol's metrics compare with these very texts.
_MEANINGLESS = ("Novelty", "guacamol/")


def training_baseline(
    references: References, count: int, settings: GenerationSettings | None = None
) -> dict[str, float]:
    """Return the metrics of training texts taken as samples, as many as there are samples.

    Distances between two finite sets from one distribution are not 0, and grow as the sets shrink: these are what a
    model's are to be compared with. (The training set's row in MOSES' table is this, for 1.6 million molecules.)

    Args:
        references: with training texts.
        count: how many of these to take, at random; all if there are no more.
        settings: how the work is done; no intervals are computed.

    Raises:
        InputError: as `generation`.
    """
    settings = settings or GenerationSettings()
    texts = picked(references.training, count, settings.seed)
    alone = replace(references, training=())
    found = generation(texts, alone, replace(settings, bootstrap=0, guacamol=False))
    return {key: value for key, value in found.metrics.items() if not key.startswith(_MEANINGLESS)}


def picked(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Return `count` texts at random, in their order; all of them if there are no more."""
    if len(texts) <= count:
        return list(texts)
    rows = np.random.default_rng(seed).choice(len(texts), count, replace=False)
    return [texts[row] for row in np.sort(rows).tolist()]
