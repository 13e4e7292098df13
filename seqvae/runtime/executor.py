"""Run a pure function over many chunks: in this process, in several, or on a Ray cluster.

Results come in the order of the chunks, and only a few chunks are in progress at a time, so both may be streams larger
than memory. The result of a chunk must depend on the chunk alone; then nothing depends on the executor.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from seqvae.config import ExecutorConfig
from seqvae.errors import SeqVAEError, UsageError
from seqvae.runtime.pool import Lost, process_pool
from seqvae.runtime.ray_pool import ray_pool

Work = Callable[[Any], Any]
# Workers take some seconds to import torch; `auto` starts them where at least so many chunks are to come.
_WORTH_WORKERS = 4
# A node of a cluster may go away: its chunk is worked on again elsewhere. A process of this machine that dies has run
# out of memory, and would do so again.
_RAY_RETRIES = 3
# Each worker has one core, and starts no threads of its own.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


@dataclass(frozen=True)
class Job:
    """What each worker does.

    Attributes:
        factory: called once in each worker; returns the function that is called with each chunk. A function of a
            module, so that workers can import it.
        arguments: arguments of the factory; picklable, as are chunks and results.
        ready: the function itself, where this process has it already; used when the work is done here.
    """

    factory: Callable[..., Work]
    arguments: tuple[Any, ...] = ()
    ready: Work | None = None


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_chunks(job: Job, chunks: Iterable[Any], config: ExecutorConfig | None = None) -> Generator[Any, None, None]:
    """Yield the result of each chunk, in the order of the chunks.

    Closing the iterator, an error or Ctrl-C ends all workers at once.

    Args:
        job: what is done with each chunk.
        chunks: taken as they are needed.
        config: where the work is done.

    Raises:
        UsageError: Ray is asked for and not installed, or the job's factory cannot be imported by a worker.
        SeqVAEError: a worker has died.
        Exception: the first error of a chunk, as the job raised it.
    """
    config = config or ExecutorConfig()
    kind, chunks = _chosen(config, iter(chunks))
    if kind == "local":
        yield from map(job.ready or job.factory(*job.arguments), chunks)
        return
    if job.factory.__module__ == "__main__":
        raise UsageError(
            f"workers cannot import {job.factory.__qualname__} from a script: put it in a module, or take "
            "executor local"
        )
    if kind == "ray":
        pool, retries = ray_pool(job.factory, job.arguments, config.workers, config.address), _RAY_RETRIES
    else:
        workers = config.workers or cores()
        pool, retries = process_pool(job.factory, job.arguments, workers, environment=_ONE_THREAD), 0
    with closing(pool):
        for found in pool.results(chunks, retries):
            if isinstance(found, Lost):
                raise SeqVAEError(
                    f"a worker of the Ray cluster failed: {found.reason}; see the cluster's logs"
                    if kind == "ray"
                    else "a worker process has died (out of memory?): take fewer workers"
                )
            yield found


def _chosen(config: ExecutorConfig, chunks: Iterator[Any]) -> tuple[str, Iterator[Any]]:
    """Settle `auto` by looking a few chunks ahead; return the choice, and all chunks."""
    if config.executor != "auto":
        return config.executor, chunks
    if (config.workers or cores()) == 1:
        return "local", chunks
    ahead = list(islice(chunks, _WORTH_WORKERS))
    return "local" if len(ahead) < _WORTH_WORKERS else "processes", chain(ahead, chunks)
