"""The section of BENCHMARKS.md on analogs of leads."""

from __future__ import annotations

from statistics import median

from scripts.page.tables import Values, reached, share, table

_OURS, _MOVES = "analogs", "random moves of ga"
_ASKED, _SECONDS = 95, 10.0  # of 100 leads, and the seconds for each


def section(result: Values, _: Values) -> str:
    """Return the share of the compounds that chemists made next, by method, and how often the window is filled."""
    settings, figures = result["settings"], result["figures"]
    methods = figures["methods"]
    rows = [
        [
            f"**{name}**" if name == _OURS else name,
            share(of["share"]),
            share(of["by_connectivity"]),
            f"{of['touched']} of {of['series']}",
        ]
        for name, of in methods.items()
    ]
    parts = [
        f"From the first compound of a lead optimisation alone, {settings['number']:,} analogs by "
        f"`{settings['model']}`: the part of the series' other compounds among them. The "
        "model and the counts of substituents have seen none "
        f"of the series, and the settings were chosen on {settings['chosen_on']} others.\n\n",
        table(["method", "compounds found", "by connectivity", "series with one at least"], rows),
        "\n" + reached("analogs against random moves", methods[_OURS]["share"], methods[_MOVES]["share"], share),
    ]
    if window := figures["window"]:
        wanted = max(one["found"] for one in window)
        full = sum(one["found"] == wanted and one["seconds"] <= _SECONDS for one in window)
        parts.append(
            f"\n{wanted} analogs with a Tanimoto similarity (ECFP4, 2,048 bits) of 0.4 to 0.7, for {len(window)} "
            f"molecules that were held out: median {median(one['seconds'] for one in window):.1f} s of one core.\n\n"
            + reached(f"Leads with all of them in {_SECONDS:g} s", full / len(window), _ASKED / 100, share)
        )
    return "".join(parts)
