"""Heads p(y|z): labels that some sequences carry, predicted from a latent point."""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

_WIDTH = 128  # hidden units: labels are some tens at most, and the encoder does the work
_LEAST_NOISE = (
    1e-3  # of a standard deviation: below that a label would be predicted to more digits than it is measured to
)


@final
class LabelHead(nn.Module):
    """Independent Gaussians around a small network of z, one per label, each with a learned noise.

    A missing label (NaN) adds neither loss nor gradient, so that labels may be known for a few sequences only. Trained
    jointly with the VAE, log p(y|z) joins log p(x|z) in the bound on log p(x, y) (Kingma et al. 2014, arXiv:1406.5298).
    Labels are standardised inside: `nats` are those of standardised labels, predictions are in the labels' own units.

    Args:
        latent: dimensions of z.
        labels: number of labels.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, latent: int, labels: int) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(latent, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, labels))
        self.log_noise = nn.Parameter(torch.zeros(labels))
        self.register_buffer("centre", torch.zeros(labels))
        self.register_buffer("scale", torch.ones(labels))

    @torch.no_grad()
    def standardise(self, labels: Float[Tensor, "rows labels"]) -> None:
        """Take mean and standard deviation of each label over the rows where it is known."""
        known = ~labels.isnan()
        count = known.sum(0).clamp(min=1)
        mean = labels.nan_to_num().sum(0) / count
        variance = ((labels - mean).nan_to_num().square()).sum(0) / count
        self.centre.copy_(mean)
        self.scale.copy_(torch.where(variance > 0, variance.sqrt(), torch.ones_like(variance)))

    def forward(self, z: Float[Tensor, "*points latent"]) -> Float[Tensor, "*points labels"]:
        """Return the expected labels in their own units."""
        return self.network(z) * self.scale + self.centre

    def nats(self, z: Float[Tensor, "batch latent"], labels: Float[Tensor, "batch labels"]) -> Float[Tensor, " batch"]:
        """Return -log p(y|z) of each row, summed over its known labels, in nats of standardised labels."""
        known = ~labels.isnan()
        # NaN is replaced before the network's output enters: masked later, it would still make gradients NaN.
        target = torch.where(known, (labels - self.centre) / self.scale, torch.zeros_like(labels))
        noise = self.log_noise.clamp(min=math.log(_LEAST_NOISE))
        each = 0.5 * ((target - self.network(z)) / noise.exp()).square() + noise + 0.5 * math.log(2 * math.pi)
        return (each * known).sum(-1)
