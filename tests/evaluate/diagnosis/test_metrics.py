"""The metrics of a diagnosis: exact values where they exist, independent references elsewhere."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from codec_cases import dna, untrained

from seqvae.evaluate.diagnosis.information import information, information_bounds, moments_kl
from seqvae.evaluate.diagnosis.likelihood import Weighed, likelihood, weigh
from seqvae.model.decoders import DECODERS
from seqvae.model.posteriors import DiagonalGaussian, FullGaussian
from seqvae.model.priors.gaussians import StandardNormal
from seqvae.model.priors.mixture import GaussianMixture
from seqvae.runtime.device import generator

# Likelihood.


def quadrature(points=41, reach=6.0, latent=3):
    """N(0, I) on a grid, which is exact to many digits for smooth functions."""
    axes = [torch.linspace(-reach, reach, points)] * latent
    z = torch.cartesian_prod(*axes)
    log_weights = StandardNormal(latent).log_prob(z)
    return z, log_weights - log_weights.logsumexp(0)


def exact_log_p(codec, texts, points=17):
    """log p(x) of each text by the integral over z."""
    z, log_weights = quadrature(points)
    found = torch.empty(len(texts))
    with torch.no_grad():
        for rows, tokens in codec.batches(texts, 1):
            by_point = codec.model.log_likelihood(z, tokens.expand(len(z), *tokens.shape[1:]))
            found[rows] = (by_point + log_weights).logsumexp(0)
    return found


@pytest.mark.parametrize("decoder", DECODERS)
def test_elbo_below_iwae_below_log_p_row_by_row(decoder):
    codec = untrained(decoder=decoder, scale=1.2)
    texts = codec.tokenize(["A", "C", "AC", "GT", "TTT", "ACG", "CCC", "GATC"])
    exact = exact_log_p(codec, texts)
    found = weigh(codec, texts, 200)
    elbo = -(found.rate + found.distortion)
    error = found.log_weights.std(0) / math.sqrt(200)
    assert (-found.nll >= found.log_weights.mean(0) - 1e-9).all()  # Jensen, of the same samples
    assert (elbo <= -found.nll + 4 * error).all()
    assert (elbo <= exact + 4 * error).all()
    # log of a mean of weights has the standard error 1 / sqrt(effective samples)
    assert (-found.nll <= exact + 4 / found.effective_samples.sqrt()).all()
    many = weigh(codec, texts, 600, seed=1)
    assert ((many.nll + exact).abs() < 4 / many.effective_samples.sqrt()).all()
    few = -torch.stack([-part.logsumexp(0) + math.log(5) for part in many.log_weights.split(5)])
    spread = few.std(0) / math.sqrt(len(few))
    assert (few.mean(0) <= exact + 4 * spread).all()  # IWAE_5 is a bound on average
    assert (few.mean(0) >= elbo - 4 * (spread + error)).all()


def test_parts_and_positions_sum_to_the_elbo():
    codec = untrained()
    texts = codec.tokenize([*dna(30), "ACGNA"])
    weighed = weigh(codec, texts, 7)
    found = likelihood(weighed, texts)
    assert sum(found.distortion_by_position) + found.rate == pytest.approx(found.negative_elbo, abs=1e-5)
    assert found.reached_by_position[0] == 1.0
    ends = [len(form) + 1 for form in texts.forms]
    assert found.reached_by_position == pytest.approx([sum(end > t for end in ends) / 31 for t in range(max(ends))])
    bounds = [codec.bounds(texts, seed) for seed in range(20)]
    assert found.rate == pytest.approx(bounds[0].rate.mean().item(), rel=1e-5)
    distortions = torch.stack([one.distortion for one in bounds])
    error = distortions.std(0) / math.sqrt(20) + distortions.std(0) / math.sqrt(7)
    assert ((weighed.distortion - distortions.mean(0)).abs() < 5 * error).all()


def test_units_of_the_same_nats():
    codec = untrained()
    texts = codec.tokenize(["ACG", "AC"])
    weighed = weigh(codec, texts, 3)
    found = likelihood(weighed, texts)
    nats = found.nll * 2
    assert found.bits_per_character == pytest.approx(nats / math.log(2) / 5)
    assert found.bits_per_token == pytest.approx(nats / math.log(2) / 7)  # an end each
    assert found.negative_elbo_bits_per_token == pytest.approx(2 * found.negative_elbo / math.log(2) / 7)
    first, second = weighed.nll.tolist()
    assert found.nll_error == pytest.approx(abs(first - second) / 2)  # of two values: their distance halved


def test_batches_change_nothing():
    codec = untrained()
    texts = codec.tokenize(dna(20))
    told = []
    one, other = weigh(codec, texts, 12, batch_size=3, progress=lambda *at: told.append(at)), weigh(codec, texts, 12)
    torch.testing.assert_close(one.log_weights, other.log_weights, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(one.positions, other.positions, atol=1e-5, rtol=1e-5)
    assert told == [(10, 12), (12, 12)]


def made(posterior, **parts):
    """Weighed texts with these posteriors, of which nothing but the rate is known."""
    rates = 0.5 * (posterior.mean.square() + posterior.log_variance.exp() - 1 - posterior.log_variance).sum(1)
    none = torch.zeros(len(posterior), dtype=torch.float64)
    weighed = Weighed(posterior, rates.double(), none, none[:1], none[:1], none.expand(3, -1))
    return replace(weighed, **parts)


def test_effective_samples_of_known_weights():
    posterior = DiagonalGaussian(torch.zeros(2, 1), torch.zeros(2, 1))
    weights = torch.tensor([[1.0, 1.0], [1.0, 3.0], [1.0, 0.0]], dtype=torch.float64)
    found = made(posterior, log_weights=weights.log() - 700)
    assert found.effective_samples.tolist() == pytest.approx([3.0, 16 / 10])
    assert found.nll.tolist() == pytest.approx([700.0, 700 - math.log(4 / 3)])
    gain = torch.tensor([[0.0, 1.0]]).expand(3, -1)
    assert replace(found, fitted_gain=gain).nll_fitted.tolist() == pytest.approx([700.0, 699 - math.log(4 / 3)])


# Information and the aggregate posterior.

GRID = np.linspace(-15, 15, 60_001)


def on_grid(mean, std):
    q = np.exp(-0.5 * ((GRID - mean[:, None]) / std[:, None]) ** 2) / (std[:, None] * math.sqrt(2 * math.pi))
    return q, q.mean(0)


def integral(values):
    return float(np.trapezoid(values, GRID))


def gaussians(mean, std):
    return DiagonalGaussian(torch.tensor(mean).float(), 2 * torch.tensor(std).float().log())


@pytest.mark.parametrize("spread", [0.0, 0.5, 2.0])
def test_information_of_these_texts_and_their_divergence_from_the_prior_are_the_integrals(spread):
    mean, std = spread * np.linspace(-1.5, 1.5, 6), np.array([0.3, 0.5, 1.0, 0.4, 0.8, 0.6])
    q, mixture = on_grid(mean, std)
    with np.errstate(divide="ignore", invalid="ignore"):
        mutual = integral(np.where(q > 0, q * np.log(q / mixture), 0).mean(0))
        prior = np.exp(-0.5 * GRID**2) / math.sqrt(2 * math.pi)
        divergence = integral(np.where(mixture > 1e-300, mixture * np.log(mixture / prior), 0))
    weighed = made(gaussians(mean[:, None], std[:, None]))
    found = information(weighed, StandardNormal(1), samples=4000)
    assert found.mutual_information == pytest.approx(mutual, abs=0.02)
    assert found.marginal_kl == pytest.approx(divergence, abs=0.02)
    assert found.mutual_information_limit == pytest.approx(math.log(6))
    assert found.means[0] == pytest.approx(integral(GRID * mixture), abs=1e-4)
    assert found.variances[0] == pytest.approx(integral((GRID - found.means[0]) ** 2 * mixture), abs=1e-4)
    assert found.moments_kl <= divergence + 1e-6
    assert found.active_units == int(np.var(mean) > 0.01)


@pytest.mark.parametrize("latent", [1, 2])
@pytest.mark.parametrize("variance", [0.5, 0.1])
def test_the_interval_holds_the_information_of_the_population(latent, variance):
    """Means from N(0, 1 - v), variance v: q(z) is N(0, I), the rate is the information, -1/2 log v a dimension."""
    rng = generator(3)
    mean = math.sqrt(1 - variance) * torch.randn(800, latent, generator=rng)
    weighed = made(DiagonalGaussian(mean, torch.full_like(mean, math.log(variance))))
    found = information(weighed, StandardNormal(latent), samples=4)
    exact = -0.5 * latent * math.log(variance)
    assert found.mutual_information_low < exact < found.mutual_information_high
    assert found.mutual_information_high - found.mutual_information_low < 0.35 * latent
    assert found.marginal_kl_low <= 0.02  # q(z) is the prior
    assert found.marginal_kl_high > 0
    assert abs(found.mean_shift) < 0.12
    assert found.largest_variance == pytest.approx(1, abs=0.1)


def test_others_bound_from_above_and_all_from_below():
    rng = generator(0)
    posterior = DiagonalGaussian(torch.randn(40, 2, generator=rng), -torch.rand(40, 2, generator=rng))
    low, high = information_bounds(posterior, generator(1), samples=50)
    assert low.mean() < high.mean()
    z = posterior.to(torch.float64).rsample(50, generator(1))
    table = torch.stack([posterior.to(torch.float64).pairwise_log_prob(part) for part in z])
    own = table.diagonal(dim1=1, dim2=2)
    by_hand = (own - table.exp().mean(2).log()).mean(0)
    torch.testing.assert_close(low, by_hand)
    others = ((table.exp().sum(2) - own.exp()) / 39).log()
    torch.testing.assert_close(high, (own - others).mean(0))


def test_a_collapsed_posterior_tells_nothing():
    weighed = made(DiagonalGaussian(torch.zeros(50, 3), torch.zeros(50, 3)))
    found = information(weighed, StandardNormal(3))
    assert found.mutual_information == pytest.approx(0, abs=1e-12)
    assert found.mutual_information_high == pytest.approx(0, abs=1e-12)
    assert (found.active_units, found.marginal_kl, found.moments_kl) == pytest.approx((0, 0, 0), abs=1e-9)


def test_moments_of_another_prior_are_those_of_its_draws():
    prior = GaussianMixture(2, 3)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator(2)) * 0.5)
    z = prior.sample(3000, generator(1))
    found = information(made(DiagonalGaussian(z, torch.full_like(z, -14.0))), prior)
    assert found.moments_kl is None
    assert found.mean_shift < 0.08
    assert (found.smallest_variance, found.largest_variance) == pytest.approx((1, 1), abs=0.1)


def test_moments_of_a_gaussian_are_its_divergence():
    """KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1 - log s^2) / 2: 0.5 for m = 1, s = 1; 0.8069 for s = 2."""
    found = moments_kl(torch.tensor([1.0, 0.0]).double(), torch.tensor([1.0, 4.0]).double())
    assert found == pytest.approx(0.5 + 0.5 * (3 - math.log(4)))


def test_full_covariances_are_bounded_too():
    rng = generator(4)
    posterior = FullGaussian(torch.randn(30, 2, generator=rng), 0.3 * torch.randn(30, 3, generator=rng))
    low, high = information_bounds(posterior, generator(1), samples=20)
    assert low.mean() < high.mean()
    assert low.mean() < math.log(30)
