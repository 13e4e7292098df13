"""Train on 5' splice sites (MPSA), and compare bits per base with counting models.

    python -m scripts.training.train_mpsa --folder runs/mpsa [--resume]

A handful of small models is trained on the published split; the validation split picks one, and the test split is
looked at once. The same settings are then trained on the split of the reference value: the sequences whose md5, read
as a number, ends in the digit 0 are held out.

The dataset holds nearly all possible sites (nine letters, two of them almost fixed), so there is little to learn. The
result says how little: besides the models, it has the bits of a uniform choice among all possible sites, and among the
measured ones, below which no honest model gets.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from scripts.training.dna_splits import Splits, bits_metrics, distinct_splits, trained_by_md5
from scripts.training.training_runs import trained
from seqvae.artifact.folder import record_metrics
from seqvae.artifact.weights import parameters
from seqvae.config import DataConfig, ModelConfig, ObjectiveConfig, PriorConfig, RunConfig, TrainingConfig
from seqvae.config.toml import run_to_dict
from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import CollapseWarning
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.evaluate.sequences.markov_baselines import model_bits
from seqvae.latent.codec import Codec

NAME = "mpsa"
SOURCE = "mpsa-sample"  # ships with seqvae, and is the whole dataset
SAMPLES = 100  # of the importance-weighted bound


def likelihood_run(model: ModelConfig, epochs: int, learning_rate: float) -> RunConfig:
    """Return a run that maximises the ELBO itself, with beta 1 throughout."""
    return RunConfig(
        data=DataConfig(source=SOURCE),
        model=model,
        objective=ObjectiveConfig(beta=1.0, schedule="constant"),
        training=TrainingConfig(epochs=epochs, batch_size=256, learning_rate=learning_rate),
        prior=PriorConfig(prior="mixture"),  # a flow has nothing to add where the latent space is all but unused
    )


def convolution(decoder: str, width: int) -> ModelConfig:
    """Return a model with one residual block in encoder and decoder: it sees three letters at a time."""
    return ModelConfig(
        encoder="conv", decoder=decoder, latent=2, encoder_width=8, decoder_width=width, encoder_layers=1
    )


def recurrent(width: int) -> ModelConfig:
    """Return a small recurrent model."""
    return ModelConfig(latent=8, embedding=16, encoder_width=32, decoder_width=width)


# Sizes and learning rates were found on the published validation side. Small on purpose: what there is to learn is
# worth hundredths of a bit, and a weight too many costs as much.
RUNS = {
    "conv, causal_conv 8": likelihood_run(convolution("causal_conv", 8), 40, 2e-2),
    "conv, causal_conv 16": likelihood_run(convolution("causal_conv", 16), 40, 1e-2),
    "conv, position 16": likelihood_run(convolution("position", 16), 20, 1e-2),
    "gru, gru 128": likelihood_run(recurrent(128), 10, 3e-3),
}
SMALL = likelihood_run(recurrent(8), 1, 1e-2)
SMALL = replace(SMALL, data=DataConfig(source=SOURCE, limit=2000), prior=PriorConfig(prior="none"))
SMALL_RUNS = {"gru, gru 8": SMALL}


def published_splits(limit: int) -> Splits:
    """Return the published split of the first so many sequences, 0: all; one in two splits stays in the first."""
    data = load_dataset(SOURCE)
    return distinct_splits(data.texts, [rows[rows < (limit or len(data.texts))].tolist() for rows in data.split])


def pick(runs: dict[str, RunConfig], folder: Path, resume: bool, samples: int) -> tuple[str, dict[str, Any]]:
    """Train every candidate on the published split; return the best by validation, and the value of each."""
    splits, found = published_splits(next(iter(runs.values())).data.limit), {}
    for number, (name, run) in enumerate(runs.items()):
        codec = trained(run, folder / f"candidate{number}", resume).codec
        bits = model_bits(codec, splits.valid, samples).mean() / len(splits.valid[0])
        made = codec.provenance["training"]
        found[name] = {"valid_bits_a_base": float(bits), "parameters": parameters(codec.model), **made}
        print(f"{name}: {bits:.5f} bits per base on validation")
    return min(found, key=lambda name: found[name]["valid_bits_a_base"]), found


def published_metrics(run: RunConfig, folder: Path, samples: int) -> dict[str, Any]:
    """Return the metrics of the picked model on the published split, beside the counting models'."""
    finished = trained(run, folder, resume=True)
    test = finished.prepared.test_texts
    settings = SummarySettings(texts=len(test), samples=1000, iwae_samples=samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)  # the sentence is in the summary
        summary = asdict(summarise(finished.codec, test, finished.prepared.train, settings))
    record_metrics(folder, summary)
    splits = published_splits(run.data.limit)
    return {"summary": summary, **compared(finished.codec, splits, samples)}


def hashed_metrics(run: RunConfig, folder: Path, resume: bool, samples: int) -> dict[str, Any]:
    """Train the picked settings on the split by md5, and return the metrics beside the counting models'."""
    finished, splits = trained_by_md5(run, folder, resume)
    return compared(finished.codec, splits, samples)


def compared(codec: Codec, splits: Splits, samples: int) -> dict[str, Any]:
    """Return bits per base of a model, of the counting models and of uniform choices on one test split."""
    return bits_metrics(codec, splits, samples) | {"uniform_bits_a_base": uniform_bits(splits)}


def uniform_bits(splits: Splits) -> dict[str, Any]:
    """Return the cost of a uniform choice among the sites that are possible, measured, or not trained on.

    The last is no model of splice sites: it shows what mere bookkeeping of the training data would gain, because the
    sequences are de-duplicated and the possible ones nearly exhausted.
    """
    every = splits.train + splits.valid + splits.test
    length = len(every[0])
    possible = math.prod(len({text[position] for text in every}) for position in range(length))
    counts = {"possible": possible, "measured": len(every), "not trained on": possible - len(every) + len(splits.test)}
    return {name: {"sites": count, "bits": math.log2(count) / length} for name, count in counts.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the held-out metrics, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="folder of the runs (default: runs/mpsa; small: a temporary one)")
    parser.add_argument("--resume", action="store_true", help="resume the runs in the folder")
    given = parser.parse_args(argv)
    runs, samples = (SMALL_RUNS, 2) if given.small else (RUNS, SAMPLES)
    folder = given.folder or (None if given.small else Path("runs/mpsa"))
    with torch_threads(given.threads or 1) as threads, folder_or_temporary(folder) as place:
        best, candidates = pick(runs, place, given.resume, samples)
        chosen = place / f"candidate{list(runs).index(best)}"
        found = {
            "candidates": candidates,
            "picked": best,
            "published split": published_metrics(runs[best], chosen, samples),
            "split by md5": hashed_metrics(runs[best], place / "md5", given.resume, samples),
        }
    settings = {**run_to_dict(runs[best]), "iwae_samples": samples, "threads": threads}
    write_result(result_path(given, NAME), NAME, settings, found)


if __name__ == "__main__":
    main()
