"""The section of BENCHMARKS.md on lossless compression."""

from __future__ import annotations

from scripts.page.tables import Values, reached, share, table
from seqvae.evaluate.sequences.counting_mix import NAME as MIX

_LARGEST_SHARE = 0.16  # of the bytes of ZINC250k's test split, any row readable without the others
_ABOVE_BOUND = 1.02  # bits of a text over those of the model's own bound


def section(result: Values, published: Values) -> str:
    """Return the Markdown of a result of `benchmark_compression.py`; parts that were not run are left out."""
    figures, settings = result["figures"], result["settings"]
    parts = []
    if "molecules" in figures:
        parts.append(_molecules(figures["molecules"], settings))
    if "scaffolds" in figures:
        parts.append(_scaffolds(figures["scaffolds"]))
    if "dna" in figures:
        parts.append(_dna(figures["dna"]))
    return (
        "Each file was compressed, brought back, and compared byte for byte. Seconds are those of the processor, on one"
        " thread of a machine that others used as well.\n\n" + "\n".join(parts)
    )


def _molecules(found: Values, settings: Values) -> str:
    whole, bound = found["bytes"], found["bound"]
    best = min(found["seqvae"], key=lambda row: abs(row["block"] - 64))
    rows = [
        (f"**seqvae**, blocks of {row['block']} rows", _any_row(row["block"]), f"{row['bytes']:,}", share(row["share"]))
        for row in found["seqvae"]
    ]
    rows += [
        (
            f"zstd, trained dictionary, blocks of {size} rows",
            _any_row(int(size)),
            f"{size_of:,}",
            share(size_of / whole),
        )
        for size, size_of in found["zstd"].items()
    ]
    if found["smizip"]:
        how = "byte-pair merges as n-grams" if found["smizip"]["speed"] == "merges" else "its own n-grams"
        size_of = found["smizip"]["bytes"]
        rows.append((f"smizip, {how}", "one row", f"{size_of:,}", share(size_of / whole)))
    for size, size_of in found["order_5"].items():
        count = int(size)
        rows.append(
            (f"order-5 model, blocks of {count:,} rows", _any_row(count), f"{size_of:,}", share(size_of / whole))
        )
    rows.append(("xz", "whole file", f"{found['xz']:,}", share(found["xz"] / whole)))
    speeds = f"{best['write_mb_a_second']:.3f} MB/s to write, {best['read_mb_a_second']:.3f} MB/s to read"
    which = "The 5,000" if found["texts"] == 5000 else f"The first {found['texts']:,} of the 5,000"
    about = (
        f"{which} test molecules of ZINC250k as published, {whole:,} bytes, by `zinc-smiles`. The dictionary, the "
        f"n-grams (of {settings['ngrams']:,}) and the counts come from {found['train']:,} training molecules, and are "
        "not counted, as the model is not; headers, checksums and lengths are. An order-5 model blends counts of up to "
        "five letters. The authors of smizip state 30.8 % on ChEMBL, by a search for n-grams of its own."
    )
    return (
        f"### Molecules\n\n{about}\n\n"
        + table(("coder", "decoded for one row", "bytes", "share of the file"), rows)
        + f"\n{best['outside']:,} molecules are outside what the model writes and stored as they stand. {speeds}; one "
        f"row in {1e3 * best['row_seconds']:,.0f} ms.\n\n"
        + reached(f"share of the bytes, blocks of {best['block']}", best["share"], _LARGEST_SHARE, share, most=True)
        + _against_the_bound(best["model_bits_a_text"], bound)
    )


def _against_the_bound(bits: float, bound: Values) -> str:
    fine = bound["fine_bits_a_text"] / bound["fine_elbo_bits_a_text"]
    return (
        reached(
            f"bits of a text in such blocks ({bits:.2f}) over the model's -ELBO ({bound['elbo_bits_a_text']:.2f})",
            bits / bound["elbo_bits_a_text"],
            _ABOVE_BOUND,
            "{:.3f}".format,
            most=True,
        )
        + f"* the same on a fine grid with the posterior as it is, of {bound['fine_texts']:,} texts: {fine:.3f}. The"
        " grid and the width of the posterior are chosen for the file, which is worth bits where the model was trained"
        " with a KL weight below 1.\n"
    )


def _scaffolds(found: Values) -> str:
    best = min(found["seqvae"], key=lambda row: abs(row["block"] - 64))
    return (
        f"All {found['texts']:,} molecules of MOSES' test_scaffolds, {found['bytes']:,} bytes, by `moses-smiles` in "
        f"blocks of {best['block']} rows: {best['bytes']:,} bytes, {share(best['share'])} (xz, as a whole: "
        f"{share(found['xz'] / found['bytes'])}); {best['outside']:,} are outside what the model writes. "
        f"{best['write_mb_a_second']:.3f} MB/s to write, {best['read_mb_a_second']:.3f} MB/s to read.\n"
    )


def _dna(found: Values) -> str:
    best, form = found["best_counted"], "{:.4f}".format
    rows = [
        (f"**seqvae**, blocks of {row['block']:,}", f"{row['bits_a_base']:.4f}", f"{row['file_bits_a_base']:.4f}")
        for row in found["seqvae"]
    ]
    rows += [(name, f"{bits:.4f}", "") for name, bits in sorted(found["counted"].items(), key=lambda item: item[1])[:4]]
    rows.append(("xz", "", f"{8 * found['xz'] / _bases(found):.4f}"))
    large = max(found["seqvae"], key=lambda row: row["block"])
    speeds = f"{large['write_mb_a_second']:.3f} MB/s to write, {large['read_mb_a_second']:.3f} MB/s to read"
    single = min((name for name in found["counted"] if name != MIX), key=lambda name: found["counted"][name])
    bound = found["bound"]["elbo_bits_a_text"] * found["texts"] / _bases(found)
    about = (
        f"{found['texts']:,} test sequences of the packaged 5' splice sites, by `splice-dna`; bits per base of the code"
        " itself, and of the whole file. The counting models are tuned on the validation split; their bits are what an "
        f"ideal coder would take. {speeds}, in one block; in blocks of 64, which are decoded side by side, "
        f"{found['seqvae'][0]['write_mb_a_second']:.3f} and {found['seqvae'][0]['read_mb_a_second']:.3f}."
    )
    return (
        f"### DNA\n\n{about}\n\n"
        + table(("coder", "bits per base", "file, bits per base"), rows)
        + "\n"
        + "".join(
            reached(f"bits per base, beside {name}", large["bits_a_base"], found["counted"][name], form, most=True)
            for name in dict.fromkeys((single, best))
        )
        + f"\nThe model's own bound is {bound:.4f} bits per base, ends included.\n"
    )


def _bases(found: Values) -> float:
    return float(found["bytes"] - found["texts"])


def _any_row(block: int) -> str:
    return "one row" if block == 1 else f"{block:,} rows"
