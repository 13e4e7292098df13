"""Gaussian priors: N(0, I), and a Gaussian given conditions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from seqvae.config.data import told_by
from seqvae.errors import ConfigError
from seqvae.model.priors.contract import Prior

_WIDTH = 128  # hidden units of the conditional prior: conditions are some tens at most


@final
class StandardNormal(Prior):
    """The prior N(0, I).

    Args:
        latent: dimensions of z.
    """

    kind = "normal"

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent

    def log_prob(self, z: Float[Tensor, "*samples latent"]) -> Float[Tensor, "*samples"]:
        """Return log N(z; 0, I) in nats."""
        return -0.5 * (z.square().sum(-1) + self.latent * math.log(2 * math.pi))

    def sample(self, count: int, rng: torch.Generator) -> Float[Tensor, "count latent"]:
        """Draw points from N(0, I)."""
        return torch.randn(count, self.latent, generator=rng, device=rng.device)


@final
class GaussianRows(Prior):
    """Gaussians with independent dimensions, one per row: what a conditional prior is for one batch.

    Args:
        mean: `(batch, latent)`; one row stands for any number of them.
        log_variance: `(batch, latent)`, natural logarithm of the variance.
    """

    kind = "conditional"

    def __init__(self, mean: Float[Tensor, "batch latent"], log_variance: Float[Tensor, "batch latent"]) -> None:
        super().__init__()
        self.mean, self.log_variance = mean, log_variance

    def log_prob(self, z: Float[Tensor, "*samples latent"]) -> Float[Tensor, "*samples"]:
        """Return log p(z) in nats; the last axis but one of z is the batch, if there is more than one row."""
        scaled = (z - self.mean).square() * (-self.log_variance).exp()
        parts = -0.5 * (scaled + self.log_variance + math.log(2 * math.pi))
        return parts.sum(-1).reshape(z.shape[:-1])  # one point alone has got an axis from the only row

    @torch.no_grad()
    def sample(self, count: int, rng: torch.Generator) -> Float[Tensor, "count latent"]:
        """Draw a point from each row, or all from the only row."""
        noise = torch.randn(count, self.mean.shape[1], generator=rng, device=rng.device)
        return self.mean.to(noise) + (0.5 * self.log_variance).exp().to(noise) * noise


@final
class ConditionalGaussian(Prior):
    """p(z|c) = N(mean(c), diag(variance(c))) by a small network, trained with the model; N(0, I) for any c at first.

    The prior of Sohn, Lee & Yan 2015, "Learning structured output representation using deep conditional generative
    models". Samples of p(z|c), decoded, have the conditions asked for as far as z, or the decoder, is told of them.
    Numbers are standardised inside, classes are one-hot, and each condition comes with a mark of whether it is known.
    By itself, without `given`, it is the density of a text of which no condition is known.

    Args:
        latent: dimensions of z.
        conditions: number of conditions, from 1.
        kinds: how many classes each has, 0 for a number; none: all are numbers.

    Raises:
        ConfigError: there are no conditions.
    """

    kind = "conditional"
    centre: Tensor
    scale: Tensor
    low: Tensor
    high: Tensor

    def __init__(self, latent: int, conditions: int, kinds: Sequence[int] = ()) -> None:
        super().__init__()
        if conditions < 1:
            raise ConfigError("model.prior: conditional needs data.conditions, the columns that it is given")
        self.latent, self.conditions, self.kinds = latent, conditions, tuple(kinds) or (0,) * conditions
        last = nn.Linear(_WIDTH, 2 * latent)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.network = nn.Sequential(nn.Linear(told_by(self.kinds), _WIDTH), nn.SiLU(), last)
        for name, value in (("centre", 0.0), ("scale", 1.0), ("low", -math.inf), ("high", math.inf)):
            self.register_buffer(name, torch.full((conditions,), value))

    @torch.no_grad()
    def standardise(self, conditions: Float[Tensor, "rows conditions"]) -> None:
        """Take mean, standard deviation and range of each condition over the rows where it is known.

        Of a prior that has them already, the range alone is widened: its network knows the units that it has.
        """
        low, high = conditions.nan_to_num(nan=math.inf).amin(0), conditions.nan_to_num(nan=-math.inf).amax(0)
        if bool(self.low.isfinite().any()):
            self.low.copy_(torch.minimum(self.low, low))
            self.high.copy_(torch.maximum(self.high, high))
            return
        self.low.copy_(low)
        self.high.copy_(high)
        known = ~conditions.isnan()
        count = known.sum(0).clamp(min=1)
        mean = conditions.nan_to_num().sum(0) / count
        variance = (conditions - mean).nan_to_num().square().sum(0) / count
        number = torch.tensor([not kind for kind in self.kinds], device=mean.device)  # classes stay what they are
        self.centre.copy_(torch.where(number, mean, 0.0))
        self.scale.copy_(torch.where((variance > 0) & number, variance.sqrt(), torch.ones_like(variance)))

    def told(self, conditions: Float[Tensor, "batch conditions"]) -> Float[Tensor, "batch told"]:
        """Return what networks read of conditions: numbers, then one-hot classes, then which of all are known.

        What is missing is zero throughout, so that conditions none of which is known are zeros.
        """
        known = ~conditions.isnan()
        # Masked before the network: NaN times 0 is NaN, in gradients too.
        values = torch.where(known, (conditions - self.centre) / self.scale, torch.zeros_like(conditions))
        parts = [values[:, [place for place, kind in enumerate(self.kinds) if not kind]]]
        for place, kind in enumerate(self.kinds):
            if kind:
                parts.append(F.one_hot(values[:, place].long(), kind) * known[:, place : place + 1])
        return torch.cat([*(part.to(values) for part in parts), known.to(values)], -1)

    def given(self, conditions: Float[Tensor, "batch conditions"] | None) -> GaussianRows:
        """Return p(z|c) of each row."""
        if conditions is None:
            conditions = self.centre.new_full((1, self.conditions), math.nan)
        return GaussianRows(*self.network(self.told(conditions)).chunk(2, -1))

    def log_prob(self, z: Float[Tensor, "*samples latent"]) -> Float[Tensor, "*samples"]:
        """Return log p(z) in nats, no condition known."""
        return self.given(None).log_prob(z)

    def sample(self, count: int, rng: torch.Generator) -> Float[Tensor, "count latent"]:
        """Draw points, no condition known."""
        return self.given(None).sample(count, rng)
