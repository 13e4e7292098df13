"""A cheap score before a dear one: who survives, what is counted, and that a kill changes nothing."""

from __future__ import annotations

import csv
import io
import json
import math
import sqlite3
from contextlib import closing
from dataclasses import replace

import oracle_cases
import pytest
from search_cases import alike, dna_model, rows, settings, start

from seqvae.cli.main import main
from seqvae.config import OracleConfig, StagesConfig
from seqvae.errors import ConfigError, InputError, OracleError, UsageError
from seqvae.search.api import begin, opened, run
from seqvae.search.oracle import caller as workers
from seqvae.search.oracle.oracle import Oracle
from seqvae.search.oracle.screening import Screen
from seqvae.search.storage.ledger import Ledger
from seqvae.search.storage.run_folder import LEDGER, settings_of
from seqvae.search.storage.trust import named_code

NOTHING = "nan"


class Counted:
    """Scores texts one by one and notes them; interrupted at the calls given."""

    one_by_one = True

    def __init__(self, function, calls, cut=()):
        self.function, self.calls, self.cut = function, calls, cut

    def __call__(self, texts):
        self.calls.extend(texts)
        if len(self.calls) in self.cut:
            self.calls.pop()
            self.cut = ()
            raise KeyboardInterrupt
        return [self.function(text) for text in texts]


def many_a(text):
    if text == "c":
        raise ValueError("c is not liked")
    return float(text.count("a"))


def oracle_at(folder, dear, cheap, budget=100, survivors=0.5, failures=20):
    folder.mkdir(exist_ok=True)
    config = OracleConfig(budget=budget, failures=failures)
    ledger = Ledger(folder / "ledger.sqlite", {"objective": "length"})
    return Oracle(dear, oracle_cases.canonical, ledger, config, screen=Screen(cheap, ledger, config, survivors))


ROUNDS = [["b", "aab", "aaab", "ab", "x1", "ba"], ["ab", "aab", "aaaaa"], ["d", "c", "ad", "dd"]]
# Of the first round b, aab, aaab and ab are new, with 0, 2, 3 and 1 letters a: half of them go on. ba is ab again. Of
# the second only aaaaa is new; one goes on always. Of the third c has no cheap score, and of d (0), ad (1) and dd (0)
# two go on: ad, and d, which came before dd.
STATUSES = [
    ["screened_out", "ok", "ok", "screened_out", "invalid", "screened_out"],
    ["screened_out", "cached", "ok"],
    ["ok", "screened_out", "ok", "screened_out"],
]
DEAR, CHEAP = ["aab", "aaab", "aaaaa", "d", "ad"], ["b", "aab", "aaab", "ab", "aaaaa", "d", "c", "ad", "dd"]


def test_those_with_the_highest_cheap_scores_get_the_dear_one(tmp_path):
    dear, cheap = [], []
    oracle = oracle_at(tmp_path, Counted(len, dear), Counted(many_a, cheap))
    found = [oracle(texts) for texts in ROUNDS]
    assert [scores.statuses for scores in found] == STATUSES
    assert (dear, cheap, oracle.calls) == (DEAR, CHEAP, 5)
    assert [str(value) for value in found[0].values[:, 0]] == [NOTHING, "3.0", "4.0", NOTHING, NOTHING, NOTHING]
    entries = list(oracle.ledger.entries())
    assert [one.cheap for one in entries][:4] == [0.0, 2.0, 3.0, 1.0]
    assert [one.cheap for one in entries][4:8] == [None, None, None, None]  # invalid, known or stopped before: no call
    assert math.isnan(entries[10].cheap)
    assert [one.error for one in entries if one.error] == ["ValueError: c is not liked"]
    oracle.ledger.close()


def test_no_more_go_on_than_the_budget_allows(tmp_path):
    oracle = oracle_at(tmp_path, oracle_cases.length, Counted(many_a, []), budget=1)
    assert oracle(["ab", "aab", "b", "bb"]).statuses == ["screened_out", "ok", "screened_out", "screened_out"]
    assert oracle.left == 0
    oracle.ledger.close()


def test_a_round_asks_for_so_many_that_enough_survive(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite", {"objective": "length"})
    for survivors, wanted, asked in [(0.1, 10, 100), (0.3, 10, 34), (1.0, 7, 7), (0.07, 7, 100)]:
        assert Screen(oracle_cases.length, ledger, OracleConfig(), survivors).asked(wanted) == asked
    ledger.close()


@pytest.mark.parametrize("cut", range(1, len(DEAR) + 1))
@pytest.mark.parametrize("which", ["dear", "cheap"])
def test_a_kill_in_either_score_changes_nothing_and_repeats_no_call(which, cut, tmp_path, monkeypatch):
    monkeypatch.setattr(workers, "_APART", 0.0)  # each score is written at once
    whole = oracle_at(tmp_path / "whole", Counted(len, []), Counted(many_a, []))
    for texts in ROUNDS:
        whole(texts)
    dear, cheap, cuts = [], [], {"dear": (), "cheap": (), which: (cut,)}
    for _ in range(2):
        scores = Counted(len, dear, cuts["dear"]), Counted(many_a, cheap, cuts["cheap"])
        oracle, cuts = oracle_at(tmp_path / "cut", *scores), {"dear": (), "cheap": ()}
        first = max(0, oracle.ledger.rounds() - 1)  # the last round may not be whole: it is asked for again
        oracle.forward(first)
        try:
            for texts in ROUNDS[first:]:
                oracle(texts)
        except KeyboardInterrupt:
            oracle.ledger.close()
    assert (dear, cheap) == (DEAR, CHEAP)
    assert [shown(one) for one in oracle.ledger.entries()] == [shown(one) for one in whole.ledger.entries()]
    whole.ledger.close()
    oracle.ledger.close()


def shown(entry):
    return repr((entry.round, entry.place, entry.text, entry.status, entry.scores, entry.error, entry.cheap))


def test_a_cheap_score_that_always_fails_ends_the_search(tmp_path):
    def broken(text):
        raise ValueError("no licence")

    oracle = oracle_at(tmp_path, oracle_cases.length, Counted(broken, []), failures=3)
    with pytest.raises(OracleError, match=r"the cheap score failed 3 times in a row; the last error: .*no licence"):
        oracle(["a", "b", "ab", "bb", "aab"])
    oracle.ledger.close()


def test_other_proposals_and_missing_cheap_scores_are_named(tmp_path):
    oracle = oracle_at(tmp_path, oracle_cases.length, Counted(many_a, []))
    oracle(["a", "b"])
    oracle.forward(0)
    with pytest.raises(UsageError, match="round 0 has cheap scores of other proposals than are made now"):
        oracle(["b", "a"])
    oracle.ledger.close()
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection, connection:
        connection.execute("DELETE FROM cheap_scores WHERE place = 1")
    with pytest.raises(InputError, match="damaged: 2 cheap scores were written, 1 are left"):
        Ledger(tmp_path / "ledger.sqlite")
    with closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as connection, connection:
        connection.execute("UPDATE counts SET value = 1 WHERE name = 'cheap'")
        connection.execute("UPDATE cheap_scores SET cheap = '[true]'")
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger, pytest.raises(InputError, match="cheap score: damaged"):
        list(ledger.entries())


MINE = """
def dear(text):
    return float(text.count("GAT"))


def quick(text):
    return float(text.count("G"))
"""
SEARCH = "optimize --objective mine_of_two:dear --model none --optimizer ga --start start.txt --batch 5 --initial 10"


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    """Run a command in a folder with functions and texts; return code, output and errors."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine_of_two.py").write_text(MINE)
    (tmp_path / "start.txt").write_text("\n".join(start(90)) + "\n")

    def call(words):
        code = main(words.split())
        return code, *capsys.readouterr()

    return call


def test_the_verb_counts_both_and_shows_both(here, tmp_path):
    code, out, err = here(f"{SEARCH} --cheap mine_of_two:quick --survivors 0.25 --budget 20 --out run")
    assert code == 0, err
    assert "unique oracle calls       20" in out
    found = json.loads(here("results run --json")[1])
    assert (found["calls_unique"], found["statuses"]["ok"]) == (20, 20)
    assert found["cheap_calls"] == found["statuses"]["ok"] + found["statuses"]["screened_out"] >= 60
    assert found["calls_every"] == 20 + found["statuses"].get("invalid", 0) + found["statuses"].get("cached", 0)
    assert f"calls of the cheap score  {found['cheap_calls']}" in out
    assert all(one["cheap"] == one["text"].count("G") for one in found["top"])
    assert here("results run --out all.csv --page page.html")[0] == 0
    table = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text())))
    called = [row for row in table if row["status"] in ("ok", "screened_out")]
    assert all(float(row["cheap"]) == row["text"].count("G") for row in called)
    for number in {row["round"] for row in called}:  # in every round the best by the cheap score went on
        now = [row for row in called if row["round"] == number]
        low = min(float(row["cheap"]) for row in now if row["status"] == "ok")
        assert low >= max((float(row["cheap"]) for row in now if row["status"] != "ok"), default=0)
    assert "calls of the cheap score" in (tmp_path / "page.html").read_text()
    before = rows(tmp_path / "run")
    assert here("optimize --resume run --budget 25")[0] == 0
    assert rows(tmp_path / "run")[: len(before)] == before


def test_a_search_that_was_stopped_goes_on_as_if_it_were_not(here, tmp_path):
    words = f"{SEARCH} --cheap mine_of_two:quick --survivors 0.5 --budget 20"
    assert here(f"{words} --out whole")[0] == 0
    assert here(f"{words} --out cut --minutes 1e-9")[0] == 0
    assert len(rows(tmp_path / "cut")) < len(rows(tmp_path / "whole"))
    assert here("optimize --resume cut --minutes 0")[0] == 0
    assert rows(tmp_path / "cut") == rows(tmp_path / "whole")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--survivors 0.5", "--survivors has no effect without a cheap score (--cheap): leave it out"),
        ("--cheap dna:gc --survivors 0", "stages.survivors: expected a number from 0.001 to 1, got 0"),
        ("--cheap dna:gc --count every", "stages.cheap: the budget counts the survivors alone: leave oracle.count out"),
        ("--cheap two.toml", "stages.cheap: expected one score, two.toml has 2: join them by another join"),
        ("--cheap no_such", "no_such"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(words, message, here, tmp_path):
    (tmp_path / "two.toml").write_text(
        'join = "pareto"\n[[term]]\nproperty = "dna:gc"\n[[term]]\nproperty = "dna:tm"\n'
    )
    code, out, err = here(f"{SEARCH} {words} --budget 20 --out run")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not (tmp_path / "run").exists()


def test_scores_of_different_texts_and_a_laboratory_are_refused(here, tmp_path):
    code, _, err = here("optimize --objective qed --cheap dna:gc --model none --start start.txt --budget 20 --out run")
    assert code == 2
    assert "the objective expects molecules, the cheap score dna: change one of them" in err
    terms = 'join = "pareto"\n[[term]]\nproperty = "dna:gc"\nname = "cheap"\n[[term]]\nproperty = "dna:tm"\n'
    (tmp_path / "named.toml").write_text(terms)
    words = "--cheap dna:gc --model none --start start.txt --budget 20 --out run"
    code, _, err = here(f"optimize --objective named.toml {words}")
    assert code == 2
    assert "its column is called 'cheap', and so is a score: give that another name" in err
    (tmp_path / "two.toml").write_text('[stages]\ncheap = "dna:gc"\n')
    assert "for searches with an objective, not for a laboratory's" in here("ask plates --config two.toml")[2]


@pytest.mark.parametrize("optimizer", ["auto", "turbo", "cma-es"])
def test_every_kind_of_optimiser_searches_so(optimizer, tmp_path):
    """Those that a cheap score has stopped are known and have no score, as those whose call failed."""
    config = settings(dna_model(tmp_path / "model"), optimizer, 30)
    config = replace(config, stages=StagesConfig("search_cases:alike", 0.5))
    found = run("search_cases:alike", tmp_path / "run", config, start(90))
    assert found.unique == found.statuses["ok"] == 30
    assert found.cheap_calls == 30 + found.statuses["screened_out"] >= 55
    with opened(tmp_path / "run") as search:
        called = [entry for entry in search.ledger.entries() if entry.cheap is not None]
    for number in {one.round for one in called}:  # where both scores are one, the best half of each round is called
        now = [one for one in called if one.round == number]
        low = min(one.scores[0] for one in now if one.status == "ok")
        assert all(one.cheap <= low for one in now if one.status != "ok")


def test_what_a_cheap_score_runs_is_named_before_it_is_trusted(tmp_path):
    stages = StagesConfig("search_cases:sometimes", 0.5)
    begin("search_cases:alike", tmp_path / "run", replace(settings(budget=20), stages=stages), start())
    settled = settings_of(tmp_path / "run")
    assert named_code(settled) == ["the function 'search_cases:alike'", "the function 'search_cases:sometimes'"]
    with opened(tmp_path / "run") as search:
        assert search.cheap is not None and search.cheap.terms[0].property == "search_cases:sometimes"
    with pytest.raises(ConfigError, match="for a laboratory's"):
        begin(None, tmp_path / "plates", replace(settings(budget=20), stages=stages), start())
    (tmp_path / "run" / LEDGER).unlink()
    del settled["cheap"]
    written = {"format": 3, **settled}
    (tmp_path / "run" / "search.json").write_text(json.dumps(written))
    with pytest.raises(InputError, match=r"cheap: expected it beside config\.stages\.cheap, and not without"):
        settings_of(tmp_path / "run")
    assert alike("GATTACAGATTA") == 1.0
