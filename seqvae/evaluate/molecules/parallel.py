"""Work on single molecules, here or in several processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing

import numpy as np

from seqvae.config import ExecutorConfig
from seqvae.evaluate.molecules.descriptors import Column, as_column, facts
from seqvae.runtime.executor import Job, Work, cores, run_chunks

_CHUNK = 500  # texts at a time: about a second of work, so the bar moves and the work is shared
_TEXTS_PER_WORKER = 1000  # a process starts in a second or two; fewer texts are not worth that


def facts_of(
    texts: Sequence[str],
    columns: Sequence[str],
    workers: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Column]:
    """Return `molecule_facts.facts` of the texts, whoever computes it.

    Args:
        texts: as there.
        columns: as there.
        workers: processes at most; 0: as many as this process has cores; 1: no other process, the work is done here.
        progress: is told how many texts of how many are done.

    Raises:
        SeqVAEError: a process has died.
    """
    parts: dict[str, list[Column]] = {name: [as_column(name, [])] for name in columns}
    chunks = [list(texts[start : start + _CHUNK]) for start in range(0, len(texts), _CHUNK)]
    count = min(workers or cores(), len(texts) // _TEXTS_PER_WORKER)
    where = ExecutorConfig("processes", count) if count > 1 else ExecutorConfig("local")
    done = 0
    with closing(run_chunks(Job(_worker, (list(columns),)), chunks, where)) as replies:
        for chunk, found in zip(chunks, replies, strict=True):
            for name, column in found.items():
                parts[name].append(column)
            done += len(chunk)
            if progress is not None:
                progress(done, len(texts))
    return {name: _joined(columns) for name, columns in parts.items()}


def _worker(columns: list[str]) -> Work:
    return lambda texts: facts(texts, columns)


def _joined(parts: list[Column]) -> Column:
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    return np.concatenate(arrays) if arrays else [value for part in parts for value in part]
