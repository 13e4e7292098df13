"""What a search remembers, against values worked out by hand: fronts, ranks, novelty, points, initial designs."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from bulk_cases import MOLECULES, tiny_codec
from formula_cases import archive
from plane_cases import Plane, scores

from seqvae.config import DecodeConfig
from seqvae.runtime.device import derived_seed
from seqvae.search.memory.archive import Archive
from seqvae.search.memory.initial_design import FromPrior, FromTexts, fill
from seqvae.search.memory.latent_archive import Designs
from seqvae.search.memory.latent_space import Space
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.search.memory.pareto import ParetoRanks, fitness, hypervolume, pareto_front, reference, shares
from seqvae.search.optimizers.baselines import PriorSampling
from seqvae.search.proposals import Candidate


def told(texts, values):
    designs = Designs(Plane())
    designs.tell(scores(texts, values))
    return designs


# Fronts.


def test_fitness_is_the_front_and_the_room_on_it():
    values = np.array([[0, 10], [1, 6], [5, 1], [10, 0], [1, 6], [0, 5], [0.5, 4.5], [5, 0.5], [0, 0]], np.float64)
    # The room of (1, 6) is 5/10 + 9/10, of (5, 1) 9/10 + 6/10, of (0.5, 4.5) on the second front 5/5 + 4.5/4.5.
    room = {1: 1.4, 4: 1.4, 2: 1.5, 6: 2.0}
    level = [0, 0, 0, 0, 0, 1, 1, 1, 2]
    expected = [-level[row] + (room[row] / (1 + room[row]) if row in room else 1) for row in range(9)]
    assert fitness(values).tolist() == pytest.approx(expected, abs=1e-8)
    assert fitness(values).max() < 1


def test_what_falls_behind_the_ranked_is_put_behind_the_last_of_them():
    """1,000 are ranked at a time; of a chain each front has one row, which has all the room."""
    found = Archive()
    ranks = ParetoRanks(found)
    chain = np.arange(1200, dtype=np.float64)[:, None] * [1.0, 2.0]
    ranks.update([str(row) for row in range(1200)], chain)
    assert found.score("1199") - found.score("200") == pytest.approx(999)
    before = found.score("100")
    ranks.update(["new", "none"], np.array([[1e4, 1e4], [np.nan, 1.0]]))
    last = found.score("200")  # the best 1,000 and what is new: ranks 0 to -1000
    assert found.score("new") - last == pytest.approx(1000)
    assert found.score("199") == last - 1
    assert found.score("100") == before
    assert "none" in found
    assert math.isnan(found.score("none"))


def test_volumes_of_three_objectives_are_counted_cell_by_cell():
    rng = np.random.default_rng(0)
    for _ in range(5):
        values = rng.integers(0, 5, (6, 3)).astype(float)
        cells = np.array(list(itertools.product(range(1, 6), repeat=3)))  # upper corners of unit cells above (0, 0, 0)
        covered = (values[None] >= cells[:, None]).all(2).any(1)
        assert hypervolume(values, [0, 0, 0]) == pytest.approx(covered.sum())
        assert pareto_front(values).tolist() == [
            row
            for row, one in enumerate(values)
            if not any((other >= one).all() and (other > one).any() for other in values)
        ]


def test_volumes_lie_above_the_point_that_they_are_measured_from():
    # Above (0.6, 0.7): 0.4 x 3.3 and, to the right of it, 4 x 0.3; above (2, 2) nothing.
    rows = np.array([[1.0, 4.0], [5.0, 1.0]])
    assert [hypervolume(rows, [0.6, 0.7]), hypervolume(rows, [2.0, 2.0])] == pytest.approx([0.4 * 3.3 + 4 * 0.3, 0])


def test_a_volume_is_measured_from_a_tenth_of_the_width_below():
    assert reference(np.array([[0.0, 8.0], [4.0, 6.0], [-5.0, -5.0]])).tolist() == pytest.approx([-0.4, 5.8])
    # One row on the front: the width of all values; no width at all: one.
    assert reference(np.array([[3.0, 3.0], [1.0, 3.0]])).tolist() == pytest.approx([2.8, 2.9])


def test_shares_are_the_cells_that_a_row_has_alone():
    rows = np.array([[1.0, 4.0], [2.0, 2.0], [2.0, 2.0], [5.0, 1.0]])
    # Alone: 1 x 2 above (2, 2); 1 x 1 right of (1, 4) and above (5, 1); 3 x 1 right of (2, 2).
    assert shares(rows, np.zeros(2)).tolist() == pytest.approx([2, 1, 1, 3])


# Ranks and weights.


def test_weights_are_one_over_greed_and_mean_rank():
    found = archive({"first": 5.0, "tie": 3.0, "other tie": 3.0, "last": 1.0})
    assert found.best(4) == ["first", "other tie", "tie", "last"]
    # Of ranks 0, 1.5, 1.5 and 3; greed x 4 texts is below 1, which is the least.
    assert found.weights(4, 0.01).tolist() == pytest.approx(np.array([1, 0.4, 0.4, 0.25]) / 2.05)
    # Greed 0.5 x 4 texts = 2: 1/2, 1/3.5, 1/3.5, 1/5.
    exact = np.array([1 / 2, 1 / 3.5, 1 / 3.5, 1 / 5])
    assert found.weights(4, 0.5).tolist() == pytest.approx(exact / exact.sum())
    assert found.weights_of(["last", "tie"], 0.5).tolist() == pytest.approx(exact[[3, 1]] / exact[[3, 1]].sum())
    drawn = Counter(found.parents(40_000, np.random.default_rng(0), 2, 0.5))
    assert drawn["first"] / 40_000 == pytest.approx(3.5 / 5.5, abs=0.01)  # 1/2 to 1/3.5, among the best two alone
    assert set(drawn) == {"first", "other tie"}


# Novelty.


def test_proposals_are_sought_a_dozen_times_and_no_more_than_are_wanted():
    numbers = itertools.count()
    novel = NoveltyFilter(50, lambda text: text or None, {"3"})
    novel.fill(lambda lacking: [Candidate(str(next(numbers))), Candidate("0"), Candidate("")])
    assert [one.text for one in novel.found] == [str(number) for number in range(12) if number != 3]
    novel.fill(lambda lacking: [Candidate(f"{lacking}-{row}") for row in range(90)], 2)
    assert [one.text for one in novel.found[-2:]] == ["2-0", "2-1"]
    assert novel.lacking == 50 - 13
    assert novel.take(Candidate("z"), "z")
    assert not novel.take(Candidate("z"), "z")
    assert not novel.new("2-89"), "what was made beyond is not new again"


# Points.


def test_designs_are_ready_from_two_points_and_enough_scores():
    designs = told(["0,0", "1,1", "2,2"], [1.0, np.nan, 3.0])
    assert [designs.ready(start) for start in (2, 3)] == [True, False]  # one has no score
    assert not told(["0,0"], [1.0]).ready(1)
    assert designs.best(1) == ["2,2"]
    assert designs.scored() == ["2,2", "0,0"]
    texts, points, values = designs.table()
    assert (texts, points.tolist(), values.tolist()) == (["0,0", "2,2"], [[0, 0], [2, 2]], [1, 3])
    both = told(["0,1", "1,0"], [[0, 1], [1, 0]])
    assert both.several
    assert not designs.several
    assert both.values(["1,0"]).tolist() == [[1, 0]]


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


# Initial designs.


def test_starts_follow_one_another_and_give_each_text_once():
    texts = FromTexts(("a", "b", "c"))
    novel = NoveltyFilter(5, str, {"b"})
    fill(
        novel,
        (texts, lambda count, seed: [Candidate(f"{count}.{row}") for row in range(count)]),
        np.random.default_rng(0),
    )
    assert sorted(one.text for one in novel.found[:2]) == ["a", "c"]
    assert {one.text[0] for one in novel.found[2:]} == {"3"}
    first = Counter(texts(1, seed)[0].text for seed in range(600))
    assert min(first[text] for text in "abc") > 150  # 200 each, by 12 in standard deviation
    assert len(texts(2, 0)) == 2


def test_the_prior_is_sampled_at_temperature_one():
    codec = tiny_codec()
    found = FromPrior(codec)(20, 7)
    made = codec.generate(codec.draw(20, 7), DecodeConfig("sample", seed=7))
    assert [one.text for one in found] == made.texts
    assert {(one.proposer, one.seed) for one in found} == {("prior", 7)}
    sampling = PriorSampling((FromPrior(codec),), str, 3)
    seed = int(np.random.default_rng(3).integers(2**31))
    assert sampling.ask(1)[0].text == FromPrior(codec)(1, seed)[0].text
