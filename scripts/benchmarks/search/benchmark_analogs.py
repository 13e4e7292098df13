"""Analogs of leads: what chemists made next, and how often there are 100 in a window of similarity.

    python -m scripts.benchmarks.search.benchmark_analogs --series lead_optimization_sets.csv [--model drug-smiles]

Rediscovery: of each series of lead optimisation, the first compound alone is given, 1,000 analogs are taken, and the
share of the series' other compounds among them is counted, exactly and by connectivity (no stereo). The file has the
columns series and smiles, the first row of each series its lead: 100 papers of ChEMBL (CC BY-SA 3.0) by G. Landrum,
github.com/greglandrum/rdkit_blog at commit 0bf63086fce8, notebooks/results/lead_optimization_sets.csv; the dataset
`chembl`, from which the pretrained models and the counts of substituents come, leaves all of them out. The settings of
`seqvae.search.analogs` were chosen on the first of 21 series, none of which is counted. Beside it: the same pool ranked
without the model, one to three random moves of the genetic algorithm, and samples of the refined posterior, one to
three times as wide. A window: 100 molecules that the model was not trained on, `--molecules` of the dataset `chembl`,
and 100 analogs of each with a Tanimoto similarity (ECFP4, 2,048 bits) of 0.4 to 0.7. What is measured already is kept.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scripts.record import arguments, metrics_of, result_path, torch_threads, write_result
from seqvae import load
from seqvae.config import AnalogConfig, DecodeConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.latent.codec import Codec
from seqvae.properties.molecules.cache import Sheets
from seqvae.search.domain.molecule_moves import MoleculeMoves
from seqvae.search.domain.substituents import exchanges
from seqvae.search.lead_analogs import WEIGHT, analogs
from seqvae.sequences.molecules import canonical_or_none, connectivity

NAME = "analogs"
CHOSEN_ON = 21  # series, the first ones
NUMBER, POOL = 1_000, 4_000
WINDOW = (0.4, 0.7)
WANTED = 100
_TRIES = 3  # draws of a baseline for each analog that is wanted


def series_of(path: Path) -> dict[str, list[str]]:
    """Return the molecules of each series, its lead first."""
    found: dict[str, list[str]] = {}
    for record in read_records(path, ReadSettings(column="smiles", keep=("series",)))[0]:
        if (form := canonical_or_none(record.text)) is not None:
            found.setdefault(record.fields["series"], []).append(form)
    return found


def ranked(codec: Codec, lead: str, number: int, pool: int) -> dict[str, list[str]]:
    """Return analogs by our ranking, and by the probability of the change alone."""
    config = AnalogConfig(number=pool, pool=pool, min_similarity=0.0, alerts=("none",))
    found = analogs(codec, lead, config).found
    alone = sorted(found, key=lambda one: (WEIGHT * one.log_likelihood - one.score, one.text))
    return {
        "analogs": [one.text for one in found[:number]],
        "analogs, without the model": [one.text for one in alone[:number]],
    }


def moved(lead: str, number: int) -> list[str]:
    """Return molecules one to three random moves of the genetic algorithm away from a lead."""
    moves, rng = MoleculeMoves(elements="chembl"), np.random.default_rng(0)
    found: dict[str, None] = {}
    for draw in range(_TRIES * number):
        text: str | None = lead
        for _ in range(1 + draw % 3):
            text = None if text is None else moves.mutate(text, rng)
        if text not in (None, lead):
            found[str(text)] = None
        if len(found) == number:
            break
    return list(found)


def drawn(codec: Codec, lead: str, number: int) -> list[str]:
    """Return what samples of a lead's refined posterior decode to, the cloud one to three times as wide."""
    posterior, found = codec.posterior([lead]), dict[str, None]()
    rng = torch.Generator().manual_seed(0)
    for turn in range(_TRIES):
        with torch.no_grad():
            away = posterior.rsample(number, rng)[:, 0] - posterior.mean
        z = posterior.mean + torch.linspace(1, 3, number).unsqueeze(1) * away
        forms = map(canonical_or_none, codec.generate(z, DecodeConfig("sample", seed=turn)).texts)
        found |= dict.fromkeys(form for form in forms if form not in (None, lead))
        if len(found) >= number:
            break
    return list(found)[:number]


def counted(texts: Sequence[str], others: Sequence[str]) -> dict[str, int]:
    """Return how many of the others are among the texts, exactly and by connectivity."""
    wanted, made = set(others), set(texts)
    bare = {connectivity(text) for text in made}
    return {
        "made": len(made),
        "found": len(wanted & made),
        "by_connectivity": sum(connectivity(text) in bare for text in wanted),
        "of": len(wanted),
    }


def rediscovered(codec: Codec, series: Sequence[str], number: int, pool: int) -> dict[str, dict[str, int]] | None:
    """Return the counts of every method on one series; None where the model cannot read the lead."""
    lead, others = series[0], sorted({*series[1:]} - {series[0]})
    if codec.tokenize([lead], "skip").rejected:
        return None
    made = ranked(codec, lead, number, pool) | {
        "random moves of ga": moved(lead, number),
        "posterior samples": drawn(codec, lead, number),
    }
    return {name: counted(texts, others) for name, texts in made.items()}


def windowed(codec: Codec, leads: Sequence[str], wanted: int, pool: int = 0) -> list[dict[str, Any]]:
    """Return for each lead how many analogs there are in the window, and the seconds that it took."""
    config = AnalogConfig(number=wanted, pool=pool, min_similarity=WINDOW[0], max_similarity=WINDOW[1])
    found = []
    for lead in leads:
        start = time.perf_counter()
        made = analogs(codec, lead, config)
        found.append({"found": len(made.found), "seconds": round(time.perf_counter() - start, 2)})
    return found


def summed(by_series: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Return by method: share of all members found, exactly and by connectivity, and series with at least one."""
    counts = [one for one in by_series.values() if one is not None]
    table: dict[str, dict[str, float]] = {}
    for name in counts[0] if counts else ():
        of = [one[name] for one in counts]
        members = sum(one["of"] for one in of)
        table[name] = {
            "share": sum(one["found"] for one in of) / members,
            "by_connectivity": sum(one["by_connectivity"] for one in of) / members,
            "series": len(of),
            "touched": sum(one["found"] > 0 for one in of),
        }
    return table


def small_series() -> dict[str, list[str]]:
    """Return series made of a molecule and those that exchanges make likeliest."""
    leads, sheets = load_dataset("moses-sample").texts[:2], Sheets()
    near = [[text for text, _ in itertools.islice(exchanges(lead, sheets), 20)] for lead in leads]
    return {str(row): [lead, *others] for row, (lead, others) in enumerate(zip(leads, near, strict=True))}


def unseen(count: int) -> list[str]:
    """Return molecules of the test split of `chembl`, drawn at random."""
    data = load_dataset("chembl")
    rows = np.random.default_rng(0).permutation(data.split.test)[:count]
    return [data.texts[row] for row in rows]


def parts_of(
    codec: Codec, series: dict[str, list[str]], number: int, pool: int, known: dict[str, Any]
) -> Iterator[Any]:
    """Yield the counts by series, one more at a time, beginning with those that are known."""
    done = dict(known)
    for name, molecules in series.items():
        if name not in done:
            done[name] = rediscovered(codec, molecules, number, pool)
        yield done


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the result after every series."""
    parser = arguments(str(__doc__))
    parser.add_argument("--series", type=Path, help="CSV table with the columns series and smiles")
    parser.add_argument("--model", default="", help="the default model, or with --small zinc-smiles")
    parser.add_argument("--limit", type=int, default=0, help="series after those that settings were chosen on; 0: all")
    parser.add_argument("--molecules", type=int, default=100, help="of the test split of chembl; 0: no window")
    given = parser.parse_args(argv)
    if given.series is None and not given.small:
        raise SystemExit("--series FILE is needed: the series of lead optimisation, see the head of this script")
    model = given.model or ("zinc-smiles" if given.small else "drug-smiles")
    kept = slice(CHOSEN_ON, CHOSEN_ON + given.limit if given.limit else None)
    series = small_series() if given.small else dict(list(series_of(given.series).items())[kept])
    number, pool = (10, 20) if given.small else (NUMBER, POOL)
    settings = {"model": model, "number": number, "pool": pool, "weight": WEIGHT, "chosen_on": CHOSEN_ON, "seed": 0}
    path = result_path(given, NAME)
    before = metrics_of(path, settings)
    with torch_threads(given.threads):
        codec = load(model, device="cpu")
        found = {"series": {}, "methods": {}, "window": before.get("window", [])}
        for done in parts_of(codec, series, number, pool, before.get("series", {})):
            found |= {"series": done, "methods": summed(done)}
            write_result(path, NAME, settings, found)
        if not found["window"] and given.molecules:
            leads = load_dataset("moses-sample").texts[:2] if given.small else unseen(given.molecules)
            found["window"] = windowed(codec, leads, *((5, pool) if given.small else (WANTED, 0)))
    write_result(path, NAME, settings, found)


if __name__ == "__main__":
    main()
