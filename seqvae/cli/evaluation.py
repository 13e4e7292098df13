"""What `seqvae evaluate` found, on the terminal and in its folder."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqvae import __version__
from seqvae.cli.printing import print_json, print_rows
from seqvae.data.files.writers import Results, write, write_text
from seqvae.evaluate.reference_sets import Splits
from seqvae.evaluate.sequences.logo import Logo, logo
from seqvae.report.evaluation_page import Evaluation, evaluation_page
from seqvae.report.html.letters import drawable
from seqvae.report.published import generation_rows, reconstruction_rows
from seqvae.report.tables import TELLING, bits_rows, latent_rows, metric_rows, model_rows, property_rows
from seqvae.sequences.domain import DOMAINS

if TYPE_CHECKING:
    from seqvae.evaluate.records import Generation

METRICS, ALL_METRICS, PAGE = "metrics.json", "figures.json", "report.html"
_SAMPLES = "samples"
# Files that one evaluation writes and another does not.
_NOT_ALWAYS = (METRICS, *dict.fromkeys(f"{_SAMPLES}{domain.written}" for domain in DOMAINS.values()))


@dataclass(frozen=True)
class ModelMetrics:
    """What was measured of the model itself, each as a dictionary that JSON can hold.

    Attributes:
        table: its held-out figures, a `ModelTable`.
        bits: its bits a base beside those of counting models, a `HeldOutBits`; empty but for sequences.
        latent: what can be read off the latent space, a `LatentQuality`; empty where nobody looked.
    """

    table: Mapping[str, Any]
    bits: Mapping[str, Any] = field(default_factory=dict)
    latent: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Measured:
    """What was measured, and on what.

    Attributes:
        source: file of the samples, or the model.
        splits: what they were compared with.
        samples: as read, or drawn from the model.
        generation: figures of the samples; None where there are none for their kind of texts.
        model: figures of the model; None where the samples came from a file.
        settings: seed, and how the model was sampled.
    """

    source: str
    splits: Splits
    samples: Sequence[str]
    generation: Generation | None
    model: ModelMetrics | None
    settings: Mapping[str, Any]


def write_measured(folder: Path, found: Measured) -> None:
    """Write the tables and, last, the page: where it is, all that it speaks of is whole, and of this evaluation.

    Raises:
        OSError: the disk refuses.
    """
    folder = folder.expanduser()
    page = evaluation_page(_evaluation(found))
    (folder / PAGE).unlink(missing_ok=True)  # of an older evaluation, whose tables are replaced now
    files = [ALL_METRICS, PAGE]
    if found.model is not None:
        files.append(f"{_SAMPLES}{DOMAINS[found.splits.kind].written}")
        write(str(folder / files[-1]), Results(found.samples))
    if found.generation is not None:
        files.append(METRICS)
        write_text(folder / METRICS, _json(_finite(found.generation.metrics)))
    _remove_older(folder, found, files)
    write_text(folder / ALL_METRICS, _json({**all_metrics(found), "files": sorted(files)}))
    write_text(folder / PAGE, page)


def _remove_older(folder: Path, found: Measured, files: Sequence[str]) -> None:
    """Remove what an older evaluation says it wrote and this one does not, but nothing that this one was made from."""
    try:
        older = json.loads((folder / ALL_METRICS).read_bytes())["files"]
        stale = [name for name in _NOT_ALWAYS if name in older and name not in files]
    except (OSError, ValueError, LookupError, TypeError):
        return  # no evaluation, so whatever is here is the user's own
    read = {Path(name).expanduser().resolve() for name in (found.source, found.splits.name, found.splits.train_name)}
    for name in stale:
        if (folder / name).resolve() not in read:
            (folder / name).unlink(missing_ok=True)


def all_metrics(found: Measured) -> dict[str, Any]:
    """Return everything that was measured, as JSON can hold it: what is not finite is None."""
    generated = found.generation
    values: dict[str, Any] = {
        "source": found.source,
        "reference": found.splits.name,
        "training": found.splits.train_name,
        "settings": dict(found.settings),
        "seqvae": __version__,
    }
    if generated is not None:
        values |= {
            "counts": generated.counts,
            "metrics": _finite(generated.metrics),
            "intervals": {key: [_number(bound) for bound in pair] for key, pair in generated.intervals.items()},
            "floors": _finite(generated.baselines),
        }
    if found.model is not None:
        parts = {"model": found.model.table, "bits_a_base": found.model.bits, "latent": found.model.latent}
        values |= {name: _finite(part) for name, part in parts.items() if part}
    return values


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _finite(value) if isinstance(value, Mapping) else _number(value) for key, value in values.items()}


def _number(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=1, allow_nan=False) + "\n"


def print_measured(found: Measured, as_json: bool) -> None:
    """Print the tables, or all figures as JSON."""
    if as_json:
        print_json(all_metrics(found))
        return
    if found.generation is not None:
        print_rows(_generation_rows(found.generation))
    if found.model is None:
        return
    if found.generation is not None:
        print("\nthe model itself, because one that ignores its latent space generates well too")
    print_rows([[name, _shown(value)] for name, value, _ in model_rows(found.model.table, TELLING)])
    if found.model.table.get("collapse"):
        print(found.model.table["collapse"])
    if found.model.bits:
        print()
        unit = DOMAINS[found.splits.kind].unit
        print_rows([[str(cell) for cell in row] for row in bits_rows(found.model.bits, unit)])
    if found.model.latent:
        if len(properties := property_rows(found.model.latent)) > 1:
            print()
            print_rows([[_shown(cell) for cell in row] for row in properties])
        print()
        print_rows([[name, _shown(value)] for name, value, _ in latent_rows(found.model.latent)])


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _generation_rows(found: Generation) -> list[list[str]]:
    rows = [["samples", "here", "95 % interval", "real texts"]]
    for name, value, interval, floor in metric_rows(found):
        bounds = f"{interval[0]:.4g} to {interval[1]:.4g}" if interval else ""
        rows.append([name, f"{value:.4g}", bounds, "" if floor is None else f"{floor:.4g}"])
    keep = [i for i in range(4) if any(row[i] for row in rows[1:])]
    return [[row[i] for i in keep] for row in rows]


def _evaluation(found: Measured) -> Evaluation:
    name, model = Path(found.source).name or found.source, found.model
    return Evaluation(
        source="standard input" if name == "-" else name,
        reference=Path(found.splits.name).name,
        facts=_facts(found),
        generation=found.generation,
        model=model.table if model else {},
        bits=model.bits if model else {},
        latent=model.latent if model else {},
        published=generation_rows(found.splits.name),
        reconstruction=reconstruction_rows(found.splits.name) if model else None,
        unit=DOMAINS[found.splits.kind].unit,
        logos=_logos(found),
    )


def _facts(found: Measured) -> list[tuple[str, str]]:
    splits = found.splits
    facts = [
        ("model" if found.model is not None else "file of samples", found.source),
        ("samples", f"{len(found.samples):,}"),
        ("reference", f"{splits.name}, {len(splits.test):,} texts"),
    ]
    if splits.test_scaffolds:
        facts.append(("second test set, of other scaffolds", f"{splits.name}, {len(splits.test_scaffolds):,} texts"))
    training = f"{splits.train_name}, {len(splits.train):,} texts" if splits.train else "not given, so no novelty"
    facts.append(("training texts", training))
    facts += [(name, str(value)) for name, value in found.settings.items() if name != "number"]
    return [*facts, ("seqvae", __version__)]


def _logos(found: Measured) -> list[Logo]:
    """Return the logos of samples and reference, or none of texts of many lengths or letters that are not known."""
    alphabet = DOMAINS[found.splits.kind].alphabet
    if alphabet is None or not drawable(alphabet.letters):
        return []
    forms = [
        [alphabet.canonical(text, allow_gap=True) or text for text in texts]
        for texts in (found.samples, found.splits.test)
    ]
    logos = [logo(texts, alphabet.letters) for texts in forms]
    return [one for one in logos if one is not None] if None not in logos else []
