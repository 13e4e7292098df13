"""CMA-ES in a latent space against the library itself and NumPy."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from cmaes import CMA
from plane_cases import Plane, scores

from seqvae.config import (
    CmaConfig,
)
from seqvae.search.memory.archive import Archive
from seqvae.search.optimizers import cma_es
from seqvae.search.optimizers.cma_es import CmaEs, _Climb
from seqvae.search.proposals import Candidate


def nothing(count, seed):
    """An initial design without texts."""
    return []


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
