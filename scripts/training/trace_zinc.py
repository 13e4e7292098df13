"""Trace reconstruction against the FCD of samples over beta: one trained model, trained further at each KL weight.

    python -m scripts.training.trace_zinc --base runs/zinc-smiles/first --folder runs/trace [--betas 0.2,0.4]

The base is the first of the two models of `train_zinc.py`. Each point trains it further for the same epochs; a finished
one is only read back, so that the trace can be stopped and resumed. Metrics are those of the validation split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from scripts.training.search_zinc import BASE, SMALL_BASE, valid_texts
from scripts.training.training_runs import Finished, trained, tuned
from seqvae.config import AdaptConfig, DecodeConfig, FinetuneConfig, PriorConfig, TrainingConfig
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.evaluate.molecules.fcd import frechet_distance
from seqvae.latent.codec import Codec
from seqvae.sequences.molecules import is_valid

NAME = "zinc250k_trace"
BETAS = (0.1, 0.2, 0.3, 0.5, 0.8)
TUNING = FinetuneConfig(
    training=TrainingConfig(epochs=2, batch_size=256, learning_rate=5e-4), prior=PriorConfig(prior_minutes=2.0)
)
SMALL_TUNING = FinetuneConfig(
    data=SMALL_BASE.data,
    training=TrainingConfig(epochs=1, batch_size=32),
    prior=PriorConfig(prior_steps=5, prior_components=1),
)
SUMMARY = SummarySettings(texts=2000, samples=1000, iwae_samples=10, protocol_texts=0)
SMALL_SUMMARY = SummarySettings(texts=8, samples=20, iwae_samples=2, protocol_texts=0, refined_texts=2)
SAMPLES, SMALL_SAMPLES = 5000, 20  # molecules on each side of a distance
TEMPERATURE = 0.5  # as the best samples of `train_zinc.py`
PRIORS = ("normal", "fitted")


def point(finished: Finished, held_out: list[str], settings: SummarySettings, count: int) -> dict[str, Any]:
    """Return the held-out metrics of a model, and the FCD of its samples from each prior."""
    codec = finished.codec
    return {
        **codec.provenance["training"],
        "beta": codec.run.objective.beta,
        "epochs": codec.run.training.epochs,
        "summary": asdict(summarise(codec, held_out, None, settings)),
        "samples": {prior: samples(codec, prior, held_out, count) for prior in PRIORS},
    }


def samples(codec: Codec, prior: str, held_out: Sequence[str], count: int) -> dict[str, float | None]:
    """Return the validity of samples and their FCD to as many held-out molecules; None where there are too few."""
    made = codec.generate_samples(count, DecodeConfig("sample", temperature=TEMPERATURE), prior)
    valid = [text for text in made.texts if is_valid(text)]
    fcd = frechet_distance(valid, held_out[:count]) if len(valid) > 1 else None
    return {"fcd": fcd, "valid": len(valid) / count, "tries": made.draws.double().mean().item()}


def main(argv: Sequence[str] | None = None) -> None:
    """Train the missing points, and write the result after each of them."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--base", type=Path, help="folder of the model that all continue from (small: made here)")
    parser.add_argument("--folder", type=Path, help="folder of the points (default: runs/trace; small: temporary)")
    parser.add_argument("--betas", default="", help="prices of the rate, by comma (default: all)")
    given = parser.parse_args(argv)
    tuning, settings = (SMALL_TUNING, SMALL_SUMMARY) if given.small else (TUNING, SUMMARY)
    count = SMALL_SAMPLES if given.small else SAMPLES
    betas = [float(beta) for beta in given.betas.split(",")] if given.betas else list(BETAS)
    folder = given.folder or (None if given.small else Path("runs/trace"))
    found: dict[str, Any] = {}
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        base = given.base or (place / "base" if given.small else Path("runs/zinc-smiles/first"))
        settled = SMALL_BASE if given.small else BASE
        if given.small:
            trained(settled, base, resume=True)
        held_out = valid_texts(settled)
        for beta in betas[:2] if given.small else betas:
            config = replace(tuning, adapt=AdaptConfig(beta=beta))
            finished = tuned(base, settled.data.source, config, place / f"beta-{beta:g}", resume=True)
            found[f"{beta:g}"] = point(finished, held_out, settings, count)
            shown = {"tuning": asdict(tuning), "summary": asdict(settings), "temperature": TEMPERATURE}
            write_result(result_path(given, NAME), NAME, {**shown, "molecules": count}, {"points": found})


if __name__ == "__main__":
    main()
