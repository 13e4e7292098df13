"""The figures of a search: counts by both rules, and PMO's area under the curve against its own definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvae.errors import UsageError
from seqvae.search.results import anytime, auc_top, results
from seqvae.search.storage.ledger import Entry

SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def published(scores, budget, top, every):
    """PMO's definition, step by step."""
    area, before, called = 0.0, 0.0, 0
    for index in range(every, min(len(scores), budget), every):
        now = np.mean(sorted(scores[:index], reverse=True)[:top])
        area += every * (now + before) / 2
        before, called = now, index
    now = np.mean(sorted(scores, reverse=True)[:top])
    area += (len(scores) - called) * (now + before) / 2
    if len(scores) < budget:
        area += (budget - len(scores)) * now
    return area / budget


@given(scores=SCORES, more=st.integers(0, 40), top=st.integers(1, 12), every=st.integers(1, 20))
def test_the_area_is_that_of_the_benchmark(scores, more, top, every):
    budget = len(scores) + more
    assert auc_top(scores, budget, top, every) == pytest.approx(published(scores, budget, top, every), abs=1e-12)


@given(scores=SCORES, top=st.integers(1, 12), every=st.integers(1, 20))
def test_the_curve_never_falls_once_it_has_its_designs_and_ends_at_the_best(scores, top, every):
    curve = anytime(scores, top, 1)
    assert (np.diff(curve[top - 1 :]) >= -1e-12).all()
    assert curve[-1] == pytest.approx(np.mean(sorted(scores, reverse=True)[:top]))
    assert anytime(scores, top, every)[-1] == curve[-1]


@given(scores=SCORES, budget=st.integers(1, 30))
def test_what_is_found_behind_the_budget_does_not_count(scores, budget):
    assert auc_top(scores, budget) == auc_top(scores[:budget], budget)


def test_a_perfect_search_has_nearly_the_whole_area():
    assert auc_top([1.0] * 10_000, 10_000) == pytest.approx(1 - 50 / 10_000)
    assert auc_top([1.0] * 10, 10_000) == pytest.approx(1 - 5 / 10_000)
    assert auc_top([], 100) == 0.0


@given(statuses=st.lists(st.sampled_from(["ok", "failed", "cached", "invalid", "over_budget", "given"]), max_size=40))
def test_the_area_is_over_the_calls_that_the_budget_counts(statuses):
    """Of proposals, those that brought nothing are calls in which the mean stays where it is."""
    entries = [
        Entry(0, row, "", None if status == "invalid" else "0" if status == "cached" else str(row), status, (1.0,))
        for row, status in enumerate(statuses)
    ]
    unique = [1.0 if status == "ok" else -math.inf for status in statuses if status in ("ok", "failed")]
    every = [
        1.0 if status == "ok" else -math.inf for status in statuses if status in ("ok", "failed", "cached", "invalid")
    ]
    assert results(entries, 50).auc_top == auc_top(unique, 50)
    assert results(entries, 50, count="every").auc_top == auc_top(every, 50)


def test_half_a_budget_of_proposals_without_a_score_has_half_the_area():
    entries = [Entry(0, row, "x", None, "invalid", (math.nan,)) for row in range(500)]
    entries += [Entry(1, row, str(row), str(row), "ok", (1.0,)) for row in range(500)]
    assert results(entries, 1000, count="every").auc_top == pytest.approx(0.45)
    assert results(entries, 1000).auc_top == pytest.approx(0.95)


@pytest.mark.parametrize("top", [0, -5])
def test_the_best_are_one_at_least(top):
    with pytest.raises(UsageError, match=f"top: expected a number of designs from 1, got {top}"):
        results([], 4, top)


def test_results_count_calls_by_both_rules():
    statuses = ["ok", "cached", "invalid", "failed", "ok", "timeout", "over_budget"]
    scores = [0.5, 0.5, math.nan, math.nan, 0.7, math.nan, math.nan]
    entries = [Entry(0, i, str(i), str(i), s, (v,)) for i, (s, v) in enumerate(zip(statuses, scores, strict=True))]
    found = results(entries, budget=4)
    assert (found.unique, found.proposals) == (4, 6)
    assert found.best == 0.7
    assert found.top_mean == pytest.approx(0.6)
    assert [entry.text for entry in found.top] == ["4", "0"]
    assert found.auc_top == auc_top([0.5, -math.inf, 0.7, -math.inf], 4)
    assert found.statuses == dict.fromkeys(statuses, 1) | {"ok": 2}
    nothing = results([], budget=4)
    assert math.isnan(nothing.best)
    assert nothing.auc_top == 0.0
