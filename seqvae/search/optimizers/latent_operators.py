"""Breeding in latent space: offspring are decoded near the posterior of one parent, or between those of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from seqvae.config import DecodeConfig, LatentMovesConfig
from seqvae.latent.codec import Codec
from seqvae.latent.interpolate import on_arc
from seqvae.model.posteriors import Posterior
from seqvae.search.memory.token_cache import Readable
from seqvae.search.proposals import Candidate

_SEEDS = 2**31  # of decodings
_AT_ONCE = 48  # points: fewer take nearly as long, since the decoder works token by token


@final
@dataclass(frozen=True)
class PosteriorNoise:
    """Breeds by decoding a draw from a parent's posterior, scaled around its mean.

    Attributes:
        texts: the model, and the texts that it can read.
        config: scale of the noise, and temperature of the decoding.
    """

    least: ClassVar[int] = _AT_ONCE
    texts: Readable
    config: LatentMovesConfig = field(default_factory=LatentMovesConfig)

    def __call__(self, parents: Sequence[str], count: int, rng: np.random.Generator) -> list[Candidate]:
        """Return texts near single parents; parents that the model cannot read have no offspring."""
        readable = [parent for parent in parents[:count] if parent in self.texts]
        if not readable:
            return []
        around = self.texts.posterior(readable)
        points = _near(around.mean, around, self.config, rng)
        found = _decoded(self.texts.codec, points, "latent noise", self.config, rng)
        return [replace(one, parents=(parent,)) for one, parent in zip(found, readable, strict=True)]


@final
@dataclass(frozen=True)
class PosteriorCrossover:
    """Breeds by decoding a point between the posterior means of two parents, with noise as wide as a posterior.

    Attributes:
        texts: the model, and the texts that it can read.
        config: scale of the noise, and temperature of the decoding.
    """

    least: ClassVar[int] = _AT_ONCE
    texts: Readable
    config: LatentMovesConfig = field(default_factory=LatentMovesConfig)

    def __call__(self, parents: Sequence[str], count: int, rng: np.random.Generator) -> list[Candidate]:
        """Return texts between pairs of parents; pairs that the model cannot read have no offspring."""
        pairs = zip(parents[:count], parents[count:], strict=False)
        readable = [pair for pair in pairs if all(parent in self.texts for parent in pair)]
        if not readable:
            return []
        ends = self.texts.posterior([parent for pair in readable for parent in pair])
        first, second = ends.mean[::2], ends.mean[1::2]
        shares = torch.from_numpy(rng.random((len(readable), 1))).float()
        near = _near(on_arc(first, second, shares), ends.rows(slice(0, None, 2)), self.config, rng)
        found = _decoded(self.texts.codec, near, "latent crossover", self.config, rng)
        return [replace(one, parents=pair) for one, pair in zip(found, readable, strict=True)]


def _near(mean: Tensor, around: Posterior, config: LatentMovesConfig, rng: np.random.Generator) -> Tensor:
    noise = torch.from_numpy(rng.standard_normal(tuple(mean.shape))).float()
    return mean + around.deviation(noise, config.spread)


def _decoded(
    codec: Codec, points: Tensor, proposer: str, config: LatentMovesConfig, rng: np.random.Generator
) -> list[Candidate]:
    # The rules of chemistry cost more time than they save molecules: a search drops invalid ones and breeds more.
    how = DecodeConfig("sample", config.temperature, rules="syntax", seed=int(rng.integers(_SEEDS)))
    made = codec.generate(points, how)
    rows: Any = points.numpy()
    return [Candidate(text, proposer, z, how.seed) for text, z in zip(made.texts, rows, strict=True)]
