"""Models of which everything is known: the linear VAE, and a toy whose posteriors are no independent Gaussians."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from seqvae.config import ModelConfig
from seqvae.model.families import POSTERIORS, Family
from seqvae.model.inference.best_posterior import best_posterior
from seqvae.model.posteriors import DiagonalGaussian, Posterior
from seqvae.model.priors.gaussians import StandardNormal
from seqvae.model.rate import rate
from seqvae.runtime.device import generator

DATA, LATENT = 8, 3  # of the linear VAE


def linear_vae(small: bool, seed: int = 0) -> dict[str, Any]:
    """Train x|z = N(W z + m, s^2 I) by our posterior and rate, and compare with probabilistic PCA's maximum.

    The maximum of the likelihood is known (Tipping & Bishop 1999, doi:10.1111/1467-9868.00196), and a diagonal
    posterior reaches it, with W turned (Lucas et al. 2019, arXiv:1911.02469). Steps by samples come first; the last
    ones take the expectation over z, which is a sum here, so that what is left is no noise.
    """
    rng = generator(seed)
    rows, steps, last = (200, 100, 300) if small else (1000, 500, 1000)
    mixing = torch.randn(LATENT, DATA, generator=rng)
    x = torch.randn(rows, LATENT, generator=rng) @ mixing + 0.5 * torch.randn(rows, DATA, generator=rng)
    x = x.double()
    model = _Linear(rng).double()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(steps):
        optimizer.zero_grad()
        model.negative_elbo(x, rng).backward()
        optimizer.step()
    final = torch.optim.LBFGS(model.parameters(), max_iter=last, tolerance_change=0.0, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        final.zero_grad()
        loss = model.negative_elbo(x)
        loss.backward()
        return loss

    final.step(closure)
    best, elbo = _pca_log_likelihood(x), -model.negative_elbo(x).item()
    return {"rows": rows, "steps": steps + last, "elbo": elbo, "closed_form": best, "gap": best - elbo}


class _Linear(nn.Module):
    """The linear VAE: encoder, decoder and the logarithm of the noise's variance."""

    def __init__(self, rng: torch.Generator) -> None:
        super().__init__()
        self.decoder = nn.Parameter(0.1 * torch.randn(LATENT, DATA, generator=rng))
        self.encoder = nn.Parameter(0.1 * torch.randn(DATA, LATENT, generator=rng))
        self.shift, self.noise = nn.Parameter(torch.zeros(DATA)), nn.Parameter(torch.zeros(()))
        self.log_variance = nn.Parameter(torch.zeros(LATENT))

    def negative_elbo(self, x: Float[Tensor, "rows data"], rng: torch.Generator | None = None) -> Float[Tensor, ""]:
        """Return rate + distortion, from one sample of each row's z, or, without a generator, exactly."""
        posterior = DiagonalGaussian((x - self.shift) @ self.encoder, self.log_variance.expand(len(x), LATENT))
        z = posterior.mean.unsqueeze(0) if rng is None else posterior.rsample(1, rng)
        error = (x - self.shift - z[0] @ self.decoder).square().sum(-1)
        if rng is None:  # the spread of z adds its part of the squared error
            error = error + (self.decoder.square().sum(1) * self.log_variance.exp()).sum()
        return (_gaussian_nats(error, self.noise) + rate(posterior, StandardNormal(LATENT), z)).mean()


def _gaussian_nats(error: Tensor, log_variance: Tensor) -> Tensor:
    """Return -log N of a squared error over all dimensions."""
    return 0.5 * (error / log_variance.exp() + DATA * (log_variance + math.log(2 * math.pi)))


def _pca_log_likelihood(x: Float[Tensor, "rows data"]) -> float:
    """Return the largest mean log-likelihood of probabilistic PCA, nats per row."""
    values = torch.linalg.eigvalsh(torch.cov(x.double().T, correction=0)).flip(0)
    left = values[LATENT:].mean()
    log_determinant = values[:LATENT].log().sum() + (DATA - LATENT) * left.log()
    return (-0.5 * (DATA * math.log(2 * math.pi) + log_determinant + DATA)).item()


@dataclass(frozen=True)
class Bent:
    """x = (z1 + z2, b z1^2 - z2) + noise: posteriors are correlated and bent, and a grid of two dimensions is exact.

    Attributes:
        noise: standard deviation of x.
        bend: b; at 0 the posteriors are Gaussians.
    """

    noise: float = 0.4
    bend: float = 0.15

    def mean(self, z: Float[Tensor, "*points 2"]) -> Float[Tensor, "*points 2"]:
        """Return the mean of x."""
        return torch.stack([z[..., 0] + z[..., 1], self.bend * z[..., 0].square() - z[..., 1]], -1)

    def log_joint(self, x: Float[Tensor, "batch 2"], z: Float[Tensor, "samples batch 2"]) -> Tensor:
        """Return log p(x|z) + log p(z)."""
        error = (x - self.mean(z)).square().sum(-1) / self.noise**2
        return -0.5 * (error + z.square().sum(-1)) - 2 * math.log(2 * math.pi) - 2 * math.log(self.noise)

    def sample(self, count: int, rng: torch.Generator) -> Float[Tensor, "count 2"]:
        """Draw x."""
        x = self.mean(torch.randn(count, 2, generator=rng))
        return x + self.noise * torch.randn(count, 2, generator=rng)


_GRID = torch.linspace(-5, 5, 201)  # of each dimension; the narrowest posteriors are five cells wide


def on_grid(toy: Bent, x: Float[Tensor, "batch 2"], posterior: Posterior) -> tuple[Tensor, Tensor]:
    """Return log p(x) and KL(q(z|x) || p(z|x)) of each row, exact up to the cells of the grid."""
    cell = 2 * math.log(float(_GRID[1] - _GRID[0]))
    points = torch.cartesian_prod(_GRID, _GRID)
    joint = toy.log_joint(x, points.unsqueeze(1).expand(-1, len(x), -1)).double()
    log_p = joint.logsumexp(0) + cell
    density = posterior.pairwise_log_prob(points).double()
    share = (density + cell).exp()
    return log_p, (share * (density - (joint - log_p))).sum(0) / share.sum(0)


def families(small: bool, seed: int = 0) -> dict[str, Any]:
    """Train an encoder of each family of posteriors on the toy, refine its posteriors, and measure what gap is left.

    The inference gap is that of the diagonal family's encoder. What is left is log p(x) - ELBO; the KL of the posterior
    from the true one is measured apart, on the grid, and has to be the same.
    """
    toy, steps, draws = Bent(), 50 if small else 1000, 1000 if small else 4000
    held_out = toy.sample(4 if small else 32, generator(seed, 1))
    found: dict[str, Any] = {"texts": len(held_out), "steps": steps}
    for name in ("diagonal", "full", "iaf"):
        encoder, family = _trained(toy, name, steps, seed)
        with torch.no_grad():
            posterior = family(encoder(held_out))
        refined = best_posterior(partial(toy.log_joint, held_out), posterior, lambda step: generator(seed, 2, step))
        found[name] = {}
        for kind, one in (("encoder", posterior), ("refined", refined)):
            with torch.no_grad():
                log_p, kl = on_grid(toy, held_out, one)
                z = one.rsample(draws, generator(seed, 3))
                elbo = (toy.log_joint(held_out, z) - one.log_prob(z)).double().mean(0)
            found[name][kind] = {"gap": (log_p - elbo).mean().item(), "kl": kl.mean().item()}
    whole = found["diagonal"]["encoder"]["gap"]
    found["closed"] = {name: 1 - found[name]["refined"]["gap"] / whole for name in ("diagonal", "full", "iaf")}
    return found


def _trained(toy: Bent, name: str, steps: int, seed: int) -> tuple[Callable[[Tensor], Tensor], Family]:
    """Return an encoder of one family, trained on fresh draws of the toy."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        family = POSTERIORS[name](ModelConfig(latent=2, posterior_width=32, posterior_groups=2, posterior_layers=4))
        encoder = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, family.size))
    optimizer = torch.optim.Adam([*encoder.parameters(), *family.parameters()], lr=3e-3)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    rng = generator(seed, 0)
    for _ in range(steps):
        x = toy.sample(256, rng)
        posterior = family(encoder(x))
        z = posterior.rsample(2, rng)
        loss = (posterior.log_prob(z) - toy.log_joint(x, z)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        slower.step()
    return encoder, family
