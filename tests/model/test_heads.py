"""A head p(y|z): its likelihood by hand, missing labels that move nothing, and joint training that learns."""

import math

import pytest
import torch
from model_cases import model

from seqvae.config import ModelConfig, ObjectiveConfig
from seqvae.data.tokens.batch import Batch
from seqvae.model.build import build_model
from seqvae.model.heads import LabelHead
from seqvae.runtime.device import generator

LABELS = torch.tensor([[1.0, math.nan], [3.0, 10.0], [math.nan, math.nan]])


def test_nats_are_those_of_a_normal_distribution():
    torch.manual_seed(0)
    head, z = LabelHead(2, 2), torch.randn(3, 2)
    head.standardise(LABELS)
    assert head.centre.tolist() == [2.0, 10.0]
    assert head.scale.tolist() == [1.0, 1.0]  # of one known value there is no spread
    with torch.no_grad():
        head.log_noise.copy_(torch.tensor([0.5, -0.25]))
        found = head.nats(z, LABELS)
        noise = head.log_noise.exp()
        expected = torch.zeros(3)
        for row in range(3):
            for column in range(2):
                if not LABELS[row, column].isnan():
                    normal = torch.distributions.Normal(head(z)[row, column], noise[column])
                    expected[row] -= normal.log_prob(LABELS[row, column])
    torch.testing.assert_close(found, expected)
    assert found[2] == 0


def test_a_missing_label_moves_nothing():
    head, z = LabelHead(2, 2), torch.randn(3, 2, requires_grad=True)
    head.nats(z, LABELS).sum().backward()
    assert z.grad is not None
    assert z.grad[2].tolist() == [0, 0]
    assert all(bool(value.grad.isfinite().all()) for value in head.parameters() if value.grad is not None)


@pytest.fixture
def predicting():
    return build_model(
        ModelConfig(latent=3, embedding=5, encoder_width=8, decoder_width=8, max_length=6, labels="a"), 9
    )


def test_labels_join_the_loss(predicting):
    ids = torch.tensor([[3, 4, 2], [5, 2, 0]])
    plain = predicting.losses(Batch.of(ids), 0.5, ObjectiveConfig(), generator(0))
    with_labels = Batch(ids, ids, torch.tensor([[1.0], [math.nan]]))
    found = predicting.losses(with_labels, 0.5, ObjectiveConfig(), generator(0))
    z = predicting.posterior(ids).rsample(1, generator(0))[0]
    expected = predicting.head.nats(z, with_labels.labels).mean()
    torch.testing.assert_close(found.label_nats, expected.detach())
    torch.testing.assert_close(found.loss - plain.loss, expected)
    assert plain.label_nats == 0


def test_weights_weigh_every_term(predicting):
    ids = torch.tensor([[3, 4, 2], [5, 2, 0]])
    labels = torch.tensor([[1.0], [2.0]])
    first = predicting.losses(Batch(ids, ids, labels, torch.tensor([1.0, 0.0])), 0.5, ObjectiveConfig(), generator(0))
    whole = predicting.losses(Batch(ids, ids, labels), 0.5, ObjectiveConfig(), generator(0))
    second = predicting.losses(Batch(ids, ids, labels, torch.tensor([0.0, 3.0])), 0.5, ObjectiveConfig(), generator(0))
    for name in ("loss", "distortion", "rate", "label_nats"):
        torch.testing.assert_close((getattr(first, name) + getattr(second, name)) / 2, getattr(whole, name))


def test_a_model_without_labels_has_no_head():
    assert model().head is None
