"""The prior p(z|c): its rate by torch, what is missing, learning; conditions in a batch and in a loss."""

import math

import pytest
import torch
from model_cases import LATENT, model, tokens

from seqvae.config import DataConfig, ModelConfig, ObjectiveConfig, RunConfig
from seqvae.data.tokens.batch import Batch
from seqvae.errors import ConfigError
from seqvae.model.posteriors import DiagonalGaussian
from seqvae.model.priors.gaussians import ConditionalGaussian, GaussianRows
from seqvae.model.rate import rate, rate_parts
from seqvae.runtime.device import generator

CONDITIONS = torch.tensor([[1.0, math.nan], [3.0, 10.0], [math.nan, math.nan]])


def prior(latent: int = LATENT, conditions: int = 2) -> ConditionalGaussian:
    """A prior whose network is far from where its learning begins."""
    torch.manual_seed(0)
    built = ConditionalGaussian(latent, conditions)
    with torch.no_grad():
        for value in built.parameters():
            value.add_(0.3 * torch.randn(value.shape, generator=generator(4)))
    return built


def rows(count: int = 3) -> GaussianRows:
    return GaussianRows(*(0.7 * torch.randn(2, count, LATENT, generator=generator(1), dtype=torch.float64)))


def normal(part: GaussianRows) -> torch.distributions.Independent:
    return torch.distributions.Independent(torch.distributions.Normal(part.mean, (0.5 * part.log_variance).exp()), 1)


@pytest.mark.parametrize("posterior", ["diagonal", "full"])
def test_the_rate_of_each_row_is_torchs(posterior):
    family = model(posterior=posterior).encoder.family
    q, p = family(0.6 * torch.randn(3, family.size, generator=generator(0), dtype=torch.float64)), rows()
    unit = torch.eye(LATENT, dtype=torch.float64).unsqueeze(1)
    factor = q.deviation(unit).permute(1, 2, 0)
    full = torch.distributions.MultivariateNormal(q.mean, factor @ factor.transpose(1, 2))
    other = torch.distributions.MultivariateNormal(p.mean, torch.diag_embed(p.log_variance.exp()))
    z = q.rsample(1, generator(0))
    torch.testing.assert_close(rate(q, p, z), torch.distributions.kl_divergence(full, other))
    assert (rate_parts(q, p, z) >= 0).all()
    same = DiagonalGaussian(p.mean, p.log_variance)
    torch.testing.assert_close(rate(same, p, same.rsample(1, generator(0))), torch.zeros(3).double())


def test_densities_and_samples_are_those_of_the_rows():
    p = rows()
    z = torch.randn(5, 3, LATENT, generator=generator(2), dtype=torch.float64)
    torch.testing.assert_close(p.log_prob(z), normal(p).log_prob(z))
    drawn = torch.stack([p.sample(3, generator(0, step)) for step in range(4000)])
    torch.testing.assert_close(drawn.mean(0).double(), p.mean, atol=0.1, rtol=0)
    torch.testing.assert_close(drawn.std(0).double(), (0.5 * p.log_variance).exp(), atol=0, rtol=0.05)


def test_one_row_stands_for_any_number_of_them():
    p = prior()
    z = torch.randn(7, LATENT, generator=generator(2))
    alone = p.given(torch.full((1, 2), math.nan))
    assert torch.equal(p.log_prob(z), alone.log_prob(z))
    torch.testing.assert_close(p.log_prob(z[0]), p.log_prob(z)[0])
    assert torch.equal(p.sample(7, generator(0)), alone.sample(7, generator(0)))


def test_it_begins_at_the_standard_normal():
    z = torch.randn(4, LATENT, generator=generator(2))
    expected = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    fresh = ConditionalGaussian(LATENT, 2)
    torch.testing.assert_close(fresh.log_prob(z), expected)
    torch.testing.assert_close(fresh.given(torch.randn(4, 2)).log_prob(z), expected)


def test_conditions_are_standardised_where_they_are_known():
    p = prior()
    p.standardise(CONDITIONS)
    assert p.centre.tolist() == [2.0, 10.0]
    assert p.scale.tolist() == [1.0, 1.0]  # of one known value there is no spread
    assert (p.low.tolist(), p.high.tolist()) == ([1.0, 10.0], [3.0, 10.0])
    p.standardise(torch.tensor([[9.0, 8.0]]))  # its network knows the units that it has: the range alone is widened
    assert p.centre.tolist() == [2.0, 10.0]
    assert (p.low.tolist(), p.high.tolist()) == ([1.0, 8.0], [9.0, 10.0])


def test_the_unit_of_a_condition_changes_nothing():
    first, second = prior(), prior()
    values = torch.randn(20, 2, generator=generator(3))
    first.standardise(values)
    second.standardise(values * 1000 - 7)
    one, other = first.given(values[:5]), second.given(values[:5] * 1000 - 7)
    torch.testing.assert_close(one.mean, other.mean, atol=1e-4, rtol=1e-4)


def test_what_is_missing_is_neither_zero_nor_the_mean():
    p = prior()
    p.standardise(CONDITIONS)
    missing, at_the_mean = p.given(torch.tensor([[math.nan, 10.0]])), p.given(torch.tensor([[2.0, 10.0]]))
    assert not torch.allclose(missing.mean, at_the_mean.mean)
    found = p.given(CONDITIONS)
    found.mean.sum().backward()
    assert all(bool(value.grad.isfinite().all()) for value in p.parameters())


def test_a_batch_knows_which_conditions_are_missing():
    ids = tokens([2, 4, 3])
    batch = Batch(ids, ids, conditions=CONDITIONS)
    assert batch.conditioned.tolist() == [[True, False], [True, True], [False, False]]
    assert Batch.of(ids).conditioned.shape == (3, 0)
    moved = batch.to("cpu")
    torch.testing.assert_close(moved.conditions, CONDITIONS, equal_nan=True)


def test_conditions_enter_the_rate_and_nothing_else():
    vae, ids = model(prior="conditional", conditions="a,b"), tokens([2, 4, 3])
    vae.prior = prior()
    batch, plain = Batch(ids, ids, conditions=CONDITIONS), ObjectiveConfig(condition_dropout=0.0)
    with_them, without = vae.bounds(batch, generator(0)), vae.bounds(Batch.of(ids), generator(0))
    assert torch.equal(with_them.distortion, without.distortion)
    q = vae.posterior(ids)
    z = q.rsample(1, generator(0))
    torch.testing.assert_close(with_them.rate, rate(q, vae.prior.given(CONDITIONS), z))
    torch.testing.assert_close(without.rate, rate(q, vae.prior, z))
    torch.testing.assert_close(with_them.rate[2], without.rate[2])  # of the last one nothing is known
    losses = vae.losses(batch, 0.5, plain, generator(0))
    torch.testing.assert_close(losses.rate, with_them.rate.mean())
    hidden = vae.losses(batch, 0.5, ObjectiveConfig(condition_dropout=1.0), generator(0))
    torch.testing.assert_close(hidden.rate, without.rate.mean())


def test_half_of_the_conditions_are_hidden_where_half_is_asked_for(monkeypatch):
    vae, seen = model(prior="conditional", conditions="a,b"), []
    given = vae.prior.given
    monkeypatch.setattr(vae.prior, "given", lambda conditions: seen.append(conditions) or given(conditions))
    ids = tokens([3] * 2000)
    batch = Batch(ids, ids, conditions=torch.randn(2000, 2, generator=generator(1)))
    vae.losses(batch, 0.5, ObjectiveConfig(condition_dropout=0.5), generator(0))
    assert float(seen[0].isnan().float().mean()) == pytest.approx(0.5, abs=0.03)


def test_it_learns_where_texts_of_a_condition_lie():
    """Trained alone on fixed posteriors around (c, -c): p(z|c) is that of the texts with this c."""
    values = torch.linspace(-1, 1, 200).unsqueeze(1)
    q = DiagonalGaussian(torch.cat([2 * values, -2 * values], 1), torch.full((200, 2), -3.0))
    p = ConditionalGaussian(2, 1)
    p.standardise(values)
    optimizer = torch.optim.Adam(p.parameters(), lr=0.01)
    for _ in range(500):
        loss = rate(q, p.given(values), q.mean.unsqueeze(0)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05
    drawn = p.given(torch.tensor([[0.5]])).sample(500, generator(0))
    torch.testing.assert_close(drawn.mean(0), torch.tensor([1.0, -1.0]), atol=0.1, rtol=0)


def test_settings_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match=r"model\.prior: conditional needs data\.conditions"):
        RunConfig(model=ModelConfig(prior="conditional"))
    with pytest.raises(ConfigError, match=r"data\.conditions: the prior given these is a Gaussian"):
        RunConfig(data=DataConfig(conditions="a"), model=ModelConfig(prior="mixture"))
    with pytest.raises(ConfigError, match=r"data\.conditions: expected each column once, got 'a,a'"):
        DataConfig(conditions="a,a")
    assert RunConfig().idle()["condition_dropout"] == "without conditions"
