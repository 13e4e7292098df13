"""A laboratory's tables as lists: how many of the best compounds are found in four plates of 24 after a random one.

    python -m scripts.benchmarks.search.benchmark_lists --table moleculeace.csv.gz

The table has the columns target, smiles and pvalue: 26 targets of ChEMBL, MoleculeACE (van Tilborg et al. 2022,
doi:10.1021/acs.jcim.2c01073; github.com/molML/MoleculeACE at commit 7e6de0bd2968, MIT). Of each target 24 compounds
drawn at random are measured, then four times 24 are chosen, by `seqvae ask --from` and by what anyone would write
(`list_baselines.py`, with scikit-learn); all methods begin with the same compounds. The metric is the share of the best
5 % of the target's compounds that have been measured in the end. Settings were chosen on the targets of `CHOSEN_ON`,
with the seeds 100 to 107, and these targets are not counted. What is measured already is kept, so that a run can be
continued.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t as student

from scripts.benchmarks.search.list_baselines import METHODS, Table
from scripts.record import arguments, metrics_of, result_path, torch_threads, write_result
from seqvae import properties
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.properties.molecules.cache import Sheets
from seqvae.search.domain.domain import Texts, molecules
from seqvae.search.library import Library, batch_from
from seqvae.search.surrogates.multiple_kernels import likenesses_of, surrogate_of
from seqvae.sequences.molecules import canonical_or_none

NAME, OURS = "lists", "seqvae ask --from"
CHOSEN_ON = ("CHEMBL1871_Ki", "CHEMBL2034_Ki", "CHEMBL1862_Ki", "CHEMBL237_EC50")
SEEDS, PLATE, PLATES, SHARE = 5, 24, 4, 0.05
_WITHIN = 1.645  # standard deviations about the mean that hold 90 %


class Remembered:
    """Similarities as `ask --from` takes them, except that nothing is forgotten between the plates of a target."""

    def __init__(self, texts: Texts) -> None:
        self.all = likenesses_of(texts.sheets)
        for one in self.all:
            one.forget = lambda but: None  # type: ignore[method-assign]


def tables_of(path: Path) -> dict[str, Table]:
    """Return the compounds of each target, the smallest target first; of equal SMILES the mean."""
    found: dict[str, dict[str, list[float]]] = {}
    for record in read_records(path, ReadSettings(column="smiles", keep=("target", "pvalue")))[0]:
        form = canonical_or_none(record.text)
        if form is not None:
            values = found.setdefault(record.fields["target"], {}).setdefault(form, [])
            values.append(float(record.fields["pvalue"]))
    ordered = sorted(found.items(), key=lambda item: len(item[1]))
    return {name: Table([*of], np.array([np.mean(some) for some in of.values()])) for name, of in ordered}


class Run:
    """The course of one method on one table.

    Args:
        table: compounds and values.
        seed: of the first plate, the same for all methods, and of the choices.
    """

    def __init__(self, table: Table, seed: int) -> None:
        self.table, self.rng = table, np.random.default_rng(seed)
        self.known = [int(row) for row in self.rng.choice(len(table.texts), PLATE, replace=False)]
        cut = np.sort(table.values)[-max(1, int(np.ceil(SHARE * len(table.values))))]
        self.top = {int(row) for row in np.flatnonzero(table.values >= cut)}
        self.curve = [self.share]

    @property
    def share(self) -> float:
        """The share of the best compounds that have been measured."""
        return len(self.top & set(self.known)) / len(self.top)

    def measure(self, rows: Sequence[int]) -> None:
        """Measure some compounds."""
        self.known += rows
        self.curve.append(self.share)

    def result(self) -> dict[str, Any]:
        """Return the metrics."""
        best = float(self.table.values[self.known].max())
        return {"share": [round(one, 4) for one in self.curve], "best": round(best, 3)}


def theirs(run: Run, name: str) -> dict[str, Any]:
    """Return the metrics of a method of `list_baselines`."""
    for _ in range(PLATES):
        worth = METHODS[name](run.table, run.known, run.rng)
        worth[run.known] = -np.inf
        run.measure([int(row) for row in np.argsort(-worth)[:PLATE]])
    return run.result()


def ours(run: Run, texts: Texts, likenesses: Sequence[Any], seed: int) -> dict[str, Any]:
    """Return the metrics of `ask --from`, and how its predictions agree with the compounds that it measured."""
    place = {text: row for row, text in enumerate(run.table.texts)}
    within, off = list[bool](), list[float]()
    for plate in range(PLATES):
        scores = {run.table.texts[row]: float(run.table.values[row]) for row in run.known}
        chosen = batch_from(Library(run.table.texts, texts, scores), PLATE, scores, 10 * seed + plate, None, likenesses)
        forms = [form for form, _ in chosen]
        mean, deviation = surrogate_of(scores, likenesses, 0).predicted(forms)
        away = run.table.values[[place[form] for form in forms]] - mean
        within += (np.abs(away) < _WITHIN * deviation).tolist()
        off += away.tolist()
        run.measure([place[form] for form in forms])
    return run.result() | {"coverage": float(np.mean(within)), "bias": round(float(np.mean(off)), 3)}


def measured_on(table: Table, known: dict[str, Any], methods: Sequence[str], seeds: int) -> dict[str, Any]:
    """Return the metrics of a target by method and seed, the seconds of ours, and what was known before."""
    texts = molecules(Sheets(len(table.texts)))
    likenesses, found = Remembered(texts).all, {name: dict(of) for name, of in known.items()}
    for name in methods:
        runs = found.setdefault(name, {})
        for seed in range(seeds):
            if str(seed) not in runs:
                start, run = time.process_time(), Run(table, seed)
                made = ours(run, texts, likenesses, seed) if name == OURS else theirs(run, name)
                runs[str(seed)] = made | {"seconds": round(time.process_time() - start, 2)}
    return found


def summed(targets: dict[str, Any], seeds: int) -> dict[str, Any]:
    """Return the means over the targets that settings were not chosen on, with 95 % intervals over the seeds."""
    counted = {name: of for name, of in targets.items() if name not in CHOSEN_ON} or targets
    shares = {
        method: [
            statistics.mean(of[method][str(seed)]["share"][-1] for of in counted.values()) for seed in range(seeds)
        ]
        for method in next(iter(counted.values()))
        if all(method in of for of in counted.values())  # forests come last
    }
    rows = {
        method: _interval(means)
        | {"best": statistics.mean(run["best"] for of in counted.values() for run in of[method].values())}
        for method, means in shares.items()
    }
    found: dict[str, Any] = {"targets": len(counted), "methods": rows}
    if OURS in rows and len(rows) > 1:
        other = max((method for method in rows if method != OURS), key=lambda method: rows[method]["mean"])
        lead = [one - two for one, two in zip(shares[OURS], shares[other], strict=True)]
        coverage = statistics.mean(run["coverage"] for of in counted.values() for run in of[OURS].values())
        ahead = sum(
            statistics.mean(run["share"][-1] for run in of[OURS].values())
            > statistics.mean(run["share"][-1] for run in of[other].values())
            for of in counted.values()
        )
        found |= {"best_other": other, "lead": _interval(lead), "ahead_on": ahead, "coverage_90": coverage}
    return found


def _interval(values: Sequence[float]) -> dict[str, Any]:
    """Return the mean and half the width of its 95 % interval."""
    half = float(student.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / len(values) ** 0.5
    return {"mean": statistics.mean(values), "half": half, "seeds": list(values)}


def small_tables() -> dict[str, Table]:
    """Return one table of small molecules with a computed value."""
    texts = load_dataset("moses-sample").texts[:300]
    return {"logp": Table(texts, np.array(properties.get("logp")(texts)))}


def parts_of(
    tables: dict[str, Table], methods: Sequence[str], known: dict[str, Any], seeds: int
) -> Iterator[dict[str, Any]]:
    """Yield the metrics by target, one more at a time; forests, which take most of the time, once all else is there."""
    done = dict(known)
    for some in ([name for name in methods if "forest" not in name], methods):
        for name, table in tables.items():
            done[name] = measured_on(table, done.get(name, {}), some, seeds)
            yield done


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the result after every target."""
    parser = arguments(str(__doc__))
    parser.add_argument("--table", type=Path, help="CSV table with the columns target, smiles and pvalue")
    parser.add_argument("--targets", default="", help="only these, separated by commas (default: all)")
    given = parser.parse_args(argv)
    if given.table is None and not given.small:
        raise SystemExit("--table FILE is needed: the activities of MoleculeACE, see the head of this script")
    tables, seeds = (small_tables(), 2) if given.small else (tables_of(given.table), SEEDS)
    if given.targets:
        tables = {name: tables[name] for name in given.targets.split(",")}
    methods = [OURS, *(name for name in METHODS if not given.small or "forest" not in name)]
    settings = {"seeds": seeds, "plate": PLATE, "plates": PLATES, "top": SHARE, "chosen_on": CHOSEN_ON}
    path = result_path(given, NAME)
    before = metrics_of(path, settings).get("targets", {})
    with torch_threads(given.threads):
        for done in parts_of(tables, methods, before, seeds):
            write_result(path, NAME, settings, {"summary": summed(done, seeds), "targets": done})


if __name__ == "__main__":
    main()
