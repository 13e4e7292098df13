"""A model whose prior, encoder and decoder read conditions: the laws of every posterior and decoder, given these."""

import math
from itertools import product

import pytest
import torch
from model_cases import LATENT, every_text, model, padded, tokens

from seqvae.config import DecodeConfig, ModelConfig, ObjectiveConfig
from seqvae.data.tokens.batch import Batch
from seqvae.errors import ConfigError
from seqvae.model.decoders import DECODERS
from seqvae.model.decoding.generate import decode
from seqvae.model.decoding.guidance import Guided
from seqvae.model.encoders import BOS, ENCODERS
from seqvae.model.families import POSTERIORS
from seqvae.model.inference.refine import refined
from seqvae.model.objective import importance_weighted_bound
from seqvae.model.rate import rate
from seqvae.runtime.device import generator

# A number, which is known of two texts of three; a class of three, which is known of two.
CONDITIONS = torch.tensor([[0.7, 2.0], [math.nan, 0.0], [-1.2, math.nan]])
ASKED = {"conditions": "a,kind", "classes": '{"kind": ["x", "y", "z"]}', "conditioned": "all", "prior": "conditional"}
SMALL = {"posterior_width": 8, "posterior_groups": 3}
all_pairs = pytest.mark.parametrize(("posterior", "decoder"), list(product(POSTERIORS, DECODERS)))
all_decoders = pytest.mark.parametrize("decoder", DECODERS)


def built(posterior="diagonal", decoder="gru", encoder="gru", **more):
    """A model that makes something of its conditions: its prior is not N(0, I), and so nothing in it is zero."""
    vae = model(encoder, decoder, posterior=posterior, scale=2.0, **SMALL, **ASKED, **more)
    with torch.no_grad():
        for part, by in ((vae.prior, 0.1), (vae.encoder.family, 0.05)):
            for value in part.parameters():
                value.mul_(0.5).add_(by * torch.randn(value.shape, generator=generator(0, 6)))
    return vae


def test_what_networks_read_by_hand():
    prior = built().prior
    prior.standardise(torch.tensor([[1.0, 0.0], [5.0, 2.0], [math.nan, 1.0]]))
    assert (prior.centre.tolist(), prior.scale.tolist()) == ([3.0, 0.0], [2.0, 1.0])  # a class stays what it is
    found = prior.told(torch.tensor([[4.0, 2.0], [math.nan, 0.0], [3.0, math.nan], [math.nan, math.nan]]))
    assert found.tolist() == [[0.5, 0, 0, 1, 1, 1], [0, 1, 0, 0, 0, 1], [0, 0, 0, 0, 1, 0], [0] * 6]
    assert ModelConfig(**ASKED).told == found.shape[1] == 6
    assert ModelConfig(**{**ASKED, "conditioned": "prior"}).told == 0


@all_pairs
def test_the_loss_is_made_of_bounds_and_reaches_every_parameter(posterior, decoder):
    vae, ids = built(posterior, decoder), tokens([2, 6, 4])
    batch = Batch(ids, ids, conditions=CONDITIONS)
    losses = vae.losses(batch, 0.3, ObjectiveConfig(condition_dropout=0.0), generator(0))
    bounds = vae.bounds(batch, generator(0))
    torch.testing.assert_close(losses.loss, bounds.distortion.mean() + 0.3 * bounds.rate.mean())
    losses.loss.backward()
    for name, value in vae.named_parameters():
        assert value.grad is not None, name
        assert torch.isfinite(value.grad).all(), name
        assert value.grad.abs().max() > 0, name


@pytest.mark.parametrize("encoder", ENCODERS)
@all_decoders
def test_conditions_reach_posterior_rate_and_likelihood(encoder, decoder):
    vae, ids = built(encoder=encoder, decoder=decoder), tokens([2, 6, 4])
    q, free = vae.posterior(ids, CONDITIONS), vae.posterior(ids)
    assert (q.mean - free.mean).abs().amax(1).min() > 1e-4  # something is known of each text
    z = torch.randn(3, LATENT, generator=generator(1))
    assert (vae.log_likelihood(z, ids, CONDITIONS) - vae.log_likelihood(z, ids)).abs().min() > 1e-4
    found = vae.bounds(Batch(ids, ids, conditions=CONDITIONS), generator(0))
    drawn = q.rsample(1, generator(0))
    torch.testing.assert_close(found.rate, rate(q, vae.prior.given(CONDITIONS), drawn))
    torch.testing.assert_close(found.distortion, -vae.log_likelihood(drawn[0], ids, CONDITIONS))


@pytest.mark.parametrize("encoder", ENCODERS)
@all_decoders
def test_nothing_known_is_the_same_as_no_conditions(encoder, decoder):
    vae, ids = built(encoder=encoder, decoder=decoder), tokens([2, 6, 4])
    nothing = torch.full((3, 2), math.nan)
    one, other = (vae.bounds(batch, generator(0)) for batch in (Batch.of(ids), Batch(ids, ids, conditions=nothing)))
    torch.testing.assert_close(one.rate, other.rate)
    torch.testing.assert_close(one.distortion, other.distortion)
    hidden = vae.losses(
        Batch(ids, ids, conditions=CONDITIONS), 1.0, ObjectiveConfig(condition_dropout=1.0), generator(0)
    )
    z = vae.posterior(ids).rsample(1, generator(0, 1))
    assert torch.isfinite(hidden.loss)
    torch.testing.assert_close(vae.points(z[0], nothing), vae.decoder.whole(z[0]))


@all_pairs
def test_elbo_below_iwae_below_the_exact_log_p_given_conditions(posterior, decoder):
    """Two letters, at most two of them, each text with conditions of its own: log p(x|c) by quadrature."""
    vae = built(posterior, decoder, latent=2)
    texts, samples = padded(every_text(2, (3, 4)), 2), 800
    known = CONDITIONS[torch.arange(len(texts)) % 3]
    axis = torch.linspace(-7, 7, 57)
    points = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        exact = []
        for row, conditions in zip(texts, known, strict=True):
            one = conditions.unsqueeze(0)
            density = vae.prior.given(one).log_prob(points) + 2 * (axis[1] - axis[0]).log()
            assert density.logsumexp(0).abs() < 1e-3
            exact.append((vae.log_likelihood(points, row.expand(len(points), -1), one) + density).logsumexp(0))
        exact = torch.stack(exact)
        q, many, told = vae.posterior(texts, known), texts.repeat(samples, 1), known.repeat(samples, 1)
        z = q.rsample(samples, generator(0))
        likelihood = vae.log_likelihood(z.flatten(0, 1), many, told).view(samples, -1)
        weights = likelihood + vae.prior.given(known).log_prob(z) - q.log_prob(z)
        elbo, elbo_error = weights.mean(0), weights.std(0) / math.sqrt(samples)
        batch = Batch(many, many, conditions=told)
        drawn = vae.bounds(batch, generator(1)).elbo.view(samples, -1)
        iwae = vae.iwae(texts.repeat(100, 1), 16, generator(1), conditions=known.repeat(100, 1)).view(100, -1)
    error = iwae.std(0) / 10
    assert ((drawn.mean(0) - elbo).abs() < 4 * (drawn.std(0) / math.sqrt(samples) + elbo_error) + 1e-6).all()
    assert (elbo <= iwae.mean(0) + 4 * (elbo_error + error)).all()
    assert (iwae.mean(0) <= exact + 4 * error + 1e-3).all()
    assert (exact - importance_weighted_bound(weights)).abs().max() < 0.25


@all_decoders
def test_given_conditions_the_texts_have_probabilities_that_sum_to_one(decoder):
    """Of sequences of two letters over the whole alphabet, z fixed: the decoder given c is a distribution."""
    vae = built(decoder=decoder)
    known, z = CONDITIONS[:1], torch.randn(1, LATENT, generator=generator(1))
    texts = padded([[a, b] for a in range(3, 9) for b in range(3, 9)], 2)
    with torch.no_grad():
        two = vae.log_likelihood(z.expand(len(texts), -1), texts, known)
        logits = vae.decoder(vae.points(z, known), texts[:1]).log_softmax(-1)
        ends = 1 - logits[0, 0, 2].exp()  # those of two letters or more
        after = 0.0
        for letter in range(3, 9):
            row = torch.tensor([[letter, 2, 0]])
            step = vae.decoder(vae.points(z, known), row).log_softmax(-1)
            after += float((step[0, 0, letter] + step[0, 1, 2]).exp())
        third = [vae.decoder(vae.points(z, known), row.unsqueeze(0)).log_softmax(-1)[0, 2, 2].exp() for row in texts]
    assert float((two.exp() / torch.stack(third)).sum()) == pytest.approx(float(ends) - after, abs=1e-5)


@all_decoders
def test_decoding_step_by_step_is_the_same_under_conditions(decoder):
    vae, ids = built(decoder=decoder), tokens([6, 6, 6])
    points = vae.points(torch.randn(3, LATENT, generator=generator(1)), CONDITIONS)
    for one in (vae.decoder, Guided(vae.decoder, LATENT, 1.5)):
        with torch.no_grad():
            whole, state, before = one(points, ids), one.begin(points), torch.full((3,), BOS)
            for place in range(ids.shape[1]):
                logits, state = one.step(before, state)
                torch.testing.assert_close(logits, whole[:, place], atol=1e-5, rtol=1e-5)
                before = ids[:, place]
                if place == 2:  # rows may be taken in another order
                    order = torch.tensor([2, 0, 1])
                    state, ids, whole, before = state.select(order), ids[order], whole[order], before[order]


@all_decoders
def test_guidance_by_hand(decoder):
    vae, ids = built(decoder=decoder), tokens([2, 6, 4])
    z = torch.randn(3, LATENT, generator=generator(1))
    points = vae.points(z, CONDITIONS)
    with torch.no_grad():
        told, free = (vae.decoder(part, ids).softmax(-1) for part in (points, z))
        found = Guided(vae.decoder, LATENT, 2.0)(points, ids).softmax(-1)
        plain = Guided(vae.decoder, LATENT, 0.0)(points, ids).softmax(-1)
    expected = (told**3 / free.clamp(min=1e-30) ** 2).nan_to_num()
    torch.testing.assert_close(found, expected / expected.sum(-1, keepdim=True), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(plain, told, atol=1e-6, rtol=1e-5)
    assert (found[..., :2] == 0).all()  # no padding and no beginning, as without it


@pytest.mark.parametrize("method", ["greedy", "sample", "beam"])
def test_every_way_of_decoding_takes_conditions(method):
    """A row is decoded the same whatever the conditions of the others, with guidance too."""
    vae = built()
    points = vae.points(torch.randn(3, LATENT, generator=generator(1)), CONDITIONS)
    for one in (vae.decoder, Guided(vae.decoder, LATENT, 1.0)):
        with torch.no_grad():
            together = decode(one, points, DecodeConfig(method), generator(0))
            others = points.clone()
            others[1:] = 0.0
            alone = decode(one, others, DecodeConfig(method), generator(0))
        assert together.ids[0].tolist()[: alone.ids.shape[1]] == alone.ids[0].tolist()[: together.ids.shape[1]]


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_refinement_lowers_the_objective_given_conditions(posterior):
    vae, ids, beta = built(posterior), tokens([5, 3, 4]), 0.2

    def objective(q):
        z = q.rsample(300, generator(7))
        distortion = -torch.stack([vae.log_likelihood(point, ids, CONDITIONS) for point in z]).mean(0)
        return distortion + beta * rate(q, vae.prior.given(CONDITIONS), z)

    found = refined(vae, ids, beta, 40, CONDITIONS)
    with torch.no_grad():
        assert (objective(found) < objective(vae.posterior(ids, CONDITIONS))).all()


@pytest.mark.parametrize(
    ("classes", "said"),
    [
        ("nonsense", "expected classes by name as JSON"),
        ('["a"]', "expected classes by name as JSON"),
        ('{"kind": ["x"]}', "expected two classes or more of 'kind'"),
        ('{"kind": ["x", "x"]}', "expected two classes or more of 'kind'"),
    ],
)
def test_damaged_classes_are_refused(classes, said):
    with pytest.raises(ConfigError, match=said):
        ModelConfig(classes=classes)
