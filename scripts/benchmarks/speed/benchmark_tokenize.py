"""Time ZINC from SMILES to packed ids, and count the molecules that survive the round trip through SELFIES exactly.

    python -m scripts.benchmarks.speed.benchmark_tokenize

The training molecules are packed twice, each time in a fresh process: first into an empty cache, then from it. The
count covers every molecule of the dataset: canonical SMILES to SELFIES and back, with the two strings compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scripts.record import arguments, result_path, with_this_seqvae, write_result
from seqvae.data.datasets.registry import Dataset, load_dataset
from seqvae.data.tokens.pack import pack
from seqvae.runtime.executor import cores
from seqvae.sequences.molecules import canonical_smiles, selfies_to_smiles, smiles_to_selfies
from seqvae.sequences.tokenizers.registry import build_tokenizer

NAME = "tokenize"
_CHUNK = 1000  # molecules that a process takes at a time: about a second of work
_SHOWN = 10  # molecules that were not reconstructed, of which so many are written down


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        dataset: where the molecules come from; those of its training split are packed.
        molecules: how many are packed, and how many are counted; 0: all.
        vocab_size: vocabulary of the tokenizer, merges included.
        workers: number of processes.
    """

    dataset: str = "zinc250k"
    molecules: int = 0
    vocab_size: int = 512
    workers: int = 2


SMALL = Settings("moses-sample", 100, 64, 1)


@dataclass(frozen=True)
class RoundTrip:
    """The outcome of the round trip.

    Attributes:
        total: how many there were.
        exact: how many returned as the same canonical SMILES.
        unlike: the first that did not, as pairs of input and output.
    """

    total: int
    exact: int
    unlike: tuple[tuple[str, str], ...]


def round_trip(texts: Sequence[str]) -> RoundTrip:
    """Take molecules from canonical SMILES to SELFIES and back."""
    pairs = [(smiles, selfies_to_smiles(smiles_to_selfies(smiles))) for smiles in map(canonical_smiles, texts)]
    unlike = tuple((before, after) for before, after in pairs if before != after)
    return RoundTrip(len(pairs), len(pairs) - len(unlike), unlike[:_SHOWN])


def count_exact(texts: Sequence[str], workers: int) -> RoundTrip:
    """Count the exact round trips, in several processes."""
    parts = [texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK)]
    if workers == 1:
        return merged(map(round_trip, parts))
    # Fresh processes, not forks: the parent may run threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return merged(pool.map(round_trip, parts))


def merged(parts: Iterable[RoundTrip]) -> RoundTrip:
    """Return the sum of two outcomes."""
    found = list(parts)
    unlike = tuple(pair for part in found for pair in part.unlike)[:_SHOWN]
    return RoundTrip(sum(part.total for part in found), sum(part.exact for part in found), unlike)


def pack_once(settings: Settings, cache: Path) -> dict[str, float]:
    """Read and pack the training molecules, and return the seconds of both steps and what was packed."""
    started = time.perf_counter()
    data = load_dataset(settings.dataset, progress=False)
    texts = training_split(data)[: settings.molecules or None]
    read = time.perf_counter()
    packed = pack(texts, build_tokenizer("selfies", settings.vocab_size), cache, workers=settings.workers)
    done = time.perf_counter()
    tokens = packed.store.meta.tokens
    return {
        "read_seconds": read - started,
        "pack_seconds": done - read,
        "molecules": len(packed.store),
        "tokens": tokens,
        "tokens_a_molecule": tokens / len(packed.store),
    }


def training_split(data: Dataset) -> list[str]:
    """Return the training split; all molecules, where there is no published split."""
    return [data.texts[int(row)] for row in data.split.train] if data.card.published else data.texts


def pack_in_fresh_process(settings: Settings, cache: Path) -> dict[str, float]:
    """Run `pack_once` in a new interpreter; its start counts in `process_seconds`."""
    command = [
        sys.executable,
        "-m",
        "scripts.benchmarks.speed.benchmark_tokenize",
        "--pack-into",
        str(cache),
        "--settings",
        json.dumps(asdict(settings)),
    ]
    started = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, env=with_this_seqvae())
    seconds = time.perf_counter() - started
    return {**json.loads(done.stdout), "process_seconds": seconds}


def measure(settings: Settings) -> dict[str, Any]:
    """Pack twice, count once, and return the metrics."""
    with TemporaryDirectory() as folder:
        first = pack_in_fresh_process(settings, Path(folder))
        again = pack_in_fresh_process(settings, Path(folder))
    texts = load_dataset(settings.dataset).texts[: settings.molecules or None]
    started = time.perf_counter()
    trip = count_exact(texts, settings.workers)
    print(f"exact round trips: {trip.exact:,} of {trip.total:,}")
    return {"first": first, "again": again, "round trip": asdict(trip) | {"seconds": time.perf_counter() - started}}


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the flags."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--pack-into", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--settings", type=json.loads, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result; or act as the fresh process that packs."""
    given = parsed(argv)
    if given.pack_into is not None:
        print(json.dumps(pack_once(Settings(**given.settings), given.pack_into)))
        return
    settings = SMALL if given.small else replace(Settings(), workers=min(Settings.workers, cores()))
    write_result(result_path(given, NAME), NAME, asdict(settings), measure(settings))


if __name__ == "__main__":
    main()
