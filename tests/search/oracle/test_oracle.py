"""Ledger and oracle: exact budgets, one call a text, a status for every proposal, and nothing lost by a kill."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracle_cases
import oracle_laws
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_cases import canonical
from oracle_laws import oracle_at

from seqvae.config import OracleConfig
from seqvae.errors import ConfigError, InputError, OracleError, UsageError
from seqvae.properties.scoring import Scoring, Term
from seqvae.properties.user import PerText
from seqvae.search.objective import OwnFunction
from seqvae.search.oracle import caller as workers
from seqvae.search.proposals import Candidate
from seqvae.search.storage.ledger import Entry, Ledger

ROUNDS = st.lists(st.lists(st.text("abAB1", min_size=1, max_size=3), max_size=6), max_size=5)


def expected(rounds, budget, count):
    """The plain reading of the rules, a text at a time: statuses and calls."""
    seen, statuses, calls = set(), [], 0
    for texts in rounds:
        for text in texts:
            form = canonical(text)
            novel = form is not None and form not in seen
            counts = novel or count == "every"
            if counts and calls == budget:
                statuses.append("over_budget")
                continue
            calls += counts
            statuses.append("invalid" if form is None else "ok" if novel else "cached")
            seen |= {form} if novel else set()
    return statuses, calls


@settings(max_examples=60, deadline=None)
@given(rounds=ROUNDS, budget=st.integers(1, 12), count=st.sampled_from(["unique", "every"]))
def test_every_proposal_gets_the_status_that_the_rules_say_and_the_budget_is_exact(
    tmp_path_factory, rounds, budget, count
):
    oracle = oracle_at(tmp_path_factory.mktemp("run"), budget=budget, count=count)
    found = [oracle(texts) for texts in rounds]
    statuses, calls = expected(rounds, budget, count)
    assert [status for scores in found for status in scores.statuses] == statuses
    assert oracle.calls == calls <= budget
    assert oracle.left == budget - calls
    for texts, scores in zip(rounds, found, strict=True):
        assert scores.canonical == [canonical(text) for text in texts]
        for text, status, value in zip(texts, scores.statuses, scores.values[:, 0], strict=True):
            assert value == len(text) if status in ("ok", "cached") else math.isnan(value)
    written = list(oracle.ledger.entries())
    assert [entry.status for entry in written] == statuses
    assert [entry.text for entry in written] == [canonical(text) or text for texts in rounds for text in texts]
    oracle.ledger.close()


@settings(max_examples=60, deadline=None)
@given(rounds=ROUNDS, budget=st.integers(1, 12), cuts=st.lists(st.integers(0, 4), max_size=6))
def test_a_run_that_is_cut_off_anywhere_writes_the_ledger_of_an_unbroken_one(tmp_path_factory, rounds, budget, cuts):
    rounds = [texts for texts in rounds if texts]  # no proposals are no round
    whole = oracle_at(tmp_path_factory.mktemp("whole"), budget=budget)
    for texts in rounds:
        whole(texts)
    folder = tmp_path_factory.mktemp("broken")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "_TOGETHER", 1)  # each score is written at once
        for left in [*cuts, 10**6]:
            oracle = oracle_at(folder, ends_after(left), budget=budget)
            start = max(0, oracle.ledger.rounds() - 1)  # the last round may not be whole: it is asked for again
            oracle.forward(start)
            try:
                for texts in rounds[start:]:
                    oracle(texts)
            except KeyboardInterrupt:
                pass
            oracle.ledger.close()
    broken = Ledger(folder / "ledger.sqlite")
    assert list(map(shown, broken.entries())) == list(map(shown, whole.ledger.entries()))
    assert oracle.calls == whole.calls


def ends_after(left):
    """A function that scores so many texts, then is interrupted."""
    scored = []

    def score(texts):
        scored.extend(texts)
        if len(scored) > left:
            raise KeyboardInterrupt
        return oracle_cases.length(texts)

    return score


def shown(entry):
    """All of an entry but its time, so that two can be compared: NaN is like NaN."""
    return repr(replace(entry, seconds=0.0))


@pytest.mark.parametrize("law", oracle_laws.ANYWHERE, ids=lambda law: law.__name__)
def test_laws_in_this_process(law, tmp_path):
    law(tmp_path, oracle_laws.LOCAL)


@pytest.mark.parametrize("law", oracle_laws.IN_PROCESSES, ids=lambda law: law.__name__)
def test_laws_in_processes(law, tmp_path):
    law(tmp_path, oracle_laws.PROCESSES)


@pytest.fixture(scope="module")
def on_ray(tmp_path_factory):
    """What came of trying all laws on a Ray cluster, in a process of its own."""
    pytest.importorskip("ray")
    process = apart("laws", tmp_path_factory.mktemp("ray"))
    out, errors = process.communicate()
    return process.returncode, out.splitlines(), errors


@pytest.mark.parametrize("law", oracle_laws.KILLABLE, ids=lambda law: law.__name__)
def test_laws_on_a_ray_cluster(law, on_ray):
    code, held, errors = on_ray
    assert law.__name__ in held, errors[-3000:]
    assert code == 0, errors[-3000:]


def test_a_script_that_starts_workers_while_they_load_it_is_told_so(tmp_path):
    (tmp_path / "script.py").write_text(
        "import oracle_cases\nfrom oracle_laws import PROCESSES, refused\n\n\n"
        "def score(texts):\n    return oracle_cases.length(texts)\n\n\nprint(refused(score, PROCESSES))\n"
    )
    process = apart(script=tmp_path / "script.py")
    out, errors = process.communicate(timeout=90)
    assert "what starts the search behind `if __name__ ==" in out, errors


SCRIPT = """import oracle_cases
from oracle_laws import PROCESSES, oracle_at
from pathlib import Path

def score(texts):
    return oracle_cases.length(texts)

"""


@pytest.mark.parametrize(
    "starts",
    [
        'if __name__ == "__main__":\n    print(oracle_at(Path(__file__).parent, score, **PROCESSES)(["ab"]).values)',
        "print(oracle_at(Path(__file__).parent, oracle_cases.length, **PROCESSES)(['ab']).values)",
    ],
    ids=["a function of a guarded script", "a function of a module needs no guard"],
)
def test_scripts_that_start_workers(starts, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT + starts)
    out, errors = apart(script=tmp_path / "script.py").communicate(timeout=90)
    assert out == "[[2.]]\n", errors


@pytest.mark.parametrize("executor", ["processes", "ray"])
def test_ctrl_c_ends_everything(executor, tmp_path):
    if executor == "ray":
        pytest.importorskip("ray")
    process = apart(executor, tmp_path)
    assert oracle_laws.eventually(lambda: any(path.read_text() for path in tmp_path.iterdir()), 90)
    workers = [int(path.read_text()) for path in tmp_path.iterdir() if path.read_text()]
    assert all(map(oracle_laws.alive, workers))
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    assert oracle_laws.eventually(lambda: not any(map(oracle_laws.alive, workers)))
    assert oracle_laws.eventually(lambda: not in_session(process.pid)), in_session(process.pid)


def apart(*words, script=oracle_laws.__file__):
    """Run a script, or the module of laws, in a process, and a group and session, of its own."""
    here = Path(oracle_laws.__file__).parent
    path = os.pathsep.join([str(here.parents[2]), str(here)])
    environment = {**os.environ, "PYTHONPATH": path, "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    command = [sys.executable, "-W", "ignore", str(script), *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True)


def in_session(number):
    """Command lines of the processes of a session."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = stat.read_text().rsplit(")", 1)[1].split()[:4]
            if int(session) == number and state != "Z":
                found.append(stat.with_name("cmdline").read_text().replace("\0", " "))
    return found


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (oracle_cases.always_fails, "failed 5 times in a row; the last error: RuntimeError: out of order"),
        (oracle_cases.too_few, r"SeqVAEError: the oracle returned an array of shape \(0,\), expected \(1, 1\)"),
        (oracle_cases.rubbish, "ValueError: could not convert string to float"),
    ],
)
def test_an_oracle_that_fails_always_ends_the_search(tmp_path, score, words):
    oracle = oracle_at(tmp_path, score, failures=5)
    oracle(["a", "aa"])
    with pytest.raises(OracleError, match=words):
        oracle(["aaa", "aaaa", "aaaaa", "aaaaaa"])
    assert len(list(oracle.ledger.entries())) == 5


def test_the_ledger_keeps_where_a_text_comes_from(tmp_path):
    oracle, z = oracle_at(tmp_path), np.array([0.1, -2.5], np.float32)
    oracle([Candidate("ab", "prior", z, 7), "b"])
    first, second = Ledger(tmp_path / "ledger.sqlite").entries()
    assert (first.proposer, first.seed, first.z.tolist()) == ("prior", 7, z.tolist())
    assert (second.proposer, second.seed, second.z) == ("", None, None)
    assert first == Entry(0, 0, "ab", "ab", "ok", (2.0,), proposer="prior", seed=7)


def test_wrong_files_and_wrong_runs_are_refused(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with pytest.raises(InputError, match="there is no ledger"):
        Ledger(path)
    oracle = oracle_at(tmp_path)
    oracle(["a", "b"])
    with pytest.raises(UsageError, match=r"ledger of another search \(another task\)"):
        Ledger(path, {"task": "other"})
    with pytest.raises(UsageError, match="another process writes here"):
        oracle.ledger.add([Entry(0, 1, "b", "b", "ok", (1.0,))])
    oracle.forward(0)
    with pytest.raises(UsageError, match="round 0 has other proposals"):
        oracle(["b"])
    with pytest.raises(UsageError, match="cannot resume from round 9"):
        oracle.forward(9)
    (tmp_path / "text").write_text("no database at all " * 100)
    with pytest.raises(UsageError, match="expected the ledger of a search"):
        Ledger(tmp_path / "text", {})
    with pytest.raises(ConfigError, match=r"oracle\.count"):
        OracleConfig(count="some")


def counted(one, wrong=()):
    """A function of one text in each form that a search takes, which raises on some texts; and the calls of it."""
    calls = []

    def function(text):
        calls.append(text)
        if text in wrong or wrong == "all":
            raise ValueError("no licence")
        return float(len(text))

    return one(function), calls


def own_term(function):
    """As a term of a scoring, beside one that is not called text by text."""
    module = types.ModuleType("oracle_counted")
    module.function = function
    sys.modules[module.__name__] = module
    return Scoring((Term("oracle_counted:function"), Term("dna:gc")), "arithmetic")


ONE_BY_ONE = [OwnFunction, own_term, lambda function: PerText("mine", function)]


@pytest.mark.parametrize("one", ONE_BY_ONE)
def test_a_function_of_one_text_is_never_called_twice_for_one(one, tmp_path):
    texts = ["A" * count for count in range(1, 31)]
    score, calls = counted(one, wrong=texts[19:20])
    statuses = oracle_at(tmp_path, score, form=str, budget=25)(texts).statuses
    assert statuses == ["ok"] * 19 + ["failed"] + ["ok"] * 5 + ["over_budget"] * 5
    assert calls == texts[:25]


@pytest.mark.parametrize("one", ONE_BY_ONE)
def test_no_call_follows_the_last_that_may_fail(one, tmp_path):
    score, calls = counted(one, wrong="all")
    oracle = oracle_at(tmp_path, score, form=str, failures=20)
    with pytest.raises(OracleError, match="20 times in a row"):
        oracle(["A" * count for count in range(1, 250)])
    assert len(calls) == len(list(oracle.ledger.entries())) == 20


def test_which_functions_are_called_for_each_text():
    one = {"./dock {smiles}", "./dock --text={text}"}
    for command in one | {"./dock {file}", "./dock"}:
        scoring = Scoring((Term(command=command, shell=True), Term("qed")))
        assert scoring.one_by_one == (command in one)


def test_a_kill_costs_one_call_where_each_takes_long(tmp_path):
    """Another process is killed in the middle of a batch; it has written all that it had scored."""

    def slow(text):
        time.sleep(0.11)
        with (tmp_path / "calls").open("a") as file:
            file.write(f"{text}\n")
        if text == texts[5] and multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return 1.0

    def batch():
        oracle = oracle_at(tmp_path, OwnFunction(slow), form=str)
        oracle.forward(0)
        oracle(texts)

    texts = [f"text{number}" for number in range(9)]
    child = multiprocessing.get_context("fork").Process(target=batch)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    batch()
    calls = (tmp_path / "calls").read_text().split()
    assert sorted(calls) == sorted([*texts, texts[5]])


def test_what_was_scored_before_ctrl_c_is_kept(tmp_path):
    def function(text):
        if text == "d":
            raise KeyboardInterrupt
        return 1.0

    oracle = oracle_at(tmp_path, OwnFunction(function), form=str)
    with pytest.raises(KeyboardInterrupt):
        oracle(list("abcdef"))
    assert [entry.text for entry in oracle.ledger.entries()] == list("abc")


@pytest.mark.parametrize(
    ("itself", "each", "about"), [(0.0, 1e-4, 256), (0.0, 0.1, 10), (0.0, 3.0, 1), (5.0, 0.1, 50), (30.0, 0.01, 256)]
)
def test_calls_of_many_texts_take_about_a_second_or_as_long_as_the_call_itself(itself, each, about):
    """The first call loads what is needed, and so takes longer."""
    pace, sizes = workers._Pace(), []
    for call in range(10):
        sizes.append(pace.together)
        pace.learn(pace.together, itself + each * pace.together + (2.0 if call == 0 else 0.0))
    assert sizes[0] == 256
    assert max(sizes[-3:]) <= 1.5 * about
    assert min(sizes[-3:]) >= about / 1.5


def test_a_slow_function_of_many_texts_is_given_fewer(tmp_path):
    sizes = []

    def score(texts):
        sizes.append(len(texts))
        time.sleep(0.01 * len(texts))
        return oracle_cases.length(texts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "_LONG", 0.1)
        oracle = oracle_at(tmp_path, score, form=str)
        for batch in range(2):
            oracle([f"{batch}-{number}" for number in range(40)])
    assert sizes[0] == 40
    assert max(sizes[1:]) <= 20  # ten on an idle machine
    assert sum(sizes) == 80


def test_a_score_is_on_disk_before_it_is_used(tmp_path):
    """Another connection sees each entry as soon as the next text is scored."""
    seen = []

    def score(texts):
        with sqlite3.connect(tmp_path / "ledger.sqlite") as other:
            seen.append(other.execute("SELECT COUNT(*) FROM evaluations").fetchone()[0])
        other.close()
        return oracle_cases.length(texts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers, "_TOGETHER", 2)
        oracle_at(tmp_path, score)(["a", "aa", "aaa", "aaaa", "aaaaa"])
    assert seen == [0, 2, 4]
