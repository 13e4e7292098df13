"""PMO: the 20 tasks that need RDKit alone, 10,000 calls each, area under the curve of the ten best.

    python -m scripts.benchmarks.search.benchmark_pmo [--tasks a,b] [--seeds 0,1,2] [--budget 10000] \
        [--optimizer auto] [--folder FOLDER]

Gao et al. 2022 (arXiv:2206.12411). Every distinct valid scored molecule counts, including the initial design; the model
has seen the molecules of ZINC250k, without properties, and nothing else. Settings are chosen on the five tasks of
`ablate_search.py` alone. The baselines, with the first seed: draws from the model, molecules of ZINC250k in random
order, and two genetic algorithms that start from such draws. An interrupted run is resumed. With `--budget 1000` the
result is one of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.benchmarks.search.search_runs import CHOSEN_ON, MODEL, generator_in, metrics_of
from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.config import CampaignConfig, OracleConfig, SearchConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.properties.benchmarks.pmo import listed

NAME = "pmo"
FEW, FEW_NAME = 1_000, "pmo_few"  # calls, and the result of so many
SCREENING = "screening"
BASELINES = ("sampling", SCREENING, "string-ga", "ga")
SMALL_BUDGET, SMALL_TASKS, SMALL_BATCH = 30, ("qed",), 10


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, and write the result after each run."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--tasks", default="", help="by comma (default: all 20)")
    parser.add_argument("--seeds", default="0,1,2", help="by comma")
    parser.add_argument("--budget", type=int, default=10_000, help="calls of each run")
    parser.add_argument("--optimizer", default="auto", help="name of the optimiser")
    parser.add_argument("--baselines", default=",".join(BASELINES), help="names, by comma; empty: none")
    parser.add_argument("--model", help=f"name or folder of the generator (default: {MODEL}; small: a tiny one)")
    parser.add_argument("--folder", type=Path, help="folder of the runs (default: runs/pmo; small: temporary)")
    given = parser.parse_args(argv)
    everything = [one.name.removeprefix("pmo:") for one in listed()]
    tasks = given.tasks.split(",") if given.tasks else list(SMALL_TASKS if given.small else everything)
    seeds = [0] if given.small else [int(seed) for seed in given.seeds.split(",")]
    budget = SMALL_BUDGET if given.small else given.budget
    baselines = [name for name in given.baselines.split(",") if name]
    settings = {"budget": budget, "optimizer": given.optimizer, "model": given.model or MODEL, "seeds": seeds}
    settings |= {"chosen_on": list(CHOSEN_ON), "baselines": baselines, "baseline_seed": seeds[0]}
    planned = [(name, task, seeds[0]) for name in baselines for task in tasks]
    planned += [(given.optimizer, task, seed) for seed in seeds for task in tasks]
    found: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in (given.optimizer, *baselines)}
    with torch_threads(given.threads) as threads, folder_or_temporary(folder_of(given)) as place:
        model = given.model or generator_in(place, given.small)
        for name, task, seed in planned:
            batch = SMALL_BATCH if given.small else CampaignConfig.batch
            campaign = CampaignConfig(batch=batch, seed=seed)
            config = SearchConfig(model, name, "cpu", OracleConfig(budget=budget), campaign)
            start = screened(budget, seed, given.small) if name == SCREENING else ()
            run = metrics_of(f"pmo:{task}", place / f"{name}-{task}-{seed}", config, start)
            found[name].setdefault(task, {})[str(seed)] = run
            print(name, task, seed, f"{run['auc_top10']:.4f}", flush=True)
            of = found[given.optimizer]
            metrics = {"tasks": of, "sum": total(of, seeds), "baselines": {name: found[name] for name in baselines}}
            name = NAME if budget != FEW else FEW_NAME
            write_result(result_path(given, name), name, {**settings, "threads": threads}, metrics)


def screened(budget: int, seed: int, small: bool) -> tuple[str, ...]:
    """Return molecules of the training data, drawn at random, a few more than there are calls."""
    data = load_dataset("moses-sample" if small else "zinc250k")
    rows = data.split.train if data.card.published else np.arange(len(data.texts))
    drawn = np.random.default_rng(seed).choice(rows, min(len(rows), budget + budget // 50), replace=False)
    return tuple(data.texts[int(row)] for row in drawn)


def folder_of(given: Any) -> Path | None:  # noqa: ANN401 - argparse
    """Return where the runs are kept."""
    return given.folder or (None if given.small else Path("runs/pmo"))


def total(found: dict[str, dict[str, Any]], seeds: Sequence[int]) -> list[float]:
    """Return the sum over tasks for each seed that has them all; PMO reports its mean."""
    whole = [str(seed) for seed in seeds if found and all(str(seed) in runs for runs in found.values())]
    return [sum(runs[seed]["auc_top10"] for runs in found.values()) for seed in whole]


if __name__ == "__main__":
    main()
