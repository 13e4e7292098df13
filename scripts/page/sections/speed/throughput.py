"""What the throughput script measures beyond the MOSES recipe: the DD-VAE recipe, shares of sampling, tokenizing."""

from __future__ import annotations

from scripts.page.sections.speed.tables import training_ratios
from scripts.page.tables import Values, each_round, reached, share, table, times

MODES = {"32": "torch's default", "auto": "fast (`precision = auto`)"}


def section(result: Values, published: Values) -> str:
    """Return the section; nothing for an older result without these measurements."""
    if "ddvae" not in result["figures"]:
        return ""
    return (
        "\n### Against the DD-VAE baseline recipe\n\n"
        + recipe(result, published)
        + "\n### Share of the matmul rate while sampling\n\n"
        + sampling_share(result, published)
        + "\n### Tokenising against the selfies library\n\n"
        + tokenizing(result)
    )


def recipe(result: Values, published: Values) -> str:
    """Return training and sampling against the second recipe."""
    found, ratio, reach = result["figures"], result["figures"]["ratios"], published["reach"]
    size = f"{found['ddvae']['parameters']:,} parameters, {found['ddvae']['symbols']} symbols"
    rows, lines = [], []
    for mode, shown in MODES.items():
        rows.append(["training", f"{size}; {shown}", each_round(found["training"][f"ddvae, {mode}"])])
        if (bucketed := found["training"].get(f"ddvae bucketed, {mode}")) is not None:
            rows.append(["training in batches of similar lengths", f"{size}; {shown}", each_round(bucketed)])
        for how in ("by small batches", "in one batch"):
            name = f"ddvae {how}, {mode}"
            rows.append([f"sampling {how}", shown, each_round(found["sampling"][name])])
            for key, title in (("sampling as recipes do", "one draw, no rules"), ("sampling", "by default")):
                if (value := ratio.get(f"{key}, {name}")) is not None:
                    lines.append(reached(f"Sampling {how}, {shown}, {title}", value, reach["sampling_ratio"], times))
    if "ours, on processes" in found["sampling"]:
        count = result["settings"]["bulk_samples"]
        speed = each_round(found["sampling"]["ours, on processes"])
        rows.append([f"**ours**, {count:,} on a process a core, their start included", "", speed])
    training = "Training:\n\n" + training_ratios(ratio, "training, ddvae", reach["training_ratio"])
    titles = ["what", "recipe", "molecules/s: median (rounds)"]
    return table(titles, rows) + f"\n{training}\nSampling:\n\n" + "".join(lines)


def sampling_share(result: Values, published: Values) -> str:
    """Return the achieved share of the matmul rate while sampling token ids."""
    found, ratio = result["figures"]["sampling"], result["figures"]["ratios"]
    wanted = published["reach"]["sampling_matmul_share"]
    lines = [
        reached(f"Over matmul, {shown}", ratio[f"matmul share, sampling, {mode}"], wanted, share)
        for mode, shown in MODES.items()
    ]
    speed = each_round(found["ours, ids only, flops"], 1e9)
    return f"Matrix products of the tokens sampled, nothing for rows that have ended: {speed} GFLOP/s.\n\n" + "".join(
        lines
    )


def tokenizing(result: Values) -> str:
    """Return the molecules tokenized per second."""
    found, ratio = result["figures"]["tokenizing"], result["figures"]["ratios"]
    rows = [
        [name, each_round(row), times(ratio[f"tokenizing, {name}"]) if f"tokenizing, {name}" in ratio else ""]
        for name, row in found.items()
    ]
    return (
        f"{result['settings']['tokenized']:,} molecules in one process. From SMILES both call the library's encoder; "
        "ours makes the SMILES canonical before.\n\n"
        + table(["way", "molecules/s: median (rounds)", "over the library's loop"], rows)
    )
