"""Run a pure function over many chunks: in this process, in several, or on a Ray cluster.

Results come in the order of the chunks, and only a few chunks are under way at a time, so both ends may be streams that
are larger than memory. What a chunk gives must depend on the chunk alone; then nothing depends on the executor.

Worker processes are plain programs, `python -m seqvae.runtime.executor`, that talk over pipes. They are not made by
`multiprocessing`: nothing is forked from a process that has loaded torch, the caller's script is not imported a second
time (so it needs no `__main__` guard), and a worker whose parent was killed reads end-of-file and ends. What travels
over the pipes is pickled: both ends are this program, and nothing of it is ever stored.
"""

from __future__ import annotations

import logging
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import IO, Any, Protocol, final

from seqvae.config import ExecutorConfig
from seqvae.errors import SeqVAEError, UsageError

Work = Callable[[Any], Any]
# Chunks on their way for each worker: one under work and one that waits, so that no worker is ever idle.
_DEPTH = 2
# Workers take some seconds to import torch; `auto` starts them where at least so many chunks are to come.
_WORTH_WORKERS = 4
_SIZE_BYTES = 8
# A node of a cluster may go away: its work is pure, and is done again elsewhere.
_RAY_RETRIES = 3
_REACH_SECONDS = 20.0  # for a cluster to answer


@dataclass(frozen=True)
class Job:
    """What each worker does.

    Attributes:
        factory: called once in each worker; it returns the function of a chunk. A function of a module, so that
            workers can import it.
        arguments: of the factory; they can be pickled, and the chunks and results can, too.
        ready: the function itself, where this process has it already; used when the work is done here.
    """

    factory: Callable[..., Work]
    arguments: tuple[Any, ...] = ()
    ready: Work | None = None


class Worker(Protocol):
    """Something that works on one chunk at a time."""

    def work(self, chunk: Any) -> Any:  # noqa: ANN401 - whatever the job takes and gives
        """Return what the chunk gives."""

    def close(self) -> None:
        """End the worker, at once, whatever it is doing."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_chunks(job: Job, chunks: Iterable[Any], config: ExecutorConfig | None = None) -> Generator[Any, None, None]:
    """Yield what each chunk gives, in the order of the chunks.

    Closing the iterator, an error and Ctrl-C end all workers at once.

    Args:
        job: what is done with a chunk.
        chunks: taken as they are needed.
        config: where it is done.

    Raises:
        UsageError: Ray is asked for and not installed, or the job's factory cannot be imported by a worker.
        SeqVAEError: a worker has died.
        Exception: the first error of a chunk, as the job raised it.
    """
    config = config or ExecutorConfig()
    kind, chunks = _chosen(config, iter(chunks))
    if kind == "local":
        work = job.ready or job.factory(*job.arguments)
        yield from map(work, chunks)
        return
    if job.factory.__module__ == "__main__":
        raise UsageError(
            f"workers cannot import {job.factory.__qualname__} from a script: put it in a module, or take "
            "executor local"
        )
    with ExitStack() as stack:
        start, workers = _starter(kind, job, config, stack)
        yield from _in_order(start, chunks, workers, stack)


def _chosen(config: ExecutorConfig, chunks: Iterator[Any]) -> tuple[str, Iterator[Any]]:
    """Settle `auto` by looking a few chunks ahead, and return them with the others."""
    if config.executor != "auto":
        return config.executor, chunks
    if (config.workers or cores()) == 1:
        return "local", chunks
    ahead = list(islice(chunks, _WORTH_WORKERS))
    return "local" if len(ahead) < _WORTH_WORKERS else "processes", chain(ahead, chunks)


def _starter(kind: str, job: Job, config: ExecutorConfig, stack: ExitStack) -> tuple[Callable[[], Worker], int]:
    """Return what starts a worker, and how many there may be."""
    if kind == "processes":
        return lambda: _Process(job), config.workers or cores()
    ray = connected(config.address, stack)
    return lambda: _RayWorker(ray, job), config.workers or cluster_cores(ray)


def _in_order(start: Callable[[], Worker], chunks: Iterator[Any], workers: int, stack: ExitStack) -> Iterator[Any]:
    """Hand chunks to idle workers and yield the results; workers start as chunks come."""
    idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
    pool = ThreadPoolExecutor(workers)
    # Left from below: no waiting chunk begins, the workers end, and with them the threads that wait for them.
    stack.callback(pool.shutdown)
    ends = stack.enter_context(ExitStack())
    stack.callback(pool.shutdown, wait=False, cancel_futures=True)
    under_way: deque[Future[Any]] = deque()
    for number, chunk in enumerate(chunks):
        if number < workers:
            worker = start()
            ends.callback(worker.close)
            idle.put(worker)
        under_way.append(pool.submit(_with_idle, idle, chunk))
        if len(under_way) >= _DEPTH * workers:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _with_idle(idle: queue.SimpleQueue[Worker], chunk: Any) -> Any:  # noqa: ANN401
    worker = idle.get()
    try:
        return worker.work(chunk)
    finally:
        idle.put(worker)


@final
class _Process:
    """A worker process on this machine."""

    def __init__(self, job: Job) -> None:
        command = [sys.executable, "-m", "seqvae.runtime.executor"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment())
        self._send((job.factory, job.arguments))

    def work(self, chunk: Any) -> Any:  # noqa: ANN401
        """Return what the chunk gives."""
        self._send(chunk)
        pipe = self._process.stdout
        answer = None if pipe is None else _receive(pipe)
        if answer is None:
            raise _died()
        return _opened(pickle.loads(answer))  # noqa: S301 - from our own child

    def close(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.communicate()

    def _send(self, value: object) -> None:
        if self._process.stdin is None:
            raise _died()
        try:
            _write(self._process.stdin, value)
        except BrokenPipeError as error:
            raise _died() from error


def _died() -> SeqVAEError:
    return SeqVAEError("a worker process has died (out of memory?): take fewer workers")


def _environment() -> dict[str, str]:
    """The child finds this very seqvae, wherever it was imported from, and does not start threads of its own."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def _write(pipe: IO[bytes], value: object) -> None:
    data = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    pipe.write(len(data).to_bytes(_SIZE_BYTES, "little") + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes | None:
    """The next message, or None where the other side has gone."""
    head = pipe.read(_SIZE_BYTES)
    size = int.from_bytes(head, "little")
    data = pipe.read(size) if len(head) == _SIZE_BYTES else b""
    return data if len(head) == _SIZE_BYTES and len(data) == size else None


def _answer(work: Work, chunk: Any) -> tuple[bool, Any]:  # noqa: ANN401
    """Return whether the work went well, and its result or its error."""
    try:
        return True, work(chunk)
    except Exception as error:
        return False, _portable(error)


def _opened(answer: tuple[bool, Any]) -> Any:  # noqa: ANN401
    good, value = answer
    if good:
        return value
    raise value


def _portable(error: Exception) -> Exception:
    """Return the error as it can travel: the same class where that can be made from one message, else its base."""
    message = str(error)
    if not isinstance(error, SeqVAEError):
        try:
            again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself
        except Exception:
            again = RuntimeError(f"{type(error).__name__}: {message}")
        again.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
        return again
    for kind in type(error).__mro__:
        try:
            again = kind(message)
        except TypeError:
            continue
        return again
    return SeqVAEError(message)


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer until the requests end: a worker's whole life."""
    work: Work | None = None
    while (message := _receive(requests)) is not None:
        value = pickle.loads(message)  # noqa: S301 - from our own parent
        if work is None:
            factory, arguments = value
            work = _made(factory, arguments)
        else:
            _write(replies, _answer(work, value))


def _made(factory: Callable[..., Work], arguments: tuple[Any, ...]) -> Work:
    """Return the function of a chunk; where it cannot be made, one that says why."""
    try:
        return factory(*arguments)
    except Exception as error:
        reason = error

        def fail(_: Any) -> Any:  # noqa: ANN401
            raise reason

        return fail


class _RayActor:
    """What runs on the cluster."""

    def __init__(self, factory: Callable[..., Work], arguments: tuple[Any, ...]) -> None:
        self._work = _made(factory, arguments)

    def work(self, chunk: Any) -> tuple[bool, Any]:  # noqa: ANN401
        return _answer(self._work, chunk)


@final
class _RayWorker:
    """An actor of a Ray cluster, one core of it."""

    def __init__(self, ray: ModuleType, job: Job) -> None:
        options = {"num_cpus": 1, "max_restarts": _RAY_RETRIES, "max_task_retries": _RAY_RETRIES}
        self._ray = ray
        self._actor = ray.remote(**options)(_RayActor).remote(job.factory, job.arguments)

    def work(self, chunk: Any) -> Any:  # noqa: ANN401
        """Return what the chunk gives."""
        try:
            answer = self._ray.get(self._actor.work.remote(chunk))
        except self._ray.exceptions.RayError as error:
            reason = str(error).strip().splitlines()[0]
            raise SeqVAEError(f"a worker of the Ray cluster failed: {reason}; see the cluster's logs") from error
        return _opened(answer)

    def close(self) -> None:
        """End the actor."""
        self._ray.kill(self._actor)


def ray_library() -> ModuleType:
    """Return Ray; raises UsageError where it is not installed."""
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise UsageError(
            "executor ray needs the Ray library: pip install 'seqvae[ray]', or take executor processes"
        ) from error
    return ray


def connected(address: str, stack: ExitStack) -> ModuleType:
    """Return Ray, connected to a cluster; a connection that is made here ends with the stack.

    Args:
        address: of the cluster; empty: the one in `RAY_ADDRESS`, else one that is started on this machine.
        stack: what the connection ends with.

    Raises:
        UsageError: Ray is not installed, or no cluster answers.
    """
    ray = ray_library()
    if not ray.is_initialized():
        where = address or os.environ.get("RAY_ADDRESS", "")
        try:
            _reach(where)
            ray.init(address=address or None, logging_level=logging.WARNING, log_to_driver=False)
        except OSError as error:
            raise UsageError(f"no Ray cluster answers at {where!r}: start one with ray start --head") from error
        stack.callback(ray.shutdown)
    return ray


def _reach(address: str) -> None:
    """Raise OSError where nothing answers at `host:port` or `ray://host:port`; Ray itself tries for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        socket.create_connection((host.strip("[]"), int(port)), _REACH_SECONDS).close()


def cluster_cores(ray: ModuleType) -> int:
    """Return how many cores the cluster has that Ray is connected to."""
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


if __name__ == "__main__":
    # Ctrl-C reaches the whole group of processes; the parent decides, and ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What a library prints must not run into the replies.
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        serve(sys.stdin.buffer, out)
