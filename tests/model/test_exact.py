"""Bounds against exact values: a linear-Gaussian model in closed form, and models small enough to enumerate."""

import math

import pytest
import torch
from model_cases import every_text, model, padded

from seqvae.data.tokens.batch import Batch
from seqvae.model.decoders import DECODERS
from seqvae.model.encoders import EOS
from seqvae.model.objective import importance_weighted_bound
from seqvae.model.posteriors import DiagonalGaussian
from seqvae.model.priors.gaussians import StandardNormal
from seqvae.model.rate import rate
from seqvae.runtime.device import generator


class LinearGaussian:
    """x = W z + noise with z ~ N(0, I): p(x) and p(z|x) are known exactly (Tipping & Bishop 1999)."""

    def __init__(self, seed: int = 0) -> None:
        rng = generator(seed)
        self.weight = torch.randn(5, 2, generator=rng, dtype=torch.float64)
        # Orthogonal columns: the exact posterior is then diagonal, and the VAE's family contains it.
        self.weight = torch.linalg.qr(self.weight).Q * torch.tensor([1.5, 0.6])
        self.noise = 0.3
        self.x = torch.randn(4, 5, generator=rng, dtype=torch.float64)

    def log_marginal(self):
        covariance = self.weight @ self.weight.t() + self.noise**2 * torch.eye(5)
        return torch.distributions.MultivariateNormal(torch.zeros(5).double(), covariance).log_prob(self.x)

    def log_likelihood(self, z):
        return torch.distributions.Normal(z @ self.weight.t(), self.noise).log_prob(self.x).sum(-1)

    def exact_posterior(self):
        precision = 1 + self.weight.square().sum(0) / self.noise**2
        mean = (self.x @ self.weight) / self.noise**2 / precision
        return DiagonalGaussian(mean, (-precision.log()).expand(4, 2))

    def log_weights(self, posterior, samples, seed=0):
        z = posterior.rsample(samples, generator(seed))
        return self.log_likelihood(z) + StandardNormal(2).log_prob(z) - posterior.log_prob(z)


def test_the_elbo_at_the_exact_posterior_is_the_marginal():
    case = LinearGaussian()
    posterior = case.exact_posterior()
    # Every importance weight is p(x) itself, so any number of samples gives it exactly.
    weights = case.log_weights(posterior, 3)
    torch.testing.assert_close(importance_weighted_bound(weights), case.log_marginal())
    torch.testing.assert_close(weights, case.log_marginal().expand(3, 4))
    # The same through distortion and closed-form rate, the distortion in closed form as well.
    residual = case.x - posterior.mean @ case.weight.t()
    spread = (case.weight.square() @ posterior.std.square().unsqueeze(-1)).squeeze(-1).sum(-1)
    distortion = 2.5 * math.log(2 * math.pi * case.noise**2) + (residual.square().sum(-1) + spread) / 2 / case.noise**2
    elbo = -(distortion + rate(posterior, StandardNormal(2), posterior.rsample(1, generator(0))))
    torch.testing.assert_close(elbo, case.log_marginal())


def test_the_elbo_falls_short_by_the_divergence_from_the_exact_posterior():
    case = LinearGaussian()
    exact = case.exact_posterior()
    rough = DiagonalGaussian(exact.mean + 0.1, exact.log_variance + 0.3)
    divergence = torch.distributions.kl_divergence(
        torch.distributions.Normal(rough.mean, rough.std), torch.distributions.Normal(exact.mean, exact.std)
    ).sum(-1)
    weights = case.log_weights(rough, 400_000)
    error = weights.std(0) / math.sqrt(len(weights))
    assert ((weights.mean(0) - (case.log_marginal() - divergence)).abs() < 4 * error).all()


def grid(points: int = 41, reach: float = 6.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Gauss-like quadrature of the 2-d standard normal: a fine grid is exact to many digits for smooth functions."""
    axis = torch.linspace(-reach, reach, points)
    z = torch.cartesian_prod(axis, axis)
    log_weights = StandardNormal(2).log_prob(z)
    return z, log_weights - log_weights.logsumexp(0)


@pytest.fixture(scope="module", params=DECODERS)
def tiny(request):
    """A model over two letters and at most three of them, latent 2, with all its texts and their exact log p(x)."""
    built = model(decoder=request.param, latent=2)
    with torch.no_grad():
        for parameter in built.decoder.parameters():
            parameter.mul_(2.0)
    texts = padded(every_text(3, (3, 4)), 3)
    z, log_weights = grid()
    with torch.no_grad():
        by_point = torch.stack([built.log_likelihood(z, row.expand(len(z), -1)) for row in texts])
        exact = (by_point + log_weights).logsumexp(1)
    return built, texts, exact


def test_elbo_below_iwae_below_log_p(tiny):
    built, texts, exact = tiny
    samples = 64
    with torch.no_grad():
        posterior = built.posterior(texts)
        z = posterior.rsample(samples * 50, generator(0))
        likelihood = built.log_likelihood(z.flatten(0, 1), texts.repeat(len(z), 1)).view(len(z), -1)
        weights = likelihood + built.prior.log_prob(z) - posterior.log_prob(z)
    elbo, elbo_error = weights.mean(0), weights.std(0) / math.sqrt(len(weights))
    bounds = {k: torch.stack([importance_weighted_bound(part) for part in weights.split(k)]) for k in (5, samples)}
    means = {k: value.mean(0) for k, value in bounds.items()}
    errors = {k: value.std(0) / math.sqrt(len(value)) for k, value in bounds.items()}
    assert (elbo <= means[5] + 4 * (elbo_error + errors[5])).all()
    assert (means[5] <= means[samples] + 4 * (errors[5] + errors[samples])).all()
    assert (means[samples] <= exact + 4 * errors[samples] + 1e-4).all()
    # And it is a tight bound, not any number below.
    assert (exact - importance_weighted_bound(weights)).abs().max() < 0.25


def test_the_methods_of_the_model_are_these_bounds(tiny):
    built, texts, exact = tiny
    with torch.no_grad():
        assert (built.iwae(texts, 400, generator(0)) - exact).abs().max() < 0.5
        draws = built.bounds(Batch.of(texts.repeat(300, 1)), generator(0)).elbo.view(300, -1)
    error = draws.std(0) / math.sqrt(len(draws))
    assert (draws.mean(0) <= exact + 4 * error).all()


def test_probabilities_of_all_texts_sum_to_at_most_one(tiny):
    """Texts over all letters up to the longest: what is missing is the mass of longer texts."""
    built, _, _ = tiny
    texts = padded(every_text(2, tuple(range(3, 9))), 3)
    z = torch.randn(5, 2, generator=generator(0))
    with torch.no_grad():
        for point in z:
            total = built.log_likelihood(point.expand(len(texts), -1), texts).exp().sum().item()
            logits = built.decoder(point.expand(36, -1), padded(every_text(2, tuple(range(3, 9)))[7:], 3))
            prefix = logits.log_softmax(-1).gather(2, texts[7:].unsqueeze(2)).squeeze(2)[:, :2].sum(1)
            goes_on = (prefix.exp() * (1 - logits.softmax(-1)[:, 2, EOS])).sum().item()
            assert total + goes_on == pytest.approx(1.0, abs=1e-5)
