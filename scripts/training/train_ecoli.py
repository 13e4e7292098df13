"""Train on E. coli promoters of 165 and 50 nt, compare bits per base with counting models, and evaluate the samples.

    python -m scripts.training.train_ecoli --folder runs/ecoli [--resume] [--only ecoli_165]

The sequences whose md5, read as a number, ends in the digit 0 are held out, as for the reference values. A random tenth
of the others is the validation split: it stops a training, picks among the candidates and chooses the counting models'
pseudo-counts. The test split is looked at once, by the picked model.

The reference values themselves, of counting models, are computed again for every dataset that has one.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from scripts.training.dna_splits import Splits, bits_metrics, by_md5, texts_of, trained_by_md5
from seqvae.artifact.folder import record_metrics
from seqvae.artifact.weights import parameters
from seqvae.config import DataConfig, ModelConfig, ObjectiveConfig, PriorConfig, RunConfig, TrainingConfig
from seqvae.config.toml import run_to_dict
from seqvae.errors import CollapseWarning
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.evaluate.records import GenerationSettings, References
from seqvae.evaluate.sequences.markov_baselines import counted_bits, model_bits
from seqvae.evaluate.sequences.metrics import sequence_metrics
from seqvae.latent.codec import Codec
from seqvae.properties.dna.motifs import PROMOTER_BOXES

NAME = "ecoli"
# Dataset and published side of each reference figure; "": all of it. The yeast figure is of its training side alone.
REFERENCES = {"ecoli_50": "", "ecoli_165": "", "yeast_1000": "train", "mpsa-sample": ""}


@dataclass(frozen=True)
class Work:
    """The effort of the evaluation.

    Attributes:
        iwae_samples: draws of the importance-weighted bound on the test split.
        pick_samples: the same on the validation split, which picks among the candidates.
        samples: sequences sampled from the prior.
        bootstrap: resamplings for the confidence intervals.
    """

    iwae_samples: int = 50
    pick_samples: int = 10
    samples: int = 2000
    bootstrap: int = 1000


def likelihood_run(source: str, model: ModelConfig, epochs: int, learning_rate: float, rate: float = 0.0) -> RunConfig:
    """Return a run that maximises the ELBO itself, with beta 1 throughout, and keeps the best on validation.

    With a `rate`, z is to carry so many nats instead, and beta is what that takes.
    """
    return RunConfig(
        data=DataConfig(source=source),
        model=model,
        objective=ObjectiveConfig(target_rate=rate) if rate else ObjectiveConfig(beta=1.0, schedule="constant"),
        training=TrainingConfig(epochs=epochs, batch_size=128, learning_rate=learning_rate, patience=3),
        prior=PriorConfig(prior="mixture"),  # a flow has little to add where the rate is a nat
    )


def convolution(width: int, layers: int, dropout: float, latent: int = 4, encoder: int = 16) -> ModelConfig:
    """Return a small autoregressive model; positions are embedded, and 3, 4 or 5 layers see 14, 30 or 62 bases back."""
    return ModelConfig(
        encoder="conv",
        decoder="causal_conv",
        latent=latent,
        encoder_width=encoder,
        encoder_layers=2,
        decoder_width=width,
        decoder_layers=layers,
        dropout=dropout,
    )


# Sizes, dropout and learning rates were found on the validation side. Small models do: what there is to learn beyond
# counting is the composition of a sequence, and what depends on the position.
RUNS: dict[str, dict[str, RunConfig]] = {
    "ecoli_165": {
        "causal_conv 32, 4 layers, dropout 0.1": likelihood_run("ecoli_165", convolution(32, 4, 0.1), 8, 5e-3),
        "the same, 6 nats in z": likelihood_run("ecoli_165", convolution(32, 4, 0.1, 8, 32), 10, 5e-3, 6.0),
        "causal_conv 48, 5 layers, dropout 0.15, 6 nats in z": likelihood_run(
            "ecoli_165", convolution(48, 5, 0.15, 8, 32), 12, 5e-3, 6.0
        ),
    },
    "ecoli_50": {
        "causal_conv 16, 3 layers, dropout 0.05": likelihood_run("ecoli_50", convolution(16, 3, 0.05), 12, 8e-3),
        "causal_conv 32, 3 layers, dropout 0.1": likelihood_run("ecoli_50", convolution(32, 3, 0.1), 10, 5e-3),
    },
}
SMALL = likelihood_run("mpsa-sample", convolution(8, 1, 0.0), 1, 1e-2)
SMALL = replace(SMALL, data=DataConfig(source="mpsa-sample", limit=400), prior=PriorConfig(prior="none"))
SMALL_RUNS = {"mpsa-sample": {"tiny": SMALL}}
SMALL_WORK = Work(iwae_samples=2, pick_samples=2, samples=40, bootstrap=20)


def reference_metrics(splits: Mapping[str, str], limit: int = 0) -> dict[str, Any]:
    """Return bits per base of the counting models on the split by md5, and the lowest of the plain ones."""
    found = {}
    for dataset, split in splits.items():
        rest, held_out = by_md5(texts_of(dataset, split, limit))
        counted = {name: row.bits for name, row in counted_bits(rest, held_out).items()}
        best = min(counted, key=lambda name: counted[name])
        texts = {"train": len(rest), "test": len(held_out)}
        found[dataset] = {"side": split, "texts": texts, "bits_a_base": counted, "best": best}
        print(f"{dataset}: {counted[best]:.4f} bits per base, {best}")
    return found


def dataset_metrics(runs: Mapping[str, RunConfig], folder: Path, resume: bool, work: Work) -> dict[str, Any]:
    """Train every candidate on one dataset, pick the best on validation, and return its held-out metrics."""
    candidates, best, bar = {}, None, float("inf")
    for number, (name, run) in enumerate(runs.items()):
        finished, splits = trained_by_md5(run, folder / f"candidate{number}", resume)
        bits = model_bits(finished.codec, splits.valid, work.pick_samples).sum() / sum(map(len, splits.valid))
        made = finished.codec.provenance["training"]
        candidates[name] = {"valid_bits_a_base": float(bits), "parameters": parameters(finished.codec.model), **made}
        print(f"{name}: {bits:.5f} bits per base on validation")
        if bits < bar:
            bar, best = bits, (name, finished, splits, folder / f"candidate{number}" / "run")
    if best is None:
        raise ValueError("expected at least one candidate")
    name, finished, splits, place = best
    summary = summary_metrics(finished.codec, splits, finished.prepared.train, work)
    record_metrics(place, summary)
    return {
        "candidates": candidates,
        "picked": name,
        "run": run_to_dict(runs[name]),
        "summary": summary,
        **bits_metrics(finished.codec, splits, work.iwae_samples),
        "generation": generation_metrics(finished.codec, splits, work),
    }


def summary_metrics(codec: Codec, splits: Splits, packed: Any, work: Work) -> dict[str, Any]:  # noqa: ANN401
    """Return the held-out metrics of the model itself; `packed` are the training sequences."""
    settings = SummarySettings(texts=len(splits.test), samples=work.samples, iwae_samples=work.iwae_samples)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)  # the sentence is in the summary
        return asdict(summarise(codec, splits.test, packed, settings))


def generation_metrics(codec: Codec, splits: Splits, work: Work) -> dict[str, Any]:
    """Return the DNA metrics of samples from the prior, beside those of held-out real sequences."""
    known = [*splits.train, *splits.valid]
    settings = GenerationSettings(bootstrap=work.bootstrap)
    references = References("dna", splits.test, training=known)
    found = sequence_metrics(codec.sample(work.samples), references, settings, PROMOTER_BOXES)
    return {"metrics": found.metrics, "intervals": found.intervals, "floors": found.baselines, "counts": found.counts}


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the held-out metrics, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="folder of the runs (default: runs/ecoli; small: a temporary one)")
    parser.add_argument("--resume", action="store_true", help="resume the runs in the folder")
    parser.add_argument(
        "--only", choices=sorted(RUNS), help="train on this dataset alone, the results of the others kept"
    )
    given = parser.parse_args(argv)
    runs, work = (SMALL_RUNS, SMALL_WORK) if given.small else (RUNS, Work())
    folder = given.folder or (None if given.small else Path("runs/ecoli"))
    chosen = {name: part for name, part in runs.items() if given.only in (None, name)}
    out = result_path(given, NAME)
    before = json.loads(out.read_text("utf-8"))["figures"]["datasets"] if out.is_file() else {}
    with torch_threads(given.threads or 1) as threads, folder_or_temporary(folder) as place:
        found = {
            "datasets": {
                **(before if given.only else {}),
                **{name: dataset_metrics(part, place / name, given.resume, work) for name, part in chosen.items()},
            },
            "counted": reference_metrics({"mpsa-sample": ""} if given.small else REFERENCES, 400 if given.small else 0),
        }
    write_result(out, NAME, {**asdict(work), "threads": threads}, found)


if __name__ == "__main__":
    main()
