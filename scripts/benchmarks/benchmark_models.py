"""Load every pretrained model, and measure again what its card says.

    python -m scripts.benchmarks.benchmark_models [--only NAME]

Loading is timed in a fresh process, after torch is imported: the shortest of a few. The metrics are those of the first
table of the card, on the held-out split of the model's dataset.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import seqvae
from scripts.record import arguments, result_path, torch_threads, with_this_seqvae, write_result
from scripts.training.packaged.make_pretrained import SMALL_SUMMARY, SUMMARY
from scripts.training.training_runs import prepared_again
from seqvae.artifact.pretrained import models_folder, pretrained_names, read_card, size_of
from seqvae.errors import CollapseWarning
from seqvae.evaluate.model.summary import SummarySettings, summarise

NAME = "models"
SMALL = "splice-dna"  # its data are in the package
_LOADS = 5
_VALIDITY = ("valid_raw", "valid_rules", "valid_tries")  # of the card, by measure_pretrained.py
_TIMED = """
import sys, time, torch
started = time.perf_counter()
import seqvae
codec = seqvae.load(sys.argv[1], device="cpu")
print(time.perf_counter() - started)
"""


def load_seconds(name: str, times: int) -> float:
    """Return how long a model takes to load in a process that has imported torch: the shortest of a few."""
    command = [sys.executable, "-c", _TIMED, name]
    runs = (
        subprocess.run(command, capture_output=True, text=True, check=True, env=with_this_seqvae())
        for _ in range(times)
    )
    return min(float(run.stdout) for run in runs)


def measured_again(name: str, settings: SummarySettings) -> dict[str, Any]:
    """Return the metrics of a pretrained model, measured as those on its card were."""
    codec = seqvae.load(name, device="cpu")
    prepared = prepared_again(codec, Path("unused.csv"), progress=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)  # the sentence is among the figures
        return asdict(summarise(codec, prepared.test_texts, prepared.train, settings))


def deviation(found: dict[str, Any], stated: dict[str, Any]) -> dict[str, float]:
    """Return the relative deviation of each number from the one in the model's folder."""
    pairs = {key: (found[key], value) for key, value in stated.items() if key in found}
    numbers = {key: pair for key, pair in pairs.items() if all(isinstance(value, int | float) for value in pair)}
    return {key: abs(new - old) / max(abs(old), 1e-9) for key, (new, old) in numbers.items()}


def model_metrics(name: str, small: bool) -> dict[str, Any]:
    """Return everything that is recorded of one model."""
    card, folder = read_card(models_folder() / name), models_folder() / name
    stated = json.loads((folder / "provenance.json").read_text("utf-8"))["metrics"]
    # On as many texts and by as many samples as the card's: large models were measured on fewer.
    work = {key: stated[key] for key in ("texts", "iwae_samples", "samples")}
    found = measured_again(name, SMALL_SUMMARY if small else replace(SUMMARY, **work))
    far = deviation(found, stated)
    worst = max(far, key=lambda key: far[key])
    shares = {row[0]: row[1] for table in card.tables for row in table.rows if row[0] in _VALIDITY}
    return {
        **({"validity": shares} if shares else {}),
        "kind": card.kind,
        "data": card.data,
        "parameters": card.parameters,
        "bytes": size_of(folder),
        "load_seconds": load_seconds(name, 1 if small else _LOADS),
        "headline": card.headline,
        "largest_deviation": far[worst],
        "of": worst,
        "figures": found,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure every pretrained model, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--only", default="", help="measure one model, and keep what the result says of the others")
    given = parser.parse_args(argv)
    names = [SMALL] if given.small else [given.only] if given.only else pretrained_names()
    out = result_path(given, NAME)
    with torch_threads(given.threads) as threads:
        found = {name: model_metrics(name, given.small) for name in names}
    if given.only and out.is_file():
        before = json.loads(out.read_text("utf-8"))["figures"]["models"]
        found = dict(sorted({**before, **found}.items()))
    settings = {"summary": asdict(SMALL_SUMMARY if given.small else SUMMARY), "seed": SUMMARY.seed, "threads": threads}
    write_result(out, NAME, settings, {"models": found, "bytes": size_of(models_folder())})


if __name__ == "__main__":
    main()
