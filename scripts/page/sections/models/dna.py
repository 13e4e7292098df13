"""The section of BENCHMARKS.md on DNA: counting baselines, bits per base, and metrics of samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.page.tables import summary_rows, table

Values = Mapping[str, Any]

# Metric of the table of samples -> what it is called there, and with how many digits.
_METRICS = {
    "valid": ("valid", 4),
    "unique": ("distinct among the valid", 4),
    "novelty": ("novel among the distinct", 4),
    "length_mean": ("length, bases, mean", 1),
    "length_wasserstein": ("length: Wasserstein distance, bases", 3),
    "gc_mean": ("GC content, mean", 4),
    "gc_wasserstein": ("GC content: Wasserstein distance", 4),
    "longest_run_mean": ("longest homopolymer, bases, mean", 3),
    "longest_run_wasserstein": ("longest homopolymer: Wasserstein distance, bases", 3),
    **{f"kmer_js_{k}": (f"{k}-mers: Jensen-Shannon divergence, bits", 5) for k in range(1, 7)},
    "motif_minus_10_per_kb": ("hits of the -10 box in 1,000 windows", 3),
    "motif_minus_35_per_kb": ("hits of the -35 box in 1,000 windows", 3),
    "discriminability": ("discriminability (area under the ROC curve; 0.5: none)", 3),
    "nearest_edits_mean": ("edits to the nearest training sequence, mean", 2),
    "nearest_edits_median": ("the same, median", 1),
    "near_copies": ("within 0.05 edits per base of a training sequence", 4),
}


def counted(found: Values, published: Values) -> str:
    """Return the table of the counting models on every dataset with a reference value.

    Args:
        found: results, by dataset.
        published: the reference value of each dataset, in bits per base; may be empty.
    """
    names = list(dict.fromkeys(name for part in found.values() for name in part["bits_a_base"]))
    titles = [f"{dataset}{', side ' + part['side'] if part['side'] else ''}" for dataset, part in found.items()]
    rows = []
    for name in names:
        cells = [(part["bits_a_base"].get(name), name == part["best"]) for part in found.values()]
        rows.append(
            [name, *("" if bits is None else f"**{bits:.4f}**" if best else f"{bits:.4f}" for bits, best in cells)]
        )
    if any(dataset in published for dataset in found):
        cited = [f"{published[dataset]:.4f}" if dataset in published else "" for dataset in found]
        rows.append(["reference figure, of models up to position-specific first order", *cited])
    sizes = [f"{part['texts']['train']:,} / {part['texts']['test']:,}" for part in found.values()]
    return table(["bits per base", *titles], [["sequences, counted / held out", *sizes], *rows])


def bits(part: Values) -> str:
    """Return the bits per base of a model and of the counting models on one dataset."""
    rows = [[name, f"{row['bits']:.4f}", _tuned(row)] for name, row in part["counted_bits_a_base"].items()]
    rows.append(
        ["**seqvae** (importance-weighted bound, end token included)", f"**{part['model_bits_a_base']:.4f}**", ""]
    )
    texts, spread = part["texts"], part.get("its_standard_error")
    error = "" if spread is None else f" (standard error {spread:.4f}, paired by sequence)"
    return (
        f"{texts['train']:,} training, {texts['valid']:,} validation and {texts['test']:,} test sequences. seqvae "
        f"minus the best counting model ({part['best_counted']}, tuned): {part['model_minus_best_counted']:+.4f} bits "
        f"a base{error}.\n\n" + table(["model", "bits per base", "tuned on validation (pseudo-count)"], rows)
    )


def _tuned(row: Values) -> str:
    """Return the tuned bits with the pseudo-count, which the mix of all has not."""
    return f"{row['tuned_bits']:.4f}" + (f" ({row['pseudo_count']:g})" if row["pseudo_count"] else "")


def samples(part: Values) -> str:
    """Return the table of samples from the prior beside held-out real sequences."""
    metrics, intervals, baselines = part["metrics"], part["intervals"], part["floors"]
    rows = []
    for name, (title, digits) in _METRICS.items():
        if name in metrics:
            ends = intervals.get(name)
            spread = f"{ends[0]:.{digits}f} to {ends[1]:.{digits}f}" if ends else ""
            floor = f"{baselines[name]:.{digits}f}" if name in baselines else ""
            rows.append([title, f"{metrics[name]:.{digits}f}", spread, floor])
    return table([f"of {part['counts']['samples']:,} samples", "seqvae", "95 % interval", "real sequences"], rows)


def candidates(part: Values) -> str:
    """Return the table of the candidates, the picked one in bold."""
    rows = []
    for name, row in part["candidates"].items():
        shown = f"**{name}**" if name == part["picked"] else name
        rows.append([shown, f"{row['parameters']:,}", f"{row['seconds'] / 60:.1f}", f"{row['valid_bits_a_base']:.4f}"])
    return table(["candidate", "parameters", "minutes", "bits per base on validation"], rows)


def dataset(name: str, part: Values) -> str:
    """Return everything on one dataset."""
    summary = part["summary"]
    return (
        f"### {name}\n\n{bits(part)}\n{candidates(part)}\n"
        f"Rate {summary['rate']:.2f} nats a sequence, {summary['active_units']} of {summary['latent']} latent units "
        f"active, -ELBO {-summary['elbo']:.2f} nats a sequence. {summary['collapse']}\n\n{samples(part['generation'])}"
    )


def section(result: Mapping[str, Any], published: Mapping[str, Any]) -> str:
    """Return the Markdown of the section.

    Args:
        result: what `train_ecoli.py` wrote.
        published: `published.toml`; `[dna_floors.bits_a_base]` has the reference value of each dataset.
    """
    metrics = result["figures"]
    reference = published.get("dna_floors", {}).get("bits_a_base", {})
    parts = [dataset(name, part) for name, part in metrics["datasets"].items()]
    return (
        "Held out: the de-duplicated sequences whose md5, read as a number, ends in the digit 0. Models that only "
        "count, with a pseudo-count of one half; the first letters of a Markov chain cost 2 bits each. The mix weighs "
        "the tuned forms of all, by weights that the validation sequences chose; what is left empty has "
        "not been counted yet:\n\n"
        + counted(metrics["counted"], reference)
        + "\nA random tenth of the other sequences stops the training, picks the candidate and tunes the counting "
        "models (pseudo-count; first letters look back as far as they can). Real sequences, beside the samples: for a "
        "figure of one set the held-out ones, for a distance as many training sequences against the held-out "
        "ones.\n\n" + "\n".join(parts)
    )


def mpsa_split(part: Values) -> str:
    """Return the bits per base of all models on one split."""
    sites = part["uniform_bits_a_base"]
    rows = [[f"uniform over the {sites['possible']['sites']:,} possible sites", f"{sites['possible']['bits']:.4f}", ""]]
    for name, row in part["counted_bits_a_base"].items():
        rows.append([name, f"{row['bits']:.4f}", _tuned(row)])
    rows.append(
        ["**seqvae** (importance-weighted bound, end token included)", f"**{part['model_bits_a_base']:.4f}**", ""]
    )
    measured = sites["measured"]
    rows.append([f"uniform over the {measured['sites']:,} sites that were measured", f"{measured['bits']:.4f}", ""])
    texts = part["texts"]
    return (
        f"{texts['train']:,} training, {texts['valid']:,} validation and {texts['test']:,} test sequences. seqvae "
        f"minus the best counting model: {part['model_minus_best_counted']:+.5f} bits per base (standard error "
        f"{part['its_standard_error']:.5f}, paired by sequence).\n\n"
        + table(["model", "bits per base", "with the pseudo-count best on validation"], rows)
    )


def mpsa(result: Values, published: Values) -> str:
    """Return the section on splice sites."""
    found, reference = result["figures"], published["mpsa"]
    sites = found["published split"]["uniform_bits_a_base"]
    possible, measured = sites["possible"], sites["measured"]
    unseen = found["split by md5"]["uniform_bits_a_base"]["not trained on"]
    candidates = [
        [
            f"**{name}**" if name == found["picked"] else name,
            f"{row['parameters']:,}",
            f"{row['valid_bits_a_base']:.4f}",
        ]
        for name, row in found["candidates"].items()
    ]
    return (
        f"The bar: {reference['bits_a_base']} bits per base ({reference['model']}; {reference['paper']}).\n\n"
        f"What can be gained is little: {measured['sites']:,} of {possible['sites']:,} possible sites were measured. A "
        f"uniform choice costs {possible['bits']:.4f} bits per base among the possible ones and {measured['bits']:.4f} "
        "among the measured ones, below which no model of the sites themselves can be expected to get. (A table of "
        "the training sequences would, because the set is de-duplicated: a uniform choice among the "
        f"{unseen['sites']:,} sites that the split by md5 does not train on costs {unseen['bits']:.4f}. That is "
        "bookkeeping, and is not counted.)\n\n"
        "The candidates' sizes and learning rates were found on the validation side of the published split, some of "
        "which the split by md5 holds out."
        "\n\n### Published split\n\n"
        + mpsa_split(found["published split"])
        + "\nCandidates (encoder, decoder and its width), picked on the validation side:\n\n"
        + table(["model", "parameters", "bits per base on validation"], candidates)
        + "\n"
        + table(["held-out metric", "value (nats are per sequence)"], summary_rows(found["published split"]["summary"]))
        + f"\n{found['published split']['summary']['collapse']}\n\n### Split by md5\n\n"
        + mpsa_split(found["split by md5"])
    )
