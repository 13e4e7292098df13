"""Objective, bounds and refined posteriors against NumPy, SciPy and values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from formula_cases import Shifted, adam, rate
from scipy.integrate import quad
from scipy.stats import norm

from seqvae.config import ObjectiveConfig
from seqvae.data.tokens.batch import Batch
from seqvae.model.decoders import Decoder, State
from seqvae.model.encoders import Encoder
from seqvae.model.inference.refine import refined
from seqvae.model.objective import (
    Bounds,
    beta_at,
    importance_weighted_bound,
    log_likelihood,
    rate_penalty,
    token_log_likelihood,
)
from seqvae.model.posteriors import DiagonalGaussian
from seqvae.model.priors.gaussians import StandardNormal
from seqvae.model.rate import rate as closed_rate
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.device import generator

WEIGHTS = torch.tensor([[0.0, 0.0, 0.5, 1.0, -1.0], [0.0, 0.0, -1.0, 2.0, 0.5]])  # logits of five tokens, linear in z
IDS = torch.tensor([[3, 4, 2], [4, 2, 0]])  # two texts, ended by 2 and padded by 0
MEAN, LOG_VARIANCE = [[0.5, -1.0], [1.5, 0.2]], [[-1.0, 0.3], [0.4, -2.0]]


class Given(Encoder):
    """Says the posterior that it was given."""

    def __init__(self, mean, log_variance):
        super().__init__()
        self.conditions = None
        self.found = DiagonalGaussian(torch.tensor(mean), torch.tensor(log_variance))

    def forward(self, tokens, told=None):
        return self.found


class Linear(Decoder):
    """Says the same logits at each position, z times weights, and notes what is hidden from it."""

    autoregressive = True
    max_length = 3

    def __init__(self, weights=WEIGHTS):
        super().__init__()
        self.weights, self.hidden = weights, None

    def forward(self, z, tokens, hidden=None):
        self.hidden = hidden
        return (z @ self.weights).unsqueeze(1).expand(-1, tokens.shape[1], -1)

    def begin(self, z):
        return State((z,), (0,))

    def step(self, tokens, state):
        return state.tensors[0] @ self.weights, state


def vae(mean=MEAN, log_variance=LOG_VARIANCE, decoder=None):
    return SequenceVAE(Given(mean, log_variance), decoder or Linear(), StandardNormal(2)).eval()


def spoken(z, row):
    """log p(x|z) of a text at a point, and its gradient, from the softmax."""
    weights = WEIGHTS.double().numpy()
    logits = np.asarray(z, np.float64) @ weights
    chances = np.exp(logits) / np.exp(logits).sum()
    tokens = [token for token in IDS[row].tolist() if token]
    slope = sum(weights[:, token] - weights @ chances for token in tokens)
    return sum(math.log(chances[token]) for token in tokens), slope


# Refined posteriors.


@pytest.mark.parametrize("beta", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("steps", [1, 2, 12])
def test_a_refined_posterior_is_adam_on_distortion_and_beta_times_the_rate(beta, steps):
    found = refined(vae(), IDS, beta, steps)
    for row in range(2):

        def gradient(at, step, row=row):
            noise = torch.randn(2, generator=generator(0, 51, step)).double().numpy()
            mean, log_variance = at
            width = np.exp(log_variance / 2)
            slope = -spoken(mean + width * noise, row)[1]
            return np.array([slope + beta * mean, slope * noise * width / 2 + beta * 0.5 * (np.exp(log_variance) - 1)])

        expected = adam(np.array([MEAN[row], LOG_VARIANCE[row]]), gradient, steps)
        assert found.mean[row].tolist() == pytest.approx(expected[0].tolist(), abs=2e-4)
        assert found.log_variance[row].tolist() == pytest.approx(expected[1].tolist(), abs=2e-4)


def test_where_the_decoder_is_blind_a_posterior_goes_to_the_prior_and_without_beta_it_stays():
    blind = vae(decoder=Linear(torch.zeros(2, 5)))
    one = refined(blind, IDS, 0.7, 1)
    # Adam's first step is its whole step size, 0.05, against the sign of the rate's gradient.
    assert one.mean.flatten().tolist() == pytest.approx([0.45, -0.95, 1.45, 0.15], abs=1e-6)
    assert one.log_variance.flatten().tolist() == pytest.approx([-0.95, 0.25, 0.35, -1.95], abs=1e-6)
    far = refined(blind, IDS, 0.7, 400)
    assert far.mean.abs().max() < 1e-3
    assert far.log_variance.abs().max() < 1e-3
    stays = refined(blind, IDS, 0.0, 30)
    assert stays.mean.flatten().tolist() == pytest.approx(np.ravel(MEAN).tolist())


# The objective.


def test_likelihoods_are_sums_over_tokens_and_over_the_members_of_a_set():
    logits = torch.log(torch.tensor([[[0.0, 0.0, 0.2, 0.5, 0.3]] * 3]))
    found = token_log_likelihood(logits, torch.tensor([[3, 2, 0]]))
    assert found.tolist() == [pytest.approx([math.log(0.5), math.log(0.2), 0.0])]
    assert log_likelihood(logits, torch.tensor([[3, 2, 0]])).item() == pytest.approx(math.log(0.1))
    sets = torch.tensor([[[0, 0, 0, 0.5, 0.5], [0, 0, 1.0, 0, 0], [1.0, 0, 0, 0, 0]]])
    assert token_log_likelihood(logits, sets).tolist() == [pytest.approx([math.log(0.8), math.log(0.2), 0.0])]


def test_free_bits_are_the_least_that_each_dimension_is_charged_for_its_mean():
    kl = torch.tensor([[0.0, 1.0, 0.1], [0.4, 3.0, 0.2]])  # means 0.2, 2 and 0.15
    charged = [(bits, rate_penalty(kl.mean(0), bits).item()) for bits in (0.0, 0.1, 0.18, 0.5, 3.0)]
    assert charged == [(bits, pytest.approx(sum(max(bits, mean) for mean in (0.2, 2, 0.15)))) for bits, _ in charged]
    assert charged[2][1] == pytest.approx(2.38)


@pytest.mark.parametrize(
    ("settings", "expected"),
    # At 0, 0.05, 0.1, 0.2, 0.3, 0.55, 0.9 and 1 of the training, of a beta of 0.3.
    [
        ({"schedule": "constant", "warmup": 0.5}, [0.3] * 8),
        ({"schedule": "linear", "warmup": 0.0}, [0.3] * 8),
        ({"schedule": "linear", "warmup": 0.2, "cycles": 4}, [0, 0.075, 0.15, 0.3, 0.3, 0.3, 0.3, 0.3]),
        # Four cycles: 0.2, 0.4, 0.8, then 0.2, 0.2 and 0.6 of one, over a warm-up of half a cycle.
        ({"schedule": "cyclical", "warmup": 0.5, "cycles": 4}, [0, 0.12, 0.24, 0.3, 0.12, 0.12, 0.3, 0.3]),
        ({"schedule": "cyclical", "warmup": 1.0, "cycles": 2}, [0, 0.03, 0.06, 0.12, 0.18, 0.03, 0.24, 0.3]),
    ],
)
def test_beta_rises_over_the_warm_up_of_each_cycle(settings, expected):
    config = ObjectiveConfig(beta=0.3, **settings)
    found = [beta_at(share, config) for share in (0.0, 0.05, 0.1, 0.2, 0.3, 0.55, 0.9, 1.0)]
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_default_objective_is_the_one_that_the_models_were_trained_with():
    assert ObjectiveConfig().weight == 0.1
    assert ObjectiveConfig() == ObjectiveConfig(-1.0, "auto", 0.2, 4, 0.0, 0.0)
    rising = ObjectiveConfig(schedule="linear")
    assert [beta_at(share, ObjectiveConfig()) for share in (0.0, 0.1, 0.3)] == [
        beta_at(a, rising) for a in (0.0, 0.1, 0.3)
    ]


@pytest.mark.parametrize("free_bits", [0.0, 0.6])
def test_the_loss_is_distortion_and_beta_times_what_is_charged(free_bits):
    found = vae().losses(Batch.of(IDS), 0.3, ObjectiveConfig(free_bits=free_bits), generator(3))
    noise = torch.randn(1, 2, 2, generator=generator(3))[0].double().numpy()
    z = np.array(MEAN) + np.exp(np.array(LOG_VARIANCE) / 2) * noise
    distortion = -np.mean([spoken(z[row], row)[0] for row in range(2)])
    rates = rate(MEAN, LOG_VARIANCE)
    charged = np.maximum(rates.mean(0), free_bits).sum()
    assert (rates.mean(0) < 0.6).any()
    assert found.distortion.item() == pytest.approx(distortion, rel=1e-5)
    assert found.rate.item() == pytest.approx(rates.sum(1).mean(), rel=1e-5)
    assert found.loss.item() == pytest.approx(distortion + 0.3 * charged, rel=1e-5)


def test_word_dropout_hides_its_share_of_the_tokens():
    ids = torch.full((200, 100), 3)
    encoder = Given([[0.0, 0.0]] * 200, [[0.0, 0.0]] * 200)
    built = SequenceVAE(encoder, Linear(), StandardNormal(2))
    for share in (0.2, 0.7):
        built.losses(Batch.of(ids), 1.0, ObjectiveConfig(word_dropout=share), generator(0))
        assert built.decoder.hidden.double().mean().item() == pytest.approx(share, abs=0.012)  # 3 standard deviations
        assert built.decoder.hidden.double().mean(1).std().item() == pytest.approx(
            math.sqrt(share * (1 - share)) / 10, rel=0.2
        )
    built.losses(Batch.of(ids), 1.0, ObjectiveConfig(), generator(0))
    assert built.decoder.hidden is None


# Bounds.


def test_the_rate_is_that_of_two_normal_densities():
    assert rate(1.0, 1.0) == pytest.approx((math.e - 1) / 2)  # a mean of 1 and a variance of e
    posterior = DiagonalGaussian(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, math.log(4)]]))
    found = closed_rate(posterior, StandardNormal(2), torch.zeros(1, 1, 2))
    assert found.item() == pytest.approx((math.e - 1) / 2 + (3 - math.log(4)) / 2)


def test_bounds_are_at_the_sample_and_the_rate_to_another_prior_too():
    noise = torch.randn(1, 2, 2, generator=generator(8))[0].double().numpy()
    width = np.exp(np.array(LOG_VARIANCE) / 2)
    z = np.array(MEAN) + width * noise
    spoke = [spoken(z[row], row)[0] for row in range(2)]
    plain, other = (vae().bounds(Batch.of(IDS), generator(8), prior) for prior in (None, Shifted()))
    assert plain.rate.tolist() == pytest.approx(rate(MEAN, LOG_VARIANCE).sum(1).tolist(), rel=1e-5)
    exact = norm.logpdf(z, MEAN, width).sum(1) - norm.logpdf(z, 1, 2).sum(1)
    assert other.rate.tolist() == pytest.approx(exact.tolist(), rel=1e-5)
    assert (
        plain.distortion.tolist() == other.distortion.tolist() == pytest.approx([-value for value in spoke], rel=1e-5)
    )
    assert Bounds(torch.tensor([2.0]), torch.tensor([3.0])).elbo.tolist() == [-5]


def test_the_importance_weighted_bound_is_the_log_of_the_mean_weight():
    weights = torch.tensor([[1.0, 4.0], [3.0, 4.0], [5.0, 16.0]]).log()
    assert importance_weighted_bound(weights).tolist() == pytest.approx([math.log(3), math.log(8)])
    width = np.exp(np.array(LOG_VARIANCE) / 2)
    noise = torch.randn(5, 2, 2, generator=generator(8)).double().numpy()
    z = np.array(MEAN) + width * noise
    for prior, centre, spread in ((None, 0, 1), (Shifted(), 1, 2)):
        own = norm.logpdf(z, MEAN, width).sum(2)
        logs = np.array([[spoken(z[k, row], row)[0] for row in range(2)] for k in range(5)])
        logs += norm.logpdf(z, centre, spread).sum(2) - own
        expected = np.log(np.exp(logs).mean(0))
        assert vae().iwae(IDS, 5, generator(8), prior).tolist() == pytest.approx(expected.tolist(), rel=1e-4)


def test_with_many_samples_the_bound_is_the_integral():
    """p(x) where only the first coordinate counts, by quadrature."""
    weights = torch.zeros(2, 5)
    weights[0] = WEIGHTS[0]
    built = vae([[0.0, 0.0]] * 2, [[0.3, 0.3]] * 2, Linear(weights))  # wider than the prior: no weight is large

    def joint(z):
        logits = z * WEIGHTS[0].double().numpy()
        chances = np.exp(logits) / np.exp(logits).sum()
        return chances[3] * chances[4] * chances[2] * norm.pdf(z)

    exact = math.log(quad(joint, -10, 10)[0])
    assert built.iwae(IDS, 2000, generator(0))[0].item() == pytest.approx(exact, abs=0.05)  # some two standard errors
