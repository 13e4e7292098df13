"""A map as a drawing of a report page, in the colours of the page: the places of rows, coloured by one column."""

from __future__ import annotations

import textwrap
from html import escape

import numpy as np
from numpy.typing import NDArray

from seqvae.evaluate.maps.chart import LatentMap
from seqvae.report.map.picture import ramp

MOST_SHOWN = 2000  # points, evenly chosen of more: a page of a report stays small
_SIDE, _TOP, _LEGEND = 400, 26, 210  # of the map, of what stands above it and beside it
_LEVELS = 16  # colours of a scale
_SEEN = (0.22, 0.86)  # part of the scale that is seen on light and on dark paper


def map_plot(found: LatentMap) -> str:
    """Return a map as inline SVG with its legend; the points are coloured by the first column of numbers.

    Args:
        found: the map.
    """
    rows = np.unique(np.linspace(0, len(found) - 1, MOST_SHOWN).round()).astype(int)
    column = next((one for one in found.columns.values() if isinstance(one.values, np.ndarray) and one.colours), None)
    values = np.asarray(column.values, float)[rows] if column is not None else np.full(len(rows), np.nan)
    known = values[np.isfinite(values)]
    low, high = (float(value) for value in np.quantile(known, [0.02, 0.98])) if len(known) else (0.0, 1.0)
    levels = np.clip((values - low) / ((high - low) or 1.0), 0, 1) * (_LEVELS - 1)
    extent, unit = found.extent, _SIDE / found.extent.side
    x = (found.places[rows, 0] - extent.left) * unit
    y = _TOP + _SIDE - (found.places[rows, 1] - extent.bottom) * unit
    paths = [_dots(x, y, ~np.isfinite(levels), "var(--soft)")]
    paths += [_dots(x, y, np.round(levels) == level, _colour(level)) for level in range(_LEVELS)]
    shown = f"{len(rows):,} of {len(found):,}" if len(rows) < len(found) else f"{len(found):,}"
    title = f"{shown} {found.noun}s in latent space"
    described = found.projection.described
    about = textwrap.wrap(f"{described[0].upper()}{described[1:]}.", 24)  # in lines that fit beside it
    texts = [_text(_SIDE + 16, _TOP + 12 + 17 * row, line) for row, line in enumerate(about)]
    if column is not None and len(known):
        texts += _scale(column.title, low, high, _TOP + 40 + 17 * len(texts))
    label, height = escape(title), _SIDE + _TOP + 2
    frame = f'<rect x="0.5" y="{_TOP}.5" width="{_SIDE}" height="{_SIDE}" style="fill:var(--card);stroke:var(--line)"/>'
    content = "\n".join([f'<text class="title" x="0" y="14">{label}</text>', frame, *paths, *texts])
    box = f'viewBox="0 0 {_SIDE + _LEGEND} {height}"'
    return f'<svg class="plot" {box} role="img" aria-label="{label}">\n{content}\n</svg>'


def _scale(title: str, low: float, high: float, top: int) -> list[str]:
    """Return the legend of the colours."""
    left, step = _SIDE + 16, 10
    parts = [_text(left, top - 8, title, "title")]
    for level in range(_LEVELS):
        at = f'x="{left + step * level}" y="{top}" width="{step}.3" height="12"'
        parts.append(f'<rect {at} style="fill:{_colour(level)}"/>')
    last = left + step * _LEVELS
    return [*parts, _text(left, top + 28, f"{low:.3g}"), _text(last, top + 28, f"{high:.3g}", anchor="end")]


def _colour(level: int) -> str:
    first, last = _SEEN
    return ramp(first + (last - first) * level / (_LEVELS - 1))


def _dots(x: NDArray[np.float64], y: NDArray[np.float64], chosen: NDArray[np.bool_], colour: str) -> str:
    """Return points as one path, a sixth of the size of as many circles."""
    places = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x[chosen].tolist(), y[chosen].tolist(), strict=True))
    width = 6 if len(x) <= 500 else 4
    style = f"fill:none;stroke:{colour};stroke-width:{width};stroke-linecap:round;stroke-opacity:.85"
    return f'<path style="{style}" d="{places}"/>' if places else ""


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text{css} x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'
