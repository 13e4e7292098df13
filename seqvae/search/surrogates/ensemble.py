"""Heads: an ensemble of small networks from latent points to a score, whose spread is its uncertainty.

Lakshminarayanan et al. 2017, arXiv:1612.01474, here with a bootstrap sample of the scores for each member.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvae.runtime.streams import ENSEMBLE_BATCHES, ENSEMBLE_ROWS, ENSEMBLE_WEIGHTS

_RATE, _DECAY = 3e-3, 1e-2  # AdamW's step size and weight decay, for some hundred steps and some hundred scores
_BATCH = 512  # scores per step and member


@final
class Heads(nn.Module):
    """Networks of two hidden layers, evaluated together; inputs and outputs are standardised by the training scores.

    Args:
        latent: dimensions of a point.
        members: number of networks.
        width: hidden units per layer.
        seed: of the weights.
    """

    centre: Tensor
    spread: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, latent: int, members: int, width: int, seed: int) -> None:
        super().__init__()
        rng = ENSEMBLE_WEIGHTS.generator(seed)
        sizes = [latent, width, width, 1]
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in pairwise(sizes):
            drawn = torch.randn(members, inputs, outputs, generator=rng) / math.sqrt(inputs)
            self.weights.append(nn.Parameter(drawn))
            self.biases.append(nn.Parameter(torch.zeros(members, 1, outputs)))
        for name, value in (("centre", torch.zeros(latent)), ("spread", torch.ones(latent))):
            self.register_buffer(name, value)
        for name, value in (("mean", torch.zeros(())), ("deviation", torch.ones(()))):
            self.register_buffer(name, value)

    def forward(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "members batch"]:
        """Return each member's prediction, in standard deviations from the mean of the training scores."""
        return self._through(self._standard(z).expand(len(self.weights[0]), -1, -1))

    def scores(self, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "members batch"]:
        """Return each member's prediction on the scale of the scores."""
        return self.mean + self.deviation * self(z)

    def _standard(self, z: Tensor) -> Tensor:
        return (z - self.centre) / self.spread

    def _through(self, rows: Tensor) -> Tensor:
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            rows = nn.functional.silu(torch.baddbmm(bias, rows, weight))
        return torch.baddbmm(self.biases[-1], rows, self.weights[-1]).squeeze(-1)

    def learn(self, z: Float[Tensor, "batch latent"], scores: Float[Tensor, " batch"], steps: int, seed: int) -> None:
        """Fit each member to a bootstrap sample of the scores, by squared error.

        Args:
            z: points, at least two, on the device of the heads.
            scores: of these points, finite.
            steps: of AdamW, with a step size that falls to zero.
            seed: of the samples.
        """
        self.centre, self.spread = z.mean(0), z.std(0).clamp_min(1e-6)
        self.mean, self.deviation = scores.mean(), scores.std().clamp_min(1e-12)
        inputs, targets = self._standard(z), (scores - self.mean) / self.deviation
        members = len(self.weights[0])
        sample = torch.randint(len(z), (members, len(z)), generator=ENSEMBLE_ROWS.generator(seed)).to(z.device)
        optimizer = torch.optim.AdamW(self.parameters(), lr=_RATE, weight_decay=_DECAY)
        rng = ENSEMBLE_BATCHES.generator(seed)
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = _RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
            rows = sample
            if len(z) > _BATCH:
                rows = sample[:, torch.randint(len(z), (_BATCH,), generator=rng).to(z.device)]
            loss = (self._through(inputs[rows]) - targets[rows]).square().mean(1).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
