"""The section of BENCHMARKS.md on plates that are chosen from a list."""

from __future__ import annotations

from typing import Any

from scripts.page.tables import Values, beside, share, table

_OURS = "seqvae ask --from"


def section(result: Values, _: Values) -> str:
    """Return the share of the best compounds that each method finds, and whether ours is above the best of them."""
    settings, found = result["settings"], result["figures"]["summary"]
    methods, wells = found["methods"], settings["plate"] * (1 + settings["plates"])
    rows = [
        [f"**{name}**" if name == _OURS else name, _with_interval(of), f"{of['best']:.2f}"]
        for name, of in sorted(methods.items(), key=lambda item: -item[1]["mean"])
    ]
    parts = [
        f"Of each of {found['targets']} targets of MoleculeACE, {settings['plate']} compounds drawn at random are "
        f"measured, then {settings['plates']} times {settings['plate']} are chosen, {wells} in all. The figure is the "
        f"share of the target's best {settings['top']:.0%} that have been measured in the end, the mean over the "
        f"targets; intervals (95 %) are over {settings['seeds']} seeds. The best value is the mean of the highest pK. "
        f"Settings of ours were chosen on {len(settings['chosen_on'])} other targets with other seeds.\n\n",
        table(["method", "share of the best found", "best value"], rows),
    ]
    if "lead" in found:
        lead = beside(found["lead"]["seeds"], 0.0, lambda value: f"{100 * value:+.1f} points")
        parts.append(
            f"\n* Ours less {found['best_other']}, the best of the others: {lead}; ahead on {found['ahead_on']} of "
            f"{found['targets']} targets.\n"
            f"* Of the measurements of plates, {share(found['coverage_90'])} lay in their predicted 90 % interval.\n"
        )
    return "".join(parts)


def _with_interval(of: dict[str, Any]) -> str:
    half = f" ± {100 * of['half']:.1f}" if of["half"] is not None else ""
    return f"{100 * of['mean']:.1f}{half} %"
