"""Arithmetic that is the same everywhere, and the model in it."""

import math

import model_cases
import numpy as np
import pytest
import torch
from coding_cases import TEXTS, exact_model

from seqvae.infer.coding import exact
from seqvae.infer.coding.network import padded
from seqvae.model.families import POSTERIORS


def test_functions_are_what_their_names_say():
    x = np.linspace(-30, 30, 6001)
    np.testing.assert_allclose(exact.exp(x), np.exp(x), rtol=1e-13)
    np.testing.assert_allclose(exact.sigmoid(x), 1 / (1 + np.exp(-x)), atol=2e-4)
    np.testing.assert_allclose(exact.tanh(x), np.tanh(x), atol=2e-4)
    np.testing.assert_allclose(exact.erf(x), [math.erf(v) for v in x], atol=2e-7)
    np.testing.assert_allclose(exact.normal_cdf(x), [0.5 * math.erfc(-v / math.sqrt(2)) for v in x], atol=2e-7)


def test_weights_are_whole_and_in_proportion():
    logits = np.array([[0.0, -1.0, -np.inf, 3.0, -40.0]])
    weights = exact.weights_of(logits)[0]
    assert (weights == np.rint(weights)).all()
    assert weights[2] == 0
    assert weights[4] == 1
    np.testing.assert_allclose(weights[[0, 1]] / weights[3], np.exp([-3.0, -4.0]), rtol=1e-3)


@pytest.mark.parametrize("most", [1.0, 64.0])
def test_products_do_not_depend_on_the_order_of_addition(most):
    rng = np.random.default_rng(0)
    weight, x = rng.normal(size=(7, 1000)), rng.uniform(-most, most, size=(5, 1000))
    found = exact.Linear(weight, None, most)(x)
    np.testing.assert_allclose(found, x @ weight.T, atol=1e-3 * most)
    order = rng.permutation(1000)
    assert (exact.Linear(weight[:, order], None, most)(x[:, order]) == found).all()
    layer = exact.Linear(weight, None, most)
    wholes = exact.whole(x, layer.places, most)
    by_fractions = [sum(int(a) * int(b) for a, b in zip(row, layer.weight[:, 0], strict=True)) for row in wholes]
    assert (found[:, 0] == np.array([float(value) for value in by_fractions]) * layer.unit).all()


def test_normalisation_is_that_of_torch():
    x = np.random.default_rng(0).normal(size=(4, 24)) * 3 + 1
    layer = exact.LayerNorm(np.full(24, 1.5), np.full(24, 0.25), 1e-5)
    wanted = torch.nn.functional.layer_norm(torch.tensor(x), (24,)) * 1.5 + 0.25
    np.testing.assert_allclose(layer(x), wanted.numpy(), atol=1e-4)
    assert np.abs(layer(x)).max() <= layer.most


@pytest.mark.parametrize(("encoder", "decoder"), model_cases.PARTS)
@pytest.mark.parametrize("posterior", ["diagonal", "full", "given conditions"])
def test_the_exact_model_is_the_trained_one_but_for_rounding(encoder, decoder, posterior):
    """A model that reads conditions is coded with none of them known."""
    more = {"prior": "conditional", "conditions": "a,b", "conditioned": "all"} if posterior not in POSTERIORS else {}
    model, found = exact_model(encoder, decoder, "diagonal" if more else posterior, **more)
    tokens, _ = padded(TEXTS)
    with torch.no_grad():
        wanted = model.posterior(torch.tensor(tokens))
        logs = model.decoder(wanted.mean, torch.tensor(tokens)).log_softmax(-1).numpy()
    mean, std = found.posterior(TEXTS)
    np.testing.assert_allclose(mean, wanted.mean.numpy(), atol=1e-3)
    np.testing.assert_allclose(std, wanted.std.numpy(), rtol=2e-3, atol=1e-4)
    for row, weights in enumerate(found.weights(wanted.mean.double().numpy(), TEXTS)):
        shares = weights[:, 2:] / weights.sum(1, keepdims=True)
        np.testing.assert_allclose(np.log(shares), logs[row, : len(shares), 2:], atol=3e-3)
        assert len(shares) == min(len(TEXTS[row]) + 1, model_cases.LONGEST)


@pytest.mark.parametrize(("encoder", "decoder"), model_cases.PARTS)
def test_a_row_is_the_same_alone_and_in_any_batch(encoder, decoder):
    _, found = exact_model(encoder, decoder)
    mean, std = found.posterior(TEXTS)
    weights = found.weights(mean, TEXTS)
    for row, text in enumerate(TEXTS):
        alone, spread = found.posterior([text])
        assert (alone[0] == mean[row]).all()
        assert (spread[0] == std[row]).all()
        assert (found.weights(alone, [text])[0] == weights[row]).all()
