"""A pool of workers that do one task at a time each, and are replaced when they are too slow or die; as processes.

A worker process is a plain program that talks over pipes. It is not made by `multiprocessing`: nothing is forked from
a process that has loaded torch, the caller's script is not imported a second time (so it needs no `__main__` guard),
and a worker whose parent was killed reads end-of-file and ends.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import subprocess
import sys
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, final

from seqvae.runtime.worker import receive, send, within

# Makes the function of a task; called once in each worker.
Factory = Callable[..., Callable[[Any], Any]]
# Tasks per worker: the one that it works on and one that waits, so that no worker is ever idle.
_DEPTH = 2
_GRACE = 3.0  # seconds in which a process that is told to end may end the programs that it has started


@dataclass(frozen=True)
class Lost:
    """The outcome of a task whose worker gave no answer.

    Attributes:
        late: the worker was killed because the task took too long; otherwise it died.
        how: how it died, where that is known; it follows "the worker died".
        reason: first line of the message of the cluster, where there is one.
    """

    late: bool = False
    how: str = ""
    reason: str = ""


class Link(ABC):
    """The connection to one worker, which starts when it is needed, and again after it was lost."""

    closed = False

    @property
    @abstractmethod
    def running(self) -> bool:
        """Whether there is a worker."""

    @abstractmethod
    def start(self) -> bytes | Lost:
        """Start the worker, and return its answer to the job once it is ready."""

    @abstractmethod
    def ask(self, task: bytes) -> bytes | Lost:
        """Return the worker's answer to a task."""

    @abstractmethod
    def kill(self) -> None:
        """End the worker, whatever it is doing; called from any thread."""

    def close(self) -> None:
        """End the worker, also one that is just being started."""
        self.closed = True
        self.kill()


@final
class Pool:
    """Workers, started as tasks come.

    Args:
        link: returns the connection to a further worker.
        workers: how many there may be.
        ends: closed with the pool.
    """

    def __init__(self, link: Callable[[], Link], workers: int, ends: ExitStack | None = None) -> None:
        self.workers, self._link, self._ends = workers, link, ends or ExitStack()
        self._tasks: SimpleQueue[tuple[Any, Future[Any]] | None] = SimpleQueue()
        self._links: list[Link] = []
        self._threads: list[threading.Thread] = []

    def results(self, tasks: Iterable[Any], retries: int = 0) -> Iterator[Any]:
        """Yield what each task gives, in the order of the tasks, whichever is ready first.

        Args:
            tasks: taken as they are needed, a few at a time: there may be more than fit into memory.
            retries: how often a task is tried again whose worker was lost.

        Yields:
            The result of each task, or `Lost` where its worker was too slow or died, also at the last try.

        Raises:
            Exception: the error of a task, or of the making of the function, as it was raised in the worker.
        """
        waiting: deque[tuple[Any, Future[Any]]] = deque()
        for task in tasks:
            waiting.append((task, self.schedule(task)))
            if len(waiting) >= _DEPTH * self.workers:
                yield self._tried(*waiting.popleft(), retries)
        while waiting:
            yield self._tried(*waiting.popleft(), retries)

    def schedule(self, task: Any) -> Future[Any]:  # noqa: ANN401 - whatever the function takes
        """Hand a task to the workers, and return what waits for its result."""
        future: Future[Any] = Future()
        self._tasks.put((task, future))
        if not self._threads:
            atexit.register(self.close)  # no thread may still be at its pipe when the interpreter goes
        if len(self._threads) < self.workers:
            link = self._link()
            self._links.append(link)
            self._threads.append(threading.Thread(target=self._serve, args=(link,), daemon=True))
            self._threads[-1].start()
        return future

    def close(self) -> None:
        """Kill the workers, whatever they are doing."""
        atexit.unregister(self.close)
        with self._ends:
            for link in self._links:
                link.close()
            for _ in self._threads:
                self._tasks.put(None)
            for thread in self._threads:
                thread.join()

    def _tried(self, task: Any, future: Future[Any], retries: int) -> Any:  # noqa: ANN401
        """Wait for a task, and try it again where its worker was lost."""
        result = future.result()
        for _ in range(retries):
            if not isinstance(result, Lost):
                break
            result = self.schedule(task).result()
        return result

    def _serve(self, link: Link) -> None:
        """Take tasks, but only once the worker is ready, so that no task waits for a core that the cluster lacks."""
        while not link.closed:
            began: Any = None
            problem: BaseException | None = None
            try:
                if not link.running:
                    began = _opened(link.start())
            except BaseException as error:  # it belongs to whoever waits for the next task
                link.kill()
                problem = error
            if (taken := self._tasks.get()) is None:
                return
            task, future = taken
            try:
                if problem is not None:
                    raise problem
                lost = isinstance(began, Lost)
                future.set_result(began if lost else _opened(link.ask(pickle.dumps(task, pickle.HIGHEST_PROTOCOL))))
            except BaseException as error:  # it belongs to whoever waits for this one
                future.set_exception(error)


def _opened(answer: bytes | Lost) -> Any:  # noqa: ANN401 - whatever the function gives
    """Return the result in an answer, or raise the error."""
    if isinstance(answer, Lost):
        return answer
    good, value = pickle.loads(answer)  # noqa: S301 - from our own worker
    if good:
        return value
    raise value


def process_pool(
    factory: Factory,
    arguments: tuple[Any, ...],
    workers: int,
    limit: float | None = None,
    environment: Mapping[str, str] | None = None,
) -> Pool:
    """Return a pool of processes of this machine.

    Args:
        factory: returns the function that is called with each task; a function of a module that workers can import.
        arguments: arguments of the factory; picklable, as are tasks and results.
        workers: how many processes there may be.
        limit: seconds that a worker may take for a task; None: no limit.
        environment: environment variables that differ from those of this process.
    """
    job = pickle.dumps((factory, arguments), pickle.HIGHEST_PROTOCOL)
    return Pool(lambda: _Process(job, limit, {**os.environ, **(environment or {})}), workers)


@final
class _Process(Link):
    """A process of this machine."""

    def __init__(self, job: bytes, limit: float | None, environment: Mapping[str, str]) -> None:
        self._job, self._limit, self._environment = job, limit, environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    def start(self) -> bytes | Lost:
        """Start the process; there is no time limit on what it loads."""
        # Ctrl-C reaches the whole group of processes: the parent decides, and ends this one. The child finds this very
        # seqvae, and the caller's modules, where this process does.
        code = (
            "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
            f"sys.path[:] = {[str(place) for place in sys.path]!r}; "
            "from seqvae.runtime.worker import main; main()"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,  # so that the programs that it starts can be killed with it
        )
        if self.closed:
            self.kill()
        answer = self._exchange(self._job, None)
        return Lost(how=" before it was ready") if isinstance(answer, Lost) else answer

    def ask(self, task: bytes) -> bytes | Lost:
        """Return the answer of the process, or kill it where that takes too long."""
        return self._exchange(task, self._limit)

    def kill(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)

    def _exchange(self, message: bytes, limit: float | None) -> bytes | Lost:
        """Send a message, wait for the answer; where there is none, or it came with the kill, the process is gone."""
        process, late = self._process, threading.Event()
        if process is None or process.stdin is None or process.stdout is None:
            return Lost()

        def expire() -> None:
            """End a process that is late."""
            late.set()
            _end(process)

        try:
            with within(limit, expire):
                send(process.stdin, message)
                answer = receive(process.stdout)
        except (OSError, ValueError):  # the pipe has no other end, or has been closed by a kill
            answer = None
        if answer is None:
            with suppress(subprocess.TimeoutExpired):  # it has closed its pipe because it is ending
                process.wait(_GRACE)
        if answer is None or late.is_set():
            _end(process)
            self._process = None
        if answer is not None:
            return answer
        return Lost(late=True) if late.is_set() else Lost(how=f" with exit code {process.returncode}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process, politely at first, with all that it has started, and close the pipes to it."""
    process.terminate()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with suppress(ProcessLookupError, PermissionError):  # nobody is left; macOS says so by the second
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # what was not yet written cannot be any more
            if pipe is not None:
                pipe.close()
