"""Two objectives at once, QED and minus SA, of molecules similar to a drug: the hypervolume after 2,000 calls.

    python -m scripts.benchmarks.search.benchmark_pareto [--targets celecoxib] [--methods auto,ga] [--seeds 0,1,2] \
        [--folder FOLDER]

Every method starts from the same molecules, the drug and its mutants, proposes as many per round, and uses the same
oracle: each distinct molecule that satisfies the similarity constraint is a call, including the initial design; others
cost none. `nsga2` is pymoo's, with the moves of `ga`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.baselines import nsga2_molecules
from scripts.benchmarks.search.pareto_task import OBJECTIVES, REFERENCE, TARGETS, Target, metrics_of
from scripts.benchmarks.search.search_runs import MODEL
from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.config import CampaignConfig, ConstraintConfig, OracleConfig, SearchConfig
from seqvae.runtime.files import atomic_file
from seqvae.search.api import begin, opened
from seqvae.search.settled import sizes_settled
from seqvae.search.storage.ledger import OK
from seqvae.search.storage.run_folder import SETTINGS

NAME = "pareto"
NSGA2 = "nsga2"
METHODS = ("auto", "turbo", "ga", NSGA2)
BUDGET, START, BATCH, EVERY = 2000, 100, 100, 500
SMALL = (40, 20, 10, 20)  # the same of a small setting


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, and write the result after each run."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--targets", default="", help="by comma (default: all)")
    parser.add_argument("--methods", default="", help="names of optimisers and nsga2, by comma (default: all)")
    parser.add_argument("--seeds", default="0,1,2", help="by comma: of the start and of the search")
    parser.add_argument("--folder", type=Path, help="folder of the runs (default: runs/pareto; small: temporary)")
    given = parser.parse_args(argv)
    targets = given.targets.split(",") if given.targets else list(TARGETS)[: 1 if given.small else None]
    methods = given.methods.split(",") if given.methods else (("ga", NSGA2) if given.small else METHODS)
    seeds = [0] if given.small else [int(seed) for seed in given.seeds.split(",")]
    sizes = SMALL if given.small else (BUDGET, START, BATCH, EVERY)
    folder = given.folder or (None if given.small else Path("runs/pareto"))
    found: dict[str, dict[str, dict[str, Any]]] = {name: {method: {} for method in methods} for name in targets}
    settings = {"seeds": seeds, "targets": {name: TARGETS[name] for name in targets}, "reference": REFERENCE}
    settings |= dict(zip(("budget", "start", "batch", "every"), sizes, strict=True))
    settings |= {"least_alike": Target("").min_similarity, "model": MODEL}
    settings |= {"population": nsga2_molecules.POPULATION}
    with torch_threads(given.threads) as threads, folder_or_temporary(folder) as place:
        for seed in seeds:
            for name in targets:
                for method in methods:
                    where = place / f"{name}-{method}-{seed}"
                    found[name][method][str(seed)] = one(Target(TARGETS[name]), method, seed, sizes, where)
                    print(name, method, seed, found[name][method][str(seed)]["hypervolume"], flush=True)
        metrics = {"targets": found, "mean": {name: _means(of) for name, of in found.items()}}
        write_result(result_path(given, NAME), NAME, {**settings, "threads": threads}, metrics)


def one(target: Target, method: str, seed: int, sizes: Sequence[int], folder: Path) -> dict[str, Any]:
    """Return the results of one run, from its folder if it is finished."""
    kept = folder / "figures.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text("utf-8")))
    budget, start, batch, every = sizes
    texts, began = target.start(start, seed), time.process_time()
    if method == NSGA2:
        values = nsga2_molecules.run(OBJECTIVES, target, texts, budget, seed)
    else:
        model = "" if method in ("ga", "string-ga") else MODEL
        oracle, campaign = OracleConfig(budget=budget), CampaignConfig(batch=batch, seed=seed, initial=start)
        limits = ConstraintConfig(like=target.text, min_similarity=target.min_similarity, similarity="ecfp4-counts")
        values = searched(SearchConfig(model, method, "cpu", oracle, campaign, limits), texts, folder)
    seconds = time.process_time() - began  # of this process, since other work may run beside it
    metrics = {**metrics_of(values, budget, every), "seconds": seconds}
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(kept) as file:
        file.write(json.dumps(metrics).encode())
    return metrics


def searched(config: SearchConfig, start: tuple[str, ...], folder: Path) -> NDArray[np.float64]:
    """Run a search to its end and return the values of all scored molecules, in the order of the calls."""
    if not (folder / SETTINGS).exists():
        begin(OBJECTIVES, folder, config, start)
    with opened(folder) as search:
        if search.config != sizes_settled(config, laboratory=False)[0]:
            raise SystemExit(f"{folder}: was begun with other settings: remove it, or take another folder")
        search.campaign().run()
        return np.array([entry.scores for entry in search.ledger.entries() if entry.status == OK], np.float64)


def _means(of: dict[str, dict[str, Any]]) -> dict[str, float]:
    return {method: mean(run["hypervolume"] for run in runs.values()) for method, runs in of.items()}


if __name__ == "__main__":
    main()
