"""Functions of one's own that exit, kill themselves, leave children or do not end: a search loses nothing by them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from golden_cases import command
from oracle_laws import alive, eventually
from search_cases import settings, start

from scripts.attack.harness import DONE, outcome
from scripts.attack.harness import command as verb
from scripts.attack.model_folders import made
from seqvae.runtime.lock import one_writer
from seqvae.search import run
from seqvae.search.storage.ledger import Ledger
from seqvae.search.storage.run_folder import LEDGER

OWN = """
import os, signal, subprocess, sys, time
from pathlib import Path

def leaves(text):
    sys.exit()

def ends_at_once(text):
    os._exit(0)

def begets(text):
    child = subprocess.Popen(["sleep", "1000"])
    with open("children", "a") as file:
        print(child.pid, file=file)
    return float(len(text))

def deaf(text):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "AAA" in text:
        time.sleep(1000)
    return float(len(text))
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Return a command line that searches by a function of the file above, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    name = f"own_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(OWN)
    (tmp_path / "start.txt").write_text("\n".join(start(30)) + "\n")

    def searched(function, *more):
        words = [
            "optimize",
            "--objective",
            f"{name}:{function}",
            "--start",
            "start.txt",
            "--optimizer",
            "string-ga",
            "--model",
            "none",
        ]
        return command([*words, "--budget", "6", "--out", "run", "--quiet", *more])

    return searched


@pytest.mark.parametrize("workers", ["0", "2"])
def test_one_that_exits_fails_like_any_other(workers, own):
    code, _, err = own("leaves", "--workers", workers)
    assert code == 1, err
    assert "nothing was scored: 6 of 6 calls failed; most often (6): " in err
    assert "SystemExit" in err
    assert [one.status for one in Ledger(Path("run") / LEDGER).entries()] == ["failed"] * 6


def test_a_worker_that_ends_itself_is_noticed_at_once(own):
    began = time.monotonic()
    code, _, err = own("ends_at_once", "--workers", "1", "--timeout", "600", "--retries", "0")
    assert code == 1, err
    assert "the worker died with exit code 0" in err
    assert time.monotonic() - began < 300


def test_children_of_workers_end_with_the_search(own, tmp_path):
    assert own("begets", "--workers", "2")[0] == 0
    children = [int(pid) for pid in (tmp_path / "children").read_text().split()]
    assert len(children) == 6
    assert eventually(lambda: not any(map(alive, children)))


def test_a_worker_that_ignores_sigterm_is_ended_without_a_word(own):
    code, _, err = own("deaf", "--workers", "1", "--timeout", "1")
    assert code in (0, 1)
    assert "Traceback" not in err


def test_one_sample_is_resumed_at_a_time(tmp_path):
    model = made(tmp_path / "model", "dna gru gru diagonal normal none")
    words = ["sample", str(model), "-n", "4", "--out", str(tmp_path / "a.txt"), "--resume", "--quiet"]
    with one_writer(tmp_path / "a.txt.parts", "a run with --resume"):
        code, _, err = command(words)
    assert code == 2
    assert "another process writes here" in err
    assert command(words)[0] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; others see test_search_folders")
def test_results_of_a_folder_of_another_user(tmp_path):
    run("dna:gc", tmp_path / "run", settings("", "ga", 10, 5), start(20))
    words = ["results", str(tmp_path / "run")]
    assert outcome(verb(words)) == (DONE, "")  # all modules are there now
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == 0 and str(path).startswith("/tmp/"):
            path.chmod(0o755)
    os.seteuid(65534)
    try:
        found = outcome(verb(words))
    finally:
        os.seteuid(0)
    assert found == (DONE, "")
