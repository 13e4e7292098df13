"""The sections of BENCHMARKS.md on speed, memory and growth."""

from __future__ import annotations

from scripts.page.tables import Values, each_round, mebibytes, reached, seconds, share, table, times

MODES = {"32": "torch's default", "auto": "fast (`precision = auto`)"}


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
            if (bucketed := found["training"].get(f"{who} bucketed, {mode}")) is not None:
                rows.append([f"{name}, similar lengths", size, f"matrix products: {shown}", each_round(bucketed)])
    lines = training_ratios(ratio, "training", reach["training_ratio"])
    return (
        f"{published['training_speed']['note']}\n\n"
        + table(["model", "paper or size", "what", "molecules/s: median (rounds)"], rows)
        + "\nHow many times as many molecules per second ours trains on:\n\n"
        + lines
    )


def training_ratios(ratio: Values, name: str, wanted: float) -> str:
    """Return how much faster ours trains: with our length bucketing for both, the figure to quote, then without.

    Args:
        ratio: ratios of the result.
        name: begins their names.
        wanted: the goal, of the ratio with bucketing.
    """
    lines, missing = [], False
    for mode, shown in MODES.items():
        bucketed = ratio.get(f"{name}, bucketed, both {mode}")
        missing |= bucketed is None
        if bucketed is not None:
            lines.append(reached(f"Both {shown}, both in batches of similar lengths", bucketed, wanted, times))
        plain = times(ratio[f"{name}, both {mode}"])
        lines.append(f"* Both {shown}, the recipe in batches of random molecules as published: {plain}\n")
    if missing:
        lines.append(
            "* The recipe was not measured with our length bucketing here, which any recipe can use and which makes a "
            "large part of these ratios: they say how fast the recipe is as published, and no more.\n"
        )
    return "".join(lines)


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
        "Matrix products alone, their operations counted from the sizes (`scripts/benchmarks/speed/matrix_work.py`).\n"
        "\n"
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
            for key, title in (("sampling as recipes do", "One draw per text, no rules"), ("sampling", "By default")):
                against = f"{title}, over the recipe in batches of {batch:,}, {shown}"
                if (value := ratio.get(f"{key}, {name}")) is not None:
                    lines.append(reached(against, value, published["reach"]["sampling_ratio"], times))
    tokens = found["ours, tokens a text"]["median"]
    rows.append(["**seqvae, default model**", "canonical SMILES made", each_round(found["ours"])])
    if plain := found.get("ours, as recipes do"):
        rows.append(["**seqvae, default model**", "one draw per text, no rules", each_round(plain)])
    rows.append(["**seqvae, default model**", "token ids only", each_round(found["ours, ids only"])])
    return (
        table(["model", "paper or setting", "molecules/s: median (rounds)"], rows)
        + f"\nOurs sampled from {result['figures']['sampled from']}, {tokens:.1f} tokens per molecule. Texts of the "
        "recipe are joined characters, checked by nobody; ours are canonical SMILES.\n\n" + "".join(lines)
    )


def throughput(result: Values, published: Values) -> str:
    """Return the sections on what the throughput script measures."""
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
        + f"* {first['tokens_a_molecule']:.2f} tokens per molecule with {result['settings']['vocab_size']} symbols\n"
        + f"* Canonical SMILES to SELFIES and back to the same string: **{trip['exact']:,} of {trip['total']:,}** "
        f"({seconds(trip['seconds'])})\n"
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


def device(result: Values, published: Values) -> str:
    """Return the section on training and sampling on one device, by batch size."""
    found, settings = result["figures"]["rounds"], result["settings"]
    rate = {name: found[f"matmul, {name}"]["median"] for name in ("float32", "bfloat16")}
    shape = " × ".join([str(settings["matmul_size"])] * 2)
    rows = [
        ["training", f"{size:,}", *_speed(found, f"training{{}}, {size}", rate)]
        for size in settings["training_batches"]
    ]
    rows += [
        ["sampling of ids", f"{size:,}", *_speed(found, f"sampling{{}}, {size}", rate)]
        for size in settings["sampling_batches"]
    ]
    rows.append(["sampling of texts by default", "512", each_round(found["sampling, texts by default"]), "", "", ""])
    return (
        f"On {result['figures']['device']}, `torch.matmul` of {shape} matrices: "
        f"{rate['float32'] / 1e12:,.2f} TFLOP/s in float32, {rate['bfloat16'] / 1e12:,.2f} in bf16.\n\n"
        + table(["what", "batch", "molecules/s: median (rounds)", "TFLOP/s", "over float32", "over bf16"], rows)
    )


def _speed(found: Values, name: str, rate: Values) -> list[str]:
    """Return molecules per second, and their operations relative to the rates of matrix products."""
    work = found[name.format(" flops")]["median"]
    shares = [share(work / rate[kind]) for kind in ("float32", "bfloat16")]
    return [each_round(found[name.format("")]), f"{work / 1e12:,.3f}", *shares]


def growth(result: Values, published: Values) -> str:
    """Return the section on time and memory as data grow."""
    found, settings = result["figures"], result["settings"]
    training = [
        [
            f"{int(size):,}",
            f"{1e6 * row['seconds_a_molecule']:,.0f}",
            f"{1e6 * row['seconds_a_position']:,.1f}",
            f"{row['plan_seconds']:.2f} s",
            mebibytes(row["largest_mib"]),
        ]
        for size, row in found["training"].items()
    ]
    sampling = [
        [f"{row['texts']:,}", f"{row['texts_a_second']:,.0f}", mebibytes(row["peak_mib"])]
        for row in found["sampling"].values()
    ]
    ratio = found["ratios"]
    return (
        f"Training steps on packed molecules drawn from {settings['dataset']}, so that the stores differ in size "
        "alone; the store is memory-mapped.\n\n"
        + table(
            [
                "molecules",
                "µs per molecule",
                "µs per padded position",
                "time to plan an epoch",
                "largest resident memory",
            ],
            training,
        )
        + f"\nLargest over smallest store: {ratio['seconds a position, largest over smallest store']:.2f} × the time a "
        f"position, {mebibytes(ratio['training memory, more MiB'])} more memory.\n\n"
        f"`seqvae sample` to a file, executor {settings['executor']}, the start of the processes included, from "
        f"{found['sampled from']}:\n\n"
        + table(["texts", "texts/s", "peak of the largest process"], sampling)
        + f"\nMost over fewest texts: {mebibytes(ratio['sampling memory, more MiB'])} more memory.\n"
    )
