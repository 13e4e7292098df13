"""Ehrlich functions (Stanton et al. 2024, arXiv:2407.00236): the best value after 30,000 calls; the optimum is 1.

    python -m scripts.benchmarks.search.benchmark_ehrlich [--budget 30000] [--seeds 0,1,2] [--optimizer auto] \
        [--folder FOLDER]

The search starts from feasible sequences drawn from the function's own Markov chain, without scores, and learns from
what it scores. Every distinct scored sequence counts, including the initial design and infeasible ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from scripts.benchmarks.search.search_runs import metrics_of
from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.config import CampaignConfig, OracleConfig, SearchConfig
from seqvae.properties.benchmarks.ehrlich import from_name

NAME = "ehrlich"
SIZES = ((32, 32, 4, 4, 4), (32, 128, 4, 4, 4), (32, 128, 8, 8, 8))
SMALL_SIZES, SMALL_BUDGET, SMALL_BATCH = ((4, 8, 2, 2, 2),), 40, 10
BATCH = 100


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, and write the result after each run."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--budget", type=int, default=30_000, help="calls of each run")
    parser.add_argument("--seeds", default="0,1,2", help="by comma: of the function and of the search")
    parser.add_argument("--optimizer", default="auto", help="name of the optimiser")
    parser.add_argument("--folder", type=Path, help="folder of the runs (default: runs/ehrlich; small: temporary)")
    given = parser.parse_args(argv)
    seeds = [0] if given.small else [int(seed) for seed in given.seeds.split(",")]
    budget, batch = (SMALL_BUDGET, SMALL_BATCH) if given.small else (given.budget, BATCH)
    folder = given.folder or (None if given.small else Path("runs/ehrlich"))
    found: dict[str, dict[str, Any]] = {}
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        for sizes in SMALL_SIZES if given.small else SIZES:
            name = ",".join(map(str, sizes))
            runs = found.setdefault(name, {})
            for seed in seeds:
                function = ",".join(f"{key}={value}" for key, value in zip("VLckq", sizes, strict=True))
                function += f",seed={seed}"
                # Infeasible sequences have no value, which is no fault of the oracle.
                oracle = OracleConfig(budget=budget, failures=budget)
                campaign = CampaignConfig(batch=batch, seed=seed)
                config = SearchConfig("", given.optimizer, "cpu", oracle, campaign)
                where = place / f"{given.optimizer}-{name}-{seed}"
                drawn = from_name(function)
                texts = tuple(drawn.write(drawn.initial_solution(batch, seed)))
                runs[str(seed)] = metrics_of(f"ehrlich:{function}", where, config, texts)
                shown = {"budget": budget, "optimizer": given.optimizer, "seeds": seeds, "batch": batch}
                means = {size: mean(run["best"] for run in of.values()) for size, of in found.items()}
                write_result(result_path(given, NAME), NAME, shown, {"functions": found, "mean_best": means})


if __name__ == "__main__":
    main()
