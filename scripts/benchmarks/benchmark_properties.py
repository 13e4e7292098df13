"""Time the properties of molecules, and compare the 20 PMO tasks with GuacaMol's own values.

    python -m scripts.benchmarks.benchmark_properties

Each property is computed alone, from the SMILES on, with nothing cached; then all tasks together, as for an optimiser
of several of them. Times are processor time on one core.
"""

from __future__ import annotations

import csv
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scripts.record import arguments, measured, result_path, write_result
from seqvae.data.datasets.registry import load_dataset
from seqvae.properties import Property, score
from seqvae.properties.benchmarks import pmo
from seqvae.properties.molecules import descriptors as plain

NAME = "properties"
GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "golden" / "guacamol_pmo20.csv"
TOGETHER = "all 20 tasks together"


@dataclass(frozen=True)
class Settings:
    """What is measured.

    Attributes:
        dataset: where the molecules come from.
        molecules: how many of them, the first ones.
        rounds: repeats, of which the median counts.
    """

    dataset: str = "moses-sample"
    molecules: int = 1000
    rounds: int = 3


SMALL = Settings(molecules=5, rounds=1)


def milliseconds(texts: Sequence[str], rounds: int) -> dict[str, list[float]]:
    """Return milliseconds per molecule of each property, round by round."""
    tasks = pmo.listed()
    ways: dict[str, Callable[[], object]] = {
        found.name: lambda found=found: found(texts) for found in [*plain.listed(), *tasks]
    }
    ways[TOGETHER] = lambda: score(tasks, texts)
    score([*plain.listed(), *tasks], texts[:1])  # targets, patterns and tables are read once in a process
    found = defaultdict[str, list[float]](list)
    for _ in range(rounds):
        for name, way in ways.items():
            started = time.process_time()
            way()
            found[name].append(1e3 * (time.process_time() - started) / len(texts))
    return dict(found)


def differences(tasks: Sequence[Property]) -> dict[str, float]:
    """Return, for each task, the largest difference from GuacaMol's own score."""
    with GOLDEN.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ours = score(tasks, [row["smiles"] for row in rows])
    return {
        name: max(abs(value - float(row[name.removeprefix("pmo:")])) for value, row in zip(values, rows, strict=True))
        for name, values in ours.items()
    }


def metrics(settings: Settings) -> dict[str, Any]:
    """Measure, and return the metrics."""
    texts = load_dataset(settings.dataset, progress=False).texts[: settings.molecules]
    times = milliseconds(texts, settings.rounds)
    return {
        "milliseconds": {name: measured(rounds) for name, rounds in times.items()},
        "differences": differences(pmo.listed()),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the result."""
    given = arguments(__doc__ or "").parse_args(argv)
    settings = SMALL if given.small else Settings()
    write_result(result_path(given, NAME), NAME, asdict(settings), metrics(settings))


if __name__ == "__main__":
    main()
