"""Search the settings of a model of ZINC250k: many short trainings of equal length, with one setting changed in each.

    python -m scripts.training.search_zinc --folder runs/search [--trials 'smiles;selfies']
    python -m scripts.training.search_zinc --study levers --folder runs/levers

The first study is of sizes and rates, one epoch each. The second is of what may help an encoder with molecules that it
has not seen, five epochs each, because such a gain shows late. A finished trial is only read back, so that a study can
be stopped and resumed at any moment. Metrics are those of the validation split; the test split is not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from scripts.training.molecule_metrics import training_exact
from scripts.training.training_runs import Finished, trained
from seqvae.artifact.weights import parameters
from seqvae.config import DataConfig, DecodeConfig, ModelConfig, PriorConfig, RunConfig, TokenizerConfig, TrainingConfig
from seqvae.config.toml import run_to_dict
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.evaluate.molecules.fcd import frechet_distance
from seqvae.latent.codec import Codec
from seqvae.sequences.molecules import is_valid

NAMES = {"settings": "zinc250k_search", "levers": "zinc250k_levers"}
EPOCHS = {"settings": 1, "levers": 5}
BASE = RunConfig(
    data=DataConfig(source="zinc250k"),
    tokenizer=TokenizerConfig(kind="smiles"),
    training=TrainingConfig(epochs=1),
    prior=PriorConfig(prior="none"),
)
SMALL_BASE = RunConfig(
    data=DataConfig(source="moses-sample", limit=200, valid_fraction=0.2),
    tokenizer=TokenizerConfig(kind="smiles", vocab_size=64),
    model=ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=16),
    training=TrainingConfig(epochs=1, batch_size=32),
    prior=PriorConfig(prior="none"),
)
SUMMARIES = {
    "settings": SummarySettings(texts=1000, samples=1000, iwae_samples=10),
    "levers": SummarySettings(texts=5000, samples=5000, iwae_samples=10),
}
FCD_REFERENCE = 5000  # molecules
SMALL_TRIALS = 2
SMALL_SUMMARY = SummarySettings(texts=8, samples=20, iwae_samples=2, protocol_texts=1, refined_texts=2)

# What each trial changes, by section and setting; the empty change is the base itself.
Changes = dict[str, dict[str, Any]]
SETTINGS: dict[str, Changes] = {
    "smiles": {},
    "selfies": {"tokenizer": {"kind": "selfies"}},
    "learning rate 2e-3": {"training": {"learning_rate": 2e-3}},
    "batch 128": {"training": {"batch_size": 128}},
    "beta 0.3": {"objective": {"beta": 0.3}},
    "beta 0.05": {"objective": {"beta": 0.05}},
    "latent 128": {"model": {"latent": 128}},
    "latent 40": {"model": {"latent": 40}},
    "1,024 symbols": {"tokenizer": {"vocab_size": 1024}},
    "256 symbols": {"tokenizer": {"vocab_size": 256}},
    "wide": {"model": {"encoder_width": 384, "decoder_width": 768}},
    "deep encoder": {"model": {"encoder_layers": 2}},
    "deep decoder": {"model": {"decoder_layers": 2}},
    "dropout 0.1": {"model": {"dropout": 0.1}},
}
LEVERS: dict[str, Changes] = {
    "base": {},
    "averaged weights": {"training": {"average": 0.999}},
    "random cuts 10 %": {"objective": {"random_cuts": 0.1}},
    "encoder reads base symbols": {"model": {"encoder_tokens": "base"}},
    "other spellings, half": {"data": {"spellings": 8, "spelling_share": 0.5}},
    "attention pooling": {"model": {"encoder_pooling": "attention"}},
    "two encoder layers": {"model": {"encoder_layers": 2}},
    "two decoder layers": {"model": {"decoder_layers": 2}},
    "two encoder layers, dropout 0.1": {"model": {"encoder_layers": 2, "dropout": 0.1}},
}
TRIALS = {"settings": SETTINGS, "levers": LEVERS}


def changed(run: RunConfig, change: dict[str, dict[str, Any]]) -> RunConfig:
    """Return a run with some settings changed."""
    sections = {name: replace(getattr(run, name), **values) for name, values in change.items()}
    return replace(run, **sections)


def metrics(finished: Finished, held_out: list[str], settings: SummarySettings) -> dict[str, Any]:
    """Return the metrics of a trial on the validation split."""
    codec = finished.codec
    return {
        "parameters": parameters(codec.model),
        **codec.provenance["training"],
        "summary": asdict(summarise(codec, held_out, finished.prepared.train, settings)),
        "training_exact": training_exact(finished, settings.texts),
        "fcd": fcd(codec, held_out, settings),
        "fcd_samples": settings.samples,
    }


def fcd(codec: Codec, held_out: list[str], settings: SummarySettings) -> float | None:
    """Return the FCD of the first valid samples from N(0, I) to the validation split; None where there are too few.

    The FCD falls with the number of samples, so each trial has as many.
    """
    how = DecodeConfig("sample", rules="syntax", tries=1, seed=settings.seed)  # many cheap draws, as they come
    texts = codec.generate_samples(20 * settings.samples, how, "normal").texts
    valid = [text for text in texts if is_valid(text)][: settings.samples]
    return frechet_distance(valid, held_out[:FCD_REFERENCE]) if len(valid) == settings.samples else None


def valid_texts(run: RunConfig) -> list[str]:
    """Return the published validation split, or, where there is none, the first molecules."""
    dataset = load_dataset(run.data.source)
    return [dataset.texts[i] for i in (dataset.split.valid.tolist() if any(dataset.labels) else range(50))]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing trials, print the table, and write the result after each of them."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--folder", type=Path, help="folder of the trials (default: runs/STUDY; small: temporary)")
    parser.add_argument("--study", choices=sorted(TRIALS), default="settings", help="which trials (default: settings)")
    parser.add_argument("--trials", default="", help="names of trials, by semicolon (default: all of the study)")
    given = parser.parse_args(argv)
    base, settings = (SMALL_BASE, SMALL_SUMMARY) if given.small else (BASE, SUMMARIES[given.study])
    if not given.small:
        base = replace(base, training=replace(base.training, epochs=EPOCHS[given.study]))
    trials, name_of_all = TRIALS[given.study], NAMES[given.study]
    names = given.trials.split(";") if given.trials else list(trials)[: SMALL_TRIALS if given.small else None]
    folder = given.folder or (None if given.small else Path(f"runs/{given.study}"))
    held_out = valid_texts(base)
    found: dict[str, Any] = {}
    with torch_threads(given.threads), folder_or_temporary(folder) as place:
        for name in names:
            run, place_of_it = changed(base, trials[name]), place / name.replace(" ", "_")
            found[name] = metrics(trained(run, place_of_it, resume=True), held_out, settings)
            shown = {**run_to_dict(base), "changes": trials, "summary": asdict(settings)}
            write_result(result_path(given, name_of_all), name_of_all, shown, {"trials": found})


if __name__ == "__main__":
    main()
