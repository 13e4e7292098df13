"""The rate-distortion curve of one decoder by annealing, against the closed form of the linear VAE."""

from __future__ import annotations

import math

import pytest
import torch

from seqvae.errors import UsageError
from seqvae.model.inference.annealing import annealed_curve
from seqvae.model.priors.gaussians import StandardNormal
from seqvae.runtime.device import generator

DATA, LATENT, NOISE = 5, 2, 0.5
INVERSE = (0.1, 0.5, 1.0, 4.0)


class Linear:
    """x|z is N(W z, s^2 I): q(z|x) of any t is a Gaussian."""

    def __init__(self, texts: int) -> None:
        rng = generator(3)
        self.weight = torch.randn(DATA, LATENT, generator=rng)
        self.x = torch.randn(texts, LATENT, generator=rng) @ self.weight.T
        self.x = self.x + NOISE * torch.randn(texts, DATA, generator=rng)

    def __call__(self, z):
        error = (self.x - z @ self.weight.T).square().sum(-1)
        return -0.5 * error / NOISE**2 - 0.5 * DATA * math.log(2 * math.pi * NOISE**2)

    def exact(self, inverse):
        """Rate and distortion of each text under the Gaussian of precision I + t W'W / s^2."""
        weight, x = self.weight.double(), self.x.double()
        covariance = torch.linalg.inv(torch.eye(LATENT).double() + inverse * weight.T @ weight / NOISE**2)
        mean = inverse * x @ weight @ covariance / NOISE**2
        rate = 0.5 * (covariance.trace() + mean.square().sum(-1) - LATENT - covariance.logdet())
        error = (x - mean @ weight.T).square().sum(-1) + (weight @ covariance @ weight.T).trace()
        return rate, 0.5 * error / NOISE**2 + 0.5 * DATA * math.log(2 * math.pi * NOISE**2)


def test_the_curve_of_a_linear_model_is_the_exact_one():
    model = Linear(6)
    found = annealed_curve(model, StandardNormal(LATENT), 6, INVERSE, generator(0), chains=4000, steps=60)
    assert found.inverse_betas == INVERSE
    for inverse, rate, distortion, effective in zip(
        INVERSE, found.rate, found.distortion, found.effective, strict=True
    ):
        exact_rate, exact_distortion = model.exact(inverse)
        assert rate.numpy() == pytest.approx(exact_rate.numpy(), abs=0.15)
        assert rate.mean().item() == pytest.approx(exact_rate.mean().item(), abs=0.04)
        assert distortion.mean().item() == pytest.approx(exact_distortion.mean().item(), rel=0.01)
        assert effective.min() > 400


def test_at_one_it_is_the_likelihood():
    """N(0, W W' + s^2 I), for which rate + distortion has no noise but that of the normaliser."""
    model = Linear(4)
    found = annealed_curve(model, StandardNormal(LATENT), 4, [1.0], generator(1), chains=4000, steps=60)
    covariance = model.weight @ model.weight.T + NOISE**2 * torch.eye(DATA)
    exact = torch.distributions.MultivariateNormal(torch.zeros(DATA), covariance).log_prob(model.x)
    assert (found.rate + found.distortion)[0].numpy() == pytest.approx(-exact.double().numpy(), abs=0.1)


def test_a_decoder_that_ignores_z_has_no_rate():
    def deaf(z):
        return -3.0 + 0.0 * z.sum(-1)

    found = annealed_curve(deaf, StandardNormal(LATENT), 2, [0.5, 2.0], generator(0), chains=4, steps=10)
    assert found.rate.numpy() == pytest.approx(0.0, abs=1e-6)
    assert found.distortion.numpy() == pytest.approx(3.0)
    assert found.effective.numpy() == pytest.approx(4.0)


def test_no_other_posterior_lies_below_the_curve():
    """At beta = 1/t the optimum costs no more than the prior itself, of rate 0, nor than the posterior of t = 1."""
    model = Linear(5)
    for inverse in (0.25, 3.0):
        best = sum(part * weight for part, weight in zip(model.exact(inverse), (1 / inverse, 1.0), strict=True))
        for other in (1e-9, 1.0, 1.5):
            cost = sum(part * weight for part, weight in zip(model.exact(other), (1 / inverse, 1.0), strict=True))
            assert (best <= cost + 1e-9).all()


@pytest.mark.parametrize(("inverse", "chains", "steps"), [([], 1, 2), ([0.0], 1, 2), ([1.0], 0, 2), ([1.0], 1, 1)])
def test_what_cannot_be_annealed_is_refused(inverse, chains, steps):
    with pytest.raises(UsageError, match="expected"):
        annealed_curve(Linear(1), StandardNormal(LATENT), 1, inverse, generator(0), chains, steps)
