"""Real texts in the place of samples: the figures that a model which has learned everything would reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from seqvae.evaluate.compare import generation
from seqvae.evaluate.records import GenerationSettings, References

# Training texts are not new to themselves, and GuacaMol's figures are beside these very texts.
_MEANINGLESS = ("Novelty", "guacamol/")


def training_baseline(
    references: References, count: int, settings: GenerationSettings | None = None
) -> dict[str, float]:
    """Return the figures of training texts taken as samples, for as many as there are samples.

    Distances between two finite sets of one distribution are not 0, and grow as the sets shrink: a model's are to be
    held against these. (The row of the training set in MOSES' table is this, of 1.6 million molecules.)

    Args:
        references: with training texts.
        count: how many of these to take, at random; all if there are no more.
        settings: how the work is done; there are no intervals.

    Raises:
        InputError: as `generation`.
    """
    settings = settings or GenerationSettings()
    texts = picked(references.training, count, settings.seed)
    alone = replace(references, training=())
    found = generation(texts, alone, replace(settings, bootstrap=0, guacamol=False))
    return {key: value for key, value in found.metrics.items() if not key.startswith(_MEANINGLESS)}


def picked(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Return so many texts at random, in their order; all of them if there are no more."""
    if len(texts) <= count:
        return list(texts)
    rows = np.random.default_rng(seed).choice(len(texts), count, replace=False)
    return [texts[row] for row in np.sort(rows).tolist()]
