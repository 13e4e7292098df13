"""Variants of the AAV2 capsid in four plates of 96, from poor ones: ours beside a genetic algorithm and AdaLead.

    python -m scripts.benchmarks.search.benchmark_aav --table aav.csv [--seeds 0,1,2]

The table has the columns sequence and score: variants of 28 residues and their fitness (Bryant et al. 2021,
doi:10.1038/s41587-020-00793-4), as github.com/kirjner/GGS has them at commit 033c543. The oracle is the weighted mean
of the ten nearest variants of the whole table, and of as many of fitness 0 six exchanges away, so that what is like
none of them is worth little; its rank correlation with a tenth that is left out is stated. A search
begins with 96 variants drawn from those below the 40 % quantile that are at least six exchanges away from all of the
best hundredth (Kirjner et al. 2024, arXiv:2307.00494, call this medium), which are its first plate; four plates of 96
follow. No setting of `auto` was chosen here, and it has no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from scripts.baselines.sequence_searches import SEARCHES, searched
from scripts.benchmarks.search.search_runs import calls_of, course
from scripts.record import arguments, folder_or_temporary, metrics_of, result_path, torch_threads, write_result
from seqvae.config import CampaignConfig, OracleConfig, SearchConfig
from seqvae.data.files.readers import ReadSettings, read_records

NAME = "aav"
OURS = "auto"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
PLATE, PLATES = 96, 4
_NEAREST = 10
_DEAD = 6  # exchanges at which ten variants of fitness 0 are taken to lie: the even number with the best held-out rank
_POOR, _GOOD, _APART = 0.4, 0.99, 6  # quantiles of the starts and of the best, and exchanges between them


@dataclass(frozen=True)
class Neighbours:
    """A function of sequences: the mean of the nearest ones of a table, each worth half of one that is one nearer.

    As many of fitness 0 are added at some distance: what is like nothing measured has lost its function.

    Attributes:
        codes: one-hot letters, `(sequences, length * letters)`.
        values: of each.
    """

    codes: NDArray[np.float32]
    values: NDArray[np.float64]

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return the value of each text."""
        codes = one_hot(texts)
        apart = len(texts[0]) - codes @ self.codes.T
        near = np.argpartition(apart, _NEAREST, axis=1)[:, :_NEAREST]
        weights = np.exp2(-np.take_along_axis(apart, near, 1).astype(np.float64))
        return np.asarray((weights * self.values[near]).sum(1) / (weights.sum(1) + _NEAREST * 2.0**-_DEAD))


def one_hot(texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the letters of texts of one length, `(texts, length * letters)`."""
    places = np.array([[LETTERS.index(letter) for letter in text] for text in texts])
    return np.eye(len(LETTERS), dtype=np.float32)[places].reshape(len(texts), -1)


def table_of(path: Path) -> dict[str, float]:
    """Return the fitness of each variant; of repeats the mean."""
    found: dict[str, list[float]] = {}
    for record in read_records(path, ReadSettings(column="sequence", keep=("score",)))[0]:
        found.setdefault(record.text, []).append(float(record.fields["score"]))
    return {text: float(np.mean(values)) for text, values in found.items()}


def small_table() -> dict[str, float]:
    """Return a made-up table: the number of hydrophobic letters of short words."""
    rng = np.random.default_rng(0)
    words = {"".join(rng.choice(list(LETTERS), 8)) for _ in range(400)}
    return {word: float(sum(letter in "AILMFVW" for letter in word)) for word in sorted(words)}


def poor(table: dict[str, float], seed: int) -> list[str]:
    """Return a plate of poor variants that are far from all good ones."""
    texts, values = list(table), np.array(list(table.values()))
    good, low = values >= np.quantile(values, _GOOD), np.flatnonzero(values <= np.quantile(values, _POOR))
    codes = one_hot(texts)
    length = len(texts[0])
    far = low[(length - codes[low] @ codes[good].T).min(1) >= min(_APART, length // 2)]
    return [texts[row] for row in np.random.default_rng(seed).choice(far, PLATE, replace=False)]


def agreement(table: dict[str, float]) -> float:
    """Return the rank correlation of the function of nine tenths of a table with the others."""
    texts, values = list(table), np.array(list(table.values()))
    out = np.random.default_rng(0).random(len(texts)) < 0.1
    codes = one_hot(texts)
    function = Neighbours(codes[~out], values[~out])
    return float(spearmanr(function([texts[row] for row in np.flatnonzero(out)]), values[out])[0])


def one(function: Neighbours, start: list[str], name: str, seed: int) -> dict[str, Any]:
    """Return the course of a search: the best, and the mean of the best ten, after each plate."""
    budget = PLATE * (PLATES + 1)
    if name == OURS:
        campaign = CampaignConfig(batch=PLATE, initial=PLATE, seed=seed)
        config = SearchConfig("", OURS, "cpu", OracleConfig(budget=budget), campaign)
        with folder_or_temporary(None) as folder:
            values = list(calls_of(lambda text: float(function([text])[0]), config, start, folder / "run").values())
    else:
        values = list(searched(name, function, start, LETTERS, budget, PLATE, seed).values.values())
    ends = range(PLATE, budget + 1, PLATE)
    top = {str(end): float(np.mean(np.sort(values[:end])[-10:])) for end in ends}
    return course(values, ends) | {"top10": top}


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, and write the result after each run."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--table", type=Path, help="CSV table with the columns sequence and score")
    parser.add_argument("--seeds", default=",".join(map(str, range(15))), help="by comma: of starts, searches")
    given = parser.parse_args(argv)
    if given.table is None and not given.small:
        raise SystemExit("--table FILE is needed: the variants of the capsid, see the head of this script")
    table = small_table() if given.small else table_of(given.table)
    function = Neighbours(one_hot(list(table)), np.array(list(table.values())))
    settings = {"plate": PLATE, "plates": PLATES, "variants": len(table), "nearest": _NEAREST}
    path = result_path(given, NAME)
    found: dict[str, Any] = {"runs": {}} | metrics_of(path, settings)
    found |= {"spearman": agreement(table), "highest": max(table.values())}
    with torch_threads(given.threads):
        for seed in [0] if given.small else [int(seed) for seed in given.seeds.split(",")]:
            start = poor(table, seed)
            for name in (OURS, *SEARCHES):
                runs = found["runs"].setdefault(name, {})
                if str(seed) not in runs:
                    runs[str(seed)] = one(function, start, name, seed)
                    write_result(path, NAME, settings, found)


if __name__ == "__main__":
    main()
