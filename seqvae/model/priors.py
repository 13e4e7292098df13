"""Priors p(z): the model's own, and densities fitted afterwards to the mean of q(z|x) over the training texts.

A VAE is trained to put its latent points where N(0, I) does; where they really lie is the aggregate posterior (Hoffman
& Johnson 2016, "ELBO surgery"; Tomczak & Welling 2018, arXiv:1705.07120). The more faithful the reconstruction, the
wider the gap. A density fitted to the aggregate posterior is a better prior for sampling, and leaves the decoder as it
is (Dai & Wipf 2019, arXiv:1903.05789).

A new prior to train with is a final class here, its row in `PRIORS`, and its word in `ModelConfig`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvae.config import ModelConfig
from seqvae.model.layers.triangle import lower_triangle

_APART = 0.3  # initial standard deviation of the means: far enough apart for gradients to separate them
_ROWS = 16_384  # points per pass while sampling: bounds the memory of a flow's hidden layers


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


@final
class GaussianMixture(FittedPrior):
    """A mixture of Gaussians with full covariances; with one component, a Gaussian.

    Args:
        latent: dimensions of z.
        components: number of Gaussians.
    """

    kind = "mixture"

    def __init__(self, latent: int, components: int = 1) -> None:
        super().__init__(latent)
        if components < 1:
            raise ValueError(f"components: expected a number from 1, got {components}")
        self.components = components
        rows, columns = torch.tril_indices(latent, latent)
        identity = (rows == columns).float()
        self.log_weights = _constant(torch.full((components,), -math.log(components)))
        self.means = _constant(torch.zeros(components, latent))
        # Lower triangles of the covariances' Cholesky factors, row by row.
        self.factors = _constant(identity.repeat(components, 1))

    @classmethod
    def to_learn(cls, latent: int, components: int) -> GaussianMixture:
        """Return a mixture to train with a model, near N(0, I) at first; torch's own generator draws the means."""
        mixture = cls(latent, components)
        with torch.no_grad():
            mixture.means.normal_(0, _APART)
        return mixture.requires_grad_(True)

    @classmethod
    def from_moments(
        cls,
        weights: Float[Tensor, " components"],
        means: Float[Tensor, "components latent"],
        covariances: Float[Tensor, "components latent latent"],
    ) -> GaussianMixture:
        """Return the mixture of these weights, means and covariances, in double precision.

        Raises:
            ValueError: a covariance is not positive definite, or a weight not positive.
        """
        if not bool((weights > 0).all()):
            raise ValueError("expected positive weights")
        factors, failed = torch.linalg.cholesky_ex(covariances.double())
        if bool(failed.any()) or not bool(torch.isfinite(factors).all()):
            raise ValueError("expected positive definite covariances")
        latent = means.shape[1]
        mixture = cls(latent, len(means)).double()
        rows, columns = torch.tril_indices(latent, latent)
        log_weights = weights.double().log().log_softmax(0)
        tensors = {"log_weights": log_weights, "means": means, "factors": factors[:, rows, columns]}
        mixture.load_tensors(tensors)
        return mixture

    def settings(self) -> dict[str, int]:
        """Return the arguments that build a prior of this shape."""
        return {"latent": self.latent, "components": self.components}

    def log_prob(self, z: Float[Tensor, "*samples latent"]) -> Float[Tensor, "*samples"]:
        """Return log p(z) in nats."""
        points = z.reshape(-1, self.latent)
        parts = []
        for k in range(self.components):  # all at once would take components * latent numbers per point
            factor = self._factor(k)
            scaled = torch.linalg.solve_triangular(factor, (points - self.means[k]).T, upper=False)
            # L L^T is a covariance whatever the signs on L's diagonal: training leaves them free.
            log_det = factor.diagonal().abs().log().sum()
            parts.append(-0.5 * (scaled.square().sum(0) + self.latent * math.log(2 * math.pi)) - log_det)
        weights = self.log_weights.log_softmax(0).unsqueeze(1)  # stored numbers may be rounded
        return (torch.stack(parts) + weights).logsumexp(0).reshape(z.shape[:-1])

    def _factor(self, k: int) -> Tensor:
        return lower_triangle(self.factors[k], self.latent)

    @torch.no_grad()
    def sample(self, count: int, rng: torch.Generator) -> Float[Tensor, "count latent"]:
        """Draw points: for each a component, then a point from it."""
        weights = self.log_weights.double().softmax(0).to(rng.device)
        chosen = torch.multinomial(weights, count, replacement=True, generator=rng)
        noise = torch.randn(count, self.latent, generator=rng, device=rng.device, dtype=self.means.dtype)
        points = torch.empty_like(noise)
        for k in range(self.components):
            rows = (chosen == k).nonzero().squeeze(1)
            points[rows] = self.means[k].to(noise) + noise[rows] @ self._factor(k).T.to(noise)
        return points


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
        self.mean = _constant(torch.zeros(latent))
        self.factor = _constant((rows == columns).float())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.steps = nn.ModuleList(self._step(number) for number in range(layers))

    def _step(self, number: int) -> nn.Module:
        from zuko.flows import MaskedAutoregressiveTransform

        # Each pair of layers groups the dimensions anew, its second layer in the reverse order of its first.
        rng = torch.Generator().manual_seed(number // 2)
        order = torch.randperm(self.latent, generator=rng) if number > 1 else torch.arange(self.latent)
        step = MaskedAutoregressiveTransform(
            self.latent,
            passes=self.groups,
            order=order.flip(0) if number % 2 else order,
            hidden_features=(self.width, self.width),
            activation=nn.SiLU,
        )
        with torch.no_grad():  # the fit starts from the linear map's Gaussian
            for value in list(step.parameters())[-2:] if self.latent > 1 else step.parameters():
                value.zero_()
        return step

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
        total = -factor.diagonal().log().sum() - 0.5 * self.latent * math.log(2 * math.pi)
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


# Priors that a model is trained with, by `Prior.kind`, which is also the name that samples are drawn by.
PRIORS: dict[str, Callable[[ModelConfig], Prior]] = {
    "normal": lambda config: StandardNormal(config.latent),
    "mixture": lambda config: GaussianMixture.to_learn(config.latent, config.prior_components),
}
_KINDS: dict[str, type[FittedPrior]] = {kind.kind: kind for kind in (GaussianMixture, FlowPrior)}


def prior_to_dict(prior: FittedPrior) -> dict[str, Any]:
    """Return kind and settings in the types of JSON; the numbers are in `prior.tensors()`."""
    return {"kind": prior.kind, **prior.settings()}


def prior_from_dict(record: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> FittedPrior:
    """Build the prior that `prior_to_dict` and `tensors` describe, in single precision on the CPU.

    Raises:
        ValueError: an unknown kind, settings that do not fit it, or tensors that do not.
        TypeError: settings of another kind of prior.
    """
    settings = dict(record)
    kind = settings.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(f"expected a prior of kind {' or '.join(_KINDS)}, got {kind!r}")
    if not all(type(value) is int for value in settings.values()):
        raise ValueError(f"expected whole numbers as settings of the prior, got {settings}")
    prior = _KINDS[kind](**settings)
    prior.load_tensors(tensors)
    return prior.eval()


def _constant(value: Tensor) -> nn.Parameter:
    return nn.Parameter(value, requires_grad=False)
