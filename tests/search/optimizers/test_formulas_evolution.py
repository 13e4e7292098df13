"""Evolution against values worked out by hand: credit, quotas, parents, moves in latent space."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from bulk_cases import MOLECULES, tiny_codec
from formula_cases import arc

from seqvae.config import (
    DecodeConfig,
    EvolutionConfig,
    GenerativeConfig,
    GuideConfig,
    LatentMovesConfig,
    MoveConfig,
    OperatorConfig,
    OperatorSelectionConfig,
)
from seqvae.search.domain.sequence_moves import SelfiesMoves, SequenceMoves
from seqvae.search.memory.token_cache import Readable
from seqvae.search.optimizers.evolution import Evolution
from seqvae.search.optimizers.latent_evolution import generative
from seqvae.search.optimizers.latent_operators import PosteriorCrossover, PosteriorNoise
from seqvae.search.optimizers.operator_selection import OperatorSelection
from seqvae.search.optimizers.operators import Crossover, Mutation, breeding
from seqvae.search.proposals import Candidate, Scores
from seqvae.sequences.molecules import canonical_or_none, canonical_smiles


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


def test_the_best_that_earn_credit_are_a_fifth_of_all_at_most():
    one = evolution({"mutation": (Mutation(Letters()), 1.0)})
    one.selection.config = OperatorSelectionConfig(among=100, memory=1.0)
    values, statuses = np.arange(10.0)[:, None], ["ok"] * 10
    one.tell([Candidate(text, "mutation") for text in "abcdefghij"], Scores(values, statuses, [*"abcdefghij"]))
    assert one.selection.state_dict() == {"made": {"mutation": 10.0}, "good": {"mutation": 2.0}}


def test_shifts_of_sequences_of_one_length_are_operators_of_their_own():
    shares = MoveConfig(mutation=1.0, crossover=2.0)
    found = breeding(SequenceMoves("ACGT", fixed_length=True), shares)
    assert {name: share for name, (_, share) in found.items()} == pytest.approx(
        {"crossover": 1.4, "transposition": 0.6, "mutation": 0.7, "shift": 0.3}
    )
    rng, parents = np.random.default_rng(0), ["AAAACCCCGGGGTTTT"] * 40
    made = {name: operator(parents, 20, rng) for name, (operator, _) in found.items()}
    assert all({one.proposer for one in of} == {name} for name, of in made.items())
    # Nothing but a few exchanges, against letters that moved.
    apart = {
        name: [sum(a != b for a, b in zip(one.text, parents[0], strict=True)) for one in of]
        for name, of in made.items()
    }
    assert max(apart["crossover"]) <= 6
    assert np.mean(apart["mutation"]) < np.mean(apart["shift"])
    assert np.mean(apart["crossover"]) < 1 < np.mean(apart["transposition"])
    assert set(breeding(SequenceMoves("ACGT"), shares)) == {"crossover", "mutation"}


def test_credit_goes_to_what_is_among_the_best_when_it_comes():
    one = evolution({"mutation": (Mutation(Letters()), 1.0), "crossover": (Crossover(Letters()), 1.0)})
    one.selection.config = OperatorSelectionConfig(among=2, memory=0.5)
    texts = "abcdefghij"
    ways = ["mutation", "mutation", "crossover", *["start"] * 7]
    values, statuses = np.array([[3.0], [1.0], [2.0], *[[0.0]] * 7]), ["ok"] * 10
    found = Scores(values, statuses, [*texts])
    one.tell([Candidate(text, way) for text, way in zip(texts, ways, strict=True)], found)
    state = one.selection.state_dict()
    assert state == {"made": {"mutation": 2.0, "crossover": 1.0}, "good": {"mutation": 1.0, "crossover": 1.0}}
    over = Scores(np.array([[np.nan]]), ["over_budget"], ["k"])
    one.tell([Candidate("k", "mutation")], over)  # it was not scored: it counts for nothing but a round
    assert one.selection.state_dict()["made"] == {"mutation": 1.0, "crossover": 0.5}
    assert "k" not in one.archive
    failed = Scores(np.array([[np.nan], [np.nan]]), ["failed", "timeout"], ["f", "g"])
    one.tell([Candidate("f", "crossover"), Candidate("g", "mutation")], failed)  # calls that brought nothing
    state = one.selection.state_dict()
    assert state["made"] == {"mutation": 1.5, "crossover": 1.25}
    assert state["good"] == {"mutation": 0.25, "crossover": 0.25}


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

        def predicted(self, texts):
            return self.bounds(texts), np.ones(len(texts))

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
    assert [one.text for one in made] == codec.generate(np.array([one.z for one in made]), how).texts


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
