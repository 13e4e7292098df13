"""Campaigns: a search that is cut off anywhere writes the ledger of one that was not, and ends for the reason given."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
import search_cases
from hypothesis import given
from hypothesis import strategies as st
from search_cases import BEST, alike, dna_model, rows, settings, start

from seqvae.config import OPTIMIZERS, EndConfig, OracleConfig
from seqvae.errors import ConfigError, OracleError, UsageError
from seqvae.properties.scoring import Scoring, Term
from seqvae.search import loop as campaigns
from seqvae.search.api import begin, opened, resume, run
from seqvae.search.memory.pareto import pareto_front
from seqvae.search.oracle import caller as workers
from seqvae.search.proposals import Scores
from seqvae.search.storage import run_folder
from seqvae.search.storage.ledger import Ledger

pytestmark = pytest.mark.usefixtures("short_fits")


class Cut(BaseException):
    """What stands for a kill inside one process."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return dna_model(tmp_path_factory.mktemp("models") / "dna")


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_search_that_was_cut_off_writes_the_ledger_of_an_unbroken_one(optimizer, model, tmp_path, monkeypatch):
    monkeypatch.setattr(campaigns, "_SAVED_EVERY", 0.0)
    config, texts = settings(model, optimizer), start(90)
    whole = run(alike, tmp_path / "whole", config, texts)
    begin(alike, tmp_path / "cut", config, texts)
    broken = gone_on(tmp_path / "cut", cut_after(7, 23, 24, 51))
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    assert len(rows(tmp_path / "whole")) >= 60
    assert (broken.unique, broken.best, broken.auc_top) == (whole.unique, whole.best, whole.auc_top)


def cut_after(*moments):
    """As `alike`, but cut off at those calls; so that it passes for `alike`."""
    calls = []

    def score(text):
        calls.append(text)
        if len(calls) in moments:
            raise Cut
        return alike(text)

    score.__module__, score.__qualname__, score.calls = alike.__module__, alike.__qualname__, calls
    return score


def gone_on(folder, score, end=None):
    """Go on with a search until it is not cut off any more."""
    while True:
        try:
            return resume(folder, function=score, end=end)
        except Cut:
            continue


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_search_begins_with_the_texts_that_it_is_given(optimizer, model, tmp_path):
    texts = start(40)
    run(alike, tmp_path / "run", settings(model, optimizer, 20), texts)
    found = [row[3] for row in rows(tmp_path / "run")]
    assert len(set(found)) == 20
    assert set(found) <= set(texts)


SMALLER, LARGER = 47, 70  # of 10 a round: the last one of the smaller budget is cut


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_search_goes_on_to_a_larger_budget_and_scores_nothing_twice(optimizer, model, tmp_path):
    texts, score = start(90), cut_after()
    begin(alike, tmp_path / "run", settings(model, optimizer, SMALLER), texts)
    assert resume(tmp_path / "run", function=score).unique == SMALLER
    first = rows(tmp_path / "run")
    assert resume(tmp_path / "run", function=score, end=EndConfig(budget=LARGER)).unique == LARGER
    assert rows(tmp_path / "run")[: len(first)] == first
    assert len(set(score.calls)) == len(score.calls) == LARGER
    assert run_folder.settings_of(tmp_path / "run")["config"]["oracle"]["budget"] == LARGER


@pytest.mark.parametrize(("optimizer", "saved_every"), [("auto", 0.0), ("auto", 1e9), ("cma-es", 1e9)])
def test_kills_change_nothing_where_the_budget_grows(optimizer, saved_every, model, tmp_path, monkeypatch):
    """Cut off before and after the change, and in the round that the smaller budget cuts; states old and new."""
    monkeypatch.setattr(campaigns, "_SAVED_EVERY", saved_every)
    monkeypatch.setattr(workers, "_APART", 0.0)  # each score is written at once
    config, texts, larger = settings(model, optimizer, SMALLER), start(90), EndConfig(budget=LARGER)
    for name, moments in {"whole": (), "cut": (13, 45, 47, 52, 53)}.items():
        score = cut_after(*moments)
        begin(alike, tmp_path / name, config, texts)
        with contextlib.suppress(Cut):
            resume(tmp_path / name, function=score)  # `cut` ends in the second round
        gone_on(tmp_path / name, score)
        gone_on(tmp_path / name, score, larger)
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


@pytest.mark.parametrize(("optimizer", "moment"), [("auto", 45), ("auto", 4), ("ga", 45), ("ga", 33), ("ga", 4)])
def test_the_budget_may_grow_in_the_middle_of_a_round(optimizer, moment, model, tmp_path, monkeypatch):
    """The round that was cut off ends as it was begun; and no trace is left where the old budget had cut none."""
    monkeypatch.setattr(campaigns, "_SAVED_EVERY", 1e9)
    monkeypatch.setattr(workers, "_APART", 0.0)
    config, texts, larger = settings(model, optimizer, SMALLER), start(90), EndConfig(budget=LARGER)
    for name, end in {"smaller": None, "larger": larger}.items():
        begin(alike, tmp_path / name, config, texts)
        resume(tmp_path / name, function=alike, end=end)
    score = cut_after(moment, moment + 1, moment + 20)
    begin(alike, tmp_path / "cut", config, texts)
    with pytest.raises(Cut):
        resume(tmp_path / "cut", function=score)
    assert len(rows(tmp_path / "cut")) == moment - 1
    assert gone_on(tmp_path / "cut", score, larger).unique == LARGER
    if moment > 40:  # in the round that the smaller budget cut
        smaller = rows(tmp_path / "smaller")
        assert rows(tmp_path / "cut")[: len(smaller)] == smaller
    else:
        assert rows(tmp_path / "cut") == rows(tmp_path / "larger")


def test_when_a_search_ends_changes_nothing_before_the_end(tmp_path):
    def ended(name, *changes):
        begin(alike, tmp_path / name, settings(budget=300), start())
        for change in changes:
            resume(tmp_path / name, function=alike, end=change)
        return rows(tmp_path / name)

    whole = ended("whole", EndConfig())
    hasty = ended("hasty", EndConfig(minutes=1e-9), EndConfig(minutes=0.0))
    patient = ended("patient", EndConfig(patience=10), EndConfig(patience=0))
    assert hasty == patient == whole
    ended("stays", EndConfig(patience=10), EndConfig(minutes=1.0))
    config = run_folder.settings_of(tmp_path / "stays")["config"]
    assert (config["campaign"]["patience"], config["campaign"]["minutes"], config["oracle"]["budget"]) == (10, 1.0, 300)
    assert len(rows(tmp_path / "stays")) < len(whole)


@pytest.mark.parametrize("count", ["unique", "every"])
def test_a_budget_below_the_calls_that_were_made_is_refused(count, tmp_path):
    begin(alike, tmp_path / "run", replace(settings(), oracle=OracleConfig(budget=60, count=count)), start())
    resume(tmp_path / "run", function=alike)
    before, found = (tmp_path / "run" / run_folder.SETTINGS).read_bytes(), rows(tmp_path / "run")
    with pytest.raises(UsageError, match="has made 60 calls: expected at least that budget, got 59"):
        resume(tmp_path / "run", function=alike, end=EndConfig(budget=59))
    with pytest.raises(ConfigError, match=r"oracle\.budget"):
        resume(tmp_path / "run", function=alike, end=EndConfig(budget=0))
    assert (tmp_path / "run" / run_folder.SETTINGS).read_bytes() == before
    resume(tmp_path / "run", function=alike, end=EndConfig(budget=60))
    assert rows(tmp_path / "run") == found


def test_settings_that_cannot_be_written_stay_as_they_are(tmp_path, monkeypatch):
    begin(alike, tmp_path / "run", settings(), start())
    before = (tmp_path / "run" / run_folder.SETTINGS).read_bytes()

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space"):
        run_folder.write(tmp_path / "run", {})
    assert (tmp_path / "run" / run_folder.SETTINGS).read_bytes() == before


@pytest.mark.parametrize("optimizer", [name for name, kind in OPTIMIZERS.items() if kind.several])
def test_so_does_one_of_several_objectives(optimizer, model, tmp_path, monkeypatch):
    monkeypatch.setattr(campaigns, "_SAVED_EVERY", 0.0)
    config, texts = settings(model, optimizer), start(90)
    both = Scoring((Term("search_cases:alike"), Term("dna:gc")), "pareto")
    whole = run(both, tmp_path / "whole", config, texts)
    calls = []

    def cut(text):
        calls.append(text)
        if len(calls) in (7, 23, 24, 51):
            raise Cut
        return alike(text)

    monkeypatch.setattr(search_cases, "alike", cut)
    begin(both, tmp_path / "cut", config, texts)
    for _ in range(5):
        try:
            broken = resume(tmp_path / "cut")
        except Cut:
            continue
    assert len(calls) > 60, "it was cut off"
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")
    assert [entry.scores for entry in broken.top] == [entry.scores for entry in whole.top]


def _child(folder):
    resume(folder, function=search_cases.alike)


def test_a_search_survives_ten_kills_at_random_moments(tmp_path, monkeypatch):
    monkeypatch.setattr(campaigns, "_SAVED_EVERY", 0.0)
    config = settings(budget=400)
    run(alike, tmp_path / "whole", config, start())
    begin(alike, tmp_path / "killed", config, start())
    context, chance = multiprocessing.get_context("fork"), random.Random(3)
    kills = 0
    while kills < 10:
        child = context.Process(target=_child, args=(tmp_path / "killed",))
        child.start()
        time.sleep(chance.uniform(0.0, 0.06))
        if not child.is_alive():
            break
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        kills += 1
    assert kills > 3, "the search was over before it was killed often enough to mean anything"
    resume(tmp_path / "killed", function=alike)
    assert rows(tmp_path / "killed") == rows(tmp_path / "whole")


def test_a_search_ends_for_the_reason_that_comes_first(tmp_path):
    def end(name, **changes):
        begin(alike, tmp_path / name, settings(**changes), start())
        with opened(tmp_path / name, alike) as search:
            campaign = search.campaign()
            return campaign.run(), campaign.progress.calls

    assert end("budget", budget=35) == ("budget", 35)
    assert end("minutes", budget=10**6, minutes=1e-3)[0] == "minutes"
    reason, calls = end("patience", budget=10**6, patience=300)
    assert reason == "patience"
    assert calls < 10**5


ROWS = st.lists(st.lists(st.integers(0, 4).map(float), min_size=2, max_size=2), min_size=1, max_size=20)


@given(rows=ROWS, columns=st.integers(1, 2))
def test_patience_follows_the_front_of_all_objectives(rows, columns):
    progress, seen, grown = campaigns.Progress(), [], 0
    for calls, row in enumerate(np.array(rows)[:, :columns], 1):
        progress.count(Scores(row[None], ["ok"], ["text"]), calls)
        if not any((other >= row).all() for other in seen):
            grown = calls
        seen.append(row)
        assert progress.best_at == grown
        assert progress.best == max(other[0] for other in seen)
    assert sorted(progress.front) == np.unique(np.array(seen)[pareto_front(np.array(seen))], axis=0).tolist()


def test_a_search_of_several_objectives_goes_on_while_its_front_grows(tmp_path):
    """The first is as high as it can be from the beginning, the second is not."""
    both = Scoring((Term("dna:gc", transform="step", low=-1.0), Term("search_cases:alike")), "pareto")
    begin(both, tmp_path / "run", settings(budget=2000, patience=150), start())
    with opened(tmp_path / "run") as search:
        campaign = search.campaign()
        assert campaign.run() == "patience"
    assert campaign.progress.calls > 300
    assert campaign.progress.front[0][1] > 0.8


def test_a_search_stops_where_nothing_new_is_left(tmp_path):
    whole = run(lambda text: float(text.count("X")), tmp_path / "few", settings(budget=1000), ["XY", "YX", "XX", "YY"])
    assert whole.best == 2.0
    assert whole.unique <= 4


def test_what_goes_wrong_in_an_objective_is_in_the_ledger_and_the_search_goes_on(tmp_path):
    found = run(search_cases.sometimes, tmp_path / "run", settings(budget=200), start())
    assert found.statuses["ok"] + found.statuses["failed"] == found.unique == 200
    assert found.best > 0.6
    errors = {entry.error for entry in Ledger(tmp_path / "run" / run_folder.LEDGER).entries() if entry.error}
    assert any("the instrument is busy" in error for error in errors)
    assert any("nan" in error for error in errors)


def test_an_objective_that_always_fails_ends_the_search(tmp_path):
    def broken(text):
        raise ValueError("no licence")

    with pytest.raises(OracleError, match=r"20 times in a row.*no licence"):
        run(broken, tmp_path / "run", settings(), start())


def test_evolution_of_a_few_thousand_calls_finds_the_best(tmp_path):
    assert run(alike, tmp_path / "run", settings(budget=3000, batch=50), start()).top[0].canonical == BEST


def test_two_processes_on_one_folder(tmp_path):
    begin(alike, tmp_path / "run", settings(), start())
    with opened(tmp_path / "run", alike), pytest.raises(UsageError, match="another process works on this search"):
        resume(tmp_path / "run", function=alike)


def test_two_processes_that_begin_in_one_folder(tmp_path):
    (tmp_path / "run").mkdir()
    with run_folder.locked(tmp_path / "run"), pytest.raises(UsageError, match="another process works on this search"):
        begin(alike, tmp_path / "run", settings(), start())
    begin(alike, tmp_path / "run", settings(), start())
