"""Heads p(y|z): labels that some sequences carry, predicted from a latent point."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    """Independent labels by a small network of z: numbers as Gaussians with a learned noise, classes as categories.

    A missing label (NaN) adds neither loss nor gradient, so that labels may be known for a few sequences only. Trained
    jointly with the VAE, log p(y|z) joins log p(x|z) in the bound on log p(x, y) (Kingma et al. 2014, arXiv:1406.5298).
    Numbers are standardised inside: `nats` are those of standardised ones, predictions are in their own units.

    Args:
        latent: dimensions of z.
        labels: number of labels.
        kinds: how many classes each has, 0 for a number; none: all are numbers.
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, latent: int, labels: int, kinds: Sequence[int] = ()) -> None:
        super().__init__()
        self.kinds = tuple(kinds) or (0,) * labels
        self.numbers = [place for place, kind in enumerate(self.kinds) if not kind]
        outputs = sum(max(kind, 1) for kind in self.kinds)
        self.network = nn.Sequential(nn.Linear(latent, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, outputs))
        self.log_noise = nn.Parameter(torch.zeros(len(self.numbers)))
        self.register_buffer("centre", torch.zeros(labels))
        self.register_buffer("scale", torch.ones(labels))

    @torch.no_grad()
    def standardise(self, labels: Float[Tensor, "rows labels"]) -> None:
        """Take mean and standard deviation of each label over the rows where it is known."""
        known = ~labels.isnan()
        count = known.sum(0).clamp(min=1)
        mean = labels.nan_to_num().sum(0) / count
        variance = ((labels - mean).nan_to_num().square()).sum(0) / count
        number = torch.tensor([not kind for kind in self.kinds], device=mean.device)  # classes stay what they are
        self.centre.copy_(torch.where(number, mean, 0.0))
        self.scale.copy_(torch.where((variance > 0) & number, variance.sqrt(), torch.ones_like(variance)))

    def forward(self, z: Float[Tensor, "*points latent"]) -> Float[Tensor, "*points numbers"]:
        """Return the expected labels that are numbers, in their own units."""
        found = self.network(z)[..., : len(self.numbers)]
        return found * self.scale[self.numbers] + self.centre[self.numbers]

    def class_log_probs(self, z: Float[Tensor, "*points latent"]) -> dict[int, Float[Tensor, "*points classes"]]:
        """Return log p(y|z) of the classes of each label that has some, by its place among the labels."""
        parts = self.network(z)[..., len(self.numbers) :].float().split([kind for kind in self.kinds if kind], -1)
        places = [place for place, kind in enumerate(self.kinds) if kind]
        return {place: part.log_softmax(-1) for place, part in zip(places, parts, strict=True)}

    def nats(self, z: Float[Tensor, "batch latent"], labels: Float[Tensor, "batch labels"]) -> Float[Tensor, " batch"]:
        """Return -log p(y|z) of each row, summed over its known labels, in nats of standardised numbers."""
        known = ~labels.isnan()
        # NaN is replaced before the network's output enters: masked later, it would still make gradients NaN.
        target = torch.where(known, (labels - self.centre) / self.scale, torch.zeros_like(labels))
        noise = self.log_noise.clamp(min=math.log(_LEAST_NOISE))
        mean = self.network(z)[..., : len(self.numbers)]
        each = 0.5 * ((target[:, self.numbers] - mean) / noise.exp()).square() + noise + 0.5 * math.log(2 * math.pi)
        total = (each * known[:, self.numbers]).sum(-1)
        for place, log_probs in self.class_log_probs(z).items():
            own = log_probs.gather(-1, target[:, place : place + 1].long()).squeeze(-1)
            total = total - own * known[:, place]
        return total
