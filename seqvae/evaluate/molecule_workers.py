"""Work on single molecules in child processes: `python -m seqvae.evaluate.molecule_workers`, and its parent's side.

As in `seqvae.data.symbol_worker`, the children are plain programs that talk over pipes: nothing is forked from a
process that has loaded torch, the caller's script is not imported again, and each child can be killed at any moment.

A request is one line of JSON, (texts, columns). A reply is one line of JSON (the lists, and name, type and shape of
each array) and then the arrays' bytes.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np

from seqvae.errors import SeqVAEError
from seqvae.evaluate.molecule_facts import Column, as_column, facts

_CHUNK = 500  # texts at a time: about a second of work, so the bar moves and the work is shared
_TEXTS_PER_WORKER = 1000  # a child starts in a second or two; fewer texts are not worth that


class MoleculeWorkers:
    """A handful of processes that work on molecules. Use it as a context manager; they are killed at its end.

    Args:
        workers: processes at most; 0: as many as this process has cores; 1: no other process, the work is done here.
    """

    def __init__(self, workers: int = 0) -> None:
        self._most = workers or cores()
        self._stack = ExitStack()
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._workers: list[_Worker] = []

    def __enter__(self) -> MoleculeWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def facts(
        self, texts: Sequence[str], columns: Sequence[str], progress: Callable[[int, int], object] | None = None
    ) -> dict[str, Column]:
        """Return `molecule_facts.facts` of the texts, whoever computes it.

        Args:
            texts: as there.
            columns: as there.
            progress: is told how many texts of how many are done.

        Raises:
            SeqVAEError: a child has died.
        """
        parts: dict[str, list[Column]] = {name: [as_column(name, [])] for name in columns}
        done = 0
        for size, part in self._replies(texts, columns):
            for name, column in part.items():
                parts[name].append(column)
            done += size
            if progress is not None:
                progress(done, len(texts))
        return {name: _joined(columns) for name, columns in parts.items()}

    def _replies(self, texts: Sequence[str], columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Column]]]:
        chunks = [list(texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK)]
        count = min(self._most, len(texts) // _TEXTS_PER_WORKER)
        if count < 2:
            for chunk in chunks:
                yield len(chunk), facts(chunk, columns)
            return
        while len(self._workers) < count:
            self._workers.append(self._stack.enter_context(_Worker()))
            self._idle.put(self._workers[-1])
        with ThreadPoolExecutor(len(self._workers)) as pool:
            waiting = [pool.submit(self._ask, chunk, columns) for chunk in chunks]
            try:
                for chunk, reply in zip(chunks, waiting, strict=True):
                    yield len(chunk), reply.result()
            finally:
                if not all(reply.done() for reply in waiting):  # an error, or Ctrl-C: nobody waits for the rest
                    for worker in self._workers:
                        worker.kill()
                    pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, texts: list[str], columns: Sequence[str]) -> dict[str, Column]:
        worker = self._idle.get()
        try:
            return worker.ask(texts, columns)
        finally:
            self._idle.put(worker)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _joined(parts: list[Column]) -> Column:
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    return np.concatenate(arrays) if arrays else [value for part in parts for value in part]


class _Worker:
    """One child process."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "seqvae.evaluate.molecule_workers"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment())

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.communicate()

    def kill(self) -> None:
        """End the child; whoever waits for its answer gets an error."""
        self._process.kill()

    def ask(self, texts: list[str], columns: Sequence[str]) -> dict[str, Column]:
        """Let the child work, and wait for it."""
        into, out = self._process.stdin, self._process.stdout
        if into is None or out is None:
            raise _died()
        try:
            into.write(json.dumps([texts, list(columns)]).encode() + b"\n")
            into.flush()
        except (BrokenPipeError, ValueError) as error:
            raise _died() from error
        return _receive(out)


def _died() -> SeqVAEError:
    return SeqVAEError("a process that works on molecules has died (out of memory?): use fewer workers")


def _environment() -> dict[str, str]:
    """The child finds this very seqvae, wherever it was imported from, and does not start threads of its own."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}


def _receive(pipe: IO[bytes]) -> dict[str, Column]:
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise _died()
    head = json.loads(line)
    if "error" in head:
        raise SeqVAEError(head["error"])
    columns: dict[str, Column] = dict(head["lists"])
    for name, kind, shape in head["arrays"]:
        size = int(np.dtype(kind).itemsize * np.prod(shape, dtype=np.int64))
        data = pipe.read(size)
        if len(data) != size:
            raise _died()
        columns[name] = np.frombuffer(data, kind).reshape(shape)
    return columns


def _reply(pipe: IO[bytes], columns: dict[str, Column]) -> None:
    arrays = {name: column for name, column in columns.items() if isinstance(column, np.ndarray)}
    head: dict[str, Any] = {
        "lists": {name: column for name, column in columns.items() if name not in arrays},
        "arrays": [(name, array.dtype.str, array.shape) for name, array in arrays.items()],
    }
    pipe.write(json.dumps(head).encode() + b"\n" + b"".join(array.tobytes() for array in arrays.values()))
    pipe.flush()


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer until the requests end: the child's whole life."""
    for line in requests:
        texts, columns = json.loads(line)
        try:
            found = facts(texts, columns)
        except SeqVAEError as error:
            replies.write(json.dumps({"error": str(error)}).encode() + b"\n")
            replies.flush()
            continue
        _reply(replies, found)


if __name__ == "__main__":
    # Ctrl-C reaches the whole group of processes; the parent decides, and kills this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
