"""Train the default model on ZINC250k, and write down its held-out figures.

    python scripts/train_zinc.py --folder runs/zinc [--resume]

`--resume` goes on with a run that was stopped; of a finished one it computes the figures and writes them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from training_runs import Finished, trained

from seqvae.artifact import parameters, record_metrics
from seqvae.config import DataConfig, ModelConfig, RunConfig, TokenizerConfig, TrainingConfig, run_to_dict
from seqvae.evaluate.summary import SummarySettings, summarise

NAME = "zinc250k_default"
# Every setting that is not named here is the default of seqvae: that is what this run is about.
RUN = RunConfig(data=DataConfig(source="zinc250k"), training=TrainingConfig(epochs=10))
# All 5,000 test molecules; as many samples as MOSES counts unique ones in; a bound that more samples hardly move.
SUMMARY = SummarySettings(texts=5000, samples=10_000, iwae_samples=50)

SMALL_RUN = RunConfig(
    data=DataConfig(source="moses-sample", limit=200, test_fraction=0.1),
    tokenizer=TokenizerConfig(vocab_size=64),
    model=ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16),
    training=TrainingConfig(epochs=1, batch_size=32),
)
SMALL_SUMMARY = SummarySettings(texts=20, samples=20, iwae_samples=2)


def figures(finished: Finished, settings: SummarySettings) -> dict[str, Any]:
    """Return the size of model and data, the time of the training, and the held-out figures."""
    codec, prepared = finished.codec, finished.prepared
    summary = summarise(codec, prepared.test_texts, prepared.train, settings)
    return {
        "parameters": parameters(codec.model),
        "symbols": codec.tokenizer.vocab_size,
        "texts": len(prepared.train),
        "epochs": codec.run.training.epochs,
        **codec.provenance["training"],
        "summary": asdict(summary),
    }


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the held-out figures, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="folder of the run (default: runs/zinc; small: a temporary one)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    given = parser.parse_args(argv)
    run, settings = (SMALL_RUN, SMALL_SUMMARY) if given.small else (RUN, SUMMARY)
    folder = given.folder or (None if given.small else Path("runs/zinc"))
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        finished = trained(run, place, given.resume)
        found = figures(finished, settings)
        record_metrics(place, found["summary"])
    shown = {**run_to_dict(finished.codec.run), "summary": asdict(settings)}
    write_result(result_path(given, NAME), NAME, shown, found)


if __name__ == "__main__":
    main()
