"""Samples that the authors of other systems publish, and this one's, under one protocol.

    python -m scripts.benchmarks.benchmark_rivals [--samples NAME=FILE[#COLUMN] ...]

Each sample has 10,000 molecules and is compared with the same held-out ones; as many training molecules in their place
are the floor. Where there are several samples of a system, its metrics are their means, with the standard deviation.
What has been measured is kept in `--folder`, so that a run that was stopped resumes; `--samples` adds rows.
"""

from __future__ import annotations

import hashlib
import json
import statistics
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import seqvae
from scripts.record import RESULTS, arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.config import DecodeConfig
from seqvae.data.datasets.registry import fetch, load_dataset
from seqvae.errors import UsageError
from seqvae.evaluate.compare import generation
from seqvae.evaluate.records import GenerationSettings, References
from seqvae.evaluate.reference_sets import read_file, read_splits
from seqvae.runtime.files import atomic_file

NAME = "rivals"
NUMBER = 10_000  # molecules in a sample: the Fréchet distance depends on how many
_SMALL = 60
FLOOR = "training molecules"


@dataclass(frozen=True)
class Rival:
    """Published samples of a system.

    Attributes:
        name: of the system.
        card: the dataset that holds them.
        columns: a sample each; empty: the card's own texts are the only one.
    """

    name: str
    card: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One reference, the pretrained model that learned from it, and who else did."""

    reference: str
    model: str
    rivals: tuple[Rival, ...]


_FIVE = tuple(f"sample{i}" for i in range(5))
TABLES = (
    Table("zinc250k", "zinc-smiles", (Rival("GruM", "grum-zinc"), Rival("FRATTVAE", "frattvae-zinc", _FIVE))),
    Table(
        "moses",
        "moses-smiles",
        (
            Rival("FRATTVAE", "frattvae-moses", _FIVE),
            Rival("DiGress", "digress-moses"),
            Rival("JTN-VAE", "moses-jtnvae"),
        ),
    ),
)
# How a pretrained model is sampled: prior, temperature, and the rules and draws of `DecodeConfig`.
OURS = {
    "N(0, I), one draw, no rules": ("normal", DecodeConfig("sample", tries=1, rules="syntax")),
    "N(0, I), temperature 0.5, three draws": ("normal", DecodeConfig("sample", temperature=0.5, tries=3)),
    "fitted prior, temperature 0.5, three draws": ("fitted", DecodeConfig("sample", temperature=0.5, tries=3)),
}


def samples_of(table: Table, number: int, seeds: int) -> Iterator[tuple[str, int, list[str]]]:
    """Yield every sample of a table: the name of its row, which of the row's samples it is, and its molecules."""
    codec = seqvae.load(table.model, device="cpu")
    for name, (prior, how) in OURS.items():
        for seed in range(seeds):
            drawn = codec.generate_samples(number, DecodeConfig(**{**vars(how), "seed": seed}), prior)
            yield f"seqvae {table.model}, {name}", seed, drawn.texts
    for rival in table.rivals:
        if not rival.columns:
            yield rival.name, 0, load_dataset(rival.card).texts[:number]
            continue
        path = str(next(iter(fetch(rival.card).values())))
        for i, column in enumerate(rival.columns):
            yield rival.name, i, read_file(path, column)[:number]


def named_samples(given: Sequence[str], number: int) -> Iterator[tuple[str, int, list[str]]]:
    """Yield the samples of the command line, `NAME=FILE` or `NAME=FILE#COLUMN`.

    Raises:
        UsageError: one is written otherwise.
    """
    counts: dict[str, int] = {}
    for argument in given:
        name, sign, place = argument.partition("=")
        if not (name and sign and place):
            raise UsageError(f"--samples: expected NAME=FILE or NAME=FILE#COLUMN, got {argument!r}")
        path, _, column = place.partition("#")
        yield name, counts.get(name, 0), read_file(path, column)[:number]
        counts[name] = counts.get(name, 0) + 1


def measured(texts: Sequence[str], references: References, folder: Path, bootstrap: int) -> dict[str, float]:
    """Return the metrics of one sample, computed or found in the folder."""
    key = hashlib.sha256(json.dumps([list(texts), references.test[:100], bootstrap]).encode()).hexdigest()[:24]
    path = folder / f"{key}.json"
    if not path.is_file():
        found = generation(texts, references, GenerationSettings(bootstrap=bootstrap))
        with atomic_file(path) as file:
            file.write(json.dumps({**found.metrics, "samples": len(texts)}).encode())
    return dict(json.loads(path.read_text("utf-8")))


def joined(parts: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Return the means of several samples' metrics, and the standard deviations where there are several."""
    names = [name for name in parts[0] if all(name in part for part in parts)]
    means = {name: statistics.fmean(part[name] for part in parts) for name in names}
    spread = {name: statistics.stdev(part[name] for part in parts) for name in names} if len(parts) > 1 else {}
    return {"repeats": len(parts), "metrics": means, "deviations": spread}


def rows_of(table: Table, given: Namespace, folder: Path) -> dict[str, Any]:
    """Return the rows of one table."""
    number = _SMALL if given.small else NUMBER
    reference = "moses-sample" if given.small else table.reference
    references = read_splits(reference, progress=False).references
    if given.small:
        references = References(references.kind, references.test[:_SMALL], (), references.training[:_SMALL])
    draws = list(references.training[:: max(1, len(references.training) // number)])[:number]
    rows: dict[str, list[dict[str, float]]] = {}
    sources = [(FLOOR, 0, draws), *named_samples(given.samples, number)]
    if not given.small:
        sources += samples_of(table, number, given.repeats)
    for name, repeat, texts in sources:
        print(f"{table.reference}: {name}, sample {repeat + 1}", flush=True)
        rows.setdefault(name, []).append(measured(texts, references, folder, 0))
    return {name: joined(parts) for name, parts in rows.items()}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print, and write the JSON."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--samples", action="append", default=[], metavar="NAME=FILE[#COLUMN]", help="one more sample")
    parser.add_argument("--reference", choices=[table.reference for table in TABLES], help="one table only")
    parser.add_argument("--repeats", type=int, default=3, help="samples of our own models, a seed each (default: 3)")
    parser.add_argument("--folder", type=Path, help="where measured samples are kept (default: temporary)")
    given = parser.parse_args(argv)
    tables = [table for table in TABLES if given.reference in (None, table.reference)]
    with torch_threads(given.threads) as threads, folder_or_temporary(given.folder) as folder:
        found = {table.reference: rows_of(table, given, folder) for table in tables[: 1 if given.small else None]}
    path = result_path(given, NAME)
    if path == RESULTS / f"{NAME}.json" and given.reference and path.is_file():  # the other table stays as it was
        found = {**json.loads(path.read_text("utf-8"))["figures"], **found}
    settings = {"molecules": _SMALL if given.small else NUMBER, "repeats": given.repeats, "threads": threads, "seed": 0}
    write_result(path, NAME, settings, found)


if __name__ == "__main__":
    main()
