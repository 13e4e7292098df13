"""Measure of the pretrained models what their trainings did not: valid samples, and training molecules reconstructed.

    python -m scripts.training.packaged.measure_pretrained [--samples 2000]

What share of samples are molecules, raw, under rules, and under rules in three draws, goes into the models' cards,
whose headlines say which is which, and into the result of `benchmark_models.py`; the raw shares and the share of
training molecules that are reconstructed exactly into the results of the trainings that the models come from.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import seqvae
from scripts.record import RESULTS, arguments, torch_threads
from scripts.training.molecule_metrics import (
    DRAWS,
    TRAINING,
    VALIDITY,
    drawn_rows,
    exact_share,
    valid_share,
    validity_rows,
)
from scripts.training.packaged.make_pretrained import TEMPLATES, card_toml
from seqvae.artifact.pretrained import CARD, models_folder
from seqvae.config import DecodeConfig
from seqvae.evaluate.reference_sets import read_splits
from seqvae.latent.codec import Codec
from seqvae.runtime.files import atomic_file

TEXTS = 5_000  # training molecules
MODELS = {"zinc-smiles": "zinc250k_smiles", "moses-smiles": "moses"}  # and the result of the training


def raw_shares(codec: Codec, samples: int) -> dict[str, float]:
    """Return the raw share of each way of drawing that the trainings measure."""
    found = {}
    for name, (prior, temperature) in DRAWS.items():
        how = DecodeConfig("sample", temperature=temperature, tries=1, rules="none", seed=0)
        found[name] = valid_share(codec.generate_samples(samples, how, prior).texts, codec)
    return {**found, TRAINING: 1.0}


def with_validity(card: Mapping[str, Any], template: Mapping[str, Any], numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card with its headline and limits made again from the template.

    Args:
        card: the card, which has the table of validity.
        template: of the card.
        numbers: the held-out metrics and settings that the template may name, beside those of the card's tables.
    """
    known = {row[0]: row[1] for table in card["tables"] for row in table["rows"]} | dict(numbers)
    limits = [limit.format_map(known) for limit in template["limits"]]
    return {**card, "headline": template["headline"].format_map(known), "limits": limits}


def change(path: Path, by: Mapping[tuple[str, ...], Any]) -> None:
    """Put values into a JSON file, each at its place; the rest stays as it is."""
    content = json.loads(path.read_text("utf-8"))
    for (*places, last), value in by.items():
        inner = content
        for place in places:
            inner = inner[place]
        inner[last] = value
    with atomic_file(path) as file:
        file.write((json.dumps(content, indent=1) + "\n").encode())


def measure(name: str, result: str, samples: int) -> None:
    """Measure one model, and write its card and the results."""
    codec, folder = seqvae.load(name, device="cpu"), models_folder() / name
    rows = validity_rows(codec, samples)
    print(name, rows, flush=True)
    card = tomllib.loads((folder / CARD).read_text("utf-8"))
    template = tomllib.loads((TEMPLATES / f"{name}.toml").read_text("utf-8"))
    numbers = json.loads((folder / "provenance.json").read_text("utf-8"))["metrics"]
    numbers = {"max_length": codec.run.model.max_length, **numbers}
    card["tables"] = [table for table in card["tables"] if table["title"] != VALIDITY]
    card["tables"].append({"title": VALIDITY, "rows": rows})
    changed = with_validity(card, template, numbers)
    with atomic_file(folder / CARD) as file:
        file.write(card_toml(changed).encode())
    place = ("figures", "models", name)
    validity = {"samples": samples, **{key: value for key, value, _ in rows}}
    change(RESULTS / "models.json", {(*place, "headline"): changed["headline"], (*place, "validity"): validity})
    part = json.loads((RESULTS / f"{result}.json").read_text("utf-8"))["figures"]
    where = ("figures", "points", next(iter(part["points"]))) if "points" in part else ("figures",)
    raw = raw_shares(codec, samples)
    training = read_splits(codec.run.data.source, run=codec.run, progress=False).references.training
    exact = exact_share(codec, [training[row] for row in drawn_rows(len(training), TEXTS)])
    print(raw, exact, flush=True)
    change(RESULTS / f"{result}.json", {(*where, "training_exact"): exact})
    for draw, value in raw.items():
        drawn = (*where, "generation", draw)
        change(RESULTS / f"{result}.json", {(*drawn, "valid_raw"): value, (*drawn, "raw_samples"): samples})


def main(argv: Sequence[str] | None = None) -> None:
    """Measure the models of SMILES."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--samples", type=int, default=2000, help="of each kind")
    given = parser.parse_args(argv)
    with torch_threads(given.threads):
        if given.small:
            return print(validity_rows(seqvae.load(next(iter(MODELS)), device="cpu"), 16))
        for name, result in MODELS.items():
            measure(name, result, given.samples)


if __name__ == "__main__":
    main()
