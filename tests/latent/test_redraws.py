"""Samples that are drawn again: from other latent points and other random numbers, in place of those that failed."""

from __future__ import annotations

import numpy as np
import torch

from seqvae.config import DecodeConfig
from seqvae.latent.decoding.generated import Generated
from seqvae.latent.decoding.valid import Writer


def written(points, fine):
    """Texts that say their point; those of points that are not fine are no molecules."""
    texts = [f"{value:g}" for value in points[:, 0].tolist()]
    forms = [text if good else None for text, good in zip(texts, fine, strict=True)]
    count, none = len(texts), torch.zeros(len(texts), dtype=torch.long)
    ids, scores = [np.array([1, 2])] * count, [np.zeros(2, np.float32)] * count
    return Generated(texts, forms, ids, scores, torch.zeros(count), none, none + 1)


def test_a_sample_that_is_drawn_again_has_a_new_z_and_new_random_numbers():
    asked, seeds = [], []

    def draw(count, seed):
        asked.append((count, seed))
        return torch.arange(count, dtype=torch.float32).unsqueeze(1) + 10.0 * len(asked)

    def write(points, config, rows, insist):
        seeds.append(config.seed)
        return written(points, [value in (11.0, 20.0) or value >= 30 for value in points[:, 0].tolist()])

    found = Writer(write).drawn(3, DecodeConfig("sample", tries=3, seed=5), draw)
    # Of 10, 11 and 12 the second is fine; of 20 and 21, in place of the others, the first; then 30 for the last.
    assert found.texts == ["20", "11", "30"]
    assert found.draws.tolist() == [2, 1, 3]
    assert [count for count, _ in asked] == [3, 2, 1]
    assert len({seed for _, seed in asked}) == len(set(seeds)) == 3
    assert seeds == [seed for _, seed in asked]
