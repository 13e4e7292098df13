"""Ablate the default optimiser: settings changed one by one, on the five tasks that settings are chosen on.

    python -m scripts.benchmarks.search.ablate_search --folder runs/ablation [--variants default,"graph alone"] \
        [--tasks a,b] [--seeds 0]

Each variant spends the budget of PMO on each task and seed; the figure is the area under the curve of the best ten
(PMO's measure). A run that has ended is only read back, one that was cut off begins anew. The tasks are those
that `benchmark_pmo.py` marks with a star.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import seqvae
from scripts.benchmarks.search.search_runs import CHOSEN_ON
from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.config import DEFAULT_MODEL, GenerativeConfig, OracleConfig
from seqvae.properties import Property, get
from seqvae.properties.molecules.cache import Sheets, sharing
from seqvae.runtime.files import atomic_file
from seqvae.search.domain.domain import molecules
from seqvae.search.optimizers.evolution import Evolution
from seqvae.search.optimizers.latent_evolution import generative
from seqvae.search.oracle.oracle import Oracle
from seqvae.search.results import Results, results
from seqvae.search.storage.ledger import Ledger
from seqvae.search.surrogates.similarity_gp import Guide
from seqvae.search.surrogates.tanimoto import Substructures

NAME = "search_ablation"
TASKS = CHOSEN_ON
BUDGET, BATCH = 10_000, 100
SMALL_TASKS, SMALL_BUDGET, SMALL_BATCH = TASKS[:1], 30, 10

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


def changed(config: GenerativeConfig, change: Change) -> GenerativeConfig:
    """Return settings with some of them changed."""
    for path, value in change.items():
        section, _, name = path.rpartition(".")
        value = replace(getattr(config, section), **{name: value}) if section else value
        config = replace(config, **{section or name: value})
    return config


def recorded(path: Path, config: GenerativeConfig, task: str, seed: int, size: tuple[int, int]) -> dict[str, Any]:
    """Run a search, or read back one that has ended; it leaves its ledger and, once it has ended, its figures.

    Args:
        path: of the ledger.
        config: settings of the optimiser.
        task: of PMO.
        seed: of all draws.
        size: budget and batch.
    """
    ended, asked = path.with_suffix(".json"), {"config": asdict(config), "size": list(size)}
    if ended.exists():
        found = json.loads(ended.read_text("utf-8"))
        if found.pop("asked") != asked:
            raise SystemExit(f"{ended}: was run with other settings: remove it, or take another folder")
        return dict(found)
    sheets = Sheets()
    texts = molecules(sheets)
    codec = seqvae.load(DEFAULT_MODEL, "cpu", sheets.canonical)
    guide = Guide(Substructures(sheets), config.guide) if config.guided else None
    optimizer = generative(codec, texts.moves, texts.canonical, config, seed, guide=guide)
    found = searched(optimizer, sharing(get(f"pmo:{task}"), sheets), path, *size)
    with atomic_file(ended) as part:
        part.write(json.dumps({"asked": asked, **found}).encode())
    return found


def searched(optimizer: Evolution, task: Property, path: Path, budget: int, batch: int) -> dict[str, Any]:
    """Spend the budget on a task, and return what came of it and where the time went."""
    path.unlink(missing_ok=True)
    ledger = Ledger(path, {"task": task.name})
    oracle = Oracle(task, optimizer.canonical, ledger, OracleConfig(budget=budget))
    spent = {"optimiser": 0.0, "oracle": 0.0}
    while oracle.left:
        started = time.process_time()
        proposals = optimizer.ask(min(batch, oracle.left))
        asked = time.process_time()
        scores = oracle(proposals)
        scored = time.process_time()
        optimizer.tell(proposals, scores)
        spent["optimiser"] += asked - started + time.process_time() - scored
        spent["oracle"] += scored - asked
    found = results(ledger.entries(), budget)
    ledger.close()
    return {**metrics(found), "seconds": spent}


def metrics(found: Results) -> dict[str, Any]:
    """Return what is recorded of a search."""
    return {"auc_top10": found.auc_top, "best": found.best, "top10": found.top_mean, "calls": found.unique}


def main(argv: Sequence[str] | None = None) -> None:
    """Run the variants that are missing, and write the result after each run."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="folder of the ledgers (default: runs/ablation; small: temporary)")
    parser.add_argument("--variants", default="", help="by comma (default: all)")
    parser.add_argument("--tasks", default="", help="by comma (default: the five)")
    parser.add_argument("--seeds", default="0", help="by comma")
    given = parser.parse_args(argv)
    tasks = given.tasks.split(",") if given.tasks else list(SMALL_TASKS if given.small else TASKS)
    names = given.variants.split(",") if given.variants else list(VARIANTS)
    folder = given.folder or (None if given.small else Path("runs/ablation"))
    found: dict[str, Any] = {}
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        for name in names:
            change = dict(VARIANTS[name])
            batch = change.pop("batch", SMALL_BATCH if given.small else BATCH)
            config = changed(GenerativeConfig(), change)
            for task in tasks:
                for seed in map(int, given.seeds.split(",")):
                    path = place / f"{name}-{task}-{seed}.sqlite".replace(" ", "_")
                    run = recorded(path, config, task, seed, (SMALL_BUDGET if given.small else BUDGET, batch))
                    found.setdefault(name, {}).setdefault(task, {})[str(seed)] = run
                    print(name, task, seed, run, flush=True)
                    shown = {"default": asdict(GenerativeConfig()), "changes": VARIANTS, "budget": BUDGET}
                    write_result(result_path(given, NAME), NAME, shown, {"variants": found})


if __name__ == "__main__":
    main()
