"""The page of a map: one file that needs neither network nor server, for up to 250,000 points."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from seqvae.config import ViewConfig
from seqvae.evaluate.maps.chart import LatentMap
from seqvae.evaluate.maps.columns import Column
from seqvae.evaluate.maps.selection import numbers_of
from seqvae.latent.projection.planes import Plane
from seqvae.report.html.letters import CLASSES
from seqvae.report.html.style import CSS
from seqvae.report.map.drawings import compact_drawings

DRAWN = 5000  # most molecules that RDKit draws beforehand; of more, the browser draws the one that is looked at
_CHUNK = 256  # drawings that are unpacked together
_ENDS = (0.02, 0.98)  # quantiles at the ends of a scale of colours, so that few outliers do not take all of it
_SCRIPTS = ("blobs", "plane", "colour", "structure", "select", "table", "app", "pointer")
_LIVE = ("live",)
_START = "main"
_FOLDER = Path(__file__).resolve().parent / "page"
_SHADE_TITLES = {
    "none": "nothing",
    "density": "density of the prior",
    "dark": "dark areas",
    "magnification": "magnification",
}


def map_page(found: LatentMap, view: ViewConfig | None = None, command: str = "", live: bool = False) -> str:
    """Return the page of a map as a complete HTML document.

    Args:
        found: the map.
        view: what it shows first.
        command: the command line that makes the map, to which the page adds view and selection; empty: none is shown.
        live: whether the page talks to `seqvae explore`.

    Raises:
        UsageError: the view names a column that is not there, or a selection that cannot be read.
    """
    view = view or ViewConfig()
    blobs = _Blobs()
    meta = _meta(found, view, blobs) | {"command": command, "live": live}
    what = Path(found.source).name if found.source else f"{len(found):,} {found.noun}s"
    title = f"{what} in the latent space of {Path(found.model).name or 'a model'}"
    coded = json.dumps(meta).replace("<", "\\u003c")  # it cannot end the element that it stands in
    scripts = [*_SCRIPTS, *(_LIVE if live else ()), _START]
    others = {"kdbush": ["kdbush"]}  # libraries of others, and whose licences stand before each
    if found.molecular and not meta["drawings"]:
        others["smiles-drawer"] = ["smiles-drawer", "chroma-js"]
    libraries = ""
    for name, owners in others.items():
        licences = "\n\n".join(_part(f"licences/{one}.txt").replace("*/", "* /") for one in owners)
        libraries += f"<script>\n/*! {name}\n{licences}\n*/\n{_part(f'{name}.js')}\n</script>\n"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{CSS}{_part("map.css")}</style>
</head>
<body class="{"molecules" if found.molecular else "letters"}">
<header><h1>{escape(title)}</h1><p>{escape(_lead(found))}</p></header>
<main>
{_body(found, meta)}
</main>
<footer>{escape(_KEYS + (_LIVE_KEYS if live else ""))}</footer>
<script type="application/json" id="meta">{coded}</script>
{blobs.html}
{libraries}
<script>
"use strict";
{"".join(_part(f"{name}.js") for name in scripts)}
</script>
</body>
</html>
"""


_LIVE_KEYS = " p switches the path: drag from one end to the other, or press Enter at both."
_KEYS = (
    "Keys on the map: arrows move, + and - zoom, 0 shows all, Enter keeps the point at the cross, the space bar "
    "selects it, l switches the lasso, Escape clears. Shift and drag draws a lasso, Shift and click adds a point."
)


def _lead(found: LatentMap) -> str:
    said = f"{len(found):,} {found.noun}s on {found.projection.described}."
    if (
        found.projection.kind == "pca"
        and isinstance(found.projection, Plane)
        and sum(found.projection.shares[:2]) < 0.2
    ):
        said += " Little of z is seen on it: what lies together here may be far apart."
    return f"{said} {found.left_out}" if found.left_out else said


def _body(found: LatentMap, meta: dict[str, Any]) -> str:
    """Return what stands on the page before its script begins."""
    colours = "".join(_option(title, title, title == meta["color"]) for title in found.colouring)
    shades = ["none", *found.shades]
    shading = "".join(_option(name, _SHADE_TITLES[name], name == meta["shade"]) for name in shades)
    files = [("csv", "CSV"), ("smi", "SMI") if found.molecular else ("fasta", "FASTA")]
    buttons = "".join(f'<button type="button" data-file="{kind}">{title}</button>' for kind, title in files)
    noun = found.noun
    hint = "SMILES, name, column or smarts:PATTERN" if found.molecular else "letters, name or column"
    empty = f"Click on a point to keep its {noun} here."
    kept = f'<section><h2>Kept</h2><div id="pinned" data-empty="{escape(empty)}"></div></section>\n'
    kept = "" if meta["live"] else kept
    path, keys = (_PATH, _KEYS + _LIVE_KEYS) if meta["live"] else ("", _KEYS)
    marks = (
        '<p class="about">Points between: &#9632; is encoded there again, &#9633; elsewhere, '
        f'<b class="bad">&times;</b> is no {noun}; zoomed in, they are drawn.</p>'
        if meta["grid"]
        else ""
    )
    command = (
        '<section class="again"><h2>This view again</h2><div class="command"><pre><code id="command"></code></pre>'
        '<button type="button" id="copy-command">Copy</button></div></section>'
    )
    return f"""<div class="tools">
<form id="search" role="search"><input id="query" type="search" maxlength="500" placeholder="Find: {hint}"
 aria-label="Find {noun}s by {hint}"><button>Find</button></form>
<span class="together" role="group" aria-label="What dragging does">
<button type="button" data-mode="pan">Move</button><button type="button" data-mode="lasso">Lasso</button>{path}</span>
<span class="together" role="group" aria-label="Zoom">
<button type="button" data-zoom="in" aria-label="zoom in">+</button>
<button type="button" data-zoom="out" aria-label="zoom out">&minus;</button>
<button type="button" data-zoom="all">All</button></span>
</div>
<p id="said" role="status"></p>
<div class="desk">
<div id="frame" data-mode="pan"><canvas id="shade"></canvas><canvas id="points"></canvas><div id="thumbs"></div>
<canvas id="above" tabindex="0" role="application" aria-label="Map of {len(found):,} {noun}s; {escape(keys)}"></canvas>
<div id="mark" hidden></div><div id="tip" hidden></div></div>
<aside>
{_HERE if meta["live"] else ""}<section><h2><label for="color">Colour</label></h2><select id="color">{colours}</select>
<div id="legend"></div></section>
<section><h2><label for="shading">Shading</label></h2><select id="shading">{shading}</select>
<div id="shade-legend"></div>{marks}</section>
{kept}</aside>
</div>
{command}
{_LIVE_PARTS if meta["live"] else ""}
<section id="selection" hidden>
<h2>Selected: <span id="count"></span></h2>
<div class="tools">{buttons}<button type="button" id="clear">Clear</button></div>
<div class="cards" id="cards"></div><p class="about" id="more"></p>
<p class="about">A search for a laboratory chooses among these by seqvae ask RUN --from selection.csv</p>
<details><summary id="table-title">Table</summary><div class="wide" id="table"></div></details>
</section>"""


_HERE = """<section><h2>Here</h2>
<div id="here" data-empty="Click anywhere on the map: the model decodes what lies there."></div></section>
"""
_PATH = '<button type="button" data-mode="path">Path</button>'
_LIVE_PARTS = """<div class="live">
<section><h2>Path</h2><div id="path"></div></section>
<section><h2>Between two groups</h2><div id="groups"></div></section>
<section><h2>Your list</h2><form id="paste"><textarea id="pasted" rows="3" maxlength="200000"
 placeholder="One a line, a name behind it if you like" aria-label="To be placed, one a line"></textarea>
<button>Place on the map</button></form></section>
<section><h2>Objective</h2><form id="objective"><input id="objective-name" maxlength="200"
 placeholder="a property or column" aria-label="Property that colours the plane">
<button>Colour the plane</button></form></section>
</div>
<section id="results" hidden><h2 id="results-title"></h2><div id="results-body"></div></section>"""


def _option(value: str, title: str, chosen: bool) -> str:
    return f'<option value="{escape(value)}"{" selected" if chosen else ""}>{escape(title)}</option>'


def _meta(found: LatentMap, view: ViewConfig, blobs: _Blobs) -> dict[str, Any]:
    """Return what the script needs to know, and put what is large among the blobs."""
    blobs.put("places", found.places.astype(np.float32))
    blobs.lines("forms", found.forms)
    blobs.lines("names", found.names)
    if as_given := found.texts != found.forms:
        blobs.lines("texts", found.texts)
    columns = [_column(column, number, blobs) for number, column in enumerate(found.columns.values())]
    shades = []
    for name, shade in found.shades.items():
        blobs.put(f"shade-{name}", shade.values.astype(np.float32))
        shades.append(
            {"name": name, "low": shade.low, "high": shade.high, "about": shade.about, "blob": f"shade-{name}"}
        )
    selected = np.flatnonzero(found.selected(view)).tolist()
    if selected:
        blobs.json("selected", selected)
    drawn = found.molecular and len(found) <= DRAWN
    if drawn:
        blobs.drawings("drawings", found.forms)
    grid = None
    if found.grid:
        grid = {"side": round(len(found.grid) ** 0.5), "chunk": _CHUNK}
        blobs.json("grid", [[one.x, one.y, one.text, one.valid, one.returns] for one in found.grid])
        if found.molecular:
            blobs.drawings("grid-drawings", [one.text if one.valid else "" for one in found.grid])
    reasons = [*(("lasso", one) for one in view.lasso), *(("find", one) for one in view.find)]
    if view.pick:  # rows picked one by one are selected for no reason that the page could keep
        reasons = []
    anchors = found.projection.anchors if isinstance(found.projection, Plane) else ()
    return {
        "rows": len(found), "noun": found.noun, "molecular": found.molecular, "asGiven": as_given,
        "letters": {} if found.molecular else CLASSES.get(found.unit, {}),
        "extent": vars_of(found.extent), "columns": columns, "color": found.colour_of(view), "shades": shades,
        "shade": view.shade if view.shade in found.shades else "none",
        "anchors": [{"name": name, "x": x, "y": y} for name, x, y in anchors],
        "grid": grid, "drawings": {"chunk": _CHUNK} if drawn else None,
        "view": list(numbers_of("view", view.view, 3)) if view.view else None, "selected": bool(selected),
        "unit": found.unit, "logo": bool(found.unit) and found.unit != "character", "reasons": reasons,
    }  # fmt: skip


def vars_of(extent: Any) -> dict[str, float]:  # noqa: ANN401
    """Return the numbers of an extent by name."""
    return {"left": extent.left, "bottom": extent.bottom, "side": extent.side}


def _column(column: Column, number: int, blobs: _Blobs) -> dict[str, Any]:
    name = f"column-{number}"
    made: dict[str, Any] = {"title": column.title, "about": column.about, "blob": name}
    if isinstance(column.values, np.ndarray):
        blobs.put(name, column.values.astype(np.float32))
        known = column.values[np.isfinite(column.values)]
        low, high = (float(value) for value in np.quantile(known, _ENDS)) if len(known) else (0.0, 1.0)
        outside = ""
        if len(known) and (known.min() < low or known.max() > high):
            outside = f"the scale covers the middle 96 % of {known.min():.3g} to {known.max():.3g}"
        return made | {"kind": "number", "low": low, "high": high, "outside": outside}
    if not column.groups:
        blobs.lines(name, column.values)
        return made | {"kind": "text"}
    names, counts = np.unique(column.values, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    places = {str(names[row]): place for place, row in enumerate(order.tolist())}
    blobs.put(name, np.array([places[value] for value in column.values], np.uint8))
    groups = [{"name": str(names[row]), "count": int(counts[row])} for row in order]
    return made | {"kind": "group", "groups": groups}


class _Blobs:
    """What is large, packed, by name."""

    def __init__(self) -> None:
        self._made: list[str] = []

    @property
    def html(self) -> str:
        """All of it, as elements that a browser does not show."""
        return "\n".join(self._made)

    def _add(self, name: str, data: bytes) -> None:
        packed = base64.b64encode(zlib.compress(data, 6)).decode()
        self._made.append(f'<script type="text/plain" id="blob-{name}">{packed}</script>')

    def put(self, name: str, values: np.ndarray[Any, Any]) -> None:
        """Add numbers, little-endian."""
        self._add(name, np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())

    def lines(self, name: str, texts: Sequence[str]) -> None:
        """Add texts; line ends within one become blanks."""
        self._add(
            name, "\n".join(" ".join(text.split()) if "\n" in text or "\r" in text else text for text in texts).encode()
        )

    def json(self, name: str, values: Any) -> None:  # noqa: ANN401
        """Add values as JSON."""
        self._add(name, json.dumps(values).encode())

    def drawings(self, name: str, smiles: Sequence[str]) -> None:
        """Add drawings of molecules, some hundred together."""
        for start in range(0, len(smiles), _CHUNK):
            self.lines(f"{name}-{start // _CHUNK}", compact_drawings(smiles[start : start + _CHUNK]))


def _part(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")
