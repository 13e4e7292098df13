"""Rank the variants of a protein by a model of its family alone, five seeds, beside site-independent frequencies.

    python -m scripts.benchmarks.benchmark_families --family gfp_family.a2m.gz --variants gfp_variants.csv.gz

The family is an alignment whose first row is the target; the table has a column `variant` of mutations, numbered on
that row, and one of what was measured. Models have the package's settings for aligned sequences; measurements are not
seen.
"""

from __future__ import annotations

import random
import statistics
import time
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.record import arguments, folder_or_temporary, result_path, torch_threads, write_result
from seqvae.config import DataConfig, PriorConfig, RunConfig, ScoreConfig, TrainingConfig
from seqvae.data.corpus import read_texts
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.infer import variants
from seqvae.infer.familiarity import rank_correlation
from seqvae.infer.family.mutation_lists import Target, Variant, read_variants, target_of
from seqvae.latent.codec import Codec, load
from seqvae.train.fit import train

NAME = "families"
_LETTERS = "ACDEFGHIKLMNPQRSTVWY-"
_PSEUDO = 1.0  # letters shared by all, at each column


def site_independent(source: str, codec: Codec, read: Sequence[Variant], target: Target) -> NDArray[np.float64]:
    """Return log p(variant) - log p(target) by the weighted frequency of each letter in each column."""
    found = read_texts(DataConfig(source=source))
    weights = found.columns.weights if found.columns.weights is not None else np.ones(len(found.texts))
    counts = np.full((len(target.form), len(_LETTERS)), _PSEUDO / len(_LETTERS))
    place_of = {letter: place for place, letter in enumerate(_LETTERS)}
    for text, weight in zip(found.texts, weights, strict=True):
        for column, letter in enumerate(text):
            if letter in place_of:
                counts[column, place_of[letter]] += weight
    logs = np.log(counts / counts.sum(1, keepdims=True))
    tokens = codec.tokenizer.tokens
    return np.array(
        [
            sum(
                logs[column, place_of[tokens[token]]] - logs[column, place_of[target.form[column]]]
                for column, token in one.changes
            )
            for one in read
        ],
        np.float64,
    )


def measured(given: Namespace, folder: Path) -> dict[str, Any]:
    """Train a model for each seed, rank the variants by it, and return what is recorded."""
    records, _ = read_records(given.variants, ReadSettings(given.column, (given.measured,)))
    if given.rows:
        records = random.Random(0).sample(records, min(given.rows, len(records)))
    texts, values = [one.text for one in records], np.array([float(one.fields[given.measured]) for one in records])
    correlations, seconds, scoring, errors, found = [], [], [], [], []
    for seed in range(given.seeds):
        out = folder / f"seed_{seed}"
        training = TrainingConfig(device="cpu", seed=seed, epochs=given.epochs)
        run = RunConfig(data=DataConfig(source=given.family), training=training, prior=PriorConfig(prior="none"))
        started = time.process_time()
        train(run, out, quiet=True)
        trained = time.process_time()
        codec = load(out, device="cpu")
        made = variants(codec, texts, config=ScoreConfig(samples=given.samples, seed=seed))
        scoring.append(time.process_time() - trained)
        seconds.append(trained - started)
        errors.append(float(np.median(made.error)))
        found.append(made.delta_log_p)
        correlations.append(rank_correlation(made.delta_log_p, values))
    read = read_variants(codec, texts, target_of(codec))
    family = codec.provenance["family"]
    return {
        "family": {name: family[name] for name in ("rows", "columns", "effective", "identity", "dropped")},
        "variants": len(texts),
        "unmodelled": int((made.unmodelled > 0).sum()),
        "spearman": correlations,
        "mean": statistics.fmean(correlations),
        "together": rank_correlation(np.mean(found, 0), values),
        "site_independent": rank_correlation(site_independent(given.family, codec, read, target_of(codec)), values),
        "mutations": rank_correlation(-made.mutations.astype(np.float64), values) if np.ptp(made.mutations) else 0.0,
        "median_error": errors,
        "train_seconds": seconds,
        "score_seconds": scoring,
    }


def toy(folder: Path) -> tuple[str, str]:
    """Write a small family and variants of it, which frequent letters favour."""
    rng = random.Random(0)
    target = "".join(rng.choice("ACDEFGHIKL") for _ in range(14))
    rows = ["".join(rng.choice("ACDEFGHIKL-") if rng.random() < 0.3 else a for a in target) for _ in range(120)]
    family, listed = folder / "family.a2m", folder / "variants.csv"
    family.write_text("".join(f">row{n}\n{row}\n" for n, row in enumerate([target, *rows])), "utf-8")
    lines = ["variant,fitness"]
    for place, old in enumerate(target, 1):
        for new in "ACDEFGHIKL":
            if new != old:
                lines.append(f"{old}{place}{new},{sum(row[place - 1] == new for row in rows)}")
    listed.write_text("\n".join(lines) + "\n", "utf-8")
    return str(family), str(listed)


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("--family", default="", help="alignment of the family, its first row the target")
    parser.add_argument("--variants", default="", help="table of variants and what was measured of them")
    parser.add_argument("--column", default="variant", help="its column of variants")
    parser.add_argument("--measured", default="fitness", help="its column of measurements")
    parser.add_argument("--rows", type=int, default=0, help="only so many variants, drawn at random (default: all)")
    parser.add_argument("--seeds", type=int, default=5, help="models that are trained")
    parser.add_argument("--samples", type=int, default=0, help="latent points of the target (default: the package's)")
    parser.add_argument("--epochs", type=int, default=0, help="passes over the family (default: the package's)")
    parser.add_argument("--folder", type=Path, help="where the models are kept (default: a temporary one)")
    given = parser.parse_args(argv)
    out = result_path(given, NAME)
    with torch_threads(given.threads) as threads, folder_or_temporary(given.folder) as folder:
        if given.small:
            given.family, given.variants = toy(folder)
            given.seeds, given.samples, given.epochs = 2, 200, given.epochs or 4
        if not given.family or not given.variants:
            parser.error("expected --family FILE and --variants FILE")
        figures = measured(given, folder)
    settings = {name: getattr(given, name) for name in ("rows", "seeds", "samples", "epochs")}
    settings |= {"family": Path(given.family).name, "seed": 0, "threads": threads}
    write_result(out, NAME, settings, figures)


if __name__ == "__main__":
    main()
