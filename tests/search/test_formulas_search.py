"""What searches compute, against values worked out by hand or by a program of another kind.

Ranks, credit, gains, fronts, quotas, retraining, rules and starts; the processes are in `test_formulas_surrogates.py`.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from bulk_cases import MOLECULES

from seqvae.config import EvolutionConfig, GuideConfig, OperatorSelectionConfig
from seqvae.search.memory.archive import Archive
from seqvae.search.memory.novelty import NoveltyFilter
from seqvae.search.memory.pareto import ParetoRanks, fitness, hypervolume, pareto_front, reference, shares
from seqvae.search.optimizers.evolution import Evolution
from seqvae.search.optimizers.operator_selection import OperatorSelection
from seqvae.search.optimizers.operators import Crossover, Mutation
from seqvae.search.proposals import Candidate, Scores
from seqvae.search.surrogates.improvement import ParetoFront
from seqvae.sequences.molecules import canonical_smiles

CPU = torch.device("cpu")
TEXTS = [canonical_smiles(text) for text in MOLECULES]


def archive(scores):
    """Texts by name with these scores."""
    found = Archive()
    found.update(scores, scores.values())
    return found


def outcomes(**ways):
    """Of each way how many were made, and how many of these were among the best."""
    return [(name, number < good) for name, (made, good) in ways.items() for number in range(made)]


# Credit.


def test_ways_share_by_their_rates_and_no_way_falls_below_its_floor():
    selection = OperatorSelection({"a": 3.0, "b": 1.0}, OperatorSelectionConfig(memory=0.5, floor=0.2))
    assert selection.shares().tolist() == pytest.approx([0.75, 0.25])  # nothing is known: as at the start
    selection.count([*outcomes(a=(20, 9), b=(20, 2)), ("start", True)])
    # The average is (11 + 1) / (40 + 20) = 1/5, so the rates are (9 + 4) / 40 and (2 + 4) / 40, times 3 and 1: 13 to 2.
    assert selection.shares().tolist() == pytest.approx([0.2 * 0.75 + 0.8 * 13 / 15, 0.2 * 0.25 + 0.8 * 2 / 15])
    selection.count([])
    # Half is forgotten: the average is 6.5 / 40, the rates are 7.75 / 30 and 4.25 / 30, times 3 and 1.
    assert selection.shares().tolist() == pytest.approx([0.15 + 0.8 * 23.25 / 27.5, 0.05 + 0.8 * 4.25 / 27.5])


@pytest.mark.parametrize(("floor", "least"), [(0.0, 0.0), (0.2, 0.1), (1.0, 0.5)])
def test_a_way_that_brings_nothing_keeps_the_floor(floor, least):
    selection = OperatorSelection({"good": 1.0, "bad": 1.0}, OperatorSelectionConfig(memory=1.0, floor=floor))
    selection.count(outcomes(good=(10**6, 10**6), bad=(10**6, 0)))
    # With a million proposals the rates are 1 and 20 times a half in a million: nothing but the floor is left.
    assert selection.shares()[1] == pytest.approx(least, abs=2e-5)


# Gains.


def test_a_gain_is_the_least_that_must_be_taken_off():
    known = np.array([[0.0, 40.0], [2.0, 20.0], [4.0, 0.0], [1.0, 10.0]])
    found = ParetoFront.of(known, CPU)
    assert found.rows.tolist() == [[0, 40], [2, 20], [4, 0]]
    assert found.below.tolist() == pytest.approx([-0.4, -4.0])  # a tenth of the widths 4 and 40 below the worst
    assert found.unit.tolist() == pytest.approx([4.4, 44.0])
    others = np.array([[3.0, 30.0], [1.0, 30.0], [1.0, 10.0], [4.0, 40.0], [5.0, 0.0], [0.0, 0.0]])
    # By hand, in shares of the units: each against (2, 20), but (5, 0) against (4, 0).
    assert (found.gain(torch.from_numpy(others)) * 4.4).tolist() == pytest.approx([1, 1, -1, 2, 1, -2], abs=1e-12)
    for other, gain in zip(others, found.gain(torch.from_numpy(others)).tolist(), strict=True):
        off = [other / [4.4, 44.0] - step for step in (gain - 1e-9, gain + 1e-9)]
        covered = [any((row / [4.4, 44.0] >= less).all() for row in known) for less in off]
        assert covered == [False, True], "less does not do, a little more does"


def test_the_gain_of_one_objective_is_what_lies_above_the_best():
    found = ParetoFront.of(np.array([[0.0], [5.0], [10.0]]), CPU)
    assert (found.below.item(), found.unit.item()) == pytest.approx((9.0, 1.0))  # a tenth of all scores' width
    assert found.gain(torch.tensor([[12.0], [9.5]]).double()).tolist() == pytest.approx([2.0, -0.5])


def test_the_mean_worth_over_directions_is_the_volume():
    """Zhang & Golovin 2020, lemma 5: of two objectives, pi / 4 times the mean of the squared best worth."""
    found = ParetoFront.of(np.array([[0.0, 4.0], [2.0, 2.0], [4.0, 0.0]]), CPU)
    points = torch.tensor([[1.0, 3.5], [3.0, 1.0], [0.5, 0.5]]).double()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        worth = found.along(points.expand(400_000, -1, -1))
    mean = math.pi / 4 * worth.amax(1).clamp_min(0).square().mean().item() * 4.4**2
    assert mean == pytest.approx(1.4 * 3.9 + (3.4 - 1.4) * 1.4, rel=0.005)  # two steps of a stair above (-0.4, -0.4)


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


# Evolution.


class Letters:
    """Adds a letter, or joins the first halves of two texts."""

    def mutate(self, text, rng):
        return text + "m"

    def cross(self, first, second, rng):
        return f"{first}x{second}"


def evolution(ways, guide=None, **config):
    def begin(count, seed):
        return [Candidate(f"{seed}-{row}", "start") for row in range(count)]

    return Evolution(begin, ways, lambda text: text or None, EvolutionConfig(**config), 0, guide=guide)


def test_quotas_are_whole_shares_and_the_rest_by_chance():
    one = evolution(
        {"a": (Mutation(Letters()), 0.55), "b": (Mutation(Letters()), 0.3), "c": (Mutation(Letters()), 0.15)}
    )
    made = np.array([one._quotas(10) for _ in range(3000)])
    assert (made.sum(1) == 10).all()
    assert made.min(0).tolist() == [5, 3, 1]  # of 5.5, 3 and 1.5
    assert made.mean(0).tolist() == pytest.approx([5.5, 3.0, 1.5], abs=0.04)


def test_crossing_pairs_the_first_with_the_second_half_and_mutates_a_share():
    parents = ["a", "b", "c", "d"]
    found = Crossover(Letters(), 0.0)(parents, 2, np.random.default_rng(0))
    assert [one.text for one in found] == ["axc", "bxd"]
    many = Crossover(Letters(), 0.3)(["a"] * 20_000, 10_000, np.random.default_rng(0))
    assert np.mean([one.text.endswith("m") for one in many]) == pytest.approx(0.3, abs=0.015)
    assert [one.text for one in Mutation(Letters())(parents, 3, np.random.default_rng(0))] == ["am", "bm", "cm"]


def test_credit_goes_to_what_is_among_the_best_when_it_comes():
    one = evolution({"mutation": (Mutation(Letters()), 1.0), "crossover": (Crossover(Letters()), 1.0)})
    one.selection.config = OperatorSelectionConfig(among=2, memory=0.5)
    ways = ["mutation", "mutation", "crossover", "start"]
    values, statuses = np.array([[3.0], [1.0], [2.0], [0.0]]), ["ok"] * 4
    one.tell(
        [Candidate(text, way) for text, way in zip("abcd", ways, strict=True)], Scores(values, statuses, [*"abcd"])
    )
    state = one.selection.state_dict()
    assert state == {"made": {"mutation": 2.0, "crossover": 1.0}, "good": {"mutation": 1.0, "crossover": 1.0}}
    over = Scores(np.array([[np.nan]]), ["over_budget"], ["e"])
    one.tell([Candidate("e", "mutation")], over)  # it was not scored: it counts for nothing but a round
    assert one.selection.state_dict()["made"] == {"mutation": 1.0, "crossover": 0.5}
    assert "e" not in one.archive


def test_it_breeds_once_enough_have_scores_that_differ():
    for scores, proposer in (([1.0, 2.0], "start"), ([1.0, 2.0, 2.0], "mutation"), ([1.0, 1.0, 1.0], "start")):
        one = evolution({"mutation": (Mutation(Letters()), 1.0)}, start=3)
        one.archive.update("abc"[: len(scores)], scores)
        assert {candidate.proposer for candidate in one.ask(2)} == {proposer}


def test_two_parents_are_drawn_for_each_text_and_no_fewer_than_are_worth_it():
    asked = []

    class Counted:
        least = 7

        def __call__(self, parents, count, rng):
            asked.append((len(parents), set(parents), count))
            return [Candidate(f"{len(asked)}-{row}") for row in range(count)]

    one = evolution({"counted": (Counted(), 1.0)}, start=2, population=2, greed=0.0)
    one.archive.update("abc", [1.0, 2.0, 3.0])
    assert len(one.ask(9)) == 9
    assert len(one.ask(2)) == 2
    assert asked == [(18, {"b", "c"}, 9), (14, {"b", "c"}, 7)]


def test_a_guide_breeds_each_generation_from_what_it_thinks_best_and_chooses_of_all_children():
    seen = {}

    class Surrogate:
        def bounds(self, texts):
            return np.array([float(len(text)) for text in texts])

        def choose(self, bounds, count):
            seen.update(bounds)
            return sorted(bounds, key=bounds.get)[-count:]

    class Guide:
        config = GuideConfig(generations=3, offspring=20, broods=1)

        def fitted(self, archive, several, rng):
            return Surrogate()

    class Grow:
        """Breeds texts that are new and a letter longer."""

        least = 1

        def __init__(self):
            self.parents = []

        def __call__(self, parents, count, rng):
            self.parents.append(parents[:count])
            return [
                Candidate(f"{len(self.parents)}.{row}".ljust(9, ".") + "l" * len(self.parents)) for row in range(count)
            ]

    grow = Grow()
    one = evolution({"grow": (grow, 1.0)}, Guide(), start=2, population=5, greed=0.0)
    one.archive.update(["aa", "b"], [1.0, 2.0])
    assert {len(candidate.text) for candidate in one.ask(4)} == {12}
    assert [{len(text) for text in parents} for parents in grow.parents] == [{1, 2}, {10}, {11}]
    assert Counter(map(len, seen)) == {10: 20, 11: 20, 12: 20}
    lone = Counter(map(len, grow.parents[0]))
    assert lone[2] > lone[1], "the better by the guide, not by its score: 'aa' before 'b'"


# What is new.


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
