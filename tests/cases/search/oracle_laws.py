"""Laws of an oracle's workers, whatever they are: each takes an empty folder and settings that say where to score.

They are in a module of their own because those of a Ray cluster are tried in a process of its own: Ray leaves threads,
sockets and warnings behind. `python oracle_laws.py laws FOLDER` tries them on a cluster of two nodes, with one worker
more than it has cores, and prints the name of each law that holds.
"""

from __future__ import annotations

import signal
import sys
import time
import traceback
from pathlib import Path

import oracle_cases

from seqvae.config import OracleConfig
from seqvae.errors import UsageError
from seqvae.properties.external_program import Program
from seqvae.search.oracle.caller import Caller
from seqvae.search.oracle.oracle import Oracle
from seqvae.search.storage.ledger import Ledger

LOCAL = {}
PROCESSES = {"workers": 2}
RAY = {"executor": "ray", "workers": 3}


def oracle_at(folder, score=oracle_cases.length, columns=1, form=oracle_cases.canonical, **changes):
    ledger = Ledger(folder / "ledger.sqlite", {"task": "test"})
    return Oracle(score, form, ledger, OracleConfig(**changes), columns)


def alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def eventually(holds, seconds=20.0):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def what_goes_wrong_is_a_status(folder, where):
    killable = where != LOCAL
    texts = ["good", "raises", "nan", "better"] + (["hang", "die", "last"] if killable else [])
    oracle = oracle_at(folder, oracle_cases.misbehaves, form=str, timeout=10, retries=0, **where)
    scores = oracle(texts)
    wrong = ["timeout", "failed", "ok"] if killable else []
    assert scores.statuses == ["ok", "failed", "failed", "ok", *wrong], scores.statuses
    assert [bool(value == value) for value in scores.values[:, 0]] == [s == "ok" for s in scores.statuses]
    errors = {entry.text: entry.error for entry in oracle.ledger.entries()}
    assert errors["good"] == ""
    assert errors["raises"] == "ValueError: this text is not liked"
    assert errors["nan"] == "the score is nan: expected finite numbers"
    if killable:
        assert errors["hang"] == "no score within 10 s"
        assert errors["die"].startswith("the worker died"), errors["die"]
        assert errors["die"].endswith(": out of memory, or ended by the oracle itself")
    assert oracle(texts).statuses == ["cached"] * len(texts)  # what has failed is not tried again
    oracle.close()
    oracle.ledger.close()


def a_score_of_the_wrong_length_fails(folder, where):
    oracle = oracle_at(folder, oracle_cases.wrong_length, **where)
    assert oracle(["a", "aa"]).statuses == ["failed", "failed"]
    assert {entry.error for entry in oracle.ledger.entries()} == {
        "SeqVAEError: the oracle returned an array of shape (1, 2), expected (1, 1)"
    }
    oracle.close()
    oracle.ledger.close()


def several_scores_a_text(folder, where):
    oracle = oracle_at(folder, oracle_cases.two, columns=2, **where)
    assert oracle(["aab", "b", "1"]).values[:2].tolist() == [[3.0, -2.0], [1.0, 0.0]]
    oracle.close()
    oracle.ledger.close()


def the_order_of_texts_is_kept(folder, where):
    texts = ["a", "bb", "aaa", "bbbb", "bbbbb", "aaaaaa", *("b" * count for count in range(7, 30))]
    oracle = oracle_at(folder, oracle_cases.slow_at_first, form=str, **where)
    assert oracle(texts).values[:, 0].tolist() == [len(text) for text in texts]
    assert [entry.text for entry in oracle.ledger.entries()] == texts
    oracle.close()
    oracle.ledger.close()


def a_text_whose_worker_died_is_tried_again(folder, where):
    oracle = oracle_at(folder, oracle_cases.Flaky(folder / "tried"), retries=1, **where)
    assert oracle(["ab"]).statuses == ["ok"]
    assert len((folder / "tried").read_text()) == 2
    oracle.close()
    oracle.ledger.close()


def few_texts_are_on_their_way(folder, where):
    caller = Caller(oracle_cases.Notes(folder), 1, OracleConfig(**where))
    texts = [f"text{number}" for number in range(40)]
    for done, _ in enumerate(caller.outcomes(texts)):
        assert len(list(folder.iterdir())) <= done + 2 * where["workers"]
    caller.close()


def workers_stay_from_one_batch_to_the_next(folder, where):
    caller = Caller(oracle_cases.Notes(folder), 1, OracleConfig(**where))
    for batch in range(3):
        list(caller.outcomes([f"{batch}-{number}" for number in range(6)]))
    assert len({path.read_text() for path in folder.iterdir()}) <= where["workers"]
    caller.close()


def a_program_ends_with_the_worker_that_was_too_slow(folder, where):
    path, child = folder / "slow.sh", folder / "child"
    path.write_text(f"#!/bin/sh\nif [ $1 = CC ]; then sleep 100 & echo $! > {child}; wait; else echo 2; fi\n")
    path.chmod(0o755)
    caller = Caller(Program(f"{path} {{text}}"), 1, OracleConfig(timeout=4, retries=0, **where))
    statuses = [outcome.status for part in caller.outcomes(["C", "CC", "CCC"]) for outcome in part]
    caller.close()
    assert statuses == ["ok", "timeout", "ok"], statuses
    assert eventually(lambda: not alive(int(child.read_text())))


def whatever_they_do_closing_ends_them(folder, where):
    caller = Caller(oracle_cases.Notes(folder, seconds=100), 1, OracleConfig(timeout=200, **where))
    caller._pool = caller._started()
    caller._pool.schedule("one"), caller._pool.schedule("two")
    assert eventually(lambda: len(list(folder.iterdir())) == 2, 60)
    time.sleep(0.1)
    workers = [int(path.read_text()) for path in folder.iterdir()]
    assert all(map(alive, workers))
    started = time.monotonic()
    caller.close()
    assert time.monotonic() - started < 15
    assert eventually(lambda: not any(map(alive, workers)))


def what_cannot_be_loaded_is_one_error(folder, where):
    error = refused(oracle_cases.Unloadable(), where)
    if where == RAY:
        assert error.startswith("the objective cannot be loaded on the Ray cluster"), error
        assert "No module named 'mine'" in error, error
    else:
        assert error.startswith("the workers ended before they could score: put the objective into a module"), error


def what_cannot_be_sent_is_one_error(folder, where):
    error = refused(lambda texts: oracle_cases.length(texts), where)
    assert error.startswith("the objective cannot be sent to workers ("), error
    assert error.endswith(": make it a function of a module, or take workers 0"), error


def refused(score, where):
    """What is said where a text cannot be scored."""
    caller = Caller(score, 1, OracleConfig(**where))
    try:
        list(caller.outcomes(["a"]))
    except UsageError as error:
        assert "\n" not in str(error), error
        return str(error)
    raise AssertionError("no error")


ANYWHERE = (
    what_goes_wrong_is_a_status,
    a_score_of_the_wrong_length_fails,
    several_scores_a_text,
    the_order_of_texts_is_kept,
)
KILLABLE = (
    *ANYWHERE,
    a_text_whose_worker_died_is_tried_again,
    few_texts_are_on_their_way,
    workers_stay_from_one_batch_to_the_next,
    a_program_ends_with_the_worker_that_was_too_slow,
    whatever_they_do_closing_ends_them,
    what_cannot_be_loaded_is_one_error,
)
IN_PROCESSES = (*KILLABLE, what_cannot_be_sent_is_one_error)


def on_two_nodes(folder):
    """Try all laws on a cluster, and print the names of those that hold."""
    import ray
    from ray.cluster_utils import Cluster

    quiet = {"num_cpus": 1, "object_store_memory": 100 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=quiet)
    cluster.add_node(**{key: value for key, value in quiet.items() if key != "include_dashboard"})
    ray.init(address=cluster.address, log_to_driver=False)
    for law in KILLABLE:
        place = folder / law.__name__
        place.mkdir()
        try:
            law(place, RAY)
        except Exception:
            traceback.print_exc()
        else:
            print(law.__name__, flush=True)
    assert ray.is_initialized(), "a connection that the caller made stays"
    ray.shutdown()
    cluster.shutdown()


def score_for_long(folder, where):
    """Score texts that take a hundred seconds each, until somebody stops that."""
    caller = Caller(oracle_cases.Notes(folder, seconds=100), 1, OracleConfig(timeout=200, **where))
    list(caller.outcomes(["one", "two", "three"]))


if __name__ == "__main__":
    if sys.argv[1] == "laws":
        on_two_nodes(Path(sys.argv[2]))
    else:
        # Where the tests run in the background of a shell, it has Ctrl-C ignored by all that they start.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        score_for_long(Path(sys.argv[2]), RAY if sys.argv[1] == "ray" else PROCESSES)
