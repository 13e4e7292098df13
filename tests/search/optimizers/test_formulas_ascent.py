"""Gradient ascent against NumPy: the slope, the climb, the heads."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from plane_cases import Plane, scores

from seqvae.config import (
    AscentConfig,
)
from seqvae.search.optimizers import gradient_ascent
from seqvae.search.optimizers.gradient_ascent import Ascent
from seqvae.search.proposals import Candidate
from seqvae.search.surrogates.ensemble import Heads

SLOPES = np.array([[1.0, 0.0], [3.0, -1.0], [2.0, 4.0]])  # of three heads that are planes


def heads(z):
    return torch.from_numpy(SLOPES).float() @ z.T


def slope(z, start, caution, penalty):
    """Gradient of mean - caution x standard deviation - penalty x nats of N(0, I) lost since the start."""
    predicted = SLOPES @ z
    spread = ((predicted - predicted.mean()) @ (SLOPES - SLOPES.mean(0))) / 2 / predicted.std(ddof=1)
    return SLOPES.mean(0) - caution * spread - penalty * z * (z @ z > start @ start)


def test_the_slope_is_of_the_mean_less_caution_and_less_the_prior_that_is_lost():
    one = Ascent(Plane(), AscentConfig(caution=0.5, penalty=0.1))
    z, start = np.array([[2.0, 1.0], [0.5, 0.2]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    before = one.space.codec.model.prior.log_prob(torch.from_numpy(start).float())
    found = one._slope(heads, torch.from_numpy(z).float(), before)
    assert found.tolist() == [pytest.approx(slope(*pair, 0.5, 0.1).tolist()) for pair in zip(z, start, strict=True)]
    # By hand, of two heads (1, 0) and (3, 0) at (2, 0): 2 - 0.5 x sqrt(2) - 0.1 x 2, and the nearer point pays nothing.
    by_hand = one._slope(
        lambda rows: torch.stack([rows[:, 0], 3 * rows[:, 0]]), torch.tensor([[2.0, 0.0], [0.5, 0.0]]), before
    )
    assert by_hand[:, 0].tolist() == pytest.approx([2 - 0.5 * math.sqrt(2) - 0.2, 2 - 0.5 * math.sqrt(2)])


@pytest.mark.parametrize("steps", [1, 7])
@pytest.mark.parametrize("penalty", [0.0, 0.8])
def test_a_climb_is_steps_along_the_slope_within_a_ball(steps, penalty):
    config = AscentConfig(radius=1.5, steps=steps, caution=0.3, penalty=penalty, population=2, greed=0.5)
    one = Ascent(Plane(), config, seed=4)
    one.tell([], scores(["2,0.5", "0.5,-1", "9,9"], [3.0, 2.0, 1.0]))
    found = one._climbed(heads, 50)
    rng = np.random.default_rng(4)
    # Greed 0.5 x 3 texts = 1.5, and ranks 0 and 1: the shares of the best two are 1/1.5 and 1/2.5.
    drawn = rng.choice(2, 50, p=np.array([1 / 1.5, 1 / 2.5]) / (1 / 1.5 + 1 / 2.5))
    starts = np.array([[2.0, 0.5], [0.5, -1.0]])[drawn]
    radii = 1.5 * rng.uniform(0.2, 1.0, (50, 1))
    off = rng.standard_normal((50, 2))
    for place, start, radius, aside in zip(found, starts, radii[:, 0], off, strict=True):
        z = start + 0.1 * radius * aside / np.linalg.norm(aside)
        for _ in range(steps):
            way = slope(z, start, 0.3, penalty)
            z = z + 2 * radius / steps * way / np.linalg.norm(way)
            far = np.linalg.norm(z - start)
            z = start + (z - start) * min(1.0, radius / far)
        assert place.tolist() == pytest.approx(z.tolist(), abs=1e-4)


def nothing(count, seed):
    """An initial design without texts."""
    return []


def begun(config):
    """Return an ascent over a plane with four scores."""
    one = Ascent(Plane(), config, initial=[nothing])
    one.tell([], scores(["2,0.5", "0.5,-1", "9,9", "4,0"], [3.0, 2.0, 1.0, 10.0]))
    return one


def test_texts_of_a_climb_are_tried_in_turn_where_they_are_not_new(monkeypatch):
    one, asked = begun(AscentConfig(start=2, heads=2, width=3, training=1, decodes=3)), []
    monkeypatch.setattr(gradient_ascent, "_ATTEMPTS", 1)

    def decode(points, seed, proposer, attempt):
        asked.append((points[:, 0].tolist(), attempt))
        return [Candidate(f"{place}" if place + attempt > 2 else "9,9") for place in points[:, 0]]

    one.space.decode = decode
    one._climbed = lambda heads, count: np.array([[0.0], [1.0], [3.0]])
    found = one.ask(9)
    assert asked == [([0, 1, 3], 0), ([0, 1], 1), ([0, 1], 2)]
    assert [candidate.text for candidate in found] == ["3.0", "1.0"]


def test_heads_learn_standardised_scores_of_all_texts_and_are_layers_of_silu():
    one, given = begun(AscentConfig(start=2, heads=3, width=5, training=1)), []
    one._climbed = lambda heads, count: given.append(heads) or np.zeros((0, 2))
    one.ask(1)
    found, z = given[0], np.array([[1.0, 2.0], [-3.0, 0.1]])
    places = np.array([[2, 0.5], [0.5, -1], [9, 9], [4, 0]])
    assert (found.mean.item(), found.deviation.item()) == pytest.approx((4.0, math.sqrt(50 / 3)))  # of 3 degrees
    assert found.centre.tolist() == pytest.approx(places.mean(0).tolist())
    assert found.spread.tolist() == pytest.approx(places.std(0, ddof=1).tolist())
    weights = [part.detach().double().numpy() for part in (*found.weights, *found.biases)]
    assert [part.shape for part in weights[:3]] == [(3, 2, 5), (3, 5, 5), (3, 5, 1)]
    rows = np.broadcast_to((z - places.mean(0)) / places.std(0, ddof=1), (3, 2, 2))
    for weight, bias in zip(weights[:2], weights[3:5], strict=True):
        rows = rows @ weight + bias
        rows = rows / (1 + np.exp(-rows))
    expected = (rows @ weights[2] + weights[5])[:, :, 0]
    np.testing.assert_allclose(found(torch.from_numpy(z).float()), expected, atol=1e-5)
    np.testing.assert_allclose(found.scores(torch.from_numpy(z).float()), 4 + math.sqrt(50 / 3) * expected, atol=1e-4)


def test_the_first_step_of_a_head_is_its_step_size_and_a_little_decay():
    before, after = (Heads(2, 4, 5, seed=0) for _ in range(2))
    z = torch.randn(40, 2, generator=torch.Generator().manual_seed(0))
    after.learn(z, z[:, 0] * 3 + 1, 1, seed=0)
    for old, new in zip(before.weights, after.weights, strict=True):
        moved = (new - old * (1 - 3e-3 * 1e-2)).abs()  # AdamW: decay of a hundredth, then the gradient's sign
        assert moved.max().item() == pytest.approx(3e-3, rel=1e-3)
        assert moved.median().item() == pytest.approx(3e-3, rel=1e-3)
