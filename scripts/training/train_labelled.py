"""Train a model of sequences together with a measured label, and record what it reconstructs and how it predicts.

    python -m scripts.training.train_labelled --dataset gb1 --folder runs/gb1 [--resume]

Two datasets: variants of the protein GB1 with their fitness, and promoters of E. coli with their expression. The label
is predicted from the posterior mean; beside it stands a ridge regression on the one-hot letters of each position, whose
penalty is chosen on the validation split. `--resume` resumes a stopped run, or reads back a finished one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import pearsonr, spearmanr

from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from scripts.training.training_runs import Finished, split_texts, trained
from seqvae.artifact.folder import record_metrics
from seqvae.artifact.weights import parameters
from seqvae.config import (
    DataConfig,
    ModelConfig,
    ObjectiveConfig,
    PriorConfig,
    RunConfig,
    TokenizerConfig,
    TrainingConfig,
)
from seqvae.config.toml import run_to_dict
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.model.summary import SummarySettings, summarise

NAMES = {"gb1": "gb1", "ecoli_165": "ecoli_promoters"}
PENALTIES = (1.0, 10.0, 100.0, 1000.0)  # of the ridge regression
_ROWS = 20_000  # of one-hot letters at a time


def labelled(
    source: str, label: str, kind: str, model: ModelConfig, training: TrainingConfig, objective: ObjectiveConfig
) -> RunConfig:
    """Return the settings of one model."""
    return RunConfig(
        data=DataConfig(source=source, labels=label),
        tokenizer=TokenizerConfig(kind=kind),
        model=model,
        objective=replace(objective, warmup=0.1),
        training=training,
        prior=PriorConfig(prior_components=16, prior_minutes=2.0),
    )


# What z carries of a promoter is a few nats at best. A recurrent decoder of half a million parameters at beta .1 learns
# the 12,576 sequences by heart instead: 2.04 bits a base, where a fair coin for each bit has 2.
RUNS = {
    "gb1": labelled(
        "gb1",
        "log2_fitness",
        "protein",
        ModelConfig(latent=16, embedding=32, encoder_width=128, decoder_width=256),
        TrainingConfig(epochs=3, batch_size=512, learning_rate=2e-3),
        ObjectiveConfig(beta=0.3),
    ),
    "ecoli_165": labelled(
        "ecoli_165",
        "expression",
        "dna",
        ModelConfig(
            encoder="conv", decoder="causal_conv", latent=8, encoder_width=32, encoder_layers=2, decoder_width=32,
            decoder_layers=4, dropout=0.1,
        ),
        TrainingConfig(epochs=10, batch_size=128, learning_rate=5e-3, patience=4),
        ObjectiveConfig(target_rate=6.0),
    ),
}  # fmt: skip
SUMMARY = SummarySettings(texts=5000, samples=2000, iwae_samples=50, refined_texts=500)
SMALL = labelled(
    "mpsa-sample",
    "log10_psi",
    "dna",
    ModelConfig(latent=4, embedding=8, encoder_width=8, decoder_width=8),
    TrainingConfig(epochs=1, batch_size=512),
    ObjectiveConfig(beta=0.3),
)
SMALL = replace(SMALL, prior=PriorConfig(prior="none"))
SMALL_SUMMARY = SummarySettings(texts=8, samples=20, iwae_samples=2, protocol_texts=1, refined_texts=2)


def one_hot(texts: Sequence[str], letters: str, length: int) -> NDArray[np.float64]:
    """Return the letters of each position, and a constant: `(texts, length * letters + 1)`."""
    found = np.zeros((len(texts), length, len(letters)))
    places = {letter: place for place, letter in enumerate(letters)}
    for row, text in enumerate(texts):
        for position, letter in enumerate(text[:length]):
            found[row, position, places[letter]] = 1.0
    return np.concatenate([found.reshape(len(texts), -1), np.ones((len(texts), 1))], axis=1)


def ridge(parts: dict[str, tuple[list[str], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """Return the additive predictions for the test texts, with the penalty that is best on validation.

    Args:
        parts: texts and labels of `train`, `valid` and `test`.
    """
    texts, values = parts["train"]
    letters, length = "".join(sorted(set("".join(texts[:_ROWS])))), max(map(len, texts))
    size = length * len(letters) + 1
    gram, moment, centre = np.zeros((size, size)), np.zeros(size), values.mean()
    for start in range(0, len(texts), _ROWS):
        rows = one_hot(texts[start : start + _ROWS], letters, length)
        gram += rows.T @ rows
        moment += rows.T @ (values[start : start + _ROWS] - centre)
    held, truth = one_hot(parts["valid"][0], letters, length), parts["valid"][1] - centre
    fitted = [np.linalg.solve(gram + penalty * np.eye(size), moment) for penalty in PENALTIES]
    best = min(fitted, key=lambda weights: float(np.mean((held @ weights - truth) ** 2)))
    return one_hot(parts["test"][0], letters, length) @ best + centre


def agreement(found: NDArray[np.float64], true: NDArray[np.float64]) -> dict[str, float]:
    """Return how predictions agree with measurements."""
    return {
        "spearman": float(spearmanr(found, true)[0]),
        "pearson": float(pearsonr(found, true)[0]),
        "mean_absolute_error": float(np.abs(found - true).mean()),
    }


def predictions(finished: Finished, label: str) -> dict[str, Any]:
    """Return how the label of held-out texts is predicted, from z and by the additive model."""
    codec, data = finished.codec, load_dataset(finished.codec.run.data.source)
    value = dict(zip(data.texts, data.values[label].tolist(), strict=True))
    parts = {}
    for name, one in split_texts(finished.prepared, codec).items():
        kept = [text for text in one if np.isfinite(value.get(text, np.nan))]
        parts[name] = (kept, np.array([value[text] for text in kept]))
    test, true = parts["test"]
    found = codec.predict(codec.encode(test, refine=0))[label].double().numpy()
    return {
        "texts": len(test),
        "from z": agreement(found, true),
        "ridge on one-hot letters": agreement(ridge(parts), true),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the held-out metrics, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--dataset", choices=sorted(RUNS), default="gb1")
    parser.add_argument("--folder", type=Path, help="folder of the run (default: runs/DATASET; small: temporary)")
    parser.add_argument("--resume", action="store_true", help="resume the run in the folder")
    given = parser.parse_args(argv)
    run, settings = (SMALL, SMALL_SUMMARY) if given.small else (RUNS[given.dataset], SUMMARY)
    folder = given.folder or (None if given.small else Path("runs") / given.dataset)
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        finished = trained(run, place / "run" if given.small else place, given.resume)
        summary = asdict(summarise(finished.codec, finished.prepared.test_texts, finished.prepared.train, settings))
        record_metrics(finished.folder, summary)
        found = {
            "parameters": parameters(finished.codec.model),
            "texts": len(finished.prepared.train),
            "epochs": finished.codec.run.training.epochs,
            **finished.codec.provenance["training"],
            "summary": summary,
            "label": run.data.labels,
            "predictions": predictions(finished, run.data.labels),
        }
    name = NAMES[given.dataset]
    shown = {**run_to_dict(finished.codec.run), "summary": asdict(settings)}
    write_result(result_path(given, name), name, shown, found)


if __name__ == "__main__":
    main()
