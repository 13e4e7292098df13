"""Approximate posteriors q(z|x).

A new one is a final class here, its row in `POSTERIORS`, its word in `ModelConfig`, and, where its rate has a closed
form, a row of `rate.CLOSED_FORMS`. Nothing outside this room knows its parameters.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvae.model.layers.triangle import lower_triangle

_ENTRIES = 1 << 22  # largest table held at a time, whatever the batch: 32 MiB of float64


class Posterior(ABC):
    """A batch of densities q(z|x), one row per text, each reached from N(0, I) by a map that gradients flow through."""

    @property
    @abstractmethod
    def numbers(self) -> tuple[Tensor, ...]:
        """The parameters of the densities: tensors with one row per text, any finite number allowed in each place."""

    @property
    @abstractmethod
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The posterior means."""

    @property
    @abstractmethod
    def std(self) -> Float[Tensor, "batch latent"]:
        """The marginal standard deviation of each dimension."""

    @abstractmethod
    def mean_covariance(self) -> Float[Tensor, "latent latent"]:
        """Return the mean over the batch of the covariances, in double precision."""

    @abstractmethod
    def deviation(
        self, noise: Float[Tensor, "*samples #batch latent"], scale: float = 1.0
    ) -> Float[Tensor, "*samples batch latent"]:
        """Return how far the sample made of this noise lies from its mean, times `scale`.

        With noise from N(0, I), mean + deviation is a reparameterised sample of q(z|x).
        """

    @abstractmethod
    def log_prob(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """Return log q(z|x) in nats."""

    def rsample(self, n: int, rng: torch.Generator) -> Float[Tensor, "n batch latent"]:
        """Draw n reparameterised samples of each row, through which gradients flow."""
        noise = torch.randn((n, *self.mean.shape), generator=rng, device=rng.device)
        return self.mean + self.deviation(noise.to(self.mean))

    def pairwise_log_prob(self, points: Float[Tensor, "points latent"]) -> Float[Tensor, "points batch"]:
        """Return log q(z|x) in nats of every point under every row."""
        size = max(1, _ENTRIES // max(1, self.mean.numel()))
        parts = [self.log_prob(part.unsqueeze(1).expand(-1, len(self), -1)) for part in points.split(size)]
        return torch.cat(parts)

    def with_numbers(self, numbers: Sequence[Tensor]) -> Posterior:
        """Return a posterior of the same kind with other parameters, in the order of `numbers`."""
        return type(self)(*numbers)

    def free_parameters(self) -> tuple[list[Tensor], Callable[[Sequence[Tensor]], Posterior]]:
        """Return copies of the parameters for an optimiser to change, and a function from these to a posterior."""
        return [part.detach().clone().requires_grad_() for part in self.numbers], self.with_numbers

    def rows(self, index: slice | Tensor) -> Posterior:
        """Return some of the rows."""
        return self.with_numbers([part[index] for part in self.numbers])

    @staticmethod
    def cat(parts: Sequence[Posterior]) -> Posterior:
        """Return the rows of posteriors of one kind, at least one, one after the other."""
        columns = zip(*(part.numbers for part in parts), strict=True)
        return parts[0].with_numbers([torch.cat(column) for column in columns])

    def to(self, where: torch.device | torch.dtype | str) -> Posterior:
        """Return the posterior on a device, or in a precision."""
        return self.with_numbers([part.to(where) for part in self.numbers])

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.mean)


@final
class DiagonalGaussian(Posterior):
    """q(z|x) = N(mean, diag(exp(log_variance))).

    Args:
        mean: `(batch, latent)`.
        log_variance: `(batch, latent)`, natural logarithm of the variance.
    """

    def __init__(self, mean: Float[Tensor, "batch latent"], log_variance: Float[Tensor, "batch latent"]) -> None:
        self._mean = mean
        self.log_variance = log_variance

    @property
    def numbers(self) -> tuple[Tensor, Tensor]:
        """Mean and log-variance."""
        return self._mean, self.log_variance

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The posterior means."""
        return self._mean

    @property
    def std(self) -> Float[Tensor, "batch latent"]:
        """The posterior standard deviations."""
        return (0.5 * self.log_variance).exp()

    def mean_covariance(self) -> Float[Tensor, "latent latent"]:
        """Return the mean over the batch of the covariances, in double precision."""
        return self.log_variance.double().exp().mean(0).diag()

    def deviation(
        self, noise: Float[Tensor, "*samples #batch latent"], scale: float = 1.0
    ) -> Float[Tensor, "*samples batch latent"]:
        """Return scale * std * noise."""
        return scale * self.std * noise

    def log_prob(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """Return log N(z; mean, diag(std^2)) in nats."""
        scaled = (z - self._mean) / self.std
        return -0.5 * (scaled.square() + self.log_variance + math.log(2 * math.pi)).sum(-1)

    def pairwise_log_prob(self, points: Float[Tensor, "points latent"]) -> Float[Tensor, "points batch"]:
        """Return log q(z|x) in nats of every point under every row.

        The squares are expanded, so that the table is two matrix products; in float64, cancellation costs 1e-8
        nats.
        """
        precision = (-self.log_variance).exp()
        scaled = self._mean * precision
        constant = (self._mean * scaled + self.log_variance + math.log(2 * math.pi)).sum(1)
        table = torch.addmm(constant, points.square(), precision.T).addmm_(points, scaled.T, alpha=-2)
        return table.mul_(-0.5)


@final
class FullGaussian(Posterior):
    """q(z|x) = N(mean, L L^T) with a lower triangular L: dimensions of z may depend on each other.

    Args:
        mean: `(batch, latent)`.
        triangle: `(batch, latent * (latent + 1) / 2)`, the lower triangle of L row by row, its diagonal as logarithms.
    """

    def __init__(self, mean: Float[Tensor, "batch latent"], triangle: Float[Tensor, "batch entries"]) -> None:
        self._mean = mean
        self.triangle = triangle

    @property
    def numbers(self) -> tuple[Tensor, Tensor]:
        """Mean and triangle."""
        return self._mean, self.triangle

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The posterior means."""
        return self._mean

    @property
    def std(self) -> Float[Tensor, "batch latent"]:
        """The marginal standard deviation of each dimension."""
        return self.factor().square().sum(-1).sqrt()

    @property
    def log_diagonal(self) -> Float[Tensor, "batch latent"]:
        """Logarithms of the diagonal of L, whose sum is half the log-determinant of the covariance."""
        ends = torch.arange(1, self._mean.shape[1] + 1, device=self.triangle.device).cumsum(0) - 1
        return self.triangle[:, ends]

    def factor(self) -> Float[Tensor, "batch latent latent"]:
        """Return L, the Cholesky factor of the covariance."""
        matrix = lower_triangle(self.triangle, self._mean.shape[1])
        return matrix.tril(-1) + torch.diag_embed(self.log_diagonal.exp())

    def mean_covariance(self) -> Float[Tensor, "latent latent"]:
        """Return the mean over the batch of the covariances, in double precision."""
        total = self._mean.new_zeros(self._mean.shape[1], self._mean.shape[1], dtype=torch.float64)
        step = max(1, _ENTRIES // total.numel())
        for start in range(0, len(self), step):
            factor = FullGaussian(*(part[start : start + step].double() for part in self.numbers)).factor()
            total += torch.einsum("bij,bkj->ik", factor, factor)
        return total / len(self)

    def deviation(
        self, noise: Float[Tensor, "*samples #batch latent"], scale: float = 1.0
    ) -> Float[Tensor, "*samples batch latent"]:
        """Return scale * L noise."""
        columns = noise.reshape(-1, *noise.shape[-2:]).permute(1, 2, 0)
        with torch.autocast(noise.device.type, enabled=False):  # a product in bf16 would keep 8 bits of z
            moved = scale * self.factor() @ columns
        return moved.permute(2, 0, 1).reshape(*noise.shape[:-2], len(self), noise.shape[-1])

    def log_prob(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """Return log N(z; mean, L L^T) in nats."""
        columns = (z - self._mean).reshape(-1, *self._mean.shape).permute(1, 2, 0)
        scaled = torch.linalg.solve_triangular(self.factor(), columns, upper=False)
        constant = 0.5 * self._mean.shape[1] * math.log(2 * math.pi) + self.log_diagonal.sum(-1)
        return (-0.5 * scaled.square().sum(1).T - constant).reshape(z.shape[:-1])


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


# By latent dimensions.
POSTERIORS: dict[str, Callable[[int], Family]] = {
    "diagonal": lambda latent: PlainFamily(DiagonalGaussian, (latent, latent)),
    "full": lambda latent: PlainFamily(FullGaussian, (latent, latent * (latent + 1) // 2)),
}
