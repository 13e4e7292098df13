"""A latent space that is a plane: a text is its point, written as `1.5,-2`; for tests that need no model."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from seqvae.model.priors.gaussians import StandardNormal
from seqvae.search.proposals import Candidate, Scores


class Plane:
    device = torch.device("cpu")

    def __init__(self, latent=2, draws=None):
        self.latent, self.draws, self.drawn = latent, draws, []
        self.codec = SimpleNamespace(model=SimpleNamespace(prior=StandardNormal(latent)))

    def canonical(self, text):
        return text or None

    def encode(self, texts):
        rows = [[float(part) for part in text.split(",")] for text in texts]
        return np.array(rows, np.float64).reshape(-1, self.latent), np.ones(len(rows), bool)

    def draw(self, count, seed):
        self.drawn.append(count)
        return self.draws

    def decode(self, points, seed, proposer, attempt=0):
        return [Candidate(written(point), proposer, np.float32(point)) for point in points]


def written(point):
    return ",".join(f"{number:.6g}" for number in point)


def scores(texts, values):
    """What an oracle says of texts that are all well."""
    return Scores(np.array(values, np.float64).reshape(len(texts), -1), ["ok"] * len(texts), list(texts))
