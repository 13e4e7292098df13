"""The section of BENCHMARKS.md on the map in a browser."""

from __future__ import annotations

from statistics import median

from scripts.page.tables import Values, reached, table

_PAGE, _CLICK, _POINTS = 2.0, 0.15, 3.0  # seconds that are asked for


def section(result: Values, _: Values) -> str:
    """Return how soon the pages of `seqvae map` and `seqvae explore` are there, and how long a click takes."""
    settings, figures = result["settings"], result["figures"]
    live, points = figures["explore"], figures["points"]
    click, slow = median(live["clicks"]), sorted(live["clicks"])[int(0.95 * (len(live["clicks"]) - 1))]
    rows = [
        [f"map of {settings['rows']:,} molecules: encoding, likelihood, shading", f"{figures['map_seconds']:.0f} s"],
        ["page of `seqvae explore`, from the address to all of it", f"{live['page']:.2f} s"],
        ["click, median", f"{1000 * click:.0f} ms"],
        ["click, 95 % are quicker", f"{1000 * slow:.0f} ms"],
        [f"{settings['points']:,} points, from the file to the picture", f"{points['points']:.2f} s"],
        ["the same, until the pointer finds points", f"{points['whole']:.2f} s"],
        ["moving them, a frame (median)", f"{1000 * points['frame']:.0f} ms"],
        ["the page's size", f"{points['megabytes']:.1f} MB"],
    ]

    def in_seconds(value: float) -> str:
        return f"{value:.2f} s"

    return (
        f"`{settings['model']}`, a headless Chromium that draws without a GPU, on the same machine.\n\n"
        + table(["what", "time"], rows)
        + "\n"
        + reached("first page of explore", live["page"], _PAGE, in_seconds, most=True)
        + reached("decoding on a click", click, _CLICK, in_seconds, most=True)
        + reached(f"{settings['points']:,} points", points["points"], _POINTS, in_seconds, most=True)
    )
