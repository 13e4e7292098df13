"""A normalizing flow, trained with the model or fitted afterwards."""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvae.model.layers.autoregressive import autoregressive_layer
from seqvae.model.layers.triangle import lower_triangle
from seqvae.model.priors.contract import FittedPrior, constant
from seqvae.model.priors.mixture import GaussianMixture

_ROWS = 16_384  # points per pass while sampling: bounds the memory of the hidden layers


@final
class FlowPrior(FittedPrior):
    """A normalizing flow: N(0, I) behind masked autoregressive layers and a full linear map.

    The linear map carries mean and covariance, so that the layers see centred and whitened points. Each layer shifts
    and scales every dimension by numbers that depend on the dimensions of the groups before its own (Papamakarios et
    al. 2017, arXiv:1705.07057); two groups are a coupling layer (Dinh et al. 2017, arXiv:1605.08803). Sampling takes
    one pass per group and layer. The layers are zuko's. Splines in place of shifts and scales (Durkan et al. 2019,
    arXiv:1906.04032) took four times as long per step and gained less in equal time: whitened, each dimension is nearly
    Gaussian by itself, and what remains to be learned is how the dimensions depend on each other.

    Args:
        latent: dimensions of z.
        layers: number of layers.
        width: hidden units in each of the two hidden layers of a layer's network.
        groups: groups of dimensions in each layer, from 2; at most one per dimension.
        seed: seed of the initial weights; the global generator is left as found.
    """

    kind = "flow"

    def __init__(self, latent: int, layers: int = 3, width: int = 256, groups: int = 8, seed: int = 0) -> None:
        super().__init__(latent)
        least = {"layers": (layers, 1), "width": (width, 1), "groups": (groups, 2)}
        for name, (value, low) in least.items():
            if value < low:
                raise ValueError(f"{name}: expected a number from {low}, got {value}")
        self.layers, self.width, self.groups, self.seed = layers, width, groups, seed
        rows, columns = torch.tril_indices(latent, latent)
        self.mean = constant(torch.zeros(latent))
        self.factor = constant((rows == columns).float())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            steps = (autoregressive_layer(latent, groups, width, number) for number in range(layers))
            self.steps = nn.ModuleList(steps)

    @classmethod
    def to_learn(cls, latent: int, layers: int, width: int, groups: int) -> FlowPrior:
        """Return a flow to train with a model, N(0, I) at first; torch's own generator draws its seed."""
        seed = int(torch.randint(2**31, ()))
        return cls(latent, layers, width, groups, seed).requires_grad_(True)

    def settings(self) -> dict[str, int]:
        """Return the arguments that build a prior of this shape."""
        names = ("latent", "layers", "width", "groups", "seed")
        return {name: getattr(self, name) for name in names}

    def whiten(self, mean: Float[Tensor, " latent"], covariance: Float[Tensor, "latent latent"]) -> None:
        """Set the linear map to this mean and covariance.

        Raises:
            ValueError: the covariance is not positive definite.
        """
        gaussian = GaussianMixture.from_moments(torch.ones(1), mean.unsqueeze(0), covariance.unsqueeze(0))
        with torch.no_grad():
            self.mean.copy_(gaussian.means[0])
            self.factor.copy_(gaussian.factors[0])

    def log_prob(self, z: Float[Tensor, "*samples latent"]) -> Float[Tensor, "*samples"]:
        """Return log p(z) in nats."""
        factor = lower_triangle(self.factor, self.latent)
        points = z.reshape(-1, self.latent)
        x = torch.linalg.solve_triangular(factor, (points - self.mean).T, upper=False).T
        # As in a mixture of Gaussians, training leaves the signs on the diagonal free.
        total = -factor.diagonal().abs().log().sum() - 0.5 * self.latent * math.log(2 * math.pi)
        with torch.autocast(z.device.type, enabled=False):  # bf16 would keep 8 bits of z
            for step in self.steps:
                x, change = step().call_and_ladj(x)
                total = total + change
        return (total - 0.5 * x.square().sum(-1)).reshape(z.shape[:-1])

    @torch.no_grad()
    def sample(self, count: int, rng: torch.Generator) -> Float[Tensor, "count latent"]:
        """Draw points: N(0, I), carried back through the layers."""
        noise = torch.randn(count, self.latent, generator=rng, device=rng.device, dtype=self.mean.dtype)
        parts = []
        for x in noise.to(self.mean.device).split(_ROWS):
            for step in reversed(self.steps):
                x = step().inv(x)
            parts.append(self.mean + x @ lower_triangle(self.factor, self.latent).T)
        return torch.cat(parts).to(rng.device)
