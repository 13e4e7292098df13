"""Splitting texts into symbols in child processes: `python -m seqvae.data.symbol_worker`, and its parent's side.

The children are started as plain programs that talk over pipes, not with `multiprocessing`: nothing is forked from a
process that has loaded torch, the caller's script is not imported a second time (so it needs no `__main__` guard), and
a child whose parent was killed reads end-of-file and ends.

A request is one line of JSON, a list of texts. A reply is one line of JSON (the symbols that occur, the number of
codes, what was rejected) and then two arrays: symbols per text (int32, -1 where rejected) and symbol numbers (int32).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import selfies
from numpy.typing import NDArray

from seqvae.errors import InputError, SeqVAEError
from seqvae.text.build import tokenizer_from_dict
from seqvae.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class SymbolChunk:
    """Symbols of a run of texts, compactly.

    Args:
        symbols: the different symbols.
        lengths: int32, `(texts,)`: symbols in each text, -1 where the text was rejected.
        codes: int32: the texts' symbols one after the other, as positions in `symbols`.
        rejected: (position in the run, reason) of each text that the tokenizer refused.
    """

    symbols: tuple[str, ...]
    lengths: NDArray[np.int32]
    codes: NDArray[np.int32]
    rejected: tuple[tuple[int, str], ...]


def split_texts(tokenizer: Tokenizer, texts: Sequence[str]) -> SymbolChunk:
    """Split texts into symbols in this process.

    Args:
        tokenizer: its `symbols` is used; it need not be fitted.
        texts: the texts.

    Returns:
        The symbols; a text that the tokenizer refuses is among `rejected`.
    """
    table: dict[str, int] = {}
    lengths = np.full(len(texts), -1, np.int32)
    codes: list[int] = []
    rejected: list[tuple[int, str]] = []
    for position, text in enumerate(texts):
        try:
            symbols = tokenizer.symbols(text)
        except InputError as error:
            rejected.append((position, str(error)))
            continue
        lengths[position] = len(symbols)
        codes.extend(table.setdefault(s, len(table)) for s in symbols)
    return SymbolChunk(tuple(table), lengths, np.asarray(codes, np.int32), tuple(rejected))


class SymbolWorker:
    """A child process that splits texts. Use it as a context manager.

    Args:
        tokenizer: made again in the child from its `to_dict()`, under the SELFIES constraints in force here.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        command = [sys.executable, "-m", "seqvae.data.symbol_worker"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment())
        self._send({"tokenizer": tokenizer.to_dict(), "constraints": selfies.get_semantic_constraints()})

    def __enter__(self) -> SymbolWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def split(self, texts: Sequence[str]) -> SymbolChunk:
        """Split texts in the child.

        Raises:
            SeqVAEError: if the child has died.
        """
        self._send(list(texts))
        return _receive(self._stdout())

    def _send(self, value: object) -> None:
        pipe = self._process.stdin
        if pipe is None:
            raise _died()
        try:
            pipe.write(json.dumps(value).encode() + b"\n")
            pipe.flush()
        except BrokenPipeError as error:
            raise _died() from error

    def _stdout(self) -> IO[bytes]:
        if self._process.stdout is None:
            raise _died()
        return self._process.stdout


def _died() -> SeqVAEError:
    return SeqVAEError("a process that splits texts into symbols has died (out of memory?): use fewer workers")


def _environment() -> dict[str, str]:
    """The child finds this very seqvae, wherever it was imported from, and does not start threads of its own."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def _receive(pipe: IO[bytes]) -> SymbolChunk:
    line = pipe.readline()
    if not line.endswith(b"\n"):
        raise _died()
    head = json.loads(line)
    lengths, codes = (np.frombuffer(_read_exactly(pipe, 4 * head[n]), np.int32) for n in ("texts", "codes"))
    rejected = tuple((position, reason) for position, reason in head["rejected"])
    return SymbolChunk(tuple(head["symbols"]), lengths, codes, rejected)


def _read_exactly(pipe: IO[bytes], size: int) -> bytes:
    data = pipe.read(size)
    if len(data) != size:
        raise _died()
    return data


def _reply(pipe: IO[bytes], chunk: SymbolChunk) -> None:
    head = {
        "symbols": chunk.symbols,
        "texts": len(chunk.lengths),
        "codes": len(chunk.codes),
        "rejected": chunk.rejected,
    }
    pipe.write(json.dumps(head).encode() + b"\n" + chunk.lengths.tobytes() + chunk.codes.tobytes())
    pipe.flush()


def serve(requests: IO[bytes], replies: IO[bytes]) -> None:
    """Answer until the requests end: the child's whole life."""
    setup = json.loads(requests.readline())
    selfies.set_semantic_constraints(setup["constraints"])
    tokenizer = tokenizer_from_dict(setup["tokenizer"])
    for line in requests:
        _reply(replies, split_texts(tokenizer, json.loads(line)))


if __name__ == "__main__":
    # Ctrl-C reaches the whole group of processes; the parent decides, and ends this one through the pipe.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    serve(sys.stdin.buffer, sys.stdout.buffer)
