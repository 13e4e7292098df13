"""Laws of every posterior against every prior, through every decoder: the rate, the densities, the bounds, learning."""

import math
from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import LATENT, every_text, model, padded, tokens
from scipy.stats import multivariate_normal

from seqvae.config import ObjectiveConfig
from seqvae.data.tokens.batch import Batch
from seqvae.model.decoders import DECODERS
from seqvae.model.families import POSTERIORS, AutoregressiveFamily
from seqvae.model.inference.refine import refined
from seqvae.model.objective import importance_weighted_bound
from seqvae.model.posteriors import DiagonalGaussian, FullGaussian, Posterior
from seqvae.model.priors.flow import FlowPrior
from seqvae.model.priors.gaussians import StandardNormal
from seqvae.model.priors.mixture import GaussianMixture
from seqvae.model.priors.registry import PRIORS
from seqvae.model.rate import CLOSED_FORMS, rate, rate_parts
from seqvae.runtime.device import generator

BATCH, MANY = 4, 40_000
GAUSSIANS = ["diagonal", "full"]
SMALL = {"posterior_width": 8, "posterior_groups": 3, "prior_layers": 2, "prior_width": 8, "prior_components": 3}
all_posteriors = pytest.mark.parametrize("posterior", POSTERIORS)
all_pairs = pytest.mark.parametrize(("posterior", "prior"), list(product(POSTERIORS, PRIORS)))
all_triples = pytest.mark.parametrize(("posterior", "prior", "decoder"), list(product(POSTERIORS, PRIORS, DECODERS)))


def posterior_of(name: str, latent: int = LATENT, seed: int = 0, scale: float = 0.6) -> Posterior:
    """Random rows of a kind, in double precision; scale 0 puts each at N(0, I)."""
    family = model(posterior=name, latent=latent, **SMALL).encoder.family.double()
    away(family, 0.5 * scale, seed)
    return family(scale * torch.randn(BATCH, family.size, generator=generator(seed), dtype=torch.float64))


def away(part: torch.nn.Module, by: float, seed: int = 0) -> None:
    """Move the weights of a part away from where its learning begins, at which some have no gradient."""
    with torch.no_grad():
        for value in part.parameters():
            value.add_(by * torch.randn(value.shape, generator=generator(seed, 6)))


def conditions_of(prior: str) -> dict[str, object]:
    """What a model needs besides for this prior."""
    return {"conditions": "a,b"} if prior == "conditional" else {}


def batch_of(ids: torch.Tensor, prior: str) -> Batch:
    """A batch of these texts; for a conditional prior some conditions are known."""
    if prior != "conditional":
        return Batch.of(ids)
    conditions = torch.randn(len(ids), 2, generator=generator(2))
    conditions[0, 1] = math.nan
    return Batch(ids, ids, conditions=conditions)


def prior_of(name: str, latent: int = LATENT, seed: int = 0) -> torch.nn.Module:
    """A prior far from where its learning begins, in double precision."""
    built = model(prior=name, latent=latent, **SMALL, **conditions_of(name)).prior.double()
    with torch.no_grad():
        for value in built.parameters():
            value.add_(0.5 * torch.randn(value.shape, generator=generator(seed, 5)))
    return built


def kind_of(prior: torch.nn.Module) -> str:
    return prior.kind


def covariance(posterior: Posterior) -> torch.Tensor:
    """The covariance of each row, from its samples' own map: the images of the unit vectors are the columns of L."""
    unit = torch.eye(LATENT, dtype=torch.float64).unsqueeze(1)
    columns = posterior.deviation(unit).permute(1, 2, 0)
    return columns @ columns.transpose(1, 2)


def reference(posterior: Posterior) -> torch.distributions.MultivariateNormal:
    return torch.distributions.MultivariateNormal(posterior.mean, covariance(posterior))


def mean_and_error(draws: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return draws.mean(0), draws.std(0) / math.sqrt(len(draws))


# Densities.


@pytest.mark.parametrize("posterior", GAUSSIANS)
def test_a_density_is_that_of_its_samples(posterior):
    q = posterior_of(posterior)
    z = q.rsample(MANY, generator(1))
    torch.testing.assert_close(q.log_prob(z[:50]), reference(q).log_prob(z[:50]))
    torch.testing.assert_close(z.mean(0), q.mean, atol=0.05, rtol=0)
    torch.testing.assert_close(z.std(0), q.std, rtol=0.03, atol=0)
    found, error = mean_and_error(q.log_prob(z))
    assert ((found + reference(q).entropy()).abs() < 4 * error).all()
    torch.testing.assert_close(q.std, covariance(q).diagonal(dim1=1, dim2=2).sqrt())
    mixed = q.moments()
    torch.testing.assert_close(mixed[0], q.mean.mean(0))
    torch.testing.assert_close(mixed[1], covariance(q).mean(0) + torch.cov(q.mean.T, correction=0))


@all_posteriors
def test_moments_are_those_of_samples(posterior):
    q = posterior_of(posterior)
    z = q.rsample(MANY, generator(1)).detach()
    torch.testing.assert_close(q.std.detach(), z.std(0), rtol=0.15, atol=0)
    mean, spread = q.moments()
    torch.testing.assert_close(mean, z.flatten(0, 1).mean(0), atol=0.06, rtol=0)
    torch.testing.assert_close(spread, torch.cov(z.flatten(0, 1).T), atol=0.15, rtol=0.05)
    assert bool((torch.linalg.eigvalsh(spread) > 0).all())


@all_posteriors
def test_a_density_integrates_to_one(posterior):
    axis = torch.linspace(-12, 12, 161, dtype=torch.float64)
    with torch.no_grad():
        found = posterior_of(posterior, latent=2).pairwise_log_prob(torch.cartesian_prod(axis, axis)).exp().sum(0)
    torch.testing.assert_close(found * (axis[1] - axis[0]) ** 2, torch.ones(BATCH).double(), atol=2e-3, rtol=0)


@all_posteriors
def test_the_density_of_a_sample_is_that_of_its_noise_and_jacobian(posterior):
    """By automatic differentiation: log N(noise; 0, I) - log |det d z / d noise|, for three dimensions."""
    q, noise = posterior_of(posterior), torch.randn(BATCH, LATENT, generator=generator(2), dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(lambda part: q.at(part).sum(0), noise).permute(1, 0, 2)
    expected = StandardNormal(LATENT).log_prob(noise) - torch.linalg.slogdet(jacobian).logabsdet
    z = q.at(noise)
    torch.testing.assert_close(q.log_prob(z), expected)  # as it was drawn
    torch.testing.assert_close(q.log_prob(z.clone()), expected)  # and as any point
    z += 0.1  # a sample that has been changed is another point
    assert not torch.allclose(q.log_prob(z), expected)
    torch.testing.assert_close(q.log_prob(z), q.log_prob(z.clone()))


@all_posteriors
def test_gradients_of_a_density_are_the_same_remembered_or_found(posterior):
    q = posterior_of(posterior)
    free, back = q.free_parameters()
    found = []
    for as_drawn in (True, False):
        again = back(free)
        z = again.rsample(2, generator(1))
        density = again.log_prob(z if as_drawn else z.clone())
        found.append(torch.autograd.grad((density + z.square().sum(-1)).sum(), free))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


@all_posteriors
def test_no_rows_are_a_batch_too(posterior):
    q = posterior_of(posterior).rows(slice(0, 0))
    assert len(q) == 0
    assert q.mean.shape == q.std.shape == (0, LATENT)
    assert q.rows(slice(0, 0)).to(torch.float32).mean.shape == (0, LATENT)


def test_what_is_encoded_without_gradients_has_none():
    vae = built("iaf", "normal")
    with torch.no_grad():
        q = vae.posterior(tokens([2, 4]))
    for found in (q.mean, q.std, q.rsample(2, generator(0)), q.log_prob(torch.zeros(2, LATENT)), *q.moments()):
        assert not found.requires_grad
    z = torch.zeros(2, LATENT, requires_grad=True)
    assert torch.autograd.grad(q.log_prob(z).sum(), z)[0].abs().min() > 0


def test_an_autoregressive_flow_by_hand():
    """One layer, two dimensions: z1 is the Gaussian's, z2 = exp(a) x2 + b with a and b from z1 and the context."""
    family = AutoregressiveFamily(2, layers=1, width=4, groups=2).double()
    away(family, 0.5)
    numbers = torch.tensor([[0.3, -0.2, 0.5, -1.0, 0.1, 0.7, -0.4, 1.2]]).double()
    q, noise = family(numbers), torch.tensor([[0.9, -1.1]]).double()
    x = torch.tensor([0.3 + math.exp(0.25) * 0.9, -0.2 + math.exp(-0.5) * -1.1]).double()
    hyper = family.layers[0].hyper
    (_, _), (shift, raw) = hyper(torch.cat([x, numbers[0, 4:]])).reshape(2, 2).detach()
    (b1, a1), _ = hyper(torch.cat([x, numbers[0, 4:]])).reshape(2, 2).detach()
    bounded = [float(a / (1 + abs(a / math.log(1e-3)))) for a in (a1, raw)]  # zuko's, so that no scale is below 1e-3
    expected = [math.exp(bounded[0]) * x[0] + b1, math.exp(bounded[1]) * x[1] + shift]
    z = q.at(noise)
    assert z[0].tolist() == pytest.approx([float(value) for value in expected])
    normal = sum(-0.5 * (e * e + math.log(2 * math.pi)) for e in (0.9, -1.1))
    assert q.log_prob(z).item() == pytest.approx(normal - 0.25 + 0.5 - sum(bounded))


def test_a_fresh_autoregressive_flow_is_a_diagonal_gaussian():
    family = AutoregressiveFamily(LATENT, layers=3, width=8, groups=3)
    numbers = torch.randn(BATCH, family.size, generator=generator(0))
    q, plain = family(numbers), DiagonalGaussian(numbers[:, :LATENT], numbers[:, LATENT : 2 * LATENT])
    z = plain.rsample(5, generator(0))
    torch.testing.assert_close(q.rsample(5, generator(0)), z)
    torch.testing.assert_close(q.log_prob(z), plain.log_prob(z), atol=1e-5, rtol=1e-5)


def test_a_full_covariance_by_hand():
    """L = [[1, 0], [0.5, e^-1]]: SciPy's density, and the row by row order of the numbers."""
    q = FullGaussian(torch.tensor([[1.0, -2.0]]).double(), torch.tensor([[0.0, 0.5, -1.0]]).double())
    matrix = torch.tensor([[1.0, 0.5], [0.5, 0.25 + math.exp(-2)]]).double()
    torch.testing.assert_close(q.factor()[0] @ q.factor()[0].T, matrix)
    at = [0.3, -0.7]
    expected = multivariate_normal([1.0, -2.0], matrix.numpy()).logpdf(at)
    assert q.log_prob(torch.tensor([at]).double()).item() == pytest.approx(expected)
    assert q.std[0].tolist() == pytest.approx([1.0, math.sqrt(0.25 + math.exp(-2))])


@all_posteriors
def test_every_point_under_every_row(posterior):
    q, points = posterior_of(posterior), torch.randn(7, LATENT, generator=generator(3), dtype=torch.float64)
    one_by_one = torch.stack([q.log_prob(point.expand(BATCH, -1)) for point in points])
    torch.testing.assert_close(q.pairwise_log_prob(points), one_by_one)


@all_posteriors
def test_rows_and_copies_are_the_same_densities(posterior):
    q = posterior_of(posterior)
    z = q.rsample(3, generator(0)).clone()  # no samples that one of them remembers
    again = Posterior.cat([q.rows(slice(0, 1)), q.rows(torch.tensor([3, 1, 2]))]).rows(torch.tensor([0, 2, 3, 1]))
    free, back = q.free_parameters()
    for other in (again, back(free), q.to("cpu"), q.with_numbers(q.numbers)):
        assert type(other) is type(q)
        assert torch.equal(other.mean, q.mean)
        assert torch.equal(other.log_prob(z), q.log_prob(z))
    assert len(q) == BATCH
    assert len(q.rows(slice(1, 3))) == 2
    assert q.to(torch.float32).mean.dtype == torch.float32
    assert all(part.is_leaf and part.requires_grad for part in free)


@all_posteriors
def test_a_wider_deviation_is_that_of_wider_noise(posterior):
    q, noise = posterior_of(posterior), torch.randn(BATCH, LATENT, generator=generator(0), dtype=torch.float64)
    torch.testing.assert_close(q.deviation(noise, 0.3), q.deviation(0.3 * noise))
    if posterior in GAUSSIANS:
        torch.testing.assert_close(q.deviation(noise, 0.3), 0.3 * q.deviation(noise))
    torch.testing.assert_close(q.mean + q.deviation(noise), q.at(noise))
    assert torch.equal(q.mean + q.deviation(noise), q.mean + q.deviation(noise, 1.0))


# The rate.


@all_pairs
def test_the_rate_is_the_mean_of_log_q_less_log_p_and_not_negative(posterior, prior):
    q, p = posterior_of(posterior), prior_of(prior)
    z = q.rsample(MANY, generator(1))
    expected, error = mean_and_error((q.log_prob(z) - p.log_prob(z)).detach())
    found = rate(q, p, z).detach()
    assert ((found - expected).abs() <= 4 * error).all()
    assert (found >= -4 * error).all()
    parts = rate_parts(q, p, z)
    torch.testing.assert_close(parts.sum(-1), rate(q, p, z))
    closed = (type(q), type(p.given(None))) in CLOSED_FORMS
    assert parts.shape == (BATCH, LATENT if closed else 1)
    if closed:
        assert (parts >= 0).all()
        assert torch.equal(rate(q, p, z[:1]), found)  # whatever the samples


@pytest.mark.parametrize("prior", [StandardNormal(LATENT), GaussianMixture(LATENT, 3), FlowPrior(LATENT)], ids=kind_of)
@all_posteriors
def test_the_rate_is_zero_at_the_prior(posterior, prior):
    """Every family here contains N(0, I); a mixture whose parts are all N(0, I) is it, too, and a flow begins there."""
    q, p = posterior_of(posterior, scale=0.0), prior.double()
    torch.testing.assert_close(rate(q, p, q.rsample(100, generator(0))), torch.zeros(BATCH).double())


@pytest.mark.parametrize("posterior", GAUSSIANS)
@given(seed=st.integers(0, 1000), scale=st.floats(0, 1.5))
def test_the_closed_form_is_torchs(posterior, seed, scale):
    q = posterior_of(posterior, seed=seed, scale=scale)
    normal = torch.distributions.MultivariateNormal(torch.zeros(LATENT).double(), torch.eye(LATENT).double())
    expected = torch.distributions.kl_divergence(reference(q), normal)
    assert (type(q), StandardNormal) in CLOSED_FORMS
    torch.testing.assert_close(rate(q, StandardNormal(LATENT), q.rsample(1, generator(0))), expected)


def test_the_parts_of_a_full_covariance_follow_the_chain_rule():
    """Two dimensions by hand: z1 ~ N(1, 1), and z2 given z1 has slope 0.5 and standard deviation 1/e."""
    q = FullGaussian(torch.tensor([[1.0, -2.0]]).double(), torch.tensor([[0.0, 0.5, -1.0]]).double())
    second = 0.5 * (4 + 0.25 + math.exp(-2) - 1 + 2)
    found = rate_parts(q, StandardNormal(2), q.rsample(1, generator(0)))
    assert found[0].tolist() == pytest.approx([0.5, second])


def test_a_full_covariance_without_off_diagonal_is_a_diagonal_one():
    diagonal = posterior_of("diagonal")
    triangle = torch.zeros(BATCH, LATENT * (LATENT + 1) // 2).double()
    triangle[:, [0, 2, 5]] = 0.5 * diagonal.log_variance
    full, p = FullGaussian(diagonal.mean, triangle), StandardNormal(LATENT)
    z = diagonal.rsample(3, generator(0))
    torch.testing.assert_close(full.rsample(3, generator(0)), z)
    torch.testing.assert_close(full.log_prob(z), diagonal.log_prob(z))
    torch.testing.assert_close(rate_parts(full, p, z), rate_parts(diagonal, p, z))


def test_signs_on_the_diagonal_of_a_mixture_change_nothing():
    p = prior_of("mixture")
    z = torch.randn(20, LATENT, generator=generator(0)).double()
    before = p.log_prob(z)
    with torch.no_grad():  # the second column of each factor, turned round
        p.factors[:, [2, 4]] *= -1
    torch.testing.assert_close(p.log_prob(z), before)


# Models.


def built(posterior: str, prior: str, decoder: str = "gru", **more: object) -> torch.nn.Module:
    more |= conditions_of(prior)
    made = model(decoder=decoder, scale=2.0, posterior=posterior, prior=prior, **SMALL, **more)
    for part in (made.prior, made.encoder.family):  # they were scaled too: back to near where their learning begins
        with torch.no_grad():
            for value in part.parameters():
                value.mul_(0.5)
        away(part, 0.05)
    return made


@all_triples
def test_the_loss_is_made_of_bounds_and_reaches_every_parameter(posterior, prior, decoder):
    vae, ids = built(posterior, prior, decoder), tokens([2, 6, 4])
    batch = batch_of(ids, prior)
    losses = vae.losses(batch, 0.3, ObjectiveConfig(condition_dropout=0.0), generator(0))
    bounds = vae.bounds(batch, generator(0))
    torch.testing.assert_close(losses.distortion, bounds.distortion.mean())
    torch.testing.assert_close(losses.rate, bounds.rate.mean())
    torch.testing.assert_close(losses.loss, bounds.distortion.mean() + 0.3 * bounds.rate.mean())
    losses.loss.backward()
    for name, value in ((name, value) for name, value in vae.named_parameters() if value.requires_grad):
        assert value.grad is not None, name
        assert torch.isfinite(value.grad).all(), name
        assert value.grad.abs().max() > 0, name


@all_pairs
def test_padding_and_neighbours_change_nothing(posterior, prior):
    vae, lengths = built(posterior, prior), [2, 6, 4]
    ids = tokens(lengths, width=7)
    together = vae.posterior(ids)
    z = together.mean + together.deviation(torch.ones(1, LATENT))
    whole = rate(together, vae.prior, z.unsqueeze(0))
    for row, length in enumerate(lengths):
        alone = vae.posterior(ids[row : row + 1, : length + 1])
        for part, other in zip(together.numbers, alone.numbers, strict=True):
            torch.testing.assert_close(part[row], other[0], atol=1e-6, rtol=0)
        here = alone.mean + alone.deviation(torch.ones(1, LATENT))
        torch.testing.assert_close(rate(alone, vae.prior, here.unsqueeze(0))[0], whole[row], atol=1e-5, rtol=1e-5)


@all_triples
def test_elbo_below_iwae_below_the_exact_log_p(posterior, prior, decoder):
    """Two letters, at most two of them: log p(x) by quadrature under the prior."""
    more = conditions_of(prior)
    vae = model(decoder=decoder, posterior=posterior, prior=prior, latent=2, **SMALL, **more)
    away(vae.encoder.family, 0.05)
    with torch.no_grad():
        for parameter in vae.decoder.parameters():
            parameter.mul_(2.0)
    texts, samples = padded(every_text(2, (3, 4)), 2), 1600
    axis = torch.linspace(-7, 7, 57)
    points = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        density = vae.prior.log_prob(points) + 2 * (axis[1] - axis[0]).log()
        assert density.logsumexp(0).abs() < 1e-3
        rows = [vae.log_likelihood(points, row.expand(len(points), -1)) for row in texts]
        exact = (torch.stack(rows) + density).logsumexp(1)
        q, many = vae.posterior(texts), texts.repeat(samples, 1)
        z = q.rsample(samples, generator(0))
        likelihood = vae.log_likelihood(z.flatten(0, 1), many).view(samples, -1)
        weights = likelihood + vae.prior.log_prob(z) - q.log_prob(z)
        elbo, elbo_error = mean_and_error(weights)
        iwae, error = mean_and_error(torch.stack([importance_weighted_bound(part) for part in weights.split(16)]))
        drawn, drawn_error = mean_and_error(vae.bounds(Batch.of(many), generator(1)).elbo.view(samples, -1))
        found, found_error = mean_and_error(vae.iwae(texts.repeat(100, 1), 16, generator(1)).view(100, -1))
    assert (elbo <= iwae + 4 * (elbo_error + error)).all()
    assert (iwae <= exact + 4 * error + 1e-3).all()
    assert ((found - iwae).abs() < 4 * (found_error + error)).all()
    assert (exact - importance_weighted_bound(weights)).abs().max() < 0.25
    assert ((drawn - elbo).abs() < 4 * (drawn_error + elbo_error) + 1e-6).all()


@all_pairs
def test_refinement_lowers_the_objective_of_each_text_by_itself(posterior, prior):
    vae, ids, beta = built(posterior, prior), tokens([5, 3, 4, 6, 1, 2]), 0.2
    weights = {name: value.clone() for name, value in vae.state_dict().items()}

    def objective(q):
        z = q.rsample(300, generator(7))
        distortion = -vae.log_likelihood(z.flatten(0, 1), ids.repeat(len(z), 1)).view(len(z), -1).mean(0)
        return distortion + beta * rate(q, vae.prior, z)

    found, alone = refined(vae, ids, beta, 40), refined(vae, ids[2:3], beta, 40)
    with torch.no_grad():
        assert (objective(found) < objective(vae.posterior(ids))).all()
    torch.testing.assert_close(found.mean[2:3], alone.mean, atol=1e-3, rtol=0)
    assert all(torch.equal(weights[name], value) for name, value in vae.state_dict().items())
    assert all(parameter.grad is None for parameter in vae.parameters())
    assert not any(part.requires_grad for part in found.numbers)


@all_posteriors
def test_free_bits_against_a_mixture_are_those_of_all_dimensions_together(posterior):
    vae, ids = built(posterior, "mixture"), tokens([2, 6, 4])
    plain = vae.losses(Batch.of(ids), 1.0, ObjectiveConfig(), generator(0))
    few, many = (vae.losses(Batch.of(ids), 1.0, ObjectiveConfig(free_bits=bits), generator(0)) for bits in (1e-6, 50.0))
    torch.testing.assert_close(few.loss, plain.loss)
    torch.testing.assert_close(many.loss, plain.distortion + 50.0 * LATENT)
    torch.testing.assert_close(many.rate, plain.rate)


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_the_rate_of_a_model_in_bf16_is_no_rounding(posterior):
    vae, ids = built(posterior, "mixture"), tokens([2, 6, 4, 1, 3])
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        q = vae.posterior(ids)
        z = q.rsample(1, generator(0))
        found = vae.bounds(Batch.of(ids), generator(0)).rate
    exact = rate(q.to(torch.float64), vae.prior.double(), z.double())
    torch.testing.assert_close(found.double(), exact, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(q.to(torch.float64).rsample(1, generator(0)), z.double(), atol=1e-5, rtol=1e-5)


def test_a_learned_mixture_comes_nearer_to_where_the_texts_are():
    """Trained alone on fixed posteriors that have two places, its rate falls to that of two Gaussians."""
    mean = torch.cat([torch.full((50, 2), -2.0), torch.full((50, 2), 2.0)])
    q = DiagonalGaussian(mean, torch.full((100, 2), -2.0))
    p = model(prior="mixture", prior_components=2, latent=2).prior
    optimizer = torch.optim.Adam(p.parameters(), lr=0.05)
    for step in range(300):
        loss = rate(q, p, q.rsample(1, generator(0, step))).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    # Each text lies under one of two parts of the same shape as its own posterior: log 2 nats tell which.
    assert loss.item() == pytest.approx(math.log(2), abs=0.05)
    points = p.sample(2000, generator(1))
    assert points.mean(0).abs().max() < 0.3
    assert (points.abs().mean(0) - 2).abs().max() < 0.1
