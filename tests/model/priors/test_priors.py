"""Laws of every fitted prior: a density that integrates to one, samples of it, and numbers that come back."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from model_cases import model
from scipy.stats import multivariate_normal

from seqvae.model.layers.triangle import lower_triangle
from seqvae.model.priors.flow import FlowPrior
from seqvae.model.priors.gaussians import StandardNormal
from seqvae.model.priors.mixture import GaussianMixture
from seqvae.model.priors.registry import prior_from_dict, prior_to_dict
from seqvae.runtime.device import generator


def spoiled(prior, scale=0.3, seed=0):
    """Move every trainable and stored number, so that the density is no Gaussian."""
    rng = generator(seed, 7)
    with torch.no_grad():
        for value in prior.parameters():
            value.add_(scale * torch.randn(value.shape, generator=rng))
    return prior.eval()


def mixture(latent, seed=0):
    """Three Gaussians with full covariances."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(3, latent, latent)) * 0.4
    covariances = factors @ factors.transpose(0, 2, 1) + 0.3 * np.eye(latent)
    parts = (np.array([0.5, 0.3, 0.2]), rng.normal(size=(3, latent)), covariances)
    return GaussianMixture.from_moments(*map(torch.from_numpy, parts)).float().eval()


def learned(kind, latent, **more):
    """A model's own prior, all its numbers moved."""
    vae = model(prior=kind, latent=latent, **more).requires_grad_(False)
    spoiled(vae.encoder.family, 0.1)
    return spoiled(vae.prior, 0.2)


PRIORS = {
    "normal": StandardNormal,
    "gaussian": lambda latent: spoiled(GaussianMixture(latent), 0.2),
    "mixture": mixture,
    "coupling": lambda latent: spoiled(FlowPrior(latent, layers=2, width=8, groups=2)),
    "autoregressive": lambda latent: spoiled(FlowPrior(latent, layers=3, width=8, groups=max(2, latent))),
    "untrained": lambda latent: FlowPrior(latent, layers=2, width=8).eval(),
    "learned": lambda latent: learned("flow", latent, prior_layers=2, prior_width=8, prior_groups=2),
    "vamp": lambda latent: learned("vamp", latent, prior_components=3),
    "vamp-iaf": lambda latent: learned("vamp", latent, posterior="iaf", posterior_width=8, posterior_groups=2),
}
FITTED = [name for name in PRIORS if name not in ("normal", "vamp", "vamp-iaf")]
STEP = 0.09  # of the quadrature in two dimensions
EVERY = pytest.mark.parametrize("name", PRIORS)
EVERY_FITTED = pytest.mark.parametrize("name", FITTED)


def grid():
    """Nodes of a quadrature over the plane."""
    side = torch.arange(-9, 9, STEP)
    return torch.cartesian_prod(side, side)


@EVERY
def test_the_density_integrates_to_one(name):
    with torch.no_grad():
        line = torch.linspace(-25, 25, 5_001, dtype=torch.float64).unsqueeze(1)
        total = PRIORS[name](1).double().log_prob(line).exp().sum() * 50 / 5_000
        assert total.item() == pytest.approx(1, abs=1e-4)
        total = PRIORS[name](2).double().log_prob(grid().double()).exp().sum() * STEP**2
        assert total.item() == pytest.approx(1, abs=3e-3)


@EVERY
def test_samples_are_of_the_density(name):
    """Moments and mean log density of samples against those under the density, by quadrature."""
    prior = PRIORS[name](2)
    nodes = grid()
    with torch.no_grad():
        weights = prior.log_prob(nodes).exp() * STEP**2
        points = prior.sample(10_000, generator(0, 1))
        found = prior.log_prob(points)
        expected = weights * prior.log_prob(nodes).nan_to_num(neginf=0.0)
    assert points.shape == (10_000, 2)
    assert found.mean().item() == pytest.approx(expected.sum().item(), abs=5 * found.std().item() / 100)
    for power in (1, 2, 3):
        truth = (weights.unsqueeze(1) * nodes**power).sum(0)
        error = 5 * (points**power).std(0) / 100
        assert ((points**power).mean(0) - truth).abs().le(error + 1e-3).all()
    truth = (weights * nodes.prod(1)).sum()
    assert (points.prod(1).mean() - truth).abs() < 5 * points.prod(1).std() / 100 + 1e-3


@EVERY
@pytest.mark.parametrize("latent", [1, 3, 8])
def test_draws_follow_the_seed_and_leave_the_global_generator(name, latent):
    torch.manual_seed(5)
    state = torch.get_rng_state()
    prior = PRIORS[name](latent)
    first = prior.sample(100, generator(3, 1))
    assert torch.equal(first, prior.sample(100, generator(3, 1)))
    assert not torch.equal(first, prior.sample(100, generator(4, 1)))
    assert first.shape == (100, latent)
    assert torch.isfinite(first).all()
    assert not first.requires_grad
    assert torch.equal(torch.get_rng_state(), state)


@EVERY
def test_any_batch_shape_has_the_same_density(name):
    prior = PRIORS[name](3)
    z = torch.randn(4, 5, 3, generator=generator(1))
    with torch.no_grad():
        whole = prior.log_prob(z)
        assert whole.shape == (4, 5)
        torch.testing.assert_close(prior.log_prob(z[2, 1]), whole[2, 1])
        torch.testing.assert_close(prior.log_prob(z[2]), whole[2])


@EVERY_FITTED
def test_numbers_come_back_bit_for_bit(name):
    prior = PRIORS[name](4)
    again = prior_from_dict(prior_to_dict(prior), prior.tensors())
    assert all(torch.equal(value, again.tensors()[key]) for key, value in prior.tensors().items())
    z = prior.sample(50, generator(2))
    assert torch.equal(prior.log_prob(z), again.log_prob(z))
    assert torch.equal(z, again.sample(50, generator(2)))


@EVERY_FITTED
def test_half_precision_is_close(name):
    prior = PRIORS[name](4)
    half = prior_from_dict(prior_to_dict(prior), {key: value.half() for key, value in prior.tensors().items()})
    z = prior.sample(500, generator(2))
    with torch.no_grad():
        assert (half.log_prob(z) - prior.log_prob(z)).abs().max() < 0.1
        assert (half.log_prob(z) - prior.log_prob(z)).mean().abs() < 0.01
    assert half.log_prob(z).dtype == torch.float32


@settings(max_examples=15)
@given(st.integers(1, 5), st.integers(0, 1000))
def test_one_component_is_the_gaussian(latent, seed):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(latent, latent))
    mean, covariance = rng.normal(size=latent), factor @ factor.T + 0.1 * np.eye(latent)
    parts = (np.ones(1), mean[None], covariance[None])
    prior = GaussianMixture.from_moments(*map(torch.from_numpy, parts))
    z = rng.normal(size=(20, latent))
    expected = multivariate_normal(mean, covariance).logpdf(z)
    np.testing.assert_allclose(prior.log_prob(torch.from_numpy(z)).numpy(), expected, rtol=1e-9)
    flow = FlowPrior(latent, layers=2, width=8).double()
    flow.whiten(torch.from_numpy(mean), torch.from_numpy(covariance))
    np.testing.assert_allclose(flow.log_prob(torch.from_numpy(z)).detach().numpy(), expected, rtol=1e-6)


def test_a_mixture_is_that_of_scikit_learn():
    from sklearn.mixture import GaussianMixture as Reference

    rng = np.random.default_rng(0)
    data = np.concatenate([rng.normal(size=(300, 3)) * 0.3 + 2, rng.normal(size=(500, 3)) @ rng.normal(size=(3, 3))])
    reference = Reference(4, random_state=0, max_iter=200, tol=1e-2).fit(data)
    parts = (reference.weights_, reference.means_, reference.covariances_)
    prior = GaussianMixture.from_moments(*map(torch.from_numpy, parts))
    z = rng.normal(size=(200, 3)) * 3
    np.testing.assert_allclose(prior.log_prob(torch.from_numpy(z)).numpy(), reference.score_samples(z), rtol=1e-9)


def test_samples_mean_log_density_is_minus_the_entropy():
    covariance = torch.tensor([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]], dtype=torch.float64)
    prior = GaussianMixture.from_moments(torch.ones(1), torch.zeros(1, 3).double(), covariance.unsqueeze(0))
    entropy = 0.5 * torch.logdet(2 * math.pi * math.e * covariance).item()
    points = prior.sample(100_000, generator(0))
    assert -prior.log_prob(points).mean().item() == pytest.approx(entropy, abs=0.02)


@pytest.mark.parametrize("groups", [2, 3, 6])
def test_a_flow_is_inverted_by_its_sampling(groups):
    """The Jacobian of the sampling, by differences, has the density that `log_prob` says."""
    prior = spoiled(FlowPrior(6, layers=3, width=16, groups=groups)).double()
    noise = torch.randn(6, dtype=torch.float64, generator=generator(0))

    def carried(x):
        for step in reversed(prior.steps):
            x = step().inv(x)
        return prior.mean + lower_triangle(prior.factor, 6) @ x

    jacobian = torch.autograd.functional.jacobian(carried, noise)
    expected = StandardNormal(6).log_prob(noise) - torch.linalg.slogdet(jacobian).logabsdet
    assert prior.log_prob(carried(noise)).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"kind": "vamp", "latent": 2}, "expected a prior of kind mixture or flow, got 'vamp'"),
        ({"kind": "mixture", "latent": 2.5}, "expected whole numbers as settings"),
        ({"kind": "mixture", "latent": 0}, "latent: expected a number from 1, got 0"),
        ({"kind": "mixture", "latent": 2, "components": 0}, "components: expected a number from 1, got 0"),
        ({"kind": "flow", "latent": 2, "width": 0}, "width: expected a number from 1, got 0"),
        ({"kind": "flow", "latent": 2, "groups": 1}, "groups: expected a number from 2, got 1"),
        ({"kind": "mixture", "latent": 3}, "means: expected shape"),
        ({"kind": "flow", "latent": 2}, "expected the tensors"),
    ],
)
def test_a_wrong_record_is_named(record, words):
    with pytest.raises(ValueError, match=words):
        prior_from_dict(record, GaussianMixture(2).tensors())


def test_numbers_that_are_none_are_refused():
    tensors = GaussianMixture(2).tensors()
    with pytest.raises(ValueError, match="means: holds NaN or infinite numbers"):
        GaussianMixture(2).load_tensors({**tensors, "means": torch.full((1, 2), math.nan)})
    with pytest.raises(ValueError, match="positive definite"):
        GaussianMixture.from_moments(torch.ones(1), torch.zeros(1, 2), -torch.eye(2).unsqueeze(0))
    with pytest.raises(ValueError, match="positive weights"):
        GaussianMixture.from_moments(torch.zeros(1), torch.zeros(1, 2), torch.eye(2).unsqueeze(0))
