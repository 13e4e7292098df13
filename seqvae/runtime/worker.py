"""What runs inside a worker: it makes its function once, then calls it for each task.

Messages and answers are pickled: both ends are this program, and nothing of them is ever stored.
"""

from __future__ import annotations

import ctypes
import io
import os
import pickle
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from seqvae.errors import SeqVAEError

_SIZE_BYTES = 8
_ON_PARENTS_END = 1  # PR_SET_PDEATHSIG of prctl(2)


class Worker:
    """The function of a worker, made from the first message and called for each that follows."""

    def __init__(self) -> None:
        self._function: Callable[[Any], Any] | None = None
        # Being told to end ends a worker at once: a handler may wait for the work that is to be stopped.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def answer(self, message: bytes) -> bytes:
        """Return, pickled, whether it went well and the result or the error.

        Args:
            message: pickled; the first holds the factory of the function and its arguments, each later one a task.
        """
        try:
            value, result = pickle.loads(message), None  # noqa: S301 - from our own parent
            if self._function is None:
                factory, arguments = value
                self._function = factory(*arguments)
            else:
                result = self._function(value)
            return pickle.dumps((True, result), pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # whatever the function raises belongs to whoever gave the task
            return pickle.dumps((False, _portable(error)), pickle.HIGHEST_PROTOCOL)


def _portable(error: Exception) -> Exception:
    """Return the error as it can travel: the same class where that can be made from one message, else its base."""
    message = str(error)
    if not isinstance(error, SeqVAEError):
        try:
            again = pickle.loads(pickle.dumps(error))  # noqa: S301 - made in the line itself
        except Exception:  # pickling an error of another library calls its code, which may raise anything
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


def send(pipe: IO[bytes], message: bytes) -> None:
    """Write a message to the other end of a pipe; raises OSError where nobody reads there."""
    pipe.write(len(message).to_bytes(_SIZE_BYTES, "little") + message)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes | None:
    """Return the next message, or None where the other end has gone."""
    head = pipe.read(_SIZE_BYTES)
    size = int.from_bytes(head, "little")
    data = pipe.read(size) if len(head) == _SIZE_BYTES else b""
    return data if len(head) == _SIZE_BYTES and len(data) == size else None


@contextmanager
def within(limit: float | None, expire: Callable[[], object]) -> Iterator[None]:
    """Call `expire` from another thread where the block takes more than so many seconds; None: never."""
    if limit is None:
        yield
        return
    watch = threading.Timer(min(limit, threading.TIMEOUT_MAX), expire)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()
        watch.join()  # one that goes off at the last moment does so before the block has ended


def main() -> None:
    """Answer over standard input and output until the input ends: the whole life of a worker process."""
    if sys.platform.startswith("linux"):  # this process ends when its parent does; elsewhere the pipe ends it, later
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_ON_PARENTS_END, signal.SIGTERM)
    pipes = os.dup(sys.stdin.fileno()), os.dup(sys.stdout.fileno())
    # What a library reads or prints must not run into the messages.
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, sys.stdin.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # a worker may be killed before its buffer is full
    if hasattr(os, "register_at_fork"):
        # A fork that outlives the worker must not hold its pipes: by their end the parent sees that it has died.
        os.register_at_fork(after_in_child=lambda: [os.dup2(nothing, pipe) for pipe in pipes])
    worker = Worker()
    # A parent that is killed before it has the answer breaks the pipe, and once more when that is closed.
    with suppress(BrokenPipeError), os.fdopen(pipes[0], "rb") as messages, os.fdopen(pipes[1], "wb") as answers:
        while (message := receive(messages)) is not None:
            send(answers, worker.answer(message))
