"""Searches of a few hundred calls: GuacaMol's amlodipine MPO with 600, and penalised logP with 500.

    python -m scripts.benchmarks.search.benchmark_small_budgets [--tasks adip,plogp,plogp38] \
        [--optimizers auto,turbo] [--folder FOLDER] [--references-only]

`adip` is the best of an initial design of 100 molecules and 500 more, as reported for latent searches; `plogp` is the
best of 500, penalised logP in the units of Gomez-Bombarelli et al. 2018, as in all later tables, among molecules of at
most 200 heavy atoms; `plogp38` is the same with at most 38, since the score rewards long chains. Every call counts,
including the initial design. Beside them stands what no search is needed for: the best of as many molecules of
ZINC250k, drawn at random, and penalised logP of straight alkanes. `--references-only` computes these again and leaves
the searches of an existing result as they are.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np

from scripts.benchmarks.search.search_runs import MODEL, generator_in, metrics_of
from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.config import CampaignConfig, ConstraintConfig, OracleConfig, SearchConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.properties import get
from seqvae.runtime.files import atomic_file

NAME = "small_budgets"


@dataclass(frozen=True)
class Task:
    """A task of a small budget.

    Attributes:
        objective: name of the property.
        budget: calls.
        initial: calls of the initial design, included in the budget.
        seeds: number of seeds.
        longest: most heavy atoms; 0: no limit.
    """

    objective: str
    budget: int
    initial: int
    seeds: int
    longest: int = 0


TASKS = {
    "adip": Task("pmo:amlodipine_mpo", 600, 100, 10),
    "plogp": Task("penalised_logp_zinc", 500, 50, 5, 200),
    "plogp38": Task("penalised_logp_zinc", 500, 50, 5, 38),
}
SMALL_TASKS = {"adip": Task("pmo:amlodipine_mpo", 16, 8, 1), "plogp38": Task("penalised_logp_zinc", 16, 8, 1, 38)}
OPTIMIZERS = ("auto", "turbo", "ascent", "subspace", "cma-es", "gp", "ga", "sampling")
SMALL_OPTIMIZERS = ("auto", "sampling")
BATCH = 10
ALKANES = (38, 200)  # carbons: the limits of the two tasks of penalised logP


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, and write the result after each run."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--tasks", default="", help="by comma (default: all)")
    parser.add_argument("--optimizers", default="", help="by comma (default: all that go through a model)")
    parser.add_argument(
        "--folder", type=Path, help="folder of the runs (default: runs/small_budgets; small: temporary)"
    )
    parser.add_argument("--references-only", action="store_true", help="only what needs no search, into the result")
    given = parser.parse_args(argv)
    known = SMALL_TASKS if given.small else TASKS
    tasks = given.tasks.split(",") if given.tasks else list(known)
    optimizers = given.optimizers.split(",") if given.optimizers else (SMALL_OPTIMIZERS if given.small else OPTIMIZERS)
    folder = given.folder or (None if given.small else Path("runs/small_budgets"))
    beside = references(known, given.small)
    if given.references_only:
        return _put(result_path(given, NAME), beside)
    found: dict[str, dict[str, Any]] = {}
    with torch_threads(given.threads) as threads, folder_or_temporary(folder) as place:
        model = generator_in(place, given.small)
        for name in tasks:
            for optimizer in optimizers:
                runs = {}
                for seed in range(known[name].seeds):
                    runs[str(seed)] = one(known[name], model, optimizer, seed, place / f"{name}-{optimizer}-{seed}")
                found.setdefault(name, {})[optimizer] = {
                    "mean_best": mean(run["best"] for run in runs.values()),
                    "runs": runs,
                }
                print(name, optimizer, found[name][optimizer]["mean_best"], flush=True)
                shown = {"batch": BATCH, "model": MODEL, "threads": threads}
                shown["tasks"] = {task: vars(known[task]) for task in tasks}
                write_result(result_path(given, NAME), NAME, shown, {"tasks": found, "references": beside})


def references(tasks: dict[str, Task], small: bool) -> dict[str, Any]:
    """Return what no search is needed for: the best of random molecules, and penalised logP of straight alkanes."""
    texts, found = load_dataset("moses-sample" if small else "zinc250k").texts, dict[str, dict[str, float]]()
    adip = tasks["adip"]
    for seed in range(adip.seeds):
        rows = np.random.default_rng(seed).choice(len(texts), adip.budget, replace=False)
        values = get(adip.objective)([texts[int(row)] for row in rows])
        found[str(seed)] = {"best": float(np.nanmax(values))}
    alkanes = get("penalised_logp_zinc")(["C" * count for count in ALKANES])
    return {
        "random": {"molecules": adip.budget, "mean_best": mean(one["best"] for one in found.values()), "runs": found},
        "alkanes": {str(count): float(value) for count, value in zip(ALKANES, alkanes, strict=True)},
    }


def _put(path: Path | None, beside: dict[str, Any]) -> None:
    """Put the references into an existing result; its searches stay as they are."""
    print(json.dumps(beside, indent=1))
    if path is not None:
        made = json.loads(path.read_text("utf-8"))
        made["figures"]["references"] = beside
        with atomic_file(path) as file:
            file.write((json.dumps(made, indent=1) + "\n").encode())


def one(task: Task, model: str, optimizer: str, seed: int, folder: Path) -> dict[str, Any]:
    """Return the results of one search."""
    campaign = CampaignConfig(batch=BATCH, seed=seed, initial=task.initial)
    limits = ConstraintConfig(longest=task.longest)
    oracle = OracleConfig(budget=task.budget)
    return metrics_of(task.objective, folder, SearchConfig(model, optimizer, "cpu", oracle, campaign, limits))


if __name__ == "__main__":
    main()
