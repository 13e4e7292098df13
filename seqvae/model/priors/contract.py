"""The contract of every prior p(z), the model's own ones and those fitted to the mean of q(z|x) after training.

A VAE is trained to put its latent points where N(0, I) does; where they really lie is the aggregate posterior (Hoffman
& Johnson 2016, "ELBO surgery"; Tomczak & Welling 2018, arXiv:1705.07120). The more faithful the reconstruction, the
wider the gap. A density fitted to the aggregate posterior is a better prior for sampling, and leaves the decoder as it
is (Dai & Wipf 2019, arXiv:1903.05789).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Prior(nn.Module, ABC):
    """A density p(z) over the latent space.

    Attributes:
        kind: its name, in settings and files.
    """

    kind: ClassVar[str]

    @abstractmethod
    def log_prob(self, z: Float[Tensor, "*samples latent"]) -> Float[Tensor, "*samples"]:
        """Return log p(z) in nats."""

    @abstractmethod
    def sample(self, count: int, rng: torch.Generator) -> Float[Tensor, "count latent"]:
        """Draw points with the generator given, on the generator's device."""

    def given(self, conditions: Float[Tensor, "batch conditions"] | None) -> Prior:
        """Return p(z|conditions), one row per text, where this prior is a conditional one; else this prior itself.

        Args:
            conditions: NaN for a missing value; None: all are missing, for any number of rows.
        """
        return self


class FittedPrior(Prior):
    """A density with parameters; `settings()` and `tensors()` describe it completely.

    Args:
        latent: dimensions of z.
    """

    def __init__(self, latent: int) -> None:
        super().__init__()
        if latent < 1:
            raise ValueError(f"latent: expected a number from 1, got {latent}")
        self.latent = latent

    @abstractmethod
    def settings(self) -> dict[str, int]:
        """Return the arguments that build a prior of this shape."""

    def tensors(self) -> dict[str, Tensor]:
        """Return a copy of every number of the density by name, on the CPU."""
        return {
            name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, value in self.named_parameters()
        }

    def load_tensors(self, tensors: Mapping[str, Tensor]) -> None:
        """Load the numbers that `tensors()` returned, in this prior's own precision.

        Raises:
            ValueError: a name is missing or unknown, a shape differs, or a number is NaN or infinite.
        """
        own = dict(self.named_parameters())
        if own.keys() != tensors.keys():
            raise ValueError(f"expected the tensors {sorted(own)}, got {sorted(tensors)}")
        for name, value in tensors.items():
            if value.shape != own[name].shape:
                raise ValueError(f"{name}: expected shape {tuple(own[name].shape)}, got {tuple(value.shape)}")
            if not bool(torch.isfinite(value).all()):
                raise ValueError(f"{name}: holds NaN or infinite numbers")
        with torch.no_grad():
            for name, value in tensors.items():
                own[name].copy_(value)


def constant(value: Tensor) -> nn.Parameter:
    """Return a number of a fitted density, which no gradient changes."""
    return nn.Parameter(value, requires_grad=False)
