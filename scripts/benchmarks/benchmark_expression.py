"""Promoters drawn for an expression, against rejection, as a predictor judges them that neither of them has seen.

    SEQVAE_DATA=FOLDER python -m scripts.benchmarks.benchmark_expression [--draws 300]

A tenth of the promoters of `ecoli_165` is held out, the others are halved at random. On one half are trained: a model
that is given the expression, a model of the same sizes without it, and the predictor by which rejection chooses, a
ridge regression on the letter of each position and on shares of words of up to five letters. On the other half the same
kind of predictor is fitted, which judges; the errors of both on the tenth are stated. For five targets (quantiles of
the expression in training) so many promoters are drawn with each weight of the guidance, and of ten times as many draws
without condition those are kept whose predicted expression is nearest to the target.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from scripts.record import arguments, result_path, torch_threads, write_result
from scripts.training.train_labelled import RUNS, SMALL, agreement, one_hot
from seqvae.config import DataConfig, DecodeConfig, PriorConfig, RunConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.sequences.kmers import kmer_shares
from seqvae.latent.codec import Codec, load
from seqvae.sequences.dna import BASES
from seqvae.sequences.integer_codes import letters
from seqvae.train.fit import train

NAME = "expression"
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
GUIDANCE = (0.0, 1.0, 2.0)
MORE = 10  # draws without condition for each that is kept
WORDS = (1, 2, 3, 4, 5)
PENALTIES = [10.0**power for power in range(1, 7)]
Table = NDArray[np.float64]
Measured = tuple[list[str], Table]


def features(texts: Sequence[str]) -> Table:
    """Return the letter of each position and the shares of words, `(texts, features)`."""
    places = one_hot(texts, BASES, max(map(len, texts)))[:, :-1]
    return np.concatenate([places, kmer_shares(letters(list(texts)), WORDS)], axis=1)


def predictor(data: Measured) -> Pipeline:
    """Return a ridge regression whose penalty has the least leave-one-out error."""
    return make_pipeline(StandardScaler(), RidgeCV(PENALTIES)).fit(features(data[0]), data[1])


def halves(dataset: str, label: str) -> dict[str, Measured]:
    """Return a tenth of the texts for testing, and the halves of the others, with their values."""
    data, rng = load_dataset(dataset), np.random.default_rng(0)
    value = {text: one for text, one in zip(data.texts, data.values[label], strict=True) if np.isfinite(one)}
    texts = sorted(value)
    order = [texts[row] for row in rng.permutation(len(texts))]
    cut, middle = len(order) // 10, len(order) * 11 // 20
    parts = {"test": order[:cut], "model": order[cut:middle], "judge": order[middle:]}
    return {name: (part, np.array([value[text] for text in part])) for name, part in parts.items()}


def trained(base: RunConfig, label: str, data: Measured, out: Path, told: bool) -> Codec:
    """Train a model, given the label as a condition or not, and return it."""
    path = out.with_suffix(".csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("sequence", label), *zip(data[0], data[1].tolist(), strict=True)])
    source = DataConfig(
        source=str(path), column="sequence", split="random", test_fraction=0.0, conditions=label if told else ""
    )
    run = replace(base, data=source, prior=PriorConfig(prior="none"))
    return load(train(run, out, quiet=True).folder, device="cpu")


def judged(texts: Sequence[str], targets: Table, judge: Pipeline) -> dict[str, Any]:
    """Return how the expression that a predictor gives to texts follows what was asked of them."""
    found = judge.predict(features(texts))
    return {
        "spearman": float(spearmanr(targets, found)[0]),
        "mean_absolute_error": float(np.abs(found - targets).mean()),
        "means": [float(found[targets == target].mean()) for target in np.unique(targets)],
        "distinct": len({*texts}) / len(texts),
    }


def measured(base: RunConfig, dataset: str, label: str, draws: int, folder: Path) -> dict[str, Any]:
    """Train the models and predictors, draw for each target, and return what the judge says."""
    parts = halves(dataset, label)
    told = trained(base, label, parts["model"], folder / "told", told=True)
    plain = trained(base, label, parts["model"], folder / "plain", told=False)
    chooser, judge = predictor(parts["model"]), predictor(parts["judge"])
    targets = np.quantile(parts["model"][1], QUANTILES)
    asked = np.repeat(targets, draws)
    pool = plain.generate_samples(MORE * draws, DecodeConfig("sample", seed=1), "normal").texts
    guessed = chooser.predict(features(pool))
    kept = [pool[row] for target in targets for row in np.argsort(np.abs(guessed - target))[:draws]]
    rows = {
        "draws without condition": judged(pool[: len(asked)], asked, judge),
        "the nearest of ten times as many of these": judged(kept, asked, judge),
    }
    for weight in GUIDANCE:
        made = [
            text
            for target in targets
            for text in told.generate_samples(
                draws, DecodeConfig("sample", seed=1, guidance=weight), {label: float(target)}
            ).texts
        ]
        rows[f"given it, guidance {weight:g}"] = judged(made, asked, judge)
    truth = parts["test"][1]
    return {
        "judge": agreement(judge.predict(features(parts["test"][0])), truth),
        "chooser": agreement(chooser.predict(features(parts["test"][0])), truth),
        "sequences": {name: len(part[0]) for name, part in parts.items()},
        "targets": targets.tolist(),
        "rows": rows,
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the result."""
    parser = arguments(str(__doc__))
    parser.add_argument("--draws", type=int, default=300, help="promoters for each target")
    given = parser.parse_args(argv)
    base, dataset, draws = (SMALL, "mpsa-sample", 20) if given.small else (RUNS["ecoli_165"], "ecoli_165", given.draws)
    label = base.data.labels
    with torch_threads(given.threads) as threads, TemporaryDirectory() as folder:
        figures = measured(base, dataset, label, draws, Path(folder))
    settings = {"dataset": dataset, "label": label, "draws": draws, "more": MORE, "seed": 0, "threads": threads}
    write_result(result_path(given, NAME), NAME, settings, figures)


if __name__ == "__main__":
    main()
