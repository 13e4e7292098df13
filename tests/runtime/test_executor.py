"""Laws of the executors: the results of a plain loop, in order, few chunks under way, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import executor_cases as cases
import pytest

from seqvae.config import ExecutorConfig
from seqvae.errors import ConfigError, InputError, SeqVAEError, UsageError
from seqvae.runtime import ray_pool
from seqvae.runtime.executor import Job, cores, run_chunks
from seqvae.runtime.signals import Terminated, obeyed

HERE = Path(cases.__file__).parent
PROCESSES = ExecutorConfig("processes", workers=2)
EXECUTORS = [ExecutorConfig("local"), ExecutorConfig("processes", 1), PROCESSES, ExecutorConfig("auto")]


@pytest.fixture(autouse=True)
def _workers_find_the_cases(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE))


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("config", EXECUTORS, ids=str)
def test_results_come_in_order(config):
    job = Job(cases.slow_doubler, (0.01,))
    assert list(run_chunks(job, range(10), config)) == [2 * n for n in range(10)]
    assert list(run_chunks(job, [], config)) == []


def test_few_chunks_are_under_way():
    taken = []

    def chunks():
        for number in range(100):
            taken.append(number)
            yield number

    for done, _ in enumerate(run_chunks(Job(cases.doubler), chunks(), PROCESSES)):
        assert len(taken) <= done + 4


def test_auto_starts_processes_where_there_is_work():
    many = ExecutorConfig("auto", workers=2)
    assert set(run_chunks(Job(cases.process_ids), range(3), many)) == {os.getpid()}
    assert os.getpid() not in set(run_chunks(Job(cases.process_ids), range(4), many))
    assert set(run_chunks(Job(cases.process_ids), range(9), ExecutorConfig("auto", workers=1))) == {os.getpid()}


def test_what_is_ready_is_used_here():
    job = Job(cases.never_made, (), lambda chunk: -chunk)
    assert list(run_chunks(job, [1, 2], ExecutorConfig("local"))) == [-1, -2]


def test_what_workers_print_goes_to_standard_error(capfd):
    assert list(run_chunks(Job(cases.talker), ["a"], PROCESSES)) == ["a"]
    assert capfd.readouterr().err == "to standard output\n"


@pytest.mark.parametrize(
    ("job", "error", "words"),
    [
        (Job(cases.failing, ("token",)), InputError, "unknown token 'X' at column 2"),
        (Job(cases.failing, ("bug",)), KeyError, "x"),
        (Job(cases.failing, ("death",)), SeqVAEError, "a worker process has died"),
        (Job(cases.never_made), InputError, "no such model"),
    ],
)
def test_the_first_error_is_the_caller_s(job, error, words):
    results = run_chunks(job, range(10), PROCESSES)
    with pytest.raises(error, match=words) as caught:
        list(results)
    if error is KeyError:
        assert "executor_cases.py" in caught.value.__notes__[0], "it tells where in the worker"


def test_workers_end_with_the_iterator():
    results = run_chunks(Job(cases.process_ids), range(100), PROCESSES)
    pid = next(results)
    assert alive(pid)
    results.close()
    assert not alive(pid)


ORPHANS = """
import os, signal
import executor_cases as cases
from seqvae.config import ExecutorConfig
from seqvae.runtime.executor import Job, run_chunks
print(next(run_chunks(Job(cases.process_ids), range(9), ExecutorConfig("processes", 1))), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see processes")
def test_workers_end_when_their_parent_is_killed():
    path = os.pathsep.join([str(HERE.parent), str(HERE)])
    command = [sys.executable, "-c", ORPHANS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path})
    for _ in range(600):
        if not alive(int(done.stdout)):
            return
        time.sleep(0.05)
    pytest.fail("the worker outlived its parent by 30 s")


def test_misuse(monkeypatch):
    with pytest.raises(ConfigError, match="executor: unknown value 'proceses'; did you mean 'processes'"):
        ExecutorConfig("proceses")
    with pytest.raises(ConfigError, match="workers: expected a number from 0"):
        ExecutorConfig("local", workers=-1)
    monkeypatch.setattr(cases.doubler, "__module__", "__main__")
    with pytest.raises(UsageError, match="workers cannot import doubler from a script"):
        list(run_chunks(Job(cases.doubler), [1], PROCESSES))
    assert cores() >= 1


def test_without_ray_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'seqvae\[ray\]'"):
        list(run_chunks(Job(cases.doubler), [1], ExecutorConfig("ray")))


@pytest.mark.parametrize("when", ["meanwhile", "after"])
def test_sigterm_stops_a_verb_on_ray_as_any_other(when, monkeypatch):
    """Ray puts a handler of its own in place, which ends the process with the signal's number, unsaved."""

    def init(**options):
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(number))
        if when == "meanwhile":
            signal.raise_signal(signal.SIGTERM)

    fake = SimpleNamespace(is_initialized=lambda: False, init=init, shutdown=lambda: None)
    monkeypatch.setattr(ray_pool, "ray_library", lambda: fake)
    with pytest.raises(Terminated), obeyed(), ExitStack() as stack:
        ray_pool.connected("", stack)
        signal.raise_signal(signal.SIGTERM)
    if when == "after":
        before = signal.getsignal(signal.SIGTERM)
        with ExitStack() as stack:
            monkeypatch.setattr(fake, "init", lambda **options: sys.exit(3))
            with pytest.raises(SystemExit):
                ray_pool.connected("", stack)
        assert signal.getsignal(signal.SIGTERM) is before
