"""Promoters of E. coli designed in four plates of 96 with noise, judged by a predictor that no search sees.

    SEQVAE_DATA=FOLDER python -m scripts.benchmarks.search.benchmark_promoters [--seeds 0,1,2,3,4]

The promoters of `ecoli_165` are halved as in `benchmark_expression.py`. On one half a generative model is trained,
without expression; on the other the predictor that is the laboratory: a ridge regression on the letter of each position
and on shares of words, its error on a tenth that nobody saw is stated. A measurement is its prediction with normal
noise of half the spread of that error. A search begins with 96 promoters of the first half, drawn from the weaker
half of them, which are its first plate; four plates of 96 follow. What counts is the noiseless value of the ten designs
that a search measured highest, and whether they are promoters still: their log p(x) per base under the model, beside
that of the promoters that nobody saw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scripts.baselines.sequence_searches import searched
from scripts.benchmarks.benchmark_expression import features, halves, predictor, trained
from scripts.benchmarks.search.search_runs import calls_of
from scripts.record import arguments, folder_or_temporary, metrics_of, result_path, torch_threads, write_result
from scripts.training.train_labelled import RUNS, SMALL
from seqvae.config import CampaignConfig, OracleConfig, SearchConfig
from seqvae.latent.codec import Codec, load
from seqvae.sequences.dna import BASES

NAME = "promoters"
PLATE, PLATES, TOP = 96, 4, 10
SAMPLES = 20  # of log p(x)
OURS = {"auto": "auto", "auto, without a model": "auto", "draws from the model": "sampling", "latent TuRBO": "turbo"}
OTHERS = ("random", "plain genetic algorithm", "AdaLead, random forest")


class Laboratory:
    """Measures promoters, with noise that depends on the promoter and the seed alone.

    Args:
        judge: predicts many.
        noise: standard deviation.
        seed: of the noise.
    """

    def __init__(self, judge: Callable[[Sequence[str]], Any], noise: float, seed: int) -> None:
        self.judge, self.noise, self.seed = judge, noise, seed

    def __call__(self, texts: Sequence[str]) -> list[float]:
        """Return a measurement of each."""
        digits = [[self.seed, *map(BASES.index, text)] for text in texts]
        noise = [np.random.default_rng(one).standard_normal() for one in digits]
        return (np.asarray(self.judge(texts)) + self.noise * np.array(noise)).tolist()


def searched_by(
    name: str, laboratory: Laboratory, start: list[str], model: str, sizes: tuple[int, int]
) -> dict[str, float]:
    """Return the measurements of a search in their order; `sizes`: calls in all, and those of a plate."""
    budget, plate = sizes
    if name in OTHERS:
        return searched(name, laboratory, start, BASES, budget, plate, laboratory.seed).values
    campaign = CampaignConfig(batch=plate, initial=plate, seed=laboratory.seed)
    used = "" if name == "auto, without a model" else model
    config = SearchConfig(used, OURS[name], "cpu", OracleConfig(budget=budget), campaign)
    with folder_or_temporary(None) as place:
        return calls_of(lambda text: laboratory([text])[0], config, start, place / "run")


def course(calls: dict[str, float], laboratory: Laboratory, codec: Codec, plate: int) -> dict[str, Any]:
    """Return the noiseless value of the ten measured highest after each plate, and their log p per base in the end."""
    texts, found = list(calls), {}
    for end in range(plate, len(texts) + 1, plate):
        top = sorted(texts[:end], key=lambda text: -calls[text])[:TOP]
        found[str(end)] = float(np.mean(laboratory.judge(top)))
    return {"top10": found, "log_p": log_p(codec, top), "calls": len(texts)}


def log_p(codec: Codec, texts: Sequence[str]) -> float:
    """Return the mean log p(x) per base, bits."""
    read = codec.tokenize(texts, "skip")
    return float(codec.iwae(read, SAMPLES).mean()) / len(texts[0]) / math.log(2)


def main(argv: Sequence[str] | None = None) -> None:
    """Run what is missing, and write the result after each run."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--seeds", default="0,1,2,3,4", help="by comma: of the starts, the noise and the searches")
    parser.add_argument("--folder", type=Path, help="where the generative model is kept (default: a temporary folder)")
    given = parser.parse_args(argv)
    base, dataset = (SMALL, "mpsa-sample") if given.small else (RUNS["ecoli_165"], "ecoli_165")
    plate, plates, seeds = (6, 1, [0]) if given.small else (PLATE, PLATES, list(map(int, given.seeds.split(","))))
    parts = halves(dataset, base.data.labels)
    fitted = predictor(parts["judge"])
    texts, truth = parts["test"]
    error = fitted.predict(features(texts)) - truth
    noise = float(error.std() / 2)
    settings = {"plate": plate, "plates": plates, "dataset": dataset, "top": TOP, "noise": noise}
    path = result_path(given, NAME)
    figures: dict[str, Any] = {"runs": {}} | metrics_of(path, settings)
    with torch_threads(given.threads), folder_or_temporary(given.folder) as folder:
        model = folder / "model"
        codec = load(model) if model.is_dir() else trained(base, base.data.labels, parts["model"], model, told=False)
        figures["judge"] = {
            "spearman": float(np.corrcoef(_ranks(truth), _ranks(truth + error))[0, 1]),
            "deviation": float(error.std()),
            "highest_measured": float(truth.max()),
            "highest_predicted": float((truth + error).max()),
        }
        figures["log_p_of_promoters"] = log_p(codec, texts[:200])
        order = np.argsort(parts["model"][1])
        weak = [parts["model"][0][row] for row in order[: len(order) // 2]]
        for seed in seeds:
            laboratory = Laboratory(lambda some: fitted.predict(features(some)), noise, seed)
            start = np.random.default_rng(seed).choice(weak, plate, replace=False).tolist()
            for name in (*OURS, *OTHERS):
                runs = figures["runs"].setdefault(name, {})
                if str(seed) in runs:
                    continue
                calls = searched_by(name, laboratory, start, str(model), (plate * (plates + 1), plate))
                runs[str(seed)] = course(calls, laboratory, codec, plate)
                write_result(path, NAME, settings, figures)


def _ranks(values: Any) -> Any:  # noqa: ANN401 - arrays
    return np.argsort(np.argsort(values))


if __name__ == "__main__":
    main()
