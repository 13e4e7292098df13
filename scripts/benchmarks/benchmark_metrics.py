"""The table of MOSES and GuacaMol for 30,000 published samples: agreement with other implementations, and time.

    python -m scripts.benchmarks.benchmark_metrics

The reference statistics are first computed from scratch and timed, then read from the cache, as for every later sample
file. `--folder` keeps them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.compare import generation
from seqvae.evaluate.molecules.parallel import facts_of
from seqvae.evaluate.molecules.tanimoto import nearest_similarity
from seqvae.evaluate.records import Generation, GenerationSettings, References
from seqvae.runtime.executor import cores

NAME = "metrics"
_SMALL = 40  # molecules per split, in the small setting


def texts(small: bool) -> tuple[list[str], References]:
    """Return samples and references."""
    if small:
        every = load_dataset("moses-sample", progress=False).texts
        parts = [every[i * _SMALL : (i + 1) * _SMALL] for i in range(4)]
        return parts[0], References("molecules", *parts[1:])
    moses = load_dataset("moses")
    splits: dict[str, list[str]] = {}
    for text, label in zip(moses.texts, moses.labels, strict=True):
        splits.setdefault(label, []).append(text)
    return load_dataset("moses-jtnvae").texts, References(
        "molecules", splits["test"], splits["test_scaffolds"], splits["train"]
    )


def shown(what: str, done: int, total: int) -> None:
    """Show the progress on standard error."""
    print(f"\r{what}: {done:,} of {total:,}", end="" if done < total else "\n", file=sys.stderr, flush=True)


def timed(samples: list[str], references: References, settings: GenerationSettings) -> tuple[Generation, float]:
    """Return the table and the seconds it took."""
    started = time.perf_counter()
    return generation(samples, references, settings), time.perf_counter() - started


def nearest_seconds(samples: list[str], reference: Sequence[str], settings: GenerationSettings) -> float:
    """Return the seconds for the nearest neighbours alone, with fingerprints at hand."""
    splits = (samples, reference)
    packed = [np.asarray(facts_of(part, ["fingerprint"], settings.workers)["fingerprint"]) for part in splits]
    started = time.perf_counter()
    nearest_similarity(*packed, settings.device)
    return time.perf_counter() - started


def measured(given: Any, folder: Path) -> dict[str, Any]:  # noqa: ANN401 - argparse
    """Return all metrics."""
    samples, references = texts(given.small)
    settings = GenerationSettings(
        bootstrap=20 if given.small else 1000,
        device=given.device,
        workers=given.workers,
        cache_dir=folder,
        progress=shown if sys.stderr.isatty() else None,
    )
    _, novel = timed(samples, references, settings)
    found, cached = timed(samples, references, settings)
    nearest = nearest_seconds(samples, references.test, settings)
    return {
        "metrics": found.metrics,
        "intervals": {name: list(interval) for name, interval in found.intervals.items()},
        "counts": found.counts,
        "seconds": {"fresh": novel, "cached": cached, "nearest neighbours": nearest},
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the JSON."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="where the reference statistics are kept (default: temporary)")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--workers", type=int, default=0, help="processes that work on molecules (default: cores)")
    given = parser.parse_args(argv)
    with torch_threads(given.threads) as threads, folder_or_temporary(given.folder) as folder:
        metrics = measured(given, folder)
    settings = {
        "samples": "moses-sample" if given.small else "moses-jtnvae",
        "device": given.device,
        "threads": threads,
        "workers": given.workers or cores(),
        "statistics kept before": given.folder is not None,
        "seed": GenerationSettings().seed,
    }
    write_result(result_path(given, NAME), NAME, settings, metrics)


if __name__ == "__main__":
    main()
