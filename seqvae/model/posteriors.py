"""Approximate posteriors q(z|x).

A new one is a final class here, its row in `families.POSTERIORS`, its word in `ModelConfig`, and, where its rate has a
closed form, a row of `rate.CLOSED_FORMS`. Nothing outside this room knows its parameters.
"""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvae.model.layers.triangle import lower_triangle
from seqvae.runtime.streams import POSTERIOR_POINTS

_ENTRIES = 1 << 22  # largest table held at a time, whatever the batch: 32 MiB of float64
# Draws that stand for a density whose moments have no closed form: of each row, and of all rows together.
_DRAWS, _POINTS = 256, 8192


class Posterior(ABC):
    """A batch of densities q(z|x), one row per text, each reached from N(0, I) by a map that gradients flow through."""

    @property
    @abstractmethod
    def numbers(self) -> tuple[Tensor, ...]:
        """The parameters of the densities: tensors with one row per text, any finite number allowed in each place."""

    @property
    @abstractmethod
    def mean(self) -> Float[Tensor, "batch latent"]:
        """The point that stands for each density, where noise of zero is carried: a Gaussian's mean."""

    @property
    @abstractmethod
    def std(self) -> Float[Tensor, "batch latent"]:
        """The marginal standard deviation of each dimension."""

    @abstractmethod
    def moments(self) -> tuple[Float[Tensor, " latent"], Float[Tensor, "latent latent"]]:
        """Return mean and covariance of the mixture of all rows in equal parts, in double precision."""

    @abstractmethod
    def deviation(
        self, noise: Float[Tensor, "*samples #batch latent"], scale: float = 1.0
    ) -> Float[Tensor, "*samples batch latent"]:
        """Return how far the sample made of this noise, times `scale`, lies from `mean`.

        With noise from N(0, I), mean + deviation is a reparameterised sample of q(z|x).
        """

    @abstractmethod
    def log_prob(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """Return log q(z|x) in nats."""

    def rsample(self, n: int, rng: torch.Generator) -> Float[Tensor, "n batch latent"]:
        """Draw n reparameterised samples of each row, through which gradients flow."""
        like = self.numbers[0]  # `(batch, latent)` for every kind
        noise = torch.randn((n, *like.shape), generator=rng, device=rng.device)
        return self.at(noise.to(like))

    def at(self, noise: Float[Tensor, "*samples #batch latent"]) -> Float[Tensor, "*samples batch latent"]:
        """Return the samples that are made of this noise; `log_prob` of the very tensor is cheap."""
        return self.mean + self.deviation(noise)

    def pairwise_log_prob(self, points: Float[Tensor, "points latent"]) -> Float[Tensor, "points batch"]:
        """Return log q(z|x) in nats of every point under every row."""
        size = max(1, _ENTRIES // max(1, self.numbers[0].numel()))
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
        return len(self.numbers[0])


def _mixed(
    means: Float[Tensor, "batch latent"], covariance: Float[Tensor, "latent latent"]
) -> tuple[Float[Tensor, " latent"], Float[Tensor, "latent latent"]]:
    """Return mean and covariance of a mixture of equal parts with these means, and covariances of this mean.

    The covariance is that of the means plus the mean of the covariances, hence positive definite however few the parts.
    """
    mean = means.double()
    between = torch.cov(mean.T, correction=0).reshape(covariance.shape)
    return mean.mean(0), between + covariance


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

    def moments(self) -> tuple[Float[Tensor, " latent"], Float[Tensor, "latent latent"]]:
        """Return mean and covariance of the mixture of all rows in equal parts, in double precision."""
        return _mixed(self._mean, self.log_variance.double().exp().mean(0).diag())

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

    def moments(self) -> tuple[Float[Tensor, " latent"], Float[Tensor, "latent latent"]]:
        """Return mean and covariance of the mixture of all rows in equal parts, in double precision."""
        total = self._mean.new_zeros(self._mean.shape[1], self._mean.shape[1], dtype=torch.float64)
        step = max(1, _ENTRIES // total.numel())
        for start in range(0, len(self), step):
            factor = FullGaussian(*(part[start : start + step].double() for part in self.numbers)).factor()
            total += torch.einsum("bij,bkj->ik", factor, factor)
        return _mixed(self._mean, total / len(self))

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


@final
class InverseAutoregressive(Posterior):
    """q(z|x): a Gaussian with independent dimensions, carried through inverse autoregressive layers.

    Kingma et al. 2016 (arXiv:1606.04934). Each layer shifts and scales every dimension by numbers that depend on those
    before it and on the text's context; the last one's outputs are z. A sample and its density take one pass per layer,
    the density of any other point one pass per group of dimensions and layer. `mean` is where the layers carry the
    Gaussian's mean, which is not the mean of q(z|x); moments have no closed form and are estimated from samples.

    Args:
        centre: `(batch, latent)`, means of the Gaussian.
        log_variance: `(batch, latent)`, natural logarithm of its variance.
        context: `(batch, context)`, what all layers are told of the text.
        layers: those of the model, shared by all texts: they are none of the posterior's own parameters.
    """

    def __init__(
        self,
        centre: Float[Tensor, "batch latent"],
        log_variance: Float[Tensor, "batch latent"],
        context: Float[Tensor, "batch context"],
        layers: nn.ModuleList,
    ) -> None:
        self.base, self.context, self.layers = DiagonalGaussian(centre, log_variance), context, layers
        self._last: tuple[Tensor, int, Tensor] | None = None  # samples, their version, and their density

    @property
    def numbers(self) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and log-variance of the Gaussian, and context."""
        return (*self.base.numbers, self.context)

    def with_numbers(self, numbers: Sequence[Tensor]) -> Posterior:
        """Return a posterior through the same layers with other parameters, in the order of `numbers`."""
        centre, log_variance, context = numbers
        return InverseAutoregressive(centre, log_variance, context, self.layers)

    def to(self, where: torch.device | torch.dtype | str) -> Posterior:
        """Return the posterior on a device, or in a precision; no gradients flow from a copy to the model's layers."""
        centre, log_variance, context = (part.to(where) for part in self.numbers)
        like = next(self.layers.parameters())
        same = (like.device, like.dtype) == (centre.device, centre.dtype)
        layers = self.layers if same else copy.deepcopy(self.layers).to(centre)
        return InverseAutoregressive(centre, log_variance, context, layers)

    @property
    def mean(self) -> Float[Tensor, "batch latent"]:
        """Where the layers carry the Gaussian's mean."""
        return self._carried(self.base.mean)[0]

    @property
    def std(self) -> Float[Tensor, "batch latent"]:
        """The marginal standard deviation of each dimension, estimated from samples: to 5 %."""
        rng = POSTERIOR_POINTS.generator(0)
        noise = torch.randn(_DRAWS, 1, self.base.mean.shape[1], generator=rng).to(self.base.mean)
        rows = self._at_once // _DRAWS or 1
        parts = [self.rows(slice(i, i + rows)).at(noise).std(0) for i in range(0, len(self), rows)]
        return torch.cat([self.base.mean[:0], *parts])

    def moments(self) -> tuple[Float[Tensor, " latent"], Float[Tensor, "latent latent"]]:
        """Return mean and covariance of samples of all rows, in double precision."""
        rng, each = POSTERIOR_POINTS.generator(0), -(-_POINTS // len(self))
        rows = self._at_once // each or 1
        with torch.no_grad():
            parts = [self.rows(slice(i, i + rows)).rsample(each, rng) for i in range(0, len(self), rows)]
        points = torch.cat([part.flatten(0, 1) for part in parts]).double()
        return points.mean(0), torch.cov(points.T, correction=0).reshape(points.shape[1], points.shape[1])

    def deviation(
        self, noise: Float[Tensor, "*samples #batch latent"], scale: float = 1.0
    ) -> Float[Tensor, "*samples batch latent"]:
        """Return how far the sample made of this noise, times `scale`, lies from `mean`."""
        return self.at(scale * noise) - self.mean

    def at(self, noise: Float[Tensor, "*samples #batch latent"]) -> Float[Tensor, "*samples batch latent"]:
        """Return the samples that are made of this noise, and remember their density."""
        start = self.base.mean + self.base.deviation(noise)
        z, change = self._carried(start)
        self._last = z, z._version, self.base.log_prob(start) - change
        return z

    def log_prob(self, z: Float[Tensor, "*samples batch latent"]) -> Float[Tensor, "*samples batch"]:
        """Return log q(z|x) in nats: as remembered of the last samples, else by inversion."""
        if self._last is not None and z is self._last[0] and z._version == self._last[1]:
            return self._last[2]
        start = z
        with torch.autocast(z.device.type, enabled=False), self._recorded(z):
            for layer in reversed(self.layers) if z.numel() else ():
                start = layer(self.context).inv(start)
        return self.base.log_prob(start) - self._carried(start)[1]

    def pairwise_log_prob(self, points: Float[Tensor, "points latent"]) -> Float[Tensor, "points batch"]:
        """Return log q(z|x) in nats of every point under every row."""
        size = self._at_once // max(1, len(self)) or 1
        parts = [self.log_prob(part.unsqueeze(1).expand(-1, len(self), -1)) for part in points.split(size)]
        return torch.cat(parts)

    @property
    def _at_once(self) -> int:
        """Points that go through the layers at a time: their hidden units fill a table of the largest size."""
        return _ENTRIES // (self.base.mean.shape[1] + self.context.shape[1])

    def _recorded(self, points: Tensor) -> torch.set_grad_enabled:
        """Record no gradients for the layers alone: what was encoded without any is as free of them as a Gaussian."""
        wanted = any(part.requires_grad for part in (points, *self.numbers))
        return torch.set_grad_enabled(torch.is_grad_enabled() and wanted)

    def _carried(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the layers carry points, and the logarithms of the determinants of their Jacobians."""
        total = points.new_zeros(points.shape[:-1])
        with torch.autocast(points.device.type, enabled=False), self._recorded(points):  # bf16 would keep 8 bits of z
            for layer in self.layers if points.numel() else ():  # zuko's do not take empty batches
                points, change = layer(self.context).call_and_ladj(points)
                total = total + change
        return points, total
