"""The section of BENCHMARKS.md on searches for two objectives at once."""

from __future__ import annotations

from statistics import mean

from scripts.page.tables import Values, reached, table

_OTHER = "nsga2"


def section(result: Values, _: Values) -> str:
    """Return the hypervolumes of each target, by method, and whether our default, the first, exceeds pymoo's."""
    settings, metrics = result["settings"], result["figures"]
    low = ", ".join(f"{value:g}" for value in settings["reference"])
    parts = [
        "QED and minus SA of molecules with a Tanimoto similarity (ECFP4, counts) of at least "
        f"{settings['least_alike']} to a drug, {settings['budget']:,} calls. All begin with the same "
        f"{settings['start']} texts, the drug and mutants of it, and propose {settings['batch']} a round; a distinct "
        "molecule that is alike enough is a call, others are not scored. The figure is the hypervolume of all that was "
        f"scored above ({low}), which was fixed beforehand. `nsga2` is pymoo's, population "
        f"{settings['population']}, with the graph moves of `ga`.\n"
    ]
    for name, of in metrics["targets"].items():
        parts.append(f"\n{name}, mean of the seeds {', '.join(map(str, settings['seeds']))}:\n\n" + _table(of))
        means = metrics["mean"][name]
        ours = next((method for method in means if method != _OTHER), "")
        if _OTHER in means and ours:
            parts.append("\n" + reached(f"`{ours}` against `{_OTHER}`", means[ours], means[_OTHER], "{:.4f}".format))
    return "".join(parts)


def _table(of: Values) -> str:
    looks = [calls for runs in of.values() for run in runs.values() for calls in run["curve"]]
    looks = list(dict.fromkeys(looks))
    rows = []
    for method, runs in of.items():
        curves = [run["curve"] for run in runs.values()]
        volumes = [f"{mean(curve[calls] for curve in curves):.4f}" for calls in looks]
        each = ", ".join(f"{run['hypervolume']:.4f}" for run in runs.values())
        seconds = f"{mean(run['seconds'] for run in runs.values()):,.0f}"
        rows.append([method if method == _OTHER else f"**{method}**", *volumes, each, seconds])
    return table(["method", *(f"{calls} calls" for calls in looks), "each, in the end", "s of one core"], rows)
