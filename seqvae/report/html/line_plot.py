"""Plots of lines and points as inline SVG with the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 54, 44
_DOTTED = 30  # most points that are marked: if there are few, each is a separate measurement
_STROKES = ("var(--accent)", "var(--orange)", "var(--violet)", "var(--green)", "var(--red)")


LINE, POINTS, CLOUD, ACROSS = "line", "points", "cloud", "across"


@dataclass(frozen=True)
class Series:
    """A line of a plot, or points.

    Attributes:
        name: its name in the legend.
        x: positions, as many as `y`.
        y: values; the line has a gap where one is not finite.
        kind: `LINE`; `POINTS`, which no line joins; `CLOUD`, small grey ones behind the others; `ACROSS`, a dashed line
            from side to side at the first value, whatever `x`.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    kind: str = LINE


@dataclass(frozen=True)
class _Axis:
    """A range of values and the pixels it is drawn on."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def line_plot(series: Sequence[Series], title: str, x_label: str, y_label: str) -> str:
    """Return lines on one pair of axes, with a legend if there are several.

    Args:
        series: the lines; points that are not finite are left out.
        title: what the plot shows, as plain text.
        x_label: name and unit of the horizontal axis.
        y_label: name and unit of the vertical axis.
    """
    x = _axis([v for s in series if s.kind != ACROSS for v in s.x], _LEFT, _WIDTH - _RIGHT)
    legend, below = _legend(series) if len(series) > 1 else ([], _TOP)
    y = _axis([v for s in series for v in s.y], _HEIGHT - _BOTTOM, below)
    bottom, middle = _HEIGHT - _BOTTOM, (below + _HEIGHT - _BOTTOM) / 2
    parts = [
        _text(_LEFT, 16, title, "start", "title"),
        _text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, x_label, "middle"),
        *[_text(x.place(value), bottom + 18, f"{value:g}", "middle") for value in ticks(x.low, x.high)],
        f'<text x="12" y="{middle:g}" text-anchor="middle" transform="rotate(-90 12 {middle:g})">{escape(y_label)}'
        "</text>",
    ]
    for value in ticks(y.low, y.high):
        at = y.place(value)
        parts.append(f'<line class="gridline" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(_text(_LEFT - 8, at + 4, f"{value:g}", "end"))
    drawn = sorted(zip(series, _strokes(series), strict=True), key=lambda pair: pair[0].kind != CLOUD)
    parts += [_curve(one, x, y, stroke) for one, stroke in drawn]
    label = escape(title)
    content = "\n".join([*parts, *legend])
    return f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">\n{content}\n</svg>'


def _strokes(series: Sequence[Series]) -> list[str]:
    """Return the colour of each series: that of a cloud and of a line across is grey, whatever the others are."""
    colours = cycle(_STROKES)
    return ["var(--soft)" if one.kind in (CLOUD, ACROSS) else next(colours) for one in series]


def _legend(series: Sequence[Series]) -> tuple[list[str], float]:
    """Return the names of series with a mark of each, in as many lines as it takes, and where the plot begins."""
    parts, left, top = [], float(_LEFT), 34
    for one, stroke in zip(series, _strokes(series), strict=True):
        width = 8 * len(one.name) + 38  # about 8 units per letter of 15 px, as on a narrow screen
        if left > _LEFT and left + width > _WIDTH:
            left, top = float(_LEFT), top + 18
        if one.kind in (POINTS, CLOUD):
            parts.append(f'<circle cx="{left + 8:g}" cy="{top}" r="3.5" style="fill:{stroke}"/>')
        else:
            dashes = ";stroke-dasharray:4 3" if one.kind == ACROSS else ""
            ends = f'x1="{left:g}" x2="{left + 16:g}" y1="{top}" y2="{top}"'
            parts.append(f'<line {ends} style="stroke:{stroke};stroke-width:3{dashes}"/>')
        parts.append(_text(left + 20, top + 4, one.name, "start"))
        left += width
    return parts, top + 20.0


def _axis(values: Sequence[float], start: float, end: float) -> _Axis:
    finite = [v for v in values if math.isfinite(v)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return _Axis(low, high, start, end)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return round numbers from low to high: multiples of 1, 2 or 5 times a power of ten.

    >>> ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    digits = max(0, -math.floor(math.log10(step)))
    return [round(k * step, digits) for k in range(first, last + 1)]


def _curve(series: Series, x: _Axis, y: _Axis, stroke: str) -> str:
    title = f"<title>{escape(series.name)}</title>"
    if series.kind == ACROSS:
        line = f"M{x.start:g} {y.place(series.y[0]):.1f}H{x.end:g}"
        return f'<path style="stroke:{stroke};stroke-width:1.6;stroke-dasharray:5 4" d="{line}">{title}</path>'
    path, dots, pen = [], [], "M"
    for at, value in zip(series.x, series.y, strict=True):
        if not (math.isfinite(at) and math.isfinite(value)):
            pen = "M"
            continue
        left, top = f"{x.place(at):.1f}", f"{y.place(value):.1f}"
        path.append(f"{pen}{left} {top}{'h0' if pen == 'M' else ''}")  # a line of no length shows as a dot
        dots.append(f'<circle cx="{left}" cy="{top}" r="3.5" style="fill:{stroke}"/>')
        pen = "L"
    if series.kind == CLOUD:  # one path of dots, a sixth of the size of as many circles
        places = "".join(f"{part.replace('L', 'M', 1).removesuffix('h0')}h0" for part in path)
        return f'<path class="cloud" d="{places}">{title}</path>'
    if series.kind == POINTS:
        return "".join(dots)
    shown = "".join(dots) if len(dots) <= _DOTTED else ""
    return f'<path class="curve" style="stroke:{stroke}" d="{" ".join(path)}">{title}</path>{shown}'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text{css} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
