"""Several objectives: fronts and volumes by their definitions, ranks that follow them, a search that widens one."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from search_cases import settings, start

from seqvae.config import SearchConfig
from seqvae.properties.scoring import Scoring, Term
from seqvae.report.comparison_page import comparison_rows
from seqvae.report.search_page import search_page
from seqvae.search.api import begin, opened, run
from seqvae.search.memory import pareto
from seqvae.search.memory.archive import Archive
from seqvae.search.memory.pareto import ParetoRanks, fitness, hypervolume, pareto_front, reference, shares
from seqvae.search.results import compared, results
from seqvae.search.storage import run_folder
from seqvae.search.storage.ledger import Entry
from seqvae.search.storage.run_folder import ledger_of, settings_of
from seqvae.search.surrogates.improvement import ParetoFront

VALUES = arrays(
    np.float64,
    st.tuples(st.integers(1, 25), st.integers(2, 3)),
    elements=st.integers(0, 6).map(lambda number: number / 6),
)


def beats(first, second):
    return bool((first >= second).all() and (first > second).any())


@given(values=VALUES)
def test_a_front_is_what_nothing_beats(values):
    expected = [row for row in range(len(values)) if not any(beats(other, values[row]) for other in values)]
    assert pareto_front(values).tolist() == expected


@given(values=VALUES)
def test_what_beats_a_row_ranks_before_it(values):
    ranks = fitness(values)
    for row, one in enumerate(values):
        assert all(ranks[row] > ranks[other] for other, two in enumerate(values) if beats(one, two))


@given(values=VALUES)
def test_volumes_of_two_objectives_are_areas_of_stairs(values):
    pairs = sorted({tuple(row[:2]) for row in values}, reverse=True)
    area, height = 0.0, 0.0
    for place, (x, y) in enumerate(pairs):
        if y > height:
            height = y
        right = pairs[place + 1][0] if place + 1 < len(pairs) else 0.0
        area += (x - right) * height
    assert hypervolume(values[:, :2], [0.0, 0.0]) == pytest.approx(area, abs=1e-12)


@given(values=VALUES)
def test_shares_are_what_a_front_would_lose(values):
    best = values[pareto_front(values)]
    below = reference(values)
    lost = shares(best, below)
    assert (best > below).all()
    whole = hypervolume(best, below)
    for row, one in enumerate(best):
        others = best[(best != one).any(axis=1)]
        assert lost[row] == pytest.approx(whole - hypervolume(others, below), abs=1e-12)
    assert lost.min() > 0, "nothing on a front can be spared"


@given(values=VALUES, others=VALUES)
def test_what_nothing_known_is_as_good_as_gains(values, others):
    width = min(values.shape[1], others.shape[1])
    values, others = values[:, :width], others[:, :width]
    known = ParetoFront.of(values, torch.device("cpu"))
    gains = known.gain(torch.from_numpy(others)).numpy()
    expected = [not any((row >= other).all() for row in values) for other in others]
    assert (gains > 0).tolist() == expected
    one = ParetoFront.of(values[:, :1], torch.device("cpu")).gain(torch.from_numpy(others[:, :1])).numpy()
    assert np.argsort(one, kind="stable").tolist() == np.argsort(others[:, 0], kind="stable").tolist()


@given(values=VALUES, cut=st.integers(0, 25))
def test_ranks_do_not_depend_on_the_rounds_in_which_texts_came(values, cut):
    texts = [f"t{row}" for row in range(len(values))]
    whole, parts = Archive(), Archive()
    ParetoRanks(whole).update(texts, values)
    ranks = ParetoRanks(parts)
    ranks.update(texts[:cut], values[:cut])
    ranks.update(texts[cut:], values[cut:])
    assert whole.best(len(texts)) == parts.best(len(texts))


def test_what_has_left_the_ranked_stays_behind_them(monkeypatch):
    from seqvae.search.memory import pareto

    monkeypatch.setattr(pareto, "_RANKED", 5)
    archive, rng = Archive(), np.random.default_rng(0)
    ranks = ParetoRanks(archive)
    for number in range(12):
        values = rng.random((4, 2)) + number / 6
        ranks.update([f"{number}-{row}" for row in range(4)], values)
        known = np.array([ranks.values[text] for text in archive.best(len(archive))])
        best = set(pareto_front(known).tolist())
        assert {archive.best(len(archive))[row] for row in best} <= set(archive.best(max(5, len(best))))


def test_a_search_of_two_objectives_widens_its_front_and_shows_all_of_it(tmp_path):
    both = Scoring(
        (
            Term("dna:gc", name="GC"),
            Term("dna:distance=GATTACAGATTA", name="near", transform="reverse_sigmoid", low=0, high=12),
        ),
        "pareto",
    )
    found = run(both, tmp_path / "run", settings(budget=600, batch=30), start())
    values = np.array([entry.scores for entry in found.top])
    assert len(values) > 3
    assert pareto_front(values).tolist() == list(range(len(values)))
    begun = both(start())
    assert hypervolume(values, [0, 0]) > hypervolume(begun, [0, 0]) * 1.05
    with opened(tmp_path / "run") as search:
        page = search_page("run", run_folder.settings_of(tmp_path / "run"), found, list(search.ledger.entries()))
    assert f"{len(values)} designs on the Pareto front of GC, near" in page
    assert "best by GC" in page
    assert "best by near" in page
    for one in (found.top[0], found.top[-1]):
        gc, _, near, share = (f"{number:.3g}" for number in one.terms)
        assert f"GC {gc}, near {near} (desirability {share})" in page  # GC itself is the score
    assert 'class="cloud"' in page
    assert "all scored" in page


CORNERS = np.array([[0.0, 2.0], [np.nan, np.nan], [1.0, 1.0], [0.5, 0.5], [2.0, 0.0]])


def test_the_hypervolume_grows_call_by_call(monkeypatch):
    """By hand, above (-1, -1): 1 x 3, then 1 x 2 more beside it, then 1 x 1; (.5, .5) is dominated."""
    monkeypatch.setattr(pareto, "MARKS", (1, 2, 3, 5, 9))
    found = pareto.hypervolumes(CORNERS, np.array([-1.0, -1.0]))
    assert found == pytest.approx({1: 3.0, 2: 3.0, 3: 5.0, 5: 6.0})
    assert pareto.hypervolumes(CORNERS[1:2], np.zeros(2)) == {1: 0.0}
    assert pareto.hypervolumes(np.ones((3, 4)), np.zeros(4)) == {}


def test_results_of_several_scores_have_it_above_their_own_reference():
    """A tenth of the front's width below its worst, (-.2, -.2): .2 x 2.2 + 1 x 1.2 + 1 x .2 = 1.84."""
    entries = [
        Entry(0, row, str(row), str(row), "ok", tuple(scores)) for row, scores in enumerate(CORNERS[[0, 2, 3, 4]])
    ]
    failed = Entry(1, 0, "x", "x", "failed", (math.nan, math.nan), "no licence")
    found = results([*entries, failed], 10)
    assert found.reference == pytest.approx((-0.2, -0.2))
    assert found.hypervolumes == pytest.approx({5: 1.84})
    assert found.to_dict()["hypervolume"] == {
        "reference": list(found.reference),
        "after_calls": {"5": pytest.approx(1.84)},
    }
    assert results([replace(one, scores=one.scores[:1]) for one in entries], 10).hypervolumes == {}


def test_searches_are_compared_by_one_reference_after_as_many_calls(tmp_path):
    for name, rows in {"first": CORNERS[[0, 2, 4]], "second": CORNERS[[0, 2]]}.items():
        begin(
            Scoring((Term("qed"), Term("logp")), "pareto"),
            tmp_path / name,
            SearchConfig(model="none", optimizer="ga"),
            ["CCO", "CCN", "CCC"],
        )
        with closing(ledger_of(tmp_path / name, settings_of(tmp_path / name))) as ledger:
            ledger.add([Entry(0, row, str(row), str(row), "ok", tuple(one)) for row, one in enumerate(rows)])
    found = compared([tmp_path / "first", tmp_path / "second"])
    # above (-.2, -.2), after two calls: .2 x 2.2 + 1 x 1.2
    assert [(one.calls, one.hypervolume) for one in found] == [(2, pytest.approx(1.64))] * 2
    titles, *rows = comparison_rows(found)
    assert titles[-2] == "hypervolume after 2 calls"
    assert [row[-2] for row in rows] == ["1.64", "1.64"]
