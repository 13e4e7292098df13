"""Write BENCHMARKS.md from the results in `scripts/results/` and the published figures in `scripts/published.toml`.

    python scripts/make_benchmarks_page.py

No number of the page is typed: run the scripts that it names, then this one.
"""

from __future__ import annotations

import argparse
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqvae.data.cache import atomic_file

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "BENCHMARKS.md"
Values = Mapping[str, Any]
MODES = {"32": "torch's default", "auto": "fast (`precision = auto`)"}

INTRO = """# Benchmarks

Made by `scripts/make_benchmarks_page.py` from the JSON files in `scripts/results/`; do not edit. Published figures come
first in each table, with the paper that describes the model (`scripts/published.toml`); ours follow.
"""


def table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def origin(result: Values, command: str) -> str:
    """Say how, when, and on what kind of machine a result was made."""
    machine, versions, settings = result["machine"], result["versions"], result["settings"]
    processor = f"{machine['processor']} (family {machine['family']}, model {machine['model']})"
    threads = f", {settings['threads']} threads of torch" if "threads" in settings else ""
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"`{command}`, {result['made']}: {processor}, {machine['cores']} cores{threads}, {machine['memory_gib']} GiB, "
        f"{machine['system']}; {libraries}.\n"
    )


def seconds(value: float) -> str:
    """Return a time with two significant digits at least."""
    return f"{value:,.0f} s" if value >= 10 else f"{value:.2g} s"


def reached(name: str, value: float, wanted: float, form: Callable[[float], str], most: bool = False) -> str:
    """Return one line that says what was asked for, and whether it was reached."""
    good = value <= wanted if most else value >= wanted
    bound = "at most" if most else "at least"
    return f"* {name}: {form(value)} (asked for: {bound} {form(wanted)}) {'✓' if good else '✗'}\n"


def times(value: float) -> str:
    """Return a ratio."""
    return f"{value:.1f} ×"


def share(value: float) -> str:
    """Return a share in per cent."""
    return f"{100 * value:.1f} %"


def each_round(figure: Values, unit: float = 1.0) -> str:
    """Return a figure's median and its rounds."""
    return f"{figure['median'] / unit:,.0f} ({', '.join(f'{value / unit:,.0f}' for value in figure['rounds'])})"


def training_speed(result: Values, published: Values) -> str:
    """Return the section on training."""
    found, ratio, reach = result["figures"], result["figures"]["ratios"], published["reach"]
    rows = []
    for row in published["training_speed"]["rows"]:
        speeds = [row["molecules"] * row["epochs"] / time for time in row["seconds"]]
        rows.append([row["model"], row["paper"], row["published"], " to ".join(f"{speed:,.0f}" for speed in speeds)])
    for who, name in (("recipe", "MOSES VAE recipe, here"), ("ours", "**seqvae, default model**")):
        size = f"{found[who]['parameters']:,} parameters, {found[who]['symbols']} symbols"
        for mode, shown in MODES.items():
            rows.append([name, size, f"matrix products: {shown}", each_round(found["training"][f"{who}, {mode}"])])
    lines = [
        reached("Both in torch's default precision", ratio["training, both 32"], reach["training_ratio"], times),
        reached("Both fast", ratio["training, both auto"], reach["training_ratio"], times),
        reached(
            "Ours as it comes (fast), the recipe in default precision",
            ratio["training, ours auto, recipe 32"],
            reach["training_ratio"],
            times,
        ),
    ]
    return (
        f"{published['training_speed']['note']}\n\n"
        + table(["model", "paper or size", "what", "molecules/s: median (rounds)"], rows)
        + "\nHow many times as many molecules a second ours trains on:\n\n"
        + "".join(lines)
    )


def matmul_share(result: Values, published: Values) -> str:
    """Return the section on the achieved share of the matmul rate."""
    found, ratio, wanted = (
        result["figures"]["training"],
        result["figures"]["ratios"],
        published["reach"]["matmul_share"],
    )
    size = result["settings"]["matmul_size"]
    rows = [
        [what, shown, each_round(found[f"{name}, {mode}"], 1e9)]
        for name, what in (("matmul flops", f"`torch.matmul`, {size}³ float32"), ("ours flops", "training"))
        for mode, shown in MODES.items()
    ]
    return (
        "Matrix products alone, their operations counted from the sizes (`scripts/matrix_work.py`).\n\n"
        + table(["what", "matrix products", "GFLOP/s: median (rounds)"], rows)
        + "\n"
        + reached("Training over matmul, both in torch's default precision", ratio["matmul share, 32"], wanted, share)
        + reached("Training over matmul, both fast", ratio["matmul share, auto"], wanted, share)
        + reached("Fast training over default matmul", ratio["matmul share, training auto, matmul 32"], wanted, share)
    )


def sampling_speed(result: Values, published: Values) -> str:
    """Return the section on sampling."""
    found, settings, ratio = result["figures"]["sampling"], result["settings"], result["figures"]["ratios"]
    rows = [
        [row["model"], row["paper"], f"about {row['molecules_a_second']:,}"]
        for row in published["sampling_speed"]["rows"]
    ]
    batches = {"by small batches": settings["small_batch"], "in one batch": settings["large_batch"]}
    lines = []
    for how, batch in batches.items():
        for mode, shown in MODES.items():
            name = f"recipe {how}, {mode}"
            rows.append(["MOSES VAE recipe, here", f"batches of {batch:,}, {shown}", each_round(found[name])])
            against = f"Over the recipe in batches of {batch:,}, {shown}"
            lines.append(reached(against, ratio[f"sampling, {name}"], published["reach"]["sampling_ratio"], times))
    tokens = found["ours, tokens a text"]["median"]
    rows.append(["**seqvae, default model**", "canonical SMILES made", each_round(found["ours"])])
    rows.append(["**seqvae, default model**", "token ids only", each_round(found["ours, ids only"])])
    return (
        table(["model", "paper or setting", "molecules/s: median (rounds)"], rows)
        + f"\nOurs sampled from {result['figures']['sampled from']}, {tokens:.1f} tokens a molecule. Texts of the "
        "recipe are joined characters, checked by nobody; ours are canonical SMILES.\n\n" + "".join(lines)
    )


def throughput(result: Values, published: Values) -> str:
    """Return everything that the throughput script measures."""
    count, rounds = result["settings"]["molecules"], result["settings"]["rounds"]
    return (
        f"Both models on the same {count:,} molecules of {result['settings']['dataset']}, turn by turn in {rounds} "
        "rounds on the same cores. The recipe is given padded batches, in which it trains faster on a "
        "CPU than in packed ones, as published.\n\n### Training\n\n"
        + training_speed(result, published)
        + "\n### Share of the matmul rate\n\n"
        + matmul_share(result, published)
        + "\n### Sampling\n\n"
        + sampling_speed(result, published)
    )


def tokenize(result: Values, published: Values) -> str:
    """Return the section on packing and the round trip."""
    found, reach = result["figures"], published["reach"]
    first, again, trip = found["first"], found["again"], found["round trip"]
    packed = f"SMILES to SELFIES to ids, {first['molecules']:,} molecules, {result['settings']['workers']} processes"
    return (
        reached(packed, first["pack_seconds"], reach["pack_seconds"], seconds, most=True)
        + reached("The same from the cache", again["pack_seconds"], reach["again_seconds"], seconds, most=True)
        + f"* A fresh process that reads the dataset and finds it packed: {seconds(again['process_seconds'])}, of "
        f"which reading the dataset takes {seconds(again['read_seconds'])}\n"
        + f"* {first['tokens_a_molecule']:.2f} tokens a molecule with {result['settings']['vocab_size']} symbols\n"
        + f"* Canonical SMILES to SELFIES and back to the same string: **{trip['exact']:,} of {trip['total']:,}** "
        f"({seconds(trip['seconds'])})\n"
    )


def summary_rows(summary: Values) -> list[list[str]]:
    """Return the held-out figures of a model, a row each, with units."""
    novelty = "not known" if summary["novelty"] is None else share(summary["novelty"])
    return [
        ["held-out texts", f"{summary['texts']:,} ({summary['left_out']} left out: not encodable)"],
        ["ELBO", f"{summary['elbo']:.3f} nats"],
        ["rate", f"{summary['rate']:.3f} nats"],
        ["distortion", f"{summary['distortion']:.3f} nats"],
        [f"bound on −log p(x), {summary['iwae_samples']} importance samples", f"{summary['nll_bound']:.3f} nats"],
        ["the same", f"{summary['bits_per_token']:.4f} bits/token, {summary['bits_per_character']:.4f} bits/character"],
        ["exact reconstruction (greedy, free-running)", share(summary["exact_reconstruction"])],
        ["token accuracy (teacher-forced)", share(summary["token_accuracy"])],
        ["active units", f"{summary['active_units']} of {summary['latent']}"],
        [f"validity of {summary['samples']:,} samples", share(summary["validity"])],
        ["uniqueness of the valid", share(summary["uniqueness"])],
        ["novelty of the distinct", novelty],
    ]


def zinc(result: Values, published: Values) -> str:
    """Return the section on the real ZINC run."""
    found, settings = result["figures"], result["settings"]
    rows = [
        [row["model"], row["paper"], share(row["reconstruction"])] for row in published["zinc_reconstruction"]["rows"]
    ]
    kind, size = settings["tokenizer"]["kind"].upper(), f"{found['parameters']:,} parameters"
    exact = share(found["summary"]["exact_reconstruction"])
    rows.append(["**seqvae, default model**", f"{kind}, {found['symbols']} symbols, {size}", exact])
    return (
        f"{published['zinc_reconstruction']['note']} Ours: greedy from the posterior mean, each token from those "
        "decoded before it, canonical strings equal.\n\n"
        + table(["model", "paper or size", "exact reconstruction"], rows)
        + f"\n{found['texts']:,} training molecules, {found['epochs']} epochs ({found['steps']:,} steps of "
        f"{settings['training']['batch_size']}) in {found['seconds'] / 60:,.1f} minutes, beta "
        f"{settings['objective']['beta']:g}, seed {settings['training']['seed']}.\n\n"
        + table(["held-out figure", "value (nats are per molecule)"], summary_rows(found["summary"]))
        + (f"\n{found['summary']['collapse']}\n" if found["summary"]["collapse"] else "")
    )


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


def memory(result: Values, published: Values) -> str:
    """Return the section on resident memory."""
    found, wanted = result["figures"], published["reach"]["resident_mib"]
    trained, packed = found["training"], found["packing"]
    what = f"Largest resident memory in {trained['steps']:,} training steps on {packed['texts']:,} molecules"
    return (
        reached(what, trained["largest_mib"], wanted, mebibytes, most=True)
        + f"* Peak while reading, splitting and packing them ({seconds(packed['seconds'])}): "
        f"{mebibytes(packed['peak_mib'])}\n"
    )


def mebibytes(value: float) -> str:
    """Return an amount of memory."""
    return f"{value:,.0f} MiB"


# Title, result, command that makes it, and what writes the section.
SECTIONS: tuple[tuple[str, str, str, Callable[[Values, Values], str]], ...] = (
    ("Speed", "throughput", "python scripts/benchmark_throughput.py", throughput),
    ("Tokenising ZINC250k", "tokenize", "python scripts/benchmark_tokenize.py", tokenize),
    ("Memory on MOSES", "memory_moses", "python scripts/benchmark_memory.py", memory),
    ("ZINC250k, default model", "zinc250k_default", "python scripts/train_zinc.py", zinc),
    ("5' splice sites (MPSA)", "mpsa", "python scripts/train_mpsa.py", mpsa),
)


def page(results: Path) -> str:
    """Return BENCHMARKS.md for a folder of results; a section without a result says how to make it."""
    published = tomllib.loads((HERE / "published.toml").read_text("utf-8"))
    parts = [INTRO]
    for title, name, command, write in SECTIONS:
        path = results / f"{name}.json"
        if path.is_file():
            result = json.loads(path.read_text("utf-8"))
            body = write(result, published) + "\n" + origin(result, command)
        else:
            body = f"Not run yet: `{command}`.\n"
        parts.append(f"\n## {title}\n\n{body}")
    return "".join(parts)


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--results", type=Path, default=HERE / "results", help="folder of the JSON files")
    parser.add_argument("--out", type=Path, default=PAGE, help="the page")
    given = parser.parse_args(argv)
    with atomic_file(given.out) as file:
        file.write(page(given.results).encode())


if __name__ == "__main__":
    main()
