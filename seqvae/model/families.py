"""Kinds of posterior by name: what an encoder's outputs mean, and the weights that this takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

from jaxtyping import Float
from torch import Tensor, nn

from seqvae.config import ModelConfig
from seqvae.model.layers.autoregressive import autoregressive_layer
from seqvae.model.posteriors import DiagonalGaussian, FullGaussian, InverseAutoregressive, Posterior


class Family(nn.Module, ABC):
    """One kind of posterior: what an encoder's outputs mean, with weights of its own where it needs any.

    Attributes:
        size: an encoder's outputs per text.
    """

    size: int

    @abstractmethod
    def forward(self, numbers: Float[Tensor, "batch size"]) -> Posterior:
        """Return q(z|x) for each row of an encoder's outputs."""


@final
class PlainFamily(Family):
    """A family without weights: an encoder's outputs are the posterior's parameters, side by side.

    Args:
        kind: makes a posterior from its parameters.
        sizes: columns of each parameter.
    """

    def __init__(self, kind: Callable[..., Posterior], sizes: Sequence[int]) -> None:
        super().__init__()
        self.kind, self.sizes, self.size = kind, tuple(sizes), sum(sizes)

    def forward(self, numbers: Float[Tensor, "batch size"]) -> Posterior:
        """Return q(z|x) for each row of an encoder's outputs."""
        return self.kind(*numbers.split(self.sizes, dim=-1))


@final
class AutoregressiveFamily(Family):
    """Inverse autoregressive flows: an encoder's outputs are a Gaussian and a context, the layers are weights here.

    Args:
        latent: dimensions of z.
        layers: number of layers; they begin as the identity.
        width: numbers in the context, and hidden units in each of the two hidden layers of a layer's network.
        groups: groups of dimensions in each layer, from 2.
    """

    def __init__(self, latent: int, layers: int, width: int, groups: int) -> None:
        super().__init__()
        self.sizes, self.size = (latent, latent, width), 2 * latent + width
        made = (autoregressive_layer(latent, groups, width, number, context=width) for number in range(layers))
        self.layers = nn.ModuleList(made)

    def forward(self, numbers: Float[Tensor, "batch size"]) -> Posterior:
        """Return q(z|x) for each row of an encoder's outputs."""
        like = next(self.parameters())  # an encoder's outputs are float32 whatever its own precision is
        centre, log_variance, context = numbers.to(like.dtype).split(self.sizes, dim=-1)
        return InverseAutoregressive(centre, log_variance, context, self.layers)


POSTERIORS: dict[str, Callable[[ModelConfig], Family]] = {
    "diagonal": lambda config: PlainFamily(DiagonalGaussian, (config.latent, config.latent)),
    "full": lambda config: PlainFamily(FullGaussian, (config.latent, config.latent * (config.latent + 1) // 2)),
    "iaf": lambda config: AutoregressiveFamily(
        config.latent, config.posterior_layers, config.posterior_width, config.posterior_groups
    ),
}
