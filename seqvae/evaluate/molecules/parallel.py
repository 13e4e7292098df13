"""Work on single molecules, here or in several processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import chain

import numpy as np

from seqvae.config import ExecutorConfig
from seqvae.evaluate.molecules.descriptors import Column, as_column, facts
from seqvae.runtime.executor import Job, Work, cores, run_chunks

_CHUNK = 500  # texts at a time: about a second of work, so the bar moves and the workers share evenly
_TEXTS_PER_WORKER = 1000  # a process takes a second or two to start, which is not worth it for fewer texts


def facts_of(
    texts: Sequence[str],
    columns: Sequence[str],
    workers: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> dict[str, Column]:
    """Return `descriptors.facts` of the texts, computed here or in worker processes.

    Args:
        texts: as there.
        columns: as there.
        workers: processes at most; 0: as many as this process has cores; 1: no other process, the work is done here.
        progress: called with the number of texts done and of all texts.

    Raises:
        SeqVAEError: a process has died.
    """
    parts: dict[str, list[Column]] = {name: [as_column(name, [])] for name in columns}  # the type, even of no texts
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
    arrays = {name for name, part in parts.items() if isinstance(part[0], np.ndarray)}
    return {name: np.concatenate(part) if name in arrays else list(chain(*part)) for name, part in parts.items()}


def _worker(columns: list[str]) -> Work:
    return lambda texts: facts(texts, columns)
