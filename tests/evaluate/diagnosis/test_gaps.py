"""Gaps, baselines and the decoder's use of z: closed forms, and counts by hand."""

import math

import numpy as np
import pytest
import torch
from codec_cases import LATENT, MOLECULES, dna, untrained

from seqvae.evaluate.diagnosis.baselines import baselines
from seqvae.evaluate.diagnosis.decoder_use import decoder_use
from seqvae.evaluate.diagnosis.generalisation import Side, generalisation, side
from seqvae.evaluate.diagnosis.inference_gap import gap_of, inference_gap
from seqvae.evaluate.diagnosis.likelihood import weigh
from seqvae.evaluate.diagnosis.token_baselines import TokenMarkov, token_baselines
from seqvae.model.inference.best_posterior import with_full_covariance
from seqvae.model.posteriors import DiagonalGaussian
from seqvae.runtime.device import generator

# The inference gap.


class LinearGaussian:
    """x = W z + noise with z ~ N(0, I): the posterior is N(m, inverse(I + W'W / s^2)), with a covariance of its own."""

    def __init__(self, texts=60):
        rng = generator(0)
        self.weight = torch.tensor([[1.0, 0.7], [0.3, 0.9], [-0.4, 0.5]])
        self.noise = 0.5
        self.x = torch.randn(texts, 3, generator=rng)
        self.precision = torch.eye(2) + self.weight.t() @ self.weight / self.noise**2
        self.mean = torch.linalg.solve(self.precision, self.weight.t() @ self.x.t() / self.noise**2).t()

    def log_joint(self, z):
        likelihood = torch.distributions.Normal(z @ self.weight.t(), self.noise).log_prob(self.x).sum(-1)
        return likelihood + torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)

    def log_p(self):
        covariance = self.weight @ self.weight.t() + self.noise**2 * torch.eye(3)
        return torch.distributions.MultivariateNormal(torch.zeros(3), covariance).log_prob(self.x)

    def divergence(self, posterior):
        exact = torch.distributions.MultivariateNormal(self.mean, precision_matrix=self.precision)
        other = torch.distributions.MultivariateNormal(posterior.mean, torch.diag_embed(posterior.std**2))
        return torch.distributions.kl_divergence(other, exact)


def test_the_gap_of_a_linear_model_is_the_divergence_by_its_parts():
    """The best diagonal posterior has the exact mean and the inverse diagonal of the precision."""
    case = LinearGaussian()
    best = DiagonalGaussian(case.mean, (-case.precision.diagonal().log()).expand(60, 2))
    rough = DiagonalGaussian(case.mean + 0.4, best.log_variance + 0.5)
    found = gap_of(case.log_joint, rough, steps=150, draws=2000)
    approximation = case.divergence(best).mean().item()
    # of the KL: half the precision's log-diagonal minus its log-determinant
    assert approximation == pytest.approx(
        0.5 * (case.precision.diagonal().log().sum() - case.precision.logdet()).item(), rel=1e-5
    )
    whole = case.divergence(rough).mean().item()
    torch.testing.assert_close(found.log_p, case.log_p().double(), atol=2e-3, rtol=0)
    assert (found.log_p - found.elbo).mean().item() == pytest.approx(whole, rel=0.01, abs=0.01)
    assert (found.log_p - found.best).mean().item() == pytest.approx(approximation, rel=0.01, abs=0.005)
    assert (found.best - found.elbo).mean().item() == pytest.approx(whole - approximation, rel=0.02)
    assert (found.full - found.best).mean().item() == pytest.approx(approximation, rel=0.02, abs=0.005)


def test_the_same_density_with_any_covariance():
    rng = generator(1)
    posterior = DiagonalGaussian(torch.randn(4, 3, generator=rng), torch.randn(4, 3, generator=rng))
    z = torch.randn(5, 4, 3, generator=rng)
    torch.testing.assert_close(with_full_covariance(posterior).log_prob(z), posterior.log_prob(z))


def test_the_gaps_of_a_model_sum_up():
    codec = untrained(scale=1.5)
    found = inference_gap(codec, codec.tokenize(dna(6)))
    assert found.gap_texts == 6
    assert found.inference_gap == pytest.approx(found.approximation_gap + found.amortisation_gap)
    assert found.amortisation_gap > 0.1  # an encoder that was never trained
    assert found.full_covariance_gain > -0.05
    assert found.approximation_gap > -0.05


# Generalisation.


def split(exact, refined, objective, better):
    exact, refined, objective, better = (torch.tensor(part).double() for part in (exact, refined, objective, better))
    return Side(objective, objective, exact, refined, objective, better)


def test_gaps_by_hand():
    training = split([1, 1, 1, 1], [1, 1, 1, 1], [3, 3, 3, 3], [2, 2, 2, 2])
    held_out = split([1, 0, 0, 1], [1, 1, 0, 1], [6, 6, 6, 6], [3, 3, 3, 3])
    found = generalisation(held_out, training, 0.1)
    assert (found.training_exact, found.held_out_exact, found.exact_gap) == (1.0, 0.5, 0.5)
    assert (found.held_out_refined_exact, found.training_refined_exact) == (0.75, 1.0)
    assert (found.encoder_gap, found.decoder_gap) == (0.25, 0.25)
    assert found.encoder_gap_error == pytest.approx(0.25)  # one loss in four
    assert (found.objective_gap, found.encoder_objective_gap, found.decoder_objective_gap) == (3.0, 2.0, 1.0)
    alone = generalisation(held_out, None, 0.1)
    assert alone.exact_gap is None
    assert alone.held_out_exact == 0.5


def test_a_split_that_is_the_training_split_has_no_gap():
    codec = untrained()
    texts = codec.tokenize(dna(10))
    told = []
    one = side(codec, texts, weigh(codec, texts, 2), 6, progress=lambda *at: told.append(at))
    found = generalisation(one, one, 0.1)
    assert (found.exact_gap, found.encoder_gap, found.decoder_gap) == (0.0, 0.0, 0.0)
    assert (found.refined, found.refine_steps, told) == (6, 20, [(6, 6)])
    assert found.training_rate == pytest.approx(codec.bounds(texts).rate.mean().item(), rel=1e-5)
    decoded = codec.decode(codec.encode(texts, refine=0))
    assert found.held_out_exact == sum(a == b for a, b in zip(decoded, texts.forms, strict=True)) / 10
    assert one.excess.mean() > 0  # gradient steps help


# The decoder's use of z.


def test_a_decoder_that_ignores_z_loses_nothing_by_another():
    codec = untrained()
    with torch.no_grad():
        codec.model.decoder.start.weight.zero_()
        codec.model.decoder.recurrence.gru.weight_ih_l0[:, codec.model.decoder.recurrence.varying :] = 0
    texts = codec.tokenize(dna(12))
    found = decoder_use(codec, texts, codec.posterior(texts, refine=0))
    assert found.gain_over_shuffled == pytest.approx(0, abs=1e-5)
    assert found.gain_over_prior == pytest.approx(0, abs=1e-5)


def test_gains_are_those_of_likelihoods_from_other_points():
    codec = untrained()
    texts = codec.tokenize(["AAAA", "CCCC"])
    z = 4 * torch.eye(LATENT)[:2]
    posterior = DiagonalGaussian(z, torch.full_like(z, -30.0))
    found = decoder_use(codec, texts, posterior)
    with torch.no_grad():
        tokens = codec.padded(texts.ids)
        own, other = codec.model.log_likelihood(z, tokens), codec.model.log_likelihood(z.flip(0), tokens)
    assert found.gain_over_shuffled == pytest.approx((own - other).mean().item(), abs=1e-4)
    gains = (own - other).tolist()
    assert found.gain_over_shuffled_error == pytest.approx(abs(gains[0] - gains[1]) / 2, abs=1e-4)


# Baselines.


def test_a_markov_model_of_tokens_by_hand():
    """Texts 3 3 and 3: of five tokens three are 3 and two the end; vocabulary of four and the end."""
    model = TokenMarkov([[3, 3], [3]], 4)
    three, end = (3 + 2 * 0.2) / 7, (2 + 2 * 0.2) / 7
    assert model.nats([[3]], [2.0])[0] == pytest.approx(-math.log(three * end))
    # at the start: two texts, both with 3; after 3: three, of which one 3 and two ends
    first, after = (2 + 1.0 * three) / 3, (2 + 1.0 * end) / 4
    assert model.nats([[3]], [2.0, 1.0])[0] == pytest.approx(-math.log(first * after))


def test_markov_models_of_tokens_are_distributions():
    rng = np.random.default_rng(0)
    texts = [rng.integers(0, 3, rng.integers(1, 5)).tolist() for _ in range(30)]
    model = TokenMarkov(texts, 3)
    every = [[]] + [[a] for a in range(3)] + [[a, b] for a in range(3) for b in range(3)]
    for strengths in ([1.0], [1.0, 3.0], [1.0, 3.0, 0.3]):
        whole = np.exp(-model.nats(every, strengths)).sum()
        longer = [[a, b, c] for a in range(3) for b in range(3) for c in range(3)]
        # what is left is the mass of texts of three and more: their first three tokens
        ends = np.exp(-model.nats(longer, strengths)).sum()
        assert whole < whole + ends < 1
    deep = TokenMarkov([[0], [1], [0, 1]], 2)
    one = np.exp(-deep.nats([[0], [1], []], [1.0]))
    # order 0: p(end)(p(0) + p(1) + 1) with the three probabilities, whose sum is 1
    three, end = 1 / 3, (3 + 1 / 3) / 8
    assert one.sum() == pytest.approx(end * (2 - end), abs=1e-9), three


def test_orders_that_see_dependence_cost_less():
    rng = np.random.default_rng(1)
    texts = [[int(first), 9 - int(first)] * 4 for first in rng.integers(0, 10, 200)]
    found = token_baselines(texts[:150], texts[150:], 10)
    means = {name: nats.mean() for name, nats in found.items()}
    assert list(means) == ["unigram of tokens", *(f"Markov order {order} of tokens" for order in (1, 2, 3))]
    assert means["Markov order 1 of tokens"] < means["unigram of tokens"] - 5
    assert means["unigram of tokens"] == pytest.approx(8 * math.log(10) + 8 * math.log(9 / 8) + math.log(9), rel=0.05)


def test_baselines_of_sequences_are_those_of_counting_models():
    from seqvae.evaluate.sequences.markov_baselines import counted_bits

    codec = untrained()
    train, held_out = codec.tokenize(dna(60, seed=1)), codec.tokenize([*dna(40, seed=2), "ANA"])
    weighed = weigh(codec, held_out, 4)
    found = baselines(codec, held_out, weighed, train)
    assert (found.scored, found.counted, found.counted_on) == (40, 60, "training")
    letters = sum(map(len, held_out.forms[:40]))
    bits = counted_bits(train.forms, held_out.forms[:40])
    for name, nats in found.baselines.items():
        assert nats == pytest.approx(bits[name].tuned_bits * math.log(2) * letters / 40)
    assert found.excess == pytest.approx(weighed.nll[:40].mean().item() - found.baseline_nll)
    assert found.baselines[found.baseline] == min(found.baselines.values())
    assert found.independent == "unigram (Markov order 0)"
    assert found.dependence >= 0
    beta = codec.run.objective.weight
    own = (weighed.distortion + beta * weighed.rate)[:40].mean().item()
    assert found.objective_excess == pytest.approx(own - found.baseline_nll)


def test_without_training_texts_half_is_counted_and_half_scored():
    codec = untrained(molecules=True)
    held_out = codec.tokenize(MOLECULES * 6)
    found = baselines(codec, held_out, weigh(codec, held_out, 2), None)
    assert (found.counted, found.scored, found.counted_on) == (24, 24, "held-out")
    few = held_out.take(range(18))
    assert baselines(codec, few, weigh(codec, few, 2), None) is None
