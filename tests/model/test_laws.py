"""Laws that hold for every encoder, decoder and posterior."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from model_cases import LATENT, LONGEST, PARTS, VARIANTS, VOCAB, model, tokens

from seqvae.config import ObjectiveConfig
from seqvae.data.tokens.batch import Batch
from seqvae.model.decoders import DECODERS
from seqvae.model.encoders import BOS, EOS, PAD
from seqvae.model.objective import beta_at, log_likelihood, rate_penalty, token_log_likelihood
from seqvae.model.posteriors import DiagonalGaussian
from seqvae.model.priors.gaussians import StandardNormal
from seqvae.model.rate import rate
from seqvae.runtime.device import generator
from seqvae.sequences.tokenizers import tokenizer as text

all_encoders = pytest.mark.parametrize("encoder", VARIANTS)
all_decoders = pytest.mark.parametrize("decoder", DECODERS)
all_parts = pytest.mark.parametrize(("encoder", "decoder"), PARTS)
TOLERANCE = 1e-6  # the contract's: masks and padding change nothing to 1e-6


def test_the_marks_are_the_tokenizers():
    assert (PAD, BOS, EOS) == (text.PAD, text.BOS, text.EOS)


def soft(ids):
    return torch.nn.functional.one_hot(ids, VOCAB).float()


@all_encoders
def test_padding_and_neighbours_change_no_posterior(encoder):
    encode = model(encoder).encoder
    ids = tokens([2, 6, 4], width=LONGEST + 1)
    together = encode(ids)
    for row, length in enumerate([2, 6, 4]):
        alone = encode(ids[row : row + 1, : length + 1])
        torch.testing.assert_close(together.mean[row], alone.mean[0], atol=TOLERANCE, rtol=0)
        torch.testing.assert_close(together.log_variance[row], alone.log_variance[0], atol=TOLERANCE, rtol=0)


@all_encoders
def test_a_one_hot_is_its_ids(encoder):
    encode = model(encoder).encoder
    ids = tokens([2, 6, 4])
    torch.testing.assert_close(encode(soft(ids)).mean, encode(ids).mean, atol=TOLERANCE, rtol=0)


@all_encoders
def test_the_posterior_depends_on_every_token(encoder):
    encode, ids = model(encoder).encoder, tokens([6])
    for position in range(6):
        changed = ids.clone()
        changed[0, position] = 3 + (ids[0, position] - 2) % (VOCAB - 3)
        assert not torch.allclose(encode(ids).mean, encode(changed).mean, atol=1e-7)


@all_decoders
def test_padding_and_neighbours_change_no_likelihood(decoder):
    built = model(decoder=decoder)
    ids, z = tokens([2, 6, 4], width=LONGEST + 1), torch.randn(3, LATENT, generator=generator(0))
    together = token_log_likelihood(built.decoder(z, ids), ids)
    for row, length in enumerate([2, 6, 4]):
        part = ids[row : row + 1, : length + 1]
        alone = token_log_likelihood(built.decoder(z[row : row + 1], part), part)
        torch.testing.assert_close(together[row, : length + 1], alone[0], atol=TOLERANCE, rtol=0)
        assert together[row, length + 1 :].eq(0).all()


@all_decoders
def test_every_position_is_a_distribution_without_padding_or_beginning(decoder):
    ids, z = tokens([3, 6]), torch.randn(2, LATENT, generator=generator(0))
    probabilities = model(decoder=decoder, scale=3.0).decoder(z, ids).softmax(-1)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(2, 7))
    assert probabilities[..., [PAD, BOS]].eq(0).all()


@all_decoders
def test_no_position_sees_itself_or_what_follows(decoder):
    built, z = model(decoder=decoder), torch.randn(1, LATENT, generator=generator(0))
    ids = tokens([6])
    for position in range(6):
        changed = ids.clone()
        changed[0, position:6] = 3 + (ids[0, position:6] - 2) % (VOCAB - 3)
        before, after = built.decoder(z, ids), built.decoder(z, changed)
        torch.testing.assert_close(before[:, : position + 1], after[:, : position + 1], atol=TOLERANCE, rtol=0)
        if built.decoder.autoregressive:
            assert not torch.allclose(before[:, position + 1 :], after[:, position + 1 :], atol=1e-7)


@all_decoders
def test_the_likelihood_depends_on_every_dimension_of_z(decoder):
    built, ids = model(decoder=decoder), tokens([6])
    z = torch.zeros(1, LATENT, requires_grad=True)
    (gradient,) = torch.autograd.grad(built.log_likelihood(z, ids).sum(), z)
    assert gradient.abs().min() > 0


@all_decoders
def test_step_by_step_is_the_whole_at_once(decoder):
    built = model(decoder=decoder).decoder
    ids, z = tokens([6, 6]), torch.randn(2, LATENT, generator=generator(0))
    whole, state, before = built(z, ids), built.begin(z), torch.full((2,), BOS)
    for position in range(7):
        logits, state = built.step(before, state)
        torch.testing.assert_close(logits, whole[:, position], atol=1e-5, rtol=0)
        before = ids[:, position]


@all_decoders
def test_selected_rows_decode_as_before(decoder):
    built = model(decoder=decoder).decoder
    z = torch.randn(4, LATENT, generator=generator(0))
    rows, ids = torch.tensor([3, 1, 1]), tokens([6] * 4)
    whole, state = built(z, ids), built.begin(z)
    _, state = built.step(torch.full((4,), BOS), state)
    logits, _ = built.step(ids[rows, 0], state.select(rows))
    torch.testing.assert_close(logits, whole[rows, 1], atol=1e-5, rtol=0)


@all_decoders
def test_a_set_has_the_probability_of_its_members(decoder):
    """Exact for position-wise decoders everywhere; for autoregressive ones at the last uncertain position."""
    built, z = model(decoder=decoder, scale=2.0), torch.randn(1, LATENT, generator=generator(0))
    ids = tokens([4])
    ids_soft = soft(ids)
    ids_soft[0, 3] = 0
    ids_soft[0, 3, [3, 5, 6]] = 1 / 3
    upto = slice(0, 4)
    total = torch.stack(
        [
            log_likelihood(built.decoder(z, one)[:, upto], one[:, upto])
            for one in (torch.cat([ids[:, :3], torch.tensor([[m]]), ids[:, 4:]], 1) for m in (3, 5, 6))
        ]
    ).logsumexp(0)
    found = log_likelihood(built.decoder(z, ids_soft)[:, upto], ids_soft[:, upto])
    torch.testing.assert_close(found, total, atol=1e-5, rtol=0)


def test_sets_with_padding_have_finite_gradients():
    ids = soft(tokens([2, 5]))
    ids[0, 1] = 0
    ids[0, 1, 3:6] = 1 / 3
    built = model()
    losses = built.losses(Batch.of(ids), 1.0, ObjectiveConfig(), generator(0))
    losses.loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in built.parameters() if p.grad is not None)


finite = st.floats(-3, 3, width=32)


@given(st.lists(st.tuples(finite, finite), min_size=1, max_size=5))
def test_kl_is_never_negative(rows):
    mean, log_variance = torch.tensor(rows, dtype=torch.float64).t().unsqueeze(1)
    posterior = DiagonalGaussian(mean, log_variance)
    assert rate(posterior, StandardNormal(len(rows)), posterior.rsample(1, generator(0))).item() >= 0


@all_encoders
@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_the_kl_of_a_model_in_bf16_is_no_rounding(encoder, scale):
    built = model(encoder, scale=scale)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        posterior = built.posterior(tokens([2, 6, 4, 1, 3]))
        z = posterior.rsample(1, generator(0))
        found = rate(posterior, built.prior, z)
        bounds = built.bounds(Batch.of(tokens([2, 6, 4, 1, 3])), generator(0))
    exact = rate(posterior.to(torch.float64), built.prior, z.double())
    assert torch.equal(found, bounds.rate)
    assert found.min() >= 0
    torch.testing.assert_close(found.double(), exact, atol=1e-6, rtol=1e-6)


def test_kl_is_zero_at_the_prior():
    at_prior = DiagonalGaussian(torch.zeros(2, LATENT), torch.zeros(2, LATENT))
    assert rate(at_prior, StandardNormal(LATENT), at_prior.rsample(1, generator(0))).eq(0).all()


def test_closed_form_kl_is_the_monte_carlo_kl():
    posterior = DiagonalGaussian(torch.tensor([[0.7, -1.2]]).double(), torch.tensor([[-0.8, 0.4]]).double())
    prior = StandardNormal(2)
    z = posterior.rsample(200_000, generator(0))
    difference = posterior.log_prob(z) - prior.log_prob(z)
    standard_error = difference.std() / math.sqrt(len(z))
    assert abs(difference.mean() - rate(posterior, prior, z)) < 4 * standard_error


def test_posterior_densities_agree_with_torch():
    mean, log_variance, z = (torch.randn(4, LATENT, generator=generator(i)) for i in range(3))
    reference = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    torch.testing.assert_close(DiagonalGaussian(mean, log_variance).log_prob(z), reference.log_prob(z).sum(-1))
    torch.testing.assert_close(
        StandardNormal(LATENT).log_prob(z), torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(-1)
    )
    divergence = torch.distributions.kl_divergence(reference, torch.distributions.Normal(0.0, 1.0)).sum(-1)
    found = rate(DiagonalGaussian(mean, log_variance), StandardNormal(LATENT), z.unsqueeze(0))
    torch.testing.assert_close(found, divergence)


def test_samples_follow_the_posterior_and_their_seed():
    posterior = DiagonalGaussian(torch.tensor([[2.0, -1.0]]), torch.tensor([[-1.0, 1.0]]))
    z = posterior.rsample(100_000, generator(0))
    torch.testing.assert_close(z.mean(0), posterior.mean, atol=0.02, rtol=0)
    torch.testing.assert_close(z.std(0), posterior.std, atol=0.02, rtol=0)
    assert torch.equal(z, posterior.rsample(100_000, generator(0)))
    assert not torch.equal(z, posterior.rsample(100_000, generator(1)))


@all_parts
def test_the_loss_is_distortion_plus_beta_rate_summed_over_the_sequence(encoder, decoder):
    built, ids = model(encoder, decoder), tokens([2, 6, 4])
    config = ObjectiveConfig(schedule="constant")
    losses = built.losses(Batch.of(ids), 0.3, config, generator(0))
    bounds = built.bounds(Batch.of(ids), generator(0))
    torch.testing.assert_close(losses.distortion, bounds.distortion.mean())
    torch.testing.assert_close(losses.rate, bounds.rate.mean())
    torch.testing.assert_close(losses.loss, bounds.distortion.mean() + 0.3 * bounds.rate.mean())
    by_hand = sum(
        -built.decoder(built.posterior(ids).rsample(1, generator(0))[0], ids)[row].log_softmax(-1)[t, ids[row, t]]
        for row in range(3)
        for t in range(7)
        if ids[row, t] != PAD
    )
    torch.testing.assert_close(bounds.distortion.sum(), by_hand)


@all_parts
def test_a_model_learns_a_handful_of_texts_by_heart(encoder, decoder):
    built = model(encoder, decoder, encoder_width=32, decoder_width=32, embedding=16, latent=8).train()
    ids = tokens([6] * 8, seed=3)
    optimizer = torch.optim.Adam(built.parameters(), lr=1e-2)
    for step in range(400):
        losses = built.losses(Batch.of(ids), 1e-3, ObjectiveConfig(), generator(0, step))
        optimizer.zero_grad()
        losses.loss.backward()
        optimizer.step()
        if losses.distortion < (0.01 if decoder == "dense" else 0.1):  # few channels: the mean comes after the samples
            break
    assert losses.distortion < 0.5
    z = built.eval().posterior(ids).mean
    assert torch.equal(built.decoder(z, ids).argmax(-1), ids)


def test_free_bits_charge_each_dimension_at_least_the_minimum():
    kl = torch.tensor([[0.0, 1.0], [0.4, 3.0]])
    assert rate_penalty(kl.mean(0), 0.0).item() == pytest.approx(2.2)
    assert rate_penalty(kl.mean(0), 0.5).item() == pytest.approx(2.5)


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["constant", "linear", "cyclical"]))
def test_beta_stays_in_range_and_warm_up_finishes(progress, warmup, schedule):
    config = ObjectiveConfig(beta=0.7, schedule=schedule, warmup=warmup)
    assert 0 <= beta_at(progress, config) <= 0.7
    assert beta_at(1.0, config) == 0.7


def test_beta_schedules():
    linear = ObjectiveConfig(beta=1.0, schedule="linear", warmup=0.5)
    assert [beta_at(t, linear) for t in (0.0, 0.25, 0.5, 0.9)] == [0.0, 0.5, 1.0, 1.0]
    cyclical = ObjectiveConfig(beta=1.0, schedule="cyclical", warmup=0.5, cycles=2)
    assert [beta_at(t, cyclical) for t in (0.0, 0.125, 0.25, 0.5, 0.625)] == [0.0, 0.5, 1.0, 0.0, 0.5]


def test_word_dropout_hides_tokens_from_an_autoregressive_decoder_only():
    ids, z = tokens([6]), torch.zeros(1, LATENT)
    hidden = torch.ones_like(ids, dtype=torch.bool)
    recurrent, position = model().decoder, model(decoder="position").decoder
    other = tokens([6], seed=5)
    torch.testing.assert_close(recurrent(z, ids, hidden), recurrent(z, other, hidden))
    assert not torch.allclose(recurrent(z, ids), recurrent(z, other))
    torch.testing.assert_close(position(z, ids, hidden), position(z, ids))


def test_building_is_seeded_and_leaves_random_numbers_alone():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, again, other = model(seed=1), model(seed=1), model(seed=2)
    assert torch.equal(torch.rand(3), expected)
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert not all(torch.equal(a, b) for a, b in zip(first.parameters(), other.parameters(), strict=True))


def test_vocabulary_scale_of_a_fresh_model_is_near_uniform():
    ids, z = tokens([6] * 4), torch.zeros(4, LATENT)
    nats = -token_log_likelihood(model().decoder(z, ids), ids).mean().item()
    assert nats == pytest.approx(math.log(VOCAB - 2), abs=0.5)
