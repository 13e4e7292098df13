"""The section of BENCHMARKS.md on the model of MOSES: reconstruction against samples, beside the published curve."""

from __future__ import annotations

from scripts.page.sections.models.zinc import gone_on, samples
from scripts.page.tables import Values, reached, share, summary_rows, table

FIRST = "N(0, I)"  # at temperature 1, as published points are drawn
BEST = "fitted prior, temperature 0.5"
FLOOR = "training molecules"
KEYS = ("valid", "unique@10000", "FCD/Test", "FCD/TestSF", "SNN/Test", "Frag/Test", "Scaf/Test", "Scaf/TestSF")
KEYS += ("IntDiv", "Filters", "Novelty")


def section(result: Values, published: Values) -> str:
    """Return the section: every point beside the curve, then samples and held-out metrics of the first one."""
    points, settings = result["figures"]["points"], result["settings"]
    first = next(iter(points.values()))
    minutes, epochs = first["seconds"] / 60, settings["tuning"]["training"]["epochs"]
    known = published["ddvae_curve"]
    rows = [
        [row["model"], share(at), "–", f"{fcd:.2f}", "–", "–", "–"]
        for row in known["rows"]
        for at, fcd in zip(known["reconstruction"], row["fcd"], strict=True)
    ]
    rows += [one_point(beta, found) for beta, found in points.items()]
    titles = ["model", "exact reconstruction, teacher-forced", "the same, free-running"]
    titles += ["FCD/Test, N(0, I)", "FCD/Test, fitted prior at temperature 0.5"]
    titles += ["of training molecules, free-running", "refined on the molecule itself (beside nothing published)"]
    return (
        f"{known['note']}\n\n"
        + table(titles, rows)
        + "\n![FCD of samples over exact reconstruction](scripts/results/moses_curve.svg)\n\n"
        + f"{first['texts']:,} training molecules, {first['epochs']} epochs ({first['steps']:,} steps of "
        f"{settings['training']['batch_size']}) in {minutes:,.1f} minutes on {first['threads']} core(s), beta "
        f"{settings['objective']['beta']:g}{gone_on(first)}; every other beta continues from there for {epochs} "
        "epoch(s).\n\n"
        + goals(points, published["reach"])
        + f"\nSamples of the model of beta {next(iter(points))}, {first['samples']:,} of each kind, at most "
        f"{settings['tries']} draws of each sample. {published['moses']['note']} {published['moses']['source']}. "
        "Their samples are raw; the first column compares raw draws, the last two say what rules and repeated draws "
        "make of them, and ours are measured after both in all columns between.\n\n"
        + beside(first, published["moses"])
        + "\n"
        + samples(first)
        + "\nIts held-out metrics:\n\n"
        + table(["held-out metric", "value (nats are per molecule)"], summary_rows(first["summary"]))
    )


def beside(found: Values, published: Values) -> str:
    """Return the table of MOSES, with ours below: raw draws in its column of validity, as the published ones are."""
    rows = [[row["model"], *metrics(row["metrics"]), "–", "–"] for row in published["rows"]]
    drawn = {name: part for name, part in found["generation"].items() if name != FLOOR}
    for name, part in drawn.items():
        raw = f"{part['valid_raw']:.4f}" if "valid_raw" in part else "not measured"
        corrected = [f"{part[key]:.4f}" for key in ("valid_at_once", "valid")]
        rows.append([f"**seqvae**, {name}", raw, *metrics(part["metrics"])[1:], *corrected])
    return table(["model", "valid, raw", *KEYS[1:], "valid, rules", "valid, rules and 3 draws"], rows)


def metrics(metrics: Values) -> list[str]:
    """Return the cells of one row."""
    return [f"{metrics[key]:.4f}" if key in metrics else "–" for key in KEYS]


def one_point(beta: str, found: Values) -> list[str]:
    """Return the row of one model of ours."""
    summary, drawn = found["summary"], found["generation"]
    return [
        f"**seqvae**, beta {beta}",
        share(summary["teacher_forced_exact"]),
        share(summary["exact_reconstruction"]),
        f"{drawn[FIRST]['metrics']['FCD/Test']:.3f}",
        f"{drawn[BEST]['metrics']['FCD/Test']:.3f}",
        share(found["training_exact"]) if "training_exact" in found else "not measured",
        share(summary["refined_exact"]),
    ]


def goals(points: Values, wanted: Values) -> str:
    """Return the goals for each model: reconstruction by the encoder alone, and samples of the way fixed beforehand."""
    return "".join(
        reached(
            f"beta {beta}: exact reconstruction, free-running",
            one["summary"]["exact_reconstruction"],
            wanted["moses_reconstruction"],
            share,
        )
        + reached(
            f"beta {beta}: FCD/Test, {BEST}",
            one["generation"][BEST]["metrics"]["FCD/Test"],
            wanted["moses_fcd"],
            "{:.3f}".format,
            most=True,
        )
        for beta, one in points.items()
    )
