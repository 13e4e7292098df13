"""The sections of BENCHMARKS.md on ZINC250k."""

from __future__ import annotations

from collections.abc import Sequence

from scripts.page.tables import Values, reached, share, summary_rows, table

# The way of drawing that goals are stated for: of those below, the one that did best on the validation molecules.
CHOSEN = "fitted prior, temperature 0.5"
_SHOWN = {  # key of MOSES -> digits
    "FCD/Test": 3,
    "SNN/Test": 4,
    "Frag/Test": 4,
    "Scaf/Test": 4,
    "IntDiv": 4,
    "Filters": 4,
    "Novelty": 4,
    "logP": 4,
    "SA": 4,
    "QED": 4,
    "weight": 3,
}


def reconstruction(found: Values, settings: Values, others: Sequence[Values]) -> str:
    """Return the table of exact reconstruction: only columns of one protocol stand beside published models."""
    summary = found["summary"]
    refined = f"after {summary['refine_steps']} steps on the molecule itself"
    titles = ["model", "paper or size", "10 x 10", "greedy from the mean", "the same of training molecules"]
    titles += [f"beam search of {summary['beam']}", refined] if summary.get("beam_exact") is not None else [refined]
    rows = [[row["model"], row["paper"], share(row["reconstruction"]), *["–"] * (len(titles) - 3)] for row in others]
    kind, size = settings["tokenizer"]["kind"].upper(), f"{found['parameters']:,} parameters"
    protocol = "–" if summary["ten_by_ten"] is None else share(summary["ten_by_ten"])
    training = share(found["training_exact"]) if "training_exact" in found else "not measured"
    ours = [protocol, share(summary["exact_reconstruction"]), training]
    if (beam := summary.get("beam_exact")) is not None:
        ours += [
            share(beam),
            f"{share(summary['refined_exact'])}, by beam search {share(summary['refined_beam_exact'])}",
        ]
    else:
        ours.append("–" if summary["refined_exact"] is None else share(summary["refined_exact"]))
    rows.append(["**seqvae**", f"{kind}, {found['symbols']} symbols, {size}", *ours])
    return table(titles, rows)


def samples(found: Values) -> str:
    """Return the table of samples from each prior, by number of tries, beside real molecules."""
    columns = found["generation"]
    shares = {
        "valid, raw: single draws, no rules": "valid_raw",
        "valid, single draws under the rules of notation alone": "valid_uncorrected",
        "valid, single draws under the rules of chemistry": "valid_at_once",
        "valid, these rules and at most 3 draws": "valid",
    }
    rows = [
        [title, *(share(part[key]) if key in part else "not measured" for part in columns.values())]
        for title, key in shares.items()
    ]
    rows.append(["tries a sample", *(f"{part['tries']:.2f}" for part in columns.values())])
    for key, digits in _SHOWN.items():
        values = (part["metrics"].get(key) for part in columns.values())  # too few molecules have no scaffolds
        rows.append([key, *("–" if value is None else f"{value:.{digits}f}" for value in values)])
    few = {part["raw_samples"] for part in columns.values() if "raw_samples" in part}
    note = f"\nRaw shares are of {max(few):,} samples each, with the weights of the package.\n" if few else ""
    if fewer := {part["single_draws"] for part in columns.values() if "single_draws" in part}:
        note = f"\nShares of single draws are of {max(fewer):,} samples each.\n"
    return table(["metric", *columns], rows) + note


def zinc(result: Values, published: Values) -> str:
    """Return the section on the trained model of ZINC250k, beside published ones."""
    intro = (
        f"{published['zinc_reconstruction']['note']} Ours: each token from those decoded before it, canonical strings "
        "equal. Only the column of 10 x 10 has figures of one protocol; the last one is of gradient steps that see the "
        "molecule which is to be found again, and compares with no published figure."
    )
    return intro + "\n\n" + model(result, published["zinc_reconstruction"]["rows"], published["reach"])


def faithful(result: Values, published: Values) -> str:
    """Return the section on the model that was trained further at a lower KL weight."""
    intro = "The model above, continued at a lower KL weight: more molecules are reconstructed, and samples are "
    return intro + "further from real ones.\n\n" + model(result, [], published["reach"])


def model(result: Values, others: Sequence[Values], wanted: Values) -> str:
    """Return the tables of one model: reconstruction below the published models, held-out metrics, samples."""
    found, settings = result["figures"], result["settings"]
    prior = ", ".join(f"{name} {nats:.2f}" for name, nats in found["prior"]["nats"].items())
    return (
        reconstruction(found, settings, others)
        + f"\n{found['texts']:,} training molecules, {found['epochs']} epochs ({found['steps']:,} steps of "
        f"{settings['training']['batch_size']}) in {found['seconds'] / 60:,.1f} minutes on {found['threads']} "
        f"core(s), beta {settings['objective']['beta']:g}, seed {settings['training']['seed']}{gone_on(found)}.\n\n"
        + table(["held-out metric", "value (nats are per molecule)"], summary_rows(found["summary"]))
        + (f"\n{found['summary']['collapse']}\n" if found["summary"]["collapse"] else "")
        + f"\n{found['samples']:,} samples each against the test molecules, and as many training molecules in their "
        "place (the floor). A sample that is no molecule is drawn again, z and all; what no try made a molecule is "
        "written under rules that refuse tokens after which none can come:\n\n"
        + samples(found)
        + "\n"
        + goals(found, wanted)
        + f"\nMean log density of held-out posterior samples, nats: {prior}.\n"
    )


def gone_on(found: Values) -> str:
    """Return which training preceded this one, if any."""
    if not (first := found["before"]):
        return ""
    return f"; it continued from {first['steps']:,} steps in {first['seconds'] / 60:,.1f} minutes"


def goals(found: Values, wanted: Values) -> str:
    """Return the goals, and what was reached, by samples of the way that was chosen on validation molecules."""
    chosen = found["generation"][CHOSEN]
    exact = found["summary"]["exact_reconstruction"]
    return (
        reached("Exact reconstruction, greedy from the mean", exact, wanted["zinc_reconstruction"], share)
        + reached(f"FCD, {CHOSEN}", chosen["metrics"]["FCD/Test"], wanted["zinc_fcd"], "{:.2f}".format, most=True)
        + reached("Valid under rules, after at most 3 draws", chosen["valid"], wanted["zinc_validity"], share)
        + reached("Novel", chosen["metrics"]["Novelty"], wanted["zinc_novelty"], share)
    )


def trace(result: Values, published: Values) -> str:
    """Return the table of reconstruction against the FCD of samples, over beta."""
    points, settings = result["figures"]["points"], result["settings"]
    rows = []
    for beta, found in points.items():
        summary, draws = found["summary"], found["samples"]
        distances = ["–" if one["fcd"] is None else f"{one['fcd']:.2f}" for one in draws.values()]
        rows.append(
            [
                beta,
                f"{summary['rate']:.1f} + {summary['distortion']:.1f}",
                f"{summary['nll_bound']:.2f}",
                share(summary["exact_reconstruction"]),
                share(summary["refined_exact"]),
                *distances,
                *(share(one["valid"]) for one in draws.values()),
            ]
        )
    titles = [
        "beta",
        "rate + distortion, nats",
        "bound on −log p(x), nats",
        "exact reconstruction",
        "the same, refined",
    ]
    titles += [f"FCD, {prior} prior" for prior in ("normal", "fitted")]
    titles += [f"valid under rules in 3 draws, {prior} prior" for prior in ("normal", "fitted")]
    epochs = settings["tuning"]["training"]["epochs"]
    return (
        f"Each point continues from one model, the first of the two trainings above, for {epochs} epochs. Distances "
        f"are of {settings['molecules']:,} samples, at temperature {settings['temperature']:g} and at most 3 tries, to "
        "as many validation molecules; they are higher than with more molecules.\n\n" + table(titles, rows)
    )


def search(result: Values, published: Values) -> str:
    """Return the table of a study of settings."""
    trials, base = result["figures"]["trials"], result["settings"]
    first = next(iter(trials.values()))
    samples, with_training = first["fcd_samples"], "training_exact" in first
    rows = []
    for name, trial in trials.items():
        summary = trial["summary"]
        row = [
            name,
            f"{trial['parameters']:,}",
            f"{trial['seconds'] / 60:.1f}",
            f"{summary['rate']:.1f} + {summary['distortion']:.1f}",
            f"{summary['nll_bound']:.2f}",
            share(summary["exact_reconstruction"]),
        ]
        if with_training:
            row += [share(summary["refined_exact"]), share(trial["training_exact"])]
        fcd = "too few" if trial["fcd"] is None else f"{trial['fcd']:.2f}"
        rows.append([*row, share(summary["validity"]), fcd])
    titles = ["changed", "parameters", "minutes", "rate + distortion, nats", "bound on −log p(x), nats"]
    titles += ["exact reconstruction", *(["refined", "of training molecules"] if with_training else [])]
    titles += ["valid, single draws under rules", f"FCD of {samples:,} valid ones"]
    return (
        f"One setting changed at a time, {base['training']['epochs']} epoch(s) each; the first row is the base. "
        "Figures of validation molecules.\n\n" + table(titles, rows)
    )
