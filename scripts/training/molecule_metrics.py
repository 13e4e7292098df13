"""The recorded metrics of a model of molecules: held-out ones, and those of samples drawn in several ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from scripts.training.training_runs import Finished
from seqvae.artifact.weights import parameters
from seqvae.config import DecodeConfig
from seqvae.evaluate.compare import generation
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.evaluate.records import GenerationSettings, References
from seqvae.evaluate.reference_sets import read_splits
from seqvae.latent.codec import Codec

TRIES = 3
RAW = 2000  # samples of which the shares of valid single draws are, at most
# Prior and temperature of each set of samples. On the validation molecules the lower temperature came closer: what a
# latent point should say is in the point, and chance at each token adds little but mistakes.
DRAWS = {
    "N(0, I)": ("normal", 1.0),
    "N(0, I), temperature 0.5": ("normal", 0.5),
    "fitted prior": ("fitted", 1.0),
    "fitted prior, temperature 0.5": ("fitted", 0.5),
}
TRAINING = "training molecules"
VALIDITY = "Validity of samples of the default prior"


def metrics(finished: Finished, settings: SummarySettings) -> dict[str, Any]:
    """Return the sizes of model and data, the time of the training, and the held-out metrics."""
    codec, prepared = finished.codec, finished.prepared
    summary = summarise(codec, prepared.test_texts, prepared.train, settings)
    references = read_splits(codec.run.data.source, run=codec.run, progress=False).references
    if codec.run.data.limit:  # a small setting is compared with a small reference
        references = References(references.kind, prepared.test_texts, training=references.training[:200])
    return {
        "parameters": parameters(codec.model),
        "symbols": codec.tokenizer.vocab_size,
        "texts": len(prepared.train),
        "epochs": codec.run.training.epochs,
        **codec.provenance["training"],
        "before": before(codec),
        "prior": codec.provenance["prior"],
        "samples": settings.samples,
        "summary": asdict(summary),
        "training_exact": training_exact(finished, settings.texts),
        "generation": generations(codec, references, settings),
    }


def training_exact(finished: Finished, count: int) -> float:
    """Return the share of training molecules, drawn at random, that are decoded exactly from their posterior mean."""
    store, codec = finished.prepared.train, finished.codec
    rows = drawn_rows(len(store), count)
    return exact_share(codec, codec.tokenizer.decode_batch(store.ids(row) for row in rows))


def drawn_rows(rows: int, count: int) -> list[int]:
    """Return some of that many rows, drawn at random, ascending."""
    drawn: list[int] = np.sort(np.random.default_rng(0).choice(rows, min(count, rows), replace=False)).tolist()
    return drawn


def exact_share(codec: Codec, texts: Sequence[str]) -> float:
    """Return the share of molecules that are decoded exactly from their posterior mean."""
    read = codec.tokenize(texts)
    back = codec.generate(codec.encode(read, refine=0)).texts
    return float(np.mean([text == again for text, again in zip(read.forms, back, strict=True)]))


def before(codec: Codec) -> dict[str, Any] | None:
    """Return steps, seconds and threads of the training that this one continued; None for a first one."""
    tuned_from = codec.provenance.get("finetune")
    return tuned_from["base"]["training"] if tuned_from else None


def generations(codec: Codec, references: References, settings: SummarySettings) -> dict[str, Any]:
    """Return the metrics of samples drawn in each way, and, as the floor, of as many training molecules."""
    found, single = {}, min(RAW, settings.samples)
    few = bool(codec.run.data.limit)  # a small setting tries two ways
    for name, (prior, temperature) in [*DRAWS.items()][:: len(DRAWS) - 1 if few else 1]:
        how = DecodeConfig("sample", temperature=temperature, tries=TRIES, seed=settings.seed)
        raw, notation, once = (
            valid_share(codec.generate_samples(single, replace(how, tries=1, rules=rules), prior).texts, codec)
            for rules in ("none", "syntax", how.rules)
        )
        made = codec.generate_samples(settings.samples, how, prior)
        found[name] = {
            "single_draws": single,
            "valid_raw": raw,
            "valid_uncorrected": notation,
            "valid_at_once": once,
            "valid": valid_share(made.texts, codec),
            "tries": made.draws.double().mean().item(),
            **compared(made.texts, references),
        }
    return {**found, TRAINING: floor(references, settings)}


def floor(references: References, settings: SummarySettings) -> dict[str, Any]:
    """Return the metrics of as many training molecules; drawn at random, because files may be sorted."""
    training, draw = references.training, np.random.default_rng(settings.seed)
    rows = draw.choice(len(training), min(settings.samples, len(training)), replace=False)
    found = compared([training[row] for row in rows], References(references.kind, references.test))
    found["metrics"]["Novelty"] = 0.0  # they are the training set
    return {**dict.fromkeys(("valid_raw", "valid_uncorrected", "valid_at_once", "valid", "tries"), 1.0), **found}


def validity_rows(codec: Codec, samples: int) -> list[list[Any]]:
    """Return what share of samples of the default prior are molecules: name, share, and what was drawn and how."""
    ways = {
        "valid_raw": ("none", 1, "share of single draws, no rules"),
        "valid_rules": (DecodeConfig.rules, 1, "share of single draws under the rules of chemistry"),
        "valid_tries": (DecodeConfig.rules, TRIES, f"share under these rules, at most {TRIES} draws a sample"),
    }
    rows: list[list[Any]] = []
    for name, (rules, tries, unit) in ways.items():
        how = DecodeConfig("sample", tries=tries, rules=rules, seed=0)
        rows.append([name, round(valid_share(codec.generate_samples(samples, how).texts, codec), 4), unit])
    made = codec.generate_samples(samples, DecodeConfig("sample", tries=TRIES, seed=0), insist=True)
    unit = "share of what `seqvae sample` writes: the same, and dead ends decoded again by other ways"
    return [*rows, ["valid_written", round(valid_share(made.texts, codec), 4), unit]]


def valid_share(texts: Sequence[str], codec: Codec) -> float:
    """Return the share of valid texts."""
    return sum(bool(codec.tokenizer.normalize_or_none(text)) for text in texts) / len(texts)


def compared(texts: Sequence[str], references: References) -> dict[str, Any]:
    """Return the metrics of samples against real molecules, with confidence intervals."""
    found = generation(texts, references, GenerationSettings(bootstrap=200))
    return {"metrics": found.metrics, "intervals": found.intervals, "counts": found.counts}
