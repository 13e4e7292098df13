"""Rank-weighted retraining against values worked out by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from bulk_cases import MOLECULES, tiny_codec
from formula_cases import archive

from seqvae.config import RetrainingConfig
from seqvae.search.memory.token_cache import Readable
from seqvae.search.optimizers.weighted_retraining import Retraining
from seqvae.sequences.molecules import canonical_smiles

TEXTS = [canonical_smiles(text) for text in MOLECULES if len(text) < 15]  # all that the small model can read


def learner(monkeypatch=None, begun_with=(), drawn=None, **config):
    settings = RetrainingConfig(**{"every": 1, "steps": 1, "batch_size": 4, "learning_rate": 1e-3, **config})
    one = Retraining(Readable(tiny_codec("smiles")), settings, 0, begun_with)
    if drawn is not None:
        monkeypatch.setattr(torch, "multinomial", lambda *_, **__: torch.tensor(drawn))
    return one


def test_retraining_waits_for_enough_and_draws_by_rank_among_the_best(monkeypatch):
    given, one = [], learner(every=4, population=3, greed=0.5)
    draw = torch.multinomial
    monkeypatch.setattr(
        torch,
        "multinomial",
        lambda weights, *_, **__: given.append(weights.tolist()) or torch.zeros(4, dtype=torch.int),
    )
    found = archive(dict(zip(TEXTS[:3], (3.0, 2.0, 1.0), strict=True)))
    one.learn(found)
    assert given == []
    found.add(TEXTS[3], 0.0)
    one.learn(found)
    # Greed 0.5 x 4 texts = 2, ranks 0 to 2, and not of the fourth.
    exact = np.array([1 / 2, 1 / 3, 1 / 4])
    assert given == [pytest.approx((exact / exact.sum()).tolist())]
    drawing, steps = learner(batch_size=20_000, steps=2, population=3, greed=0.5), []
    monkeypatch.setattr(torch, "multinomial", draw)
    monkeypatch.setattr(drawing, "_train", lambda texts: steps.append(texts) or setattr(drawing, "_step", 1))
    drawing.learn(found)
    assert [steps[0].count(text) / 20_000 for text in TEXTS[:3]] == pytest.approx(given[0], abs=0.015)
    assert steps[0] != steps[1], "each step draws anew"


def test_a_step_descends_distortion_and_beta_times_the_rate(monkeypatch):
    """With a posterior of hardly any width z is its mean: the gradient is one that can be written down."""
    gradients = {}
    for beta in (0.0, 0.3, 2.0):
        one = learner(monkeypatch, drawn=[0, 1, 1, 0], beta=beta)
        model, codec = one.codec.model, one.codec
        with torch.no_grad():
            model.encoder.moments.weight[codec.latent :] = 0
            model.encoder.moments.bias[codec.latent :] = -60.0
        before = [value.detach().clone() for value in model.parameters()]
        tokens = codec.padded([one.texts.ids(text) for text in (TEXTS[0], TEXTS[1], TEXTS[1], TEXTS[0])])
        mean, log_variance = model.posterior(tokens).mean, torch.tensor(-60.0)
        logits = model.decoder(mean, tokens).log_softmax(-1)
        spoken = torch.where(tokens > 0, logits.gather(2, tokens.unsqueeze(2)).squeeze(2), 0.0)
        rate = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance)
        loss = (-spoken.sum(1) + beta * rate.sum(1)).mean()
        expected = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        one.learn(archive({TEXTS[0]: 2.0, TEXTS[1]: 1.0}))
        kept = model.encoder.embedding.weight.grad
        gradients[beta] = kept
        for old, new, gradient, exact in zip(
            before, model.parameters(), (value.grad for value in model.parameters()), expected, strict=True
        ):
            if exact is None or len(exact) == 2 * codec.latent:  # the width has a gradient of its own
                continue
            assert (gradient - exact).norm() <= 0.03 * exact.norm() + 1e-3  # products of bf16 while learning
            moved = gradient.abs() > 1e-4  # Adam's first step is its step size, against the gradient's sign
            torch.testing.assert_close((new - old)[moved], -1e-3 * gradient.sign()[moved], atol=2e-6, rtol=1e-3)
    assert not torch.allclose(gradients[0.0], gradients[0.3], atol=1e-5)


def test_gradients_are_no_longer_than_fifty(monkeypatch):
    one = learner(monkeypatch, drawn=[0, 1, 1, 0])
    with torch.no_grad():
        one.codec.model.encoder.moments.bias[: one.codec.latent] += (
            500.0  # far from the prior: a rate with a long gradient
        )
    one.learn(archive({TEXTS[0]: 2.0, TEXTS[1]: 1.0}))
    length = torch.cat([value.grad.flatten() for value in one.codec.model.parameters()]).norm().item()
    assert length == pytest.approx(50, rel=1e-3)


def test_shares_of_a_batch_are_remembered_and_written_otherwise(monkeypatch):
    one = learner(monkeypatch, [TEXTS[5]], drawn=[0] * 8, batch_size=8, replay=0.25)
    seen, rows = [], one.texts.rows
    monkeypatch.setattr(one.texts, "rows", lambda texts: seen.append(Counter(texts)) or rows(texts))
    one.learn(archive({TEXTS[0]: 2.0, TEXTS[1]: 1.0}))
    assert seen == [{TEXTS[0]: 6, TEXTS[5]: 2}]
    two, ids = learner(monkeypatch, drawn=[0] * 8, batch_size=8, randomised=0.75), []
    padded = two.codec.padded
    monkeypatch.setattr(two.texts, "shuffled", lambda text, rng: [1, 2, 3])
    monkeypatch.setattr(two.codec, "padded", lambda rows: ids.extend(rows) or padded(rows))
    two.learn(archive({TEXTS[0]: 2.0, TEXTS[1]: 1.0}))
    assert (len(ids), ids.count([1, 2, 3])) == (8, 6)
