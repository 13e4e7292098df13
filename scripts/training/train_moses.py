"""Train a model of MOSES, train it further at other KL weights, and record reconstruction against samples.

    python -m scripts.training.train_moses --folder runs/moses-smiles [--betas 0.3,0.6] [--resume]

The model is trained once; for each other KL weight, it is trained further for one epoch, in a folder beside. `--resume`
resumes what was stopped, reads back what is trained, and keeps the KL weights that the result holds under the same
settings; the result is written after each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from scripts.record import arguments, folder_or_temporary, metrics_of, result_path, torch_threads, write_result
from scripts.training.molecule_metrics import TRIES, metrics
from scripts.training.training_runs import Finished, trained, tuned
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

NAME = "moses"
BETAS = (0.3, 0.1, 1.0)
RUN = RunConfig(
    data=DataConfig(source="moses", valid_fraction=0.01),
    tokenizer=TokenizerConfig(kind="smiles"),
    objective=ObjectiveConfig(beta=BETAS[0], warmup=0.03),
    training=TrainingConfig(epochs=3),
    prior=PriorConfig(prior_components=16, prior_steps=5000),
)
TUNING = FinetuneConfig(
    training=TrainingConfig(epochs=1, batch_size=256, learning_rate=5e-4), prior=PriorConfig(prior_minutes=2.0)
)
# As many samples as in the tables of MOSES.
SUMMARY = SummarySettings(texts=5000, samples=30_000, iwae_samples=50, refined_texts=5000)

SMALL_RUN = RunConfig(
    data=DataConfig(source="moses-sample", limit=200, test_fraction=0.1),
    tokenizer=TokenizerConfig(kind="smiles", vocab_size=64),
    model=ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16),
    objective=ObjectiveConfig(beta=BETAS[0]),
    training=TrainingConfig(epochs=1, batch_size=32),
    prior=PriorConfig(prior_steps=5, prior_components=1),
)
SMALL_TUNING = FinetuneConfig(data=SMALL_RUN.data, training=SMALL_RUN.training, prior=SMALL_RUN.prior)
SMALL_SUMMARY = SummarySettings(texts=8, samples=20, iwae_samples=2, protocol_texts=1, refined_texts=2)


def at(beta: float, run: RunConfig, tuning: FinetuneConfig, folder: Path, resume: bool) -> Finished:
    """Return the model at one KL weight: the run's own, or one trained further from it."""
    if beta == run.objective.beta:
        return trained(run, folder, resume)
    place = folder.with_name(f"{folder.name}-beta-{beta:g}")
    return tuned(folder, run.data.source, replace(tuning, adapt=AdaptConfig(beta=beta)), place, resume)


def main(argv: Sequence[str] | None = None) -> None:
    """Train the missing points, and write the result after each of them."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="folder of the run (default: runs/moses-smiles; small: temporary)")
    parser.add_argument(
        "--betas", default="", help="prices of the rate, by comma, that of the run first (default: all)"
    )
    parser.add_argument("--resume", action="store_true", help="resume the runs in the folders")
    given = parser.parse_args(argv)
    run, tuning, settings = (SMALL_RUN, SMALL_TUNING, SMALL_SUMMARY) if given.small else (RUN, TUNING, SUMMARY)
    folder = given.folder or (None if given.small else Path("runs/moses-smiles"))
    betas = (
        [float(beta) for beta in given.betas.split(",")] if given.betas else list(BETAS[: 2 if given.small else None])
    )
    shown = {**run_to_dict(run), "tuning": asdict(tuning), "summary": asdict(settings), "tries": TRIES}
    out = result_path(given, NAME)
    points: dict[str, Any] = metrics_of(out, shown).get("points", {}) if given.resume else {}
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        for beta in (beta for beta in betas if f"{beta:g}" not in points):
            finished = at(beta, run, tuning, place / "model" if given.small else place, given.resume)
            found = points[f"{beta:g}"] = metrics(finished, settings)
            record_metrics(finished.folder, {**found["summary"], "generation": found["generation"]})
            write_result(out, NAME, shown, {"points": points})


if __name__ == "__main__":
    main()
