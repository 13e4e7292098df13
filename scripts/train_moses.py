"""Train a model of MOSES, go on with it at other prices of the rate, and write down reconstruction against samples.

    python scripts/train_moses.py --folder runs/moses-smiles [--betas 0.3,0.6] [--resume]

The model is trained twice at the same price, the first time in FOLDER/first, which may be the end of it (`--first`);
each other price goes on from it for one epoch, in a folder beside. `--resume` goes on with what was stopped, and reads
back what is finished; the result is written after each price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from molecule_figures import TRIES, figures
from record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from training_runs import Finished, trained, trained_twice, tuned

from seqvae.artifact import record_metrics
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
from seqvae.evaluate.summary import SummarySettings
from seqvae.run_file import run_to_dict

NAME = "moses"
BETAS = (0.3, 0.6, 1.0)
RUN = RunConfig(
    data=DataConfig(source="moses", valid_fraction=0.01),
    tokenizer=TokenizerConfig(kind="smiles"),
    objective=ObjectiveConfig(beta=BETAS[0], warmup=0.03),
    training=TrainingConfig(epochs=3),
    prior=PriorConfig(prior_components=16, prior_steps=5000),
)
SECOND = FinetuneConfig(
    training=TrainingConfig(epochs=6, batch_size=256, learning_rate=7e-4),
    prior=RUN.prior,
    adapt=AdaptConfig(beta=BETAS[0]),
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
SMALL_SECOND = replace(SMALL_TUNING, adapt=AdaptConfig(beta=BETAS[0]))
SMALL_SUMMARY = SummarySettings(texts=20, samples=20, iwae_samples=2, protocol_texts=2, refined_texts=5)


@dataclass(frozen=True)
class Plan:
    """What is trained, and where.

    Attributes:
        run: the first training.
        second: what goes on from there; None: nothing.
        tuning: what goes on from the end of these at another price.
        folder: of the model; the first training is in its folder `first`.
    """

    run: RunConfig
    second: FinetuneConfig | None
    tuning: FinetuneConfig
    folder: Path

    def at(self, beta: float, resume: bool) -> Finished:
        """Return the model of one price: the whole training, or what goes on from it."""
        if beta != self.run.objective.beta:
            place = self.folder.with_name(f"{self.folder.name}-beta-{beta:g}")
            config = replace(self.tuning, adapt=AdaptConfig(beta=beta))
            return tuned(self.trunk, self.run.data.source, config, place, resume)
        if self.second is None:
            return trained(self.run, self.trunk, resume)
        return trained_twice(self.run, self.second, self.folder, resume)

    @property
    def trunk(self) -> Path:
        """The folder of the model that all others go on from."""
        return self.folder if self.second else self.folder / "first"


def main(argv: Sequence[str] | None = None) -> None:
    """Train the points that are missing, and write the result after each of them."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="folder of the run (default: runs/moses-smiles; small: temporary)")
    parser.add_argument(
        "--betas", default="", help="prices of the rate, by comma, that of the run first (default: all)"
    )
    parser.add_argument("--first", action="store_true", help="end with the first training")
    parser.add_argument("--resume", action="store_true", help="go on with the runs in the folders")
    given = parser.parse_args(argv)
    run, second, settings = (SMALL_RUN, SMALL_SECOND, SMALL_SUMMARY) if given.small else (RUN, SECOND, SUMMARY)
    tuning = SMALL_TUNING if given.small else TUNING
    folder = given.folder or (None if given.small else Path("runs/moses-smiles"))
    betas = (
        [float(beta) for beta in given.betas.split(",")] if given.betas else list(BETAS[: 2 if given.small else None])
    )
    points: dict[str, Any] = {}
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        plan = Plan(run, None if given.first else second, tuning, place / "model" if given.small else place)
        for beta in betas:
            finished = plan.at(beta, given.resume)
            found = points[f"{beta:g}"] = figures(finished, settings)
            record_metrics(finished.folder, {**found["summary"], "generation": found["generation"]})
            shown = {
                **run_to_dict(run),
                "second": asdict(plan.second) if plan.second else None,
                "tuning": asdict(tuning),
                "summary": asdict(settings),
                "tries": TRIES,
            }
            write_result(result_path(given, NAME), NAME, shown, {"points": points})


if __name__ == "__main__":
    main()
