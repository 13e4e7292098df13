"""The section of BENCHMARKS.md on splice sites."""

from __future__ import annotations

from page_tables import Values, summary_rows, table


def mpsa_split(part: Values) -> str:
    """Return the bits a base of all models on one split."""
    sites = part["uniform_bits_a_base"]
    rows = [[f"uniform over the {sites['possible']['sites']:,} possible sites", f"{sites['possible']['bits']:.4f}", ""]]
    for name, row in part["counted_bits_a_base"].items():
        rows.append([name, f"{row['bits']:.4f}", f"{row['tuned_bits']:.4f} ({row['pseudo_count']:g})"])
    rows.append(
        ["**seqvae** (importance-weighted bound, end mark included)", f"**{part['model_bits_a_base']:.4f}**", ""]
    )
    measured = sites["measured"]
    rows.append([f"uniform over the {measured['sites']:,} sites that were measured", f"{measured['bits']:.4f}", ""])
    texts = part["texts"]
    return (
        f"{texts['train']:,} training, {texts['valid']:,} validation and {texts['test']:,} test sequences. seqvae "
        f"minus the best counting model: {part['model_minus_best_counted']:+.5f} bits a base (standard error "
        f"{part['its_standard_error']:.5f}, paired by sequence).\n\n"
        + table(["model", "bits a base", "with the pseudo-count best on validation"], rows)
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
        f"The bar: {reference['bits_a_base']} bits a base ({reference['model']}; {reference['paper']}).\n\n"
        f"What can be gained is little: {measured['sites']:,} of {possible['sites']:,} possible sites were measured. A "
        f"uniform choice costs {possible['bits']:.4f} bits a base among the possible ones and {measured['bits']:.4f} "
        "among the measured ones, below which no model of the sites themselves can be expected to get. (A table of "
        "the training sequences would, because the set is de-duplicated: a uniform choice among the "
        f"{unseen['sites']:,} sites that the split by md5 does not train on costs {unseen['bits']:.4f}. That is "
        "bookkeeping, and is not counted.)\n\n"
        "The candidates' sizes and learning rates were found on the validation side of the published split, some of "
        "which the split by md5 holds out."
        "\n\n### Published split\n\n"
        + mpsa_split(found["published split"])
        + "\nCandidates (encoder, decoder and its width), picked on the validation side:\n\n"
        + table(["model", "parameters", "bits a base on validation"], candidates)
        + "\n"
        + table(["held-out figure", "value (nats are per sequence)"], summary_rows(found["published split"]["summary"]))
        + f"\n{found['published split']['summary']['collapse']}\n\n### Split by md5\n\n"
        + mpsa_split(found["split by md5"])
    )
