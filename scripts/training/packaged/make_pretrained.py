"""Make a pretrained model of the package: weights in half precision, its prior, and a card with measured metrics.

    python -m scripts.training.packaged.make_pretrained runs/zinc zinc-smiles \
        [--table 'title=figures.json#place/in/it'] [--result result.json]

What is written by hand (title, use, limits) is in `cards/NAME.toml`; its numbers in braces, and all other numbers of
the card, are measured here with the packaged files, on the held-out split of the model's dataset. `--table` adds the
numbers of a JSON file as a further table. The machine on the card is that of `--result`, or this one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import seqvae
from scripts.record import machine, torch_threads
from scripts.training.molecule_metrics import VALIDITY, validity_rows
from scripts.training.training_runs import prepared_again
from seqvae.artifact.folder import load_artifact, record_metrics, save_artifact
from seqvae.artifact.pretrained import CARD, models_folder, parse_card
from seqvae.artifact.weights import parameters
from seqvae.config import FOR_MANY, OBJECTIVE_FOR_MANY, ModelConfig, RunConfig
from seqvae.config.toml import run_to_dict
from seqvae.data.datasets.cards import find_card
from seqvae.errors import UsageError
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.latent.codec import Codec
from seqvae.report.tables import labelled_rows
from seqvae.runtime.files import atomic_file, atomic_folder
from seqvae.train.prepare import Prepared

TEMPLATES = Path(__file__).resolve().parent / "cards"
SUMMARY = SummarySettings(texts=10_000, samples=10_000, iwae_samples=50)
SMALL_SUMMARY = SummarySettings(texts=50, samples=50, iwae_samples=2)
Table = tuple[str, list[list[object]]]


def ship(
    run: Path, target: Path, template: Mapping[str, Any], extra: Sequence[Table], given: Mapping[str, Any]
) -> None:
    """Make the folder of a pretrained model, whole or not at all; an older one is replaced.

    Args:
        run: folder of the trained model.
        target: folder to make, named like the model.
        template: the part of the card that is written by hand.
        extra: further tables.
        given: `machine`, as `record.machine` describes it, and `summary`, settings of the measurement.
    """
    with atomic_folder(target.with_name(f".{target.name}.new")) as part:
        save_artifact(part, load_artifact(run), half=True)
        codec = seqvae.load(part, device="cpu")
        prepared = prepared_again(codec, part / "rejected.csv", progress=False)
        metrics = asdict(summarise(codec, prepared.test_texts, prepared.train, given["summary"]))
        record_metrics(part, metrics)
        shares = [(VALIDITY, validity_rows(codec, given["summary"].samples))] if codec.may_be_invalid else []
        card = card_of(codec, target.name, template, prepared, metrics, [*extra, *shares], given["machine"])
        parse_card(card, target.name)
        with atomic_file(part / CARD) as file:
            file.write(card_toml(card).encode())
    shutil.rmtree(target, ignore_errors=True)
    target.with_name(f".{target.name}.new").rename(target)


def card_of(
    codec: Codec,
    name: str,
    template: Mapping[str, Any],
    prepared: Prepared,
    metrics: Mapping[str, Any],
    extra: Sequence[Table],
    made_on: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the content of a model card."""
    run, data = codec.run, find_card(codec.run.data.source)
    numbers = {str(row[0]): row[1] for _, rows in extra for row in rows} | asdict(_sizes(codec)) | dict(metrics)
    splits = f"{len(prepared.train):,} for training, {len(prepared.valid or ()):,} for validation"
    measured = f"{metrics['texts']:,} held-out texts of {data.name}, with the weights of the package (float16)"
    tables = [(f"Held-out metrics: {measured}", [list(row) for row in labelled_rows(metrics)]), *extra]
    return {
        "name": name,
        "title": template["title"],
        "kind": run.tokenizer.kind,
        "data": data.name,
        "data_title": data.title,
        "data_licence": data.licence,
        "citation": data.citation,
        "licence": template["licence"],
        "split": f"{run.data.split}: {splits}, {len(prepared.test_texts):,} held out",
        "training": training_line(codec, made_on),
        "use": template["use"],
        "parameters": parameters(codec.model),
        "headline": template["headline"].format_map(numbers),
        "limits": [limit.format_map(numbers) for limit in template["limits"]],
        "settings": settings_of(run),
        "tables": [{"title": title, "rows": rows} for title, rows in tables],
    }


def _sizes(codec: Codec) -> ModelConfig:
    return codec.run.model


def training_line(codec: Codec, made_on: Mapping[str, Any]) -> str:
    """Return how long the training took, and on what kind of machine."""
    made, epochs = codec.provenance["training"], codec.run.training.epochs
    threads = f"{made['threads']} thread{'s' if made['threads'] > 1 else ''}"
    place = f"{threads} of {made_on['processor']}, {made_on['memory_gib']} GiB"
    day = datetime.now(UTC).date().isoformat()
    first = codec.provenance["finetune"]["base"]["training"] if "finetune" in codec.provenance else None
    before = (
        f" after {first['steps']:,} steps, {first['seconds'] / 60:.1f} minutes of a first training" if first else ""
    )
    time = f"{made['seconds'] / 60:.1f} minutes"
    return (
        f"{epochs} epoch{'s' if epochs > 1 else ''}, {made['steps']:,} steps, {time}{before} on {place}; shipped {day}"
    )


def settings_of(run: RunConfig) -> dict[str, str]:
    """Return the settings that differ from the defaults, by section and name."""
    default = run_to_dict(replace(RunConfig(), training=FOR_MANY, objective=OBJECTIVE_FOR_MANY))
    return {
        f"{section}.{key}": str(value)
        for section, values in run_to_dict(run).items()
        for key, value in values.items()
        if value != default[section][key] and section != "data"
    }


def card_toml(card: Mapping[str, Any]) -> str:
    """Return a card as TOML: plain values first, then the tables."""
    plain = [f"{key} = {_value(value)}" for key, value in card.items() if key not in ("settings", "tables")]
    settings = ["", "[settings]", *(f"{json.dumps(key)} = {_value(value)}" for key, value in card["settings"].items())]
    tables = []
    for table in card["tables"]:
        rows = ",\n".join(f"  {_value(row)}" for row in table["rows"])
        tables.append(f"\n[[tables]]\ntitle = {_value(table['title'])}\nrows = [\n{rows},\n]")
    return "\n".join([*plain, *settings, *tables]) + "\n"


def _value(value: object) -> str:
    """Strings, numbers and lists are written alike in JSON and TOML; a list of strings goes over several lines."""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "[\n" + "".join(f"  {json.dumps(item, ensure_ascii=False)},\n" for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def read_table(text: str) -> Table:
    """Read `title=file.json#place/in/it`: each number there becomes a row.

    Raises:
        UsageError: the argument has another form, or there is no such place, or no number in it.
    """
    title, _, source = text.partition("=")
    path, _, place = source.partition("#")
    if not title or not path:
        raise UsageError(f"--table: expected title=file.json#place/in/it, got {text!r}")
    values: Any = json.loads(Path(path).read_text("utf-8"))
    for key in filter(None, place.split("/")):
        if not isinstance(values, dict) or key not in values:
            raise UsageError(f"--table: {path} has no {place!r}")
        values = values[key]
    rows = [[key, value, ""] for key, value in values.items() if isinstance(value, int | float)]
    if not rows:
        raise UsageError(f"--table: {path}#{place} holds no numbers")
    return title, rows


def main(argv: Sequence[str] | None = None) -> None:
    """Make one pretrained model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a trained model")
    parser.add_argument("name", help="what it is called; cards/NAME.toml says the rest")
    parser.add_argument("--table", action="append", default=[], help="title=file.json#place/in/it, a further table")
    parser.add_argument("--result", type=Path, help="JSON of the script that trained it, for the machine on the card")
    parser.add_argument("--models", type=Path, default=models_folder(), help="folder of the shipped models")
    parser.add_argument("--template", type=Path, help="instead of cards/NAME.toml")
    parser.add_argument("--texts", type=int, default=SUMMARY.texts, help="held-out texts to measure on, at most")
    parser.add_argument("--iwae-samples", type=int, default=SUMMARY.iwae_samples, help="of the tighter bound")
    parser.add_argument("--small", action="store_true", help="measure on few texts, to try the script")
    parser.add_argument("--threads", type=int, default=0, help="threads of torch (default: as many as there are cores)")
    given = parser.parse_args(argv)
    template = tomllib.loads((given.template or TEMPLATES / f"{given.name}.toml").read_text("utf-8"))
    made_on = json.loads(given.result.read_text("utf-8"))["machine"] if given.result else machine()
    tables = [read_table(text) for text in given.table]
    asked = replace(SUMMARY, texts=given.texts, iwae_samples=given.iwae_samples)
    summary = SMALL_SUMMARY if given.small else asked
    target = given.models / given.name
    with torch_threads(given.threads):
        ship(given.run, target, template, tables, {"machine": made_on, "summary": summary})
    print((target / CARD).read_text("utf-8"))


if __name__ == "__main__":
    main()
