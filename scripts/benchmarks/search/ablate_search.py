"""Ablate the default optimiser: settings changed one at a time, on the five tasks for choosing settings.

    python -m scripts.benchmarks.search.ablate_search --folder runs/ablation [--variants default,"graph alone"] \
        [--tasks a,b] [--seeds 0]

Each variant spends the budget of PMO on each task and seed; the metric is the area under the curve of the ten best
(PMO's). A finished run is only read back, an interrupted one is resumed. The tasks are those that `benchmark_pmo.py`
marks with a star.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from scripts.benchmarks.search.search_runs import CHOSEN_ON, generator_in, metrics_of
from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.config import CampaignConfig, GenerativeConfig, OracleConfig, SearchConfig
from seqvae.config.optimizers import optimizer_from_dict
from seqvae.config.toml import nested

NAME = "search_ablation"
TASKS = CHOSEN_ON
BUDGET, BATCH = 10_000, 100
SMALL_TASKS, SMALL_BUDGET, SMALL_BATCH = TASKS[:1], 16, 8

Change = dict[str, Any]  # settings by "section.name", and "batch"
LATENT_ALONE = {"operators.mutation": 0.0, "operators.crossover": 0.0, "guided": False}
GRAPH_ALONE = {"operators.latent_noise": 0.0, "operators.latent_crossover": 0.0, "retrained": False, "guided": False}
VARIANTS: dict[str, Change] = {
    "default": {},
    "graph alone": GRAPH_ALONE,
    "latent alone": LATENT_ALONE,
    "latent alone and not retrained": {**LATENT_ALONE, "retrained": False},
    "not retrained": {"retrained": False},
    "not guided": {"guided": False},
    "graph and guided": {**GRAPH_ALONE, "guided": True},
}


def recorded(folder: Path, model: str, change: Change, task: str, seed: int, size: tuple[int, int]) -> dict[str, Any]:
    """Run a search, or read back a finished one, and return its results.

    Args:
        folder: folder of the search.
        model: name or folder of the generator.
        change: settings of the optimiser that differ from the defaults.
        task: task of PMO.
        seed: seed of all draws.
        size: budget and batch.
    """
    oracle, campaign = OracleConfig(budget=size[0]), CampaignConfig(batch=size[1], seed=seed)
    config = SearchConfig(model, optimizer_from_dict(nested(change)), "cpu", oracle, campaign)
    found = metrics_of(f"pmo:{task}", folder, config)
    spent = {"optimiser": found["optimizer_seconds"], "oracle": found["oracle_seconds"]}
    return {
        **{key: found[key] for key in ("auc_top10", "best", "top10")},
        "calls": found["calls_unique"],
        "seconds": spent,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing variants, and write the result after each run."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="folder of the runs (default: runs/ablation; small: temporary)")
    parser.add_argument("--variants", default="", help="by comma (default: all)")
    parser.add_argument("--tasks", default="", help="by comma (default: the five)")
    parser.add_argument("--seeds", default="0", help="by comma")
    given = parser.parse_args(argv)
    tasks = given.tasks.split(",") if given.tasks else list(SMALL_TASKS if given.small else TASKS)
    names = given.variants.split(",") if given.variants else list(VARIANTS)
    folder = given.folder or (None if given.small else Path("runs/ablation"))
    found: dict[str, Any] = {}
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        model, budget = generator_in(place, given.small), SMALL_BUDGET if given.small else BUDGET
        for name in names:
            change = dict(VARIANTS[name])
            batch = change.pop("batch", SMALL_BATCH if given.small else BATCH)
            for task in tasks:
                for seed in map(int, given.seeds.split(",")):
                    run_folder = place / f"{name}-{task}-{seed}".replace(" ", "_")
                    run = recorded(run_folder, model, change, task, seed, (budget, batch))
                    found.setdefault(name, {}).setdefault(task, {})[str(seed)] = run
                    print(name, task, seed, run, flush=True)
                    shown = {"default": asdict(GenerativeConfig()), "changes": VARIANTS, "budget": BUDGET}
                    write_result(result_path(given, NAME), NAME, shown, {"variants": found})


if __name__ == "__main__":
    main()
