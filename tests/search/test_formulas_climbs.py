"""Climbs in a latent space and moves there, against NumPy: gradient ascent, CMA-ES, noise, crossings, likelihoods."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch
from bulk_cases import MOLECULES, tiny_codec
from cmaes import CMA
from formula_cases import arc
from plane_cases import Plane, scores

from seqvae.config import (
    AscentConfig,
    CmaConfig,
    DecodeConfig,
    EvolutionConfig,
    GenerativeConfig,
    LatentMovesConfig,
    OperatorConfig,
)
from seqvae.runtime.device import derived_seed
from seqvae.search.domain.sequence_moves import SelfiesMoves
from seqvae.search.memory.archive import Archive
from seqvae.search.memory.latent_space import Space
from seqvae.search.memory.token_cache import Readable
from seqvae.search.optimizers import cma_es, gradient_ascent
from seqvae.search.optimizers.cma_es import CmaEs, _Climb
from seqvae.search.optimizers.gradient_ascent import Ascent
from seqvae.search.optimizers.latent_evolution import generative
from seqvae.search.optimizers.latent_operators import PosteriorCrossover, PosteriorNoise
from seqvae.search.proposals import Candidate
from seqvae.search.surrogates.ensemble import Heads
from seqvae.sequences.molecules import canonical_or_none, canonical_smiles

# Gradient ascent.

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


# CMA-ES.


def climb(population=6, origin=(1.0, 2.0, 3.0), basis=None):
    basis = np.eye(3) if basis is None else basis
    optimizer = CMA(np.zeros(basis.shape[1]), 0.5, population_size=population, seed=0)
    return _Climb(np.array(origin), basis, optimizer, 7)


def test_a_generation_moves_to_the_weighted_mean_of_its_better_half():
    """Hansen 2016, equations 38, 49 and 53: of six the best three, by log(3.5) - log(rank)."""
    one = climb()
    steps = one.sample(6)
    assert len(set(steps[:, 0])) == 6
    archive = Archive()
    archive.update("abcd", [2.0, float("nan"), 5.0, 3.0])
    for step, form in zip(steps, ["a", "b", "c", "d", None, "later"], strict=True):
        one.add(step, form)
    one.settle(archive)
    assert one.optimizer.generation == 0  # one has no score yet
    archive.add("later", -1.0)
    one.settle(archive)
    assert one.optimizer.generation == 1
    weights = np.log(3.5) - np.log([1, 2, 3])
    best = steps[[2, 3, 0]]  # 5, 3 and 2; the invalid one and that without a score come last
    np.testing.assert_allclose(one.optimizer.mean, weights @ best / weights.sum(), atol=1e-12)


def test_points_lie_in_the_directions_of_the_basis():
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 2)))[0]
    one, steps = climb(basis=basis), np.array([[1.0, 0.0], [0.5, -2.0]])
    expected = [np.array([1.0, 2.0, 3.0]) + step[0] * basis[:, 0] + step[1] * basis[:, 1] for step in steps]
    np.testing.assert_allclose(one.points(steps), expected)
    assert not one.whole
    assert climb().whole


def test_a_climb_ends_after_five_populations_without_a_new_text_and_waits_for_one_generation():
    one = climb()
    one.barren = 29
    assert not one.ended()
    one.barren = 30
    assert one.ended()
    two = climb()
    for generation in range(3):
        two.add(np.zeros(3), f"lost {generation}")
        for step in two.sample(6):
            two.add(step, None)
        two.settle(Archive())
    # After three generations those of the second and third may still come.
    assert [waiting.form for waiting in two._waiting] == ["lost 2"]


@pytest.mark.parametrize(
    ("latent", "subspace", "batch", "population"),
    # 4 + 3 ln 2 = 6.08, 4 + 3 ln 64 = 16.5, 4 + 3 ln 10 = 10.9; or the batch where that is larger.
    [(2, 0, 1, 6), (64, 0, 12, 16), (64, 0, 40, 40), (64, 10, 1, 10), (8, 20, 1, 10)],
)
def test_a_population_grows_with_the_logarithm_of_the_directions(latent, subspace, batch, population):
    one = CmaEs(Plane(latent, np.zeros((1, latent))), CmaConfig(subspace=subspace, sigma=0.7))
    found = one._new_climb(batch)
    directions = min(subspace or latent, latent)
    assert found.optimizer.population_size == population
    assert found.basis.shape == (latent, directions)
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(directions), atol=1e-12)
    steps = found.sample(2000)
    assert steps.std() == pytest.approx(0.7, rel=0.05)
    assert CmaEs(one.space, CmaConfig(population=5))._new_climb(40).optimizer.population_size == 5


def test_later_climbs_begin_at_one_of_the_best_by_rank():
    one, seen = CmaEs(Plane()), []
    one.tell([], scores([f"{number},0" for number in range(60)], range(60)))
    one.space.encode = lambda texts: seen.extend(texts) or (np.full((1, 2), np.nan), [False])
    one.space.draws = np.zeros((1, 2))
    for _ in range(151):
        one._new_climb(4)
    seen = [seen[row : row + 20] for row in range(0, len(seen), 20)]  # the model could read none of them
    assert seen[0] == [f"{number},0" for number in range(59, 39, -1)]
    drawn = Counter(text for best in seen[1:] for text in best)
    # Ranks 0 to 19, and greed 0.01 x 60 is below 1: shares of 1, 1/2, 1/3 and so on.
    weights = 1 / np.arange(1, 21)
    shares = [drawn[f"{59 - rank},0"] / 3000 for rank in range(20)]
    assert shares == pytest.approx((weights / weights.sum()).tolist(), abs=0.03)
    assert {len(best) for best in seen} == {20}


def test_known_and_new_texts_are_learned_from_and_barren_points_counted(monkeypatch):
    monkeypatch.setattr(cma_es, "_ROUNDS", 1)
    one = CmaEs(Plane(draws=np.zeros((1, 2))), CmaConfig(start=1, form="full", population=50), initial=[nothing])
    one.tell([], scores(["0,0"], [1.0]))
    one.space.decode = lambda points, seed, name: [Candidate(text, name) for text in ["0,0", "new", "", "0,0"]]
    assert [candidate.text for candidate in one.ask(4)] == ["new"]
    found = one._climb
    assert found.barren == 2  # the two after the new one
    assert [loss for _, loss in found._scored] == [-1.0, math.inf, -1.0]


# Likelihoods.


def test_sureness_is_nats_a_token_and_attempts_after_the_first_are_samples():
    codec = tiny_codec()
    space, z = Space(codec), codec.draw(12, 0).numpy()
    for attempt, method in ((0, "greedy"), (1, "sample"), (2, "sample")):
        found, sure = space.written(z, 5, "x", attempt)
        made = codec.generate(z, DecodeConfig(method, seed=derived_seed(5, attempt)))
        assert [one.text for one in found] == made.texts
        assert sure.tolist() == pytest.approx([float(np.mean(row)) for row in made.token_log_probs], rel=1e-5)
    texts = [text for text in MOLECULES if len(text) < 15]
    points, _ = space.encode(texts)
    exact = []
    for text, point in zip(texts, points, strict=True):
        tokens = codec.padded(codec.tokenize([text]).ids)
        with torch.no_grad():
            logits = codec.model.decoder(torch.from_numpy(point[None]).float(), tokens)[0].double().numpy()
        chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        exact.append(sum(math.log(chances[place, token]) for place, token in enumerate(tokens[0].tolist())))
    assert space.log_likelihood(points, texts).tolist() == pytest.approx(exact, rel=1e-5)


# Breeding in latent space.


@pytest.mark.parametrize("operator", [PosteriorNoise, PosteriorCrossover])
def test_points_are_bred_with_noise_as_wide_as_the_posterior(operator):
    codec = tiny_codec("smiles")
    parents = [canonical_smiles(text) for text in MOLECULES if len(text) < 15][:6]
    made = operator(Readable(codec), LatentMovesConfig(spread=1.7, temperature=0.6))(
        parents, 3, np.random.default_rng(2)
    )
    ends, rng = codec.posterior(parents), np.random.default_rng(2)
    means, width = ends.mean.double().numpy(), np.exp(ends.log_variance.double().numpy() / 2)
    centres = means[:3]
    if operator is PosteriorCrossover:
        shares = rng.random((3, 1))
        centres = np.array([arc(means[row], means[3 + row], shares[row, 0]) for row in range(3)])
    expected = centres + 1.7 * width[:3] * rng.standard_normal((3, 4))  # of a pair the width of the first
    np.testing.assert_allclose([one.z for one in made], expected, atol=1e-5)
    how = DecodeConfig("sample", 0.6, rules="syntax", seed=int(rng.integers(2**31)))
    assert [one.text for one in made] == codec.decode(np.array([one.z for one in made]), how)


def test_ways_of_breeding_have_the_shares_of_the_settings():
    shares = OperatorConfig(mutation=1, crossover=2, mutated=0.7, latent_noise=0, latent_crossover=5)
    config = GenerativeConfig(evolution=EvolutionConfig(population=33), operators=shares, retrained=False)
    one = generative(tiny_codec(), SelfiesMoves(), canonical_or_none, config)
    assert {name: share for name, (_, share) in one.operators.items()} == {
        "crossover": 2,
        "mutation": 1,
        "latent crossover": 5,
    }
    assert one.selection.shares().tolist() == pytest.approx([2 / 8, 1 / 8, 5 / 8])
    assert one.operators["crossover"][0].mutated == 0.7
    assert one.learner is None
    assert one.config.population == 33
    default = generative(tiny_codec(), SelfiesMoves(), canonical_or_none)
    assert default.selection.shares().tolist() == pytest.approx([0.35, 0.15, 0.25, 0.25])
