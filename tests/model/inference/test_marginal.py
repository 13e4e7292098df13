"""A class that is summed over where it is missing: the sum against brute force, by hand, and what is learned."""

import math
from itertools import product

import pytest
import torch
from model_cases import LATENT, every_text, model, padded, tokens

from seqvae.config import DataConfig, ModelConfig, ObjectiveConfig, RunConfig
from seqvae.data.tokens.batch import Batch
from seqvae.errors import ConfigError
from seqvae.model.decoders import DECODERS
from seqvae.model.families import POSTERIORS
from seqvae.model.marginal import ClassInference
from seqvae.runtime.device import generator

ASKED = {"conditions": "a,kind", "classes": '{"kind": ["x", "y", "z"]}', "conditioned": "all", "prior": "conditional"}
SMALL = {"posterior_width": 8, "posterior_groups": 3}
# The class, the second condition, is known of the first text alone.
CONDITIONS = torch.tensor([[0.7, 2.0], [math.nan, math.nan], [-1.2, math.nan]])
PLAIN = ObjectiveConfig(condition_dropout=0.0, classification=7.0)
all_pairs = pytest.mark.parametrize(("posterior", "decoder"), list(product(POSTERIORS, DECODERS)))


def built(posterior="diagonal", decoder="gru", **more):
    vae = model(decoder=decoder, posterior=posterior, scale=2.0, inferred="kind", **SMALL, **ASKED, **more)
    with torch.no_grad():
        for part, by in ((vae.prior, 0.1), (vae.encoder.family, 0.05), (vae.classes, 0.3)):
            for value in part.parameters():
                value.mul_(0.5).add_(by * torch.randn(value.shape, generator=generator(0, 6)))
    vae.classes.take_shares(torch.tensor([[0, 0.0], [0, 0.0], [0, 2.0], [0, math.nan]]))
    return vae


def test_shares_are_counted_with_one_more_of_each():
    assert built().classes.log_prior.exp().tolist() == pytest.approx([3 / 6, 1 / 6, 2 / 6])


def test_copies_by_hand():
    """Two classes, q(y|x) = (1/4, 3/4) for every text, p(y) = (1/2, 1/2): of three texts the second is summed over."""
    inference = ClassInference(2, (0, 2), 1)
    with torch.no_grad():
        for value in inference.parameters():
            value.zero_()
        inference.network[-1].bias.copy_(torch.tensor([0.25, 0.75]).log())
    known = torch.tensor([[5.0, 1.0], [6.0, math.nan], [7.0, 0.0]])
    found = inference.spread(torch.zeros(3, 2), known)
    assert (found.alone, found.rows.tolist()) == (2, [0, 2, 1, 1])
    assert found.weights.tolist() == pytest.approx([1, 1, 0.25, 0.75])
    assert found.conditions.tolist() == [[5, 1], [7, 0], [6, 0], [6, 1]]
    divergence = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    assert found.rate.tolist() == pytest.approx([0, divergence, 0])
    assert found.surprise.tolist() == pytest.approx([math.log(2), 0, math.log(2)])
    assert found.nats.tolist() == pytest.approx([-math.log(0.75), 0, -math.log(0.25)])
    # L = 10 and 20 of the known texts, 4 and 8 of the classes of the other: U = .25 * 4 + .75 * 8 = 7
    assert found.mixed(torch.tensor([10.0, 20.0, 4.0, 8.0])).tolist() == pytest.approx([10, 7, 20])


@all_pairs
def test_the_loss_is_the_sum_over_classes_by_brute_force(posterior, decoder):
    """Every class of every text by itself, with the noise that the copies have, and the formula of the paper."""
    vae, ids = built(posterior, decoder), tokens([2, 6, 4])
    found = vae.losses(Batch(ids, ids, conditions=CONDITIONS), 1.0, PLAIN, generator(0))
    with torch.no_grad():
        q = vae.classes(vae.posterior(ids).mean)
        copies = [(0, 2), *product((1, 2), (0, 1, 2))]  # text and class, in the order of the copies
        rows = torch.tensor([row for row, _ in copies])
        conditions = CONDITIONS[rows].clone()
        conditions[:, 1] = torch.tensor([float(kind) for _, kind in copies])
        plain = vae.classes
        vae.classes = None
        each = -vae.bounds(Batch(ids[rows], ids[rows], conditions=conditions), generator(0)).elbo
        vae.classes = plain
        labelled = each[0] - plain.log_prior[2]
        totals = [labelled]
        for row in (1, 2):
            total = 0.0
            for kind in range(3):
                probability = float(q[row, kind].exp())
                total += probability * (each[copies.index((row, kind))] - plain.log_prior[kind] + q[row, kind])
            totals.append(total)
        expected = sum(totals) / 3 + 7.0 * -q[0, 2] / 3
    torch.testing.assert_close(found.loss.detach(), expected, atol=1e-4, rtol=1e-5)
    found.loss.backward()
    for name, value in vae.named_parameters():
        assert value.grad is not None, name
        assert torch.isfinite(value.grad).all(), name
        assert value.grad.abs().max() > 0, name


def test_beta_weighs_what_the_class_costs_too():
    vae, ids = built(), tokens([2, 6, 4])
    batch = Batch(ids, ids, conditions=CONDITIONS)
    one, half = (vae.losses(batch, beta, PLAIN, generator(0)) for beta in (1.0, 0.5))
    torch.testing.assert_close(one.loss - half.loss, 0.5 * one.rate)
    torch.testing.assert_close(one.loss, one.distortion + one.rate + one.label_nats)


def test_a_hidden_class_is_not_summed_over():
    """With all hidden a text has one copy, nothing known, and still trains the classifier where its class is known."""
    vae, ids = built(), tokens([2, 6, 4])
    batch = Batch(ids, ids, conditions=CONDITIONS)
    spread = vae.classes.spread(vae.posterior(ids).mean, CONDITIONS, 1.0, generator(0))
    assert (spread.alone, spread.rows.tolist()) == (3, [0, 1, 2])
    assert spread.conditions.isnan().all()
    assert spread.rate.abs().sum() == spread.surprise.abs().sum() == 0
    found = vae.losses(batch, 1.0, ObjectiveConfig(condition_dropout=1.0), generator(0))
    nats = -vae.classes(vae.posterior(ids).mean)[0, 2] / 3
    torch.testing.assert_close(found.label_nats, 10.0 * nats.detach())
    torch.testing.assert_close(vae.losses(Batch.of(ids), 1.0, PLAIN, generator(0)).label_nats, torch.tensor(0.0))


@all_pairs
def test_bounds_below_iwae_below_the_exact_log_p_of_all_classes(posterior, decoder):
    """log p(x) = log of the sum of p(y) p(x|y), each by quadrature; of the class that is known, log p(x|y)."""
    vae = built(posterior, decoder, latent=2)
    texts = padded(every_text(2, (3, 4)), 2)
    known = torch.full((len(texts), 2), math.nan)
    known[0, 1] = 1.0
    axis = torch.linspace(-7, 7, 57)
    points = torch.cartesian_prod(axis, axis)
    exact, samples = [], 400
    with torch.no_grad():
        for row, given in zip(texts, known, strict=True):
            classes = []
            for kind in range(3):
                one = torch.tensor([[math.nan, float(kind)]])
                density = vae.prior.given(one).log_prob(points) + 2 * (axis[1] - axis[0]).log()
                classes.append((vae.log_likelihood(points, row.expand(len(points), -1), one) + density).logsumexp(0))
            found = torch.stack(classes)
            exact.append(found[1] if not given[1].isnan() else (found + vae.classes.log_prior).logsumexp(0))
        exact = torch.stack(exact)
        many, told = texts.repeat(samples, 1), known.repeat(samples, 1)
        elbo = vae.bounds(Batch(many, many, conditions=told), generator(1)).elbo.view(samples, -1)
        iwae = vae.iwae(texts.repeat(60, 1), 16, generator(1), conditions=known.repeat(60, 1)).view(60, -1)
    error, iwae_error = elbo.std(0) / math.sqrt(samples), iwae.std(0) / math.sqrt(60)
    assert (elbo.mean(0) <= iwae.mean(0) + 4 * (error + iwae_error) + 1e-5).all()
    assert (iwae.mean(0) <= exact + 4 * iwae_error + 1e-3).all()
    assert ((exact - iwae.mean(0)).abs() < 0.5).all()


def test_labels_beside_an_inferred_class_are_those_of_the_copies():
    vae = built(labels="b")
    ids = tokens([2, 6, 4])
    labels = torch.tensor([[1.0], [math.nan], [0.5]])
    found = vae.losses(Batch(ids, ids, labels, conditions=CONDITIONS), 1.0, PLAIN, generator(0))
    plain = vae.losses(Batch(ids, ids, conditions=CONDITIONS), 1.0, PLAIN, generator(0))
    assert float((found.loss - plain.loss).detach()) == pytest.approx(float(found.label_nats - plain.label_nats))
    assert found.label_nats > plain.label_nats


def test_a_class_is_learned_from_few_texts():
    """Two kinds of texts, of which one in ten is labelled: q(y|x) tells the others apart after a few steps."""
    torch.manual_seed(0)
    vae = model(latent=LATENT, inferred="kind", **ASKED).train()
    first = torch.randint(3, 5, (60, 5), generator=generator(1))
    second = torch.randint(6, 8, (60, 5), generator=generator(2))
    ids = torch.cat([torch.cat([first, second]), torch.full((120, 1), 2)], 1)
    truth = torch.cat([torch.zeros(60), torch.ones(60)])
    conditions = torch.full((120, 2), math.nan)
    conditions[::10, 1] = truth[::10]
    vae.classes.take_shares(conditions)
    optimizer = torch.optim.Adam(vae.parameters(), lr=0.01)
    for step in range(60):
        loss = vae.losses(Batch(ids, ids, conditions=conditions), 0.5, ObjectiveConfig(), generator(0, step)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        found = vae.classes(vae.posterior(ids).mean).argmax(-1)
    assert float((found == truth).float().mean()) > 0.95


def test_settings_that_do_not_go_together_are_refused():
    for data in ({"conditions": "a", "inferred": "a"}, {"labels": "a", "classes": "a", "inferred": "a"}):
        with pytest.raises(ConfigError, match=r"data\.inferred: expected a column of data\.classes among the cond"):
            DataConfig(**data)
    fine = DataConfig(conditions="a", classes="a", inferred="a")
    with pytest.raises(ConfigError, match=r"data\.inferred: encoder and decoder have to read the class"):
        RunConfig(data=fine, model=ModelConfig(conditioned="prior"))
    with pytest.raises(ConfigError, match=r"model\.inferred: expected a condition that has classes, got 'a'"):
        ModelConfig(conditions="a", inferred="a")
    assert RunConfig().idle()["classification"] == "without an inferred class"
    assert "classification" not in RunConfig(data=fine).idle()
