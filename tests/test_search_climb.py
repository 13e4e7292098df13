"""The climb: it climbs, it counts, and its seed fixes it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from seqvae.errors import UsageError
from seqvae.search.climb import ClimbConfig, climb


def rounded(points):
    """A stand-in for a decoder: many points share a text."""
    return [" ".join(f"{value:.1f}" for value in row) for row in points]


def closeness(texts):
    """Negative squared distance to (1, 1, ...); some texts cannot be scored."""
    rows = [np.array(text.split(), float) for text in texts]
    return [math.nan if row[0] < -1 else -float(((row - 1) ** 2).sum()) for row in rows]


def test_it_climbs_and_its_record_is_consistent():
    calls: list[str] = []

    def score(texts):
        calls.extend(texts)
        return closeness(texts)

    seen = []
    record = climb(np.zeros(4), rounded, score, ClimbConfig(generations=30, population=12), seen.append)
    assert record.best.score > -0.1
    assert len(calls) == len(set(calls)) == len(record.scored) == record.generations[-1].calls
    assert record.generations[-1].decoded == 1 + 30 * 12
    assert [g.number for g in record.generations] == list(range(31))
    assert seen == record.generations[1:]
    bests = [g.best_so_far.score for g in record.generations]
    assert bests == sorted(bests)
    assert record.generations[0].best.text == "0.0 0.0 0.0 0.0"
    assert record.top(3)[0] == record.best
    assert len(record.top(10**6)) == len(record.scored)


def test_one_seed_one_climb():
    runs = [climb(np.zeros(3), rounded, closeness, ClimbConfig(5, 6, seed=seed)) for seed in (1, 1, 2)]
    assert list(runs[0].scored) == list(runs[1].scored)
    assert list(runs[0].scored) != list(runs[2].scored)


def test_nothing_scorable_is_no_crash():
    record = climb(np.zeros(2), rounded, lambda texts: [math.nan] * len(texts), ClimbConfig(3, 4))
    assert math.isnan(record.best.score)
    assert math.isnan(record.generations[-1].mean)


def test_global_random_numbers_are_left_alone():
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    climb(np.zeros(2), rounded, closeness, ClimbConfig(2, 4))
    assert (np.random.get_state()[1] == before).all()


def test_wrong_settings_say_what_is_wrong():
    with pytest.raises(UsageError, match=r"population >= 2 and sigma > 0, got 0, 32 and 1$"):
        ClimbConfig(generations=0)
    for start in (np.zeros(1), np.zeros((2, 2)), np.array([0.0, math.nan])):
        with pytest.raises(UsageError, match="start: expected one finite vector of at least 2 dimensions"):
            climb(start, rounded, closeness)
