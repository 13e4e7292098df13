"""Train a model of ZINC250k, fit its prior, and write down its held-out figures and those of its samples.

The SMILES model is trained twice: first at a low price of the rate, until molecules come back, then at twice that
price, which takes out of the rate what the decoder does not need. The first is in FOLDER/first.

    python scripts/train_zinc.py --model smiles --folder runs/zinc-smiles [--resume]

`--resume` goes on with a run that was stopped; of a finished one it computes the figures and writes them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from training_runs import Finished, trained, tuned

from seqvae.artifact import PROVENANCE, parameters, record_metrics
from seqvae.config import (
    AdaptConfig,
    DataConfig,
    DecodeConfig,
    FinetuneConfig,
    ModelConfig,
    ObjectiveConfig,
    PriorConfig,
    RunConfig,
    TokenizerConfig,
    TrainingConfig,
    run_to_dict,
)
from seqvae.evaluate.generation import GenerationSettings, References, generation
from seqvae.evaluate.samples import canonical
from seqvae.evaluate.sides import read_sides
from seqvae.evaluate.summary import SummarySettings, summarise
from seqvae.latent.codec import Codec

NAMES = {"smiles": "zinc250k_smiles", "selfies": "zinc250k_selfies"}
PRIOR = PriorConfig(prior_components=16, prior_steps=5000)  # a few minutes on one core
RUNS = {
    "smiles": RunConfig(
        data=DataConfig(source="zinc250k"),
        tokenizer=TokenizerConfig(kind="smiles"),
        objective=ObjectiveConfig(beta=0.15, warmup=0.03),
        training=TrainingConfig(epochs=20),
        prior=PRIOR,
    ),
    "selfies": RunConfig(
        data=DataConfig(source="zinc250k"),
        objective=ObjectiveConfig(beta=0.15, warmup=0.03),
        training=TrainingConfig(epochs=20),
        prior=PRIOR,
    ),
}
# What comes after the first training.
SECOND = {
    "smiles": FinetuneConfig(
        training=TrainingConfig(epochs=14, batch_size=256, learning_rate=7e-4),
        prior=PriorConfig(prior_minutes=2.0),
        adapt=AdaptConfig(beta=0.3),
    )
}
# All 5,000 test molecules; as many samples as MOSES counts unique ones in; a bound that more samples hardly move.
SUMMARY = SummarySettings(texts=5000, samples=10_000, iwae_samples=50, refined_texts=5000)
TRIES = 3
# Prior and temperature of each set of samples. On the validation molecules the lower temperature came closer: what a
# latent point should say is in the point, and chance at each token adds little but mistakes.
DRAWS = {
    "N(0, I)": ("normal", 1.0),
    "N(0, I), temperature 0.5": ("normal", 0.5),
    "fitted prior": ("fitted", 1.0),
    "fitted prior, temperature 0.5": ("fitted", 0.5),
}
TRAINING = "training molecules"

SMALL_RUN = RunConfig(
    data=DataConfig(source="moses-sample", limit=200, test_fraction=0.1),
    tokenizer=TokenizerConfig(kind="selfies", vocab_size=64),
    model=ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16),
    training=TrainingConfig(epochs=1, batch_size=32),
    prior=PriorConfig(prior_minutes=0.02),
)
SMALL_SECOND = {
    "smiles": FinetuneConfig(
        data=SMALL_RUN.data, training=SMALL_RUN.training, prior=SMALL_RUN.prior, adapt=AdaptConfig(beta=0.3)
    )
}
SMALL_SUMMARY = SummarySettings(texts=20, samples=20, iwae_samples=2, protocol_texts=2, refined_texts=5)


def trained_twice(run: RunConfig, second: FinetuneConfig, folder: Path, resume: bool) -> Finished:
    """Train, then go on under other settings, each in a folder of its own; what is finished is only read."""
    first = folder / "first"
    if not (resume and (folder / PROVENANCE).is_file()):
        trained(run, first, resume)
    return tuned(first, run.data.source, second, folder, resume)


def figures(finished: Finished, settings: SummarySettings) -> dict[str, Any]:
    """Return the size of model and data, the time of the training, and the held-out figures."""
    codec, prepared = finished.codec, finished.prepared
    summary = summarise(codec, prepared.test_texts, prepared.train, settings)
    references = read_sides(codec.run.data.source, run=codec.run, progress=False).references
    if codec.run.data.limit:  # a small setting is compared with a small reference
        references = References(references.kind, prepared.test_texts, training=references.training[:200])
    return {
        "parameters": parameters(codec.model),
        "symbols": codec.tokenizer.vocab_size,
        "texts": len(prepared.train),
        "epochs": codec.run.training.epochs,
        **codec.provenance["training"],
        "before": before(codec),
        "prior": codec.provenance["prior"],
        "samples": settings.samples,
        "summary": asdict(summary),
        "generation": generations(codec, references, settings),
    }


def before(codec: Codec) -> dict[str, Any] | None:
    """Return steps, seconds and threads of the training that this one went on from; None where it is the first."""
    tuned_from = codec.provenance.get("finetune")
    return tuned_from["base"]["training"] if tuned_from else None


def generations(codec: Codec, references: References, settings: SummarySettings) -> dict[str, Any]:
    """Return the figures of samples drawn in each way, and, as the floor, of as many training molecules."""
    found = {}
    for name, (prior, temperature) in DRAWS.items():
        how = DecodeConfig("sample", temperature=temperature, tries=TRIES, seed=settings.seed)
        once = codec.generate_samples(settings.samples, replace(how, tries=1), prior)
        made = codec.generate_samples(settings.samples, how, prior)
        found[name] = {
            "valid_uncorrected": once.faults().count((False, 0)) / len(once.texts),
            "valid_at_once": valid_share(once.texts, codec),
            "valid": valid_share(made.texts, codec),
            "tries": made.draws.double().mean().item(),
            **compared(made.texts, references),
        }
    floor = compared(references.training[: settings.samples], References(references.kind, references.test))
    floor["metrics"]["Novelty"] = 0.0  # they are the training set
    real = dict.fromkeys(("valid_uncorrected", "valid_at_once", "valid", "tries"), 1.0)
    return {**found, TRAINING: {**real, **floor}}


def valid_share(texts: Sequence[str], codec: Codec) -> float:
    """Return the share of texts that are texts of their kind."""
    return sum(bool(canonical(text, codec.tokenizer)) for text in texts) / len(texts)


def compared(texts: Sequence[str], references: References) -> dict[str, Any]:
    """Return the metrics of texts beside real ones, with their intervals."""
    found = generation(texts, references, GenerationSettings(bootstrap=200))
    return {"metrics": found.metrics, "intervals": found.intervals, "counts": found.counts}


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the held-out figures, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", choices=sorted(RUNS), default="smiles", help="what the model reads and writes")
    parser.add_argument("--folder", type=Path, help="folder of the run (default: runs/zinc-MODEL; small: temporary)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    given = parser.parse_args(argv)
    run, settings = (SMALL_RUN, SMALL_SUMMARY) if given.small else (RUNS[given.model], SUMMARY)
    folder = given.folder or (None if given.small else Path(f"runs/zinc-{given.model}"))
    name = NAMES[given.model]
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        second = (SMALL_SECOND if given.small else SECOND).get(given.model)
        finished = trained_twice(run, second, place, given.resume) if second else trained(run, place, given.resume)
        found = figures(finished, settings)
        record_metrics(place, {**found["summary"], "generation": found["generation"]})
    shown = {**run_to_dict(finished.codec.run), "summary": asdict(settings), "tries": TRIES}
    write_result(result_path(given, name), name, shown, found)


if __name__ == "__main__":
    main()
