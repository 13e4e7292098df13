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


def test_nats_of_numbers_and_classes_together():
    """A number, a class of three and a class of two: a Gaussian and cross-entropies, each missing somewhere."""
    torch.manual_seed(0)
    head, z = LabelHead(2, 3, (0, 3, 2)), torch.randn(4, 2)
    labels = torch.tensor([[1.0, 2.0, math.nan], [3.0, math.nan, 1.0], [math.nan, 0.0, 0.0], [math.nan] * 3])
    head.standardise(labels)
    assert (head.centre.tolist(), head.scale.tolist()) == ([2.0, 0.0, 0.0], [1.0, 1.0, 1.0])
    raw = head.network(z).detach()
    assert raw.shape == (4, 6)
    found = head.nats(z, labels)
    gauss = [0.5 * float((value - raw[row, 0]) ** 2) + 0.5 * math.log(2 * math.pi) for row, value in ((0, -1), (1, 1))]
    cross = torch.nn.functional.cross_entropy
    first = cross(raw[:, 1:4], torch.tensor([2, 0, 0, 0]), reduction="none")
    second = cross(raw[:, 4:], torch.tensor([0, 1, 0, 0]), reduction="none")
    expected = [gauss[0] + first[0], gauss[1] + second[1], first[2] + second[2], 0.0]
    torch.testing.assert_close(found, torch.tensor([float(one) for one in expected]))
    assert head(z).shape == (4, 1)
    probabilities = head.class_log_probs(z)
    assert sorted(probabilities) == [1, 2]
    torch.testing.assert_close(probabilities[1].exp(), raw[:, 1:4].softmax(-1))
    found.sum().backward()
    assert all(bool(value.grad.isfinite().all()) for value in head.parameters() if value.grad is not None)


def test_a_head_of_classes_alone_has_no_noise():
    head = LabelHead(2, 1, (2,))
    assert head.log_noise.numel() == 0
    assert head(torch.zeros(3, 2)).shape == (3, 0)
    assert head.nats(torch.zeros(1, 2), torch.tensor([[math.nan]])).tolist() == [0]
