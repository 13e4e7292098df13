"""Train a model of bioactive and drug-like molecules, and record its held-out metrics and those of its samples.

It is trained twice: first on all of `drug-like` at a low KL weight and a constant learning rate, until it reconstructs
molecules, then at twice that weight while the rate falls to zero, on a part in which ChEMBL and ZINC250k weigh more.
The first training is in FOLDER/first.

    python -m scripts.training.train_drug --folder runs/drug-smiles [--resume]

`--resume` resumes a stopped run; for a finished one it computes the metrics and writes them again. Its test molecules
are ChEMBL's; those of ZINC250k are reconstructed beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from scripts.training.molecule_metrics import TRIES, metrics
from scripts.training.training_runs import trained_twice
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
from seqvae.evaluate.reference_sets import read_splits
from seqvae.latent.codec import Codec

NAME = "drug_smiles"
OTHER = "zinc250k"
RUN = RunConfig(
    data=DataConfig(source="drug-like"),
    tokenizer=TokenizerConfig(kind="smiles", vocab_size=1024),
    model=ModelConfig(latent=128, embedding=256, encoder_width=512, encoder_layers=2, decoder_width=1024),
    objective=ObjectiveConfig(beta=0.1, warmup=0.1),
    training=TrainingConfig(
        epochs=3, batch_size=256, learning_rate=1e-3, rate_schedule="constant", average=0.9995, validations_per_epoch=6
    ),
    prior=PriorConfig(prior="none"),
)
SECOND = FinetuneConfig(
    data=DataConfig(shares="chembl=0.6,zinc250k=0.8,moses=0.03"),
    training=TrainingConfig(epochs=2, batch_size=256, learning_rate=1e-3, rate_schedule="cosine"),
    prior=PriorConfig(prior_minutes=4.0),
    adapt=AdaptConfig(beta=0.2),
)
SUMMARY = SummarySettings(texts=10_000, samples=10_000, iwae_samples=20, protocol_texts=500, refined_texts=500)
REFINED_AUTO = 1000  # molecules of each set that are encoded with refinement where they do not come back
SIZES = (1, 16, 24, 32, 40, 1000)  # heavy atoms at which a class begins

SMALL_RUN = RunConfig(
    data=DataConfig(source="moses-sample", limit=200, test_fraction=0.1),
    tokenizer=TokenizerConfig(kind="smiles", vocab_size=64),
    model=ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16),
    training=TrainingConfig(epochs=1, batch_size=32),
    prior=PriorConfig(prior="none"),
)
SMALL_SECOND = FinetuneConfig(
    data=SMALL_RUN.data,
    training=SMALL_RUN.training,
    prior=PriorConfig(prior_steps=5, prior_components=1),
    adapt=AdaptConfig(beta=0.3),
)
SMALL_SUMMARY = SummarySettings(texts=8, samples=20, iwae_samples=2, protocol_texts=1, refined_texts=2)


def reconstructed(codec: Codec, texts: Sequence[str], refined: int) -> dict[str, Any]:
    """Return the shares of held-out molecules that are decoded exactly, all and by size.

    Args:
        codec: the model.
        texts: held-out molecules; one that the model cannot read counts as one that does not come back.
        refined: how many of them, the first, are also encoded with refinement where they do not come back.
    """
    read = codec.tokenize(texts, on_error="skip")
    back = codec.generate(codec.encode(read, refine=0)).texts
    exact = np.array([text == form for text, form in zip(back, read.forms, strict=True)], bool)
    first = codec.tokenize(texts[:refined], on_error="skip")
    again = codec.encodings(first)
    kept = np.array(
        [text == form for text, form in zip(codec.generate(again.posterior.mean).texts, first.forms, strict=True)], bool
    )
    return {
        "texts": len(texts),
        "readable": len(read) / len(texts),
        "exact": float(exact.sum() / len(texts)),
        "refined_texts": min(refined, len(texts)),
        "refined_exact": float(kept.sum() / min(refined, len(texts))),
        "sizes": by_size(read.forms, exact, kept),
    }


def by_size(forms: Sequence[str], exact: NDArray[np.bool_], kept: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Return the shares by number of heavy atoms; `kept` is of the first molecules alone."""
    atoms = np.array([Chem.MolFromSmiles(form).GetNumHeavyAtoms() for form in forms])
    found = []
    for low, high in pairwise(SIZES):
        there = (low <= atoms) & (atoms < high)
        few = there[: len(kept)]
        if there.any():
            refined = float(kept[few].mean()) if few.any() else None
            row: dict[str, Any] = {
                "from": low,
                "below": high,
                "texts": int(there.sum()),
                "exact": float(exact[there].mean()),
            }
            found.append(row | {"refined_texts": int(few.sum()), "refined_exact": refined})
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the held-out metrics, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="folder of the run (default: runs/drug-smiles; small: temporary)")
    parser.add_argument("--resume", action="store_true", help="resume the run in the folder")
    given = parser.parse_args(argv)
    run, second, settings = (SMALL_RUN, SMALL_SECOND, SMALL_SUMMARY) if given.small else (RUN, SECOND, SUMMARY)
    folder = given.folder or (None if given.small else Path("runs/drug-smiles"))
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        finished = trained_twice(run, second, place, given.resume)
        found = metrics(finished, settings)
        record_metrics(place, {**found["summary"], "generation": found["generation"]})
        sets = {run.data.source: finished.prepared.test_texts}
        if not given.small:
            sets[OTHER] = read_splits(OTHER, progress=False).test
        count = 2 if given.small else REFINED_AUTO
        found["reconstructed"] = {name: reconstructed(finished.codec, texts, count) for name, texts in sets.items()}
    shown = {**run_to_dict(finished.codec.run), "summary": asdict(settings), "tries": TRIES}
    write_result(result_path(given, NAME), NAME, shown, found)


if __name__ == "__main__":
    main()
