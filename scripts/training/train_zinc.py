"""Train a model of ZINC250k, fit its prior, and record its held-out metrics and those of its samples.

The SMILES model is trained twice: first at a low KL weight, until it reconstructs molecules, then at twice that weight,
which removes from the rate what the decoder does not need. The first is in FOLDER/first. `faithful` trains the
pretrained model further at a much lower KL weight: it reconstructs more, and its samples are further from real ones.

    python -m scripts.training.train_zinc --model smiles --folder runs/zinc-smiles [--resume]

`--resume` resumes a stopped run; for a finished one it computes the metrics and writes them again.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from scripts.training.molecule_metrics import TRIES, metrics
from scripts.training.training_runs import Finished, trained, trained_twice, tuned
from seqvae.artifact.folder import record_metrics
from seqvae.config import (
    AdaptConfig,
    DataConfig,
    FinetuneConfig,
    ModelConfig,
    ObjectiveConfig,
    PriorConfig,
    RunConfig,
    TokenizerConfig,
    TrainingConfig,
)
from seqvae.config.toml import run_to_dict
from seqvae.evaluate.model.summary import SummarySettings

FAITHFUL = "faithful"
PRETRAINED = "zinc-smiles"  # made by this script
NAMES = {"smiles": "zinc250k_smiles", "selfies": "zinc250k_selfies", FAITHFUL: "zinc250k_faithful"}
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
# What continues from the pretrained model.
LOWER = FinetuneConfig(
    training=TrainingConfig(epochs=6, batch_size=256, learning_rate=7e-4),
    prior=PriorConfig(prior_minutes=2.0),
    adapt=AdaptConfig(beta=0.04),
)
# All 5,000 test molecules; as many samples as MOSES counts unique ones in; a bound that more samples hardly move.
SUMMARY = SummarySettings(texts=5000, samples=10_000, iwae_samples=50, refined_texts=5000)
SMALL_RUN = RunConfig(
    data=DataConfig(source="moses-sample", limit=200, test_fraction=0.1),
    tokenizer=TokenizerConfig(kind="selfies", vocab_size=64),
    model=ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16),
    training=TrainingConfig(epochs=1, batch_size=32),
    prior=PriorConfig(prior_steps=5, prior_components=1),
)
SMALL_LOWER = FinetuneConfig(
    data=SMALL_RUN.data, training=SMALL_RUN.training, prior=SMALL_RUN.prior, adapt=AdaptConfig(beta=0.3)
)
SMALL_SECOND = {"smiles": SMALL_LOWER}
SMALL_SUMMARY = SummarySettings(texts=8, samples=20, iwae_samples=2, protocol_texts=1, refined_texts=2)


def made(place: Path, given: Namespace) -> Finished:
    """Train a model from scratch, and further where a second training is planned."""
    run = SMALL_RUN if given.small else RUNS[given.model]
    second = (SMALL_SECOND if given.small else SECOND).get(given.model)
    return trained_twice(run, second, place, given.resume) if second else trained(run, place, given.resume)


def lowered(place: Path, given: Namespace) -> Finished:
    """Train the pretrained model further at a lower KL weight."""
    if given.small:
        first = trained(SMALL_RUN, place / "first", given.resume).folder
        return tuned(first, SMALL_RUN.data.source, SMALL_LOWER, place, given.resume)
    return tuned(PRETRAINED, RUNS["smiles"].data.source, LOWER, place, given.resume)


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the held-out metrics, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--model", choices=sorted(NAMES), default="smiles", help="what the model reads and writes")
    parser.add_argument("--folder", type=Path, help="folder of the run (default: runs/zinc-MODEL; small: temporary)")
    parser.add_argument("--resume", action="store_true", help="resume the run in the folder")
    given = parser.parse_args(argv)
    settings = SMALL_SUMMARY if given.small else SUMMARY
    folder = given.folder or (None if given.small else Path(f"runs/zinc-{given.model}"))
    name = NAMES[given.model]
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        finished = lowered(place, given) if given.model == FAITHFUL else made(place, given)
        found = metrics(finished, settings)
        record_metrics(place, {**found["summary"], "generation": found["generation"]})
    shown = {**run_to_dict(finished.codec.run), "summary": asdict(settings), "tries": TRIES}
    write_result(result_path(given, name), name, shown, found)


if __name__ == "__main__":
    main()
