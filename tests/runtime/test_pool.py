"""Laws of the pool of processes: a limit on each task, a loss told apart from an error, nothing left behind.

What holds for results in order and for few tasks on their way is in `test_executor.py`; workers of a search, in
processes and on a Ray cluster, have their laws in `oracle_laws.py`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import executor_cases as cases
import pytest

from seqvae.runtime.pool import Lost, process_pool
from seqvae.runtime.worker import within

LIMIT = 2.0


def test_a_worker_that_is_lost_is_replaced_and_the_function_is_made_once_in_each():
    with closing(process_pool(cases.named, (), 1, LIMIT)) as pool:
        first, second, late, third, dead, fourth = pool.results(["a", "b", "hang", "c", "die", "d"])
    assert late == Lost(late=True)
    assert dead == Lost(how=" with exit code 7")
    assert first == second
    assert {count for count, _ in (first, third, fourth)} == {1}
    assert len({pid for _, pid in (first, third, fourth)}) == 3


def test_what_a_task_leaves_behind_does_not_hold_up_the_others():
    started = time.monotonic()
    with closing(process_pool(cases.named, (), 1, 0.5)) as pool:
        assert list(pool.results(["fork and hang"])) == [Lost(late=True)]
    assert time.monotonic() - started < 3


def gone(file, seconds=5.0):
    """Whether the process whose number is in the file ends within some seconds."""
    number, end = int(file.read_text()), time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(number, 0)
            if Path(f"/proc/{number}/stat").read_text().split()[2] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("end", ["hang", "die", "close"])
def test_the_programs_that_a_worker_has_started_end_with_it(end, tmp_path):
    """However it ends: killed because it is late, dead by itself, or closed with the pool."""
    child = tmp_path / "child"
    with closing(process_pool(cases.starts_a_program, (child, end), 1, 2.0 if end == "hang" else None)) as pool:
        found = pool.schedule("go").result() if end != "close" else pool.schedule("go")
        while not child.exists() or not child.read_text():
            time.sleep(0.02)
        assert end == "close" or isinstance(found, Lost)
        assert end == "close" or gone(child)
    assert gone(child)


def test_a_result_that_cannot_travel_is_an_error_and_the_worker_stays():
    with closing(process_pool(cases.named, (), 1)) as pool:
        ((_, before),) = pool.results(["a"])
        with pytest.raises(Exception, match=r"Can't (pickle|get) local object"):
            list(pool.results(["odd"]))
        with pytest.raises(Exception, match=r"Can't (pickle|get) local object"):
            list(pool.results([lambda: None]))
        ((_, after),) = pool.results(["b"])
    assert after == before


def test_a_task_reads_nothing_from_standard_input():
    with closing(process_pool(cases.named, (), 1, 30)) as pool:
        assert list(pool.results(["read"])) == [""]


def test_a_lost_task_is_tried_again(tmp_path):
    with closing(process_pool(cases.dies_once, (tmp_path / "tried",), 2)) as pool:
        assert list(pool.results(["a", "b"], retries=1)) == ["a", "b"]
    assert (tmp_path / "tried").exists()


def test_a_limit_beyond_what_a_timer_can_wait_is_none():
    with within(1e30, pytest.fail):
        pass
    with closing(process_pool(cases.doubler, (), 1, 1e30)) as pool:
        assert list(pool.results([1])) == [2]


def test_a_closed_pool_leaves_no_thread():
    before = threading.active_count()
    pool = process_pool(cases.named, (), 2)
    for _ in range(5):
        pool.schedule("hang")
    pool.close()
    assert threading.active_count() == before


UNCLOSED = """
import time
import executor_cases as cases
from seqvae.runtime.pool import process_pool
pool = process_pool(cases.named, (), 2)
print(pool.schedule("a").result()[1], flush=True)
pool.schedule("hang"), pool.schedule("hang")
time.sleep(0.5)
"""


def test_a_worker_whose_parent_was_killed_ends_with_it_and_without_a_word(tmp_path):
    code = f"""
import os, signal, threading, executor_cases
from seqvae.runtime.pool import process_pool
pool = process_pool(executor_cases.marked_and_slow, (), 1)
waiting = pool.schedule({str(tmp_path / "begun")!r})
while not os.path.exists({str(tmp_path / "begun")!r}):
    pass
os.kill(os.getpid(), signal.SIGKILL)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    # Its output ends only when the worker, which has the same one, has ended too.
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (-signal.SIGKILL, "")
    assert (tmp_path / "begun").read_text() == "begun"  # not what it was at work on


def test_a_program_that_closes_no_pool_ends_with_its_workers():
    places = [str(Path(cases.__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(places)}
    command = [sys.executable, "-W", "error", "-c", UNCLOSED]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
