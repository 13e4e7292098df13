"""Line plots as inline SVG that takes its colours from the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 14, 54, 44
_DOTTED = 30  # points at most that are marked: of a few, each is a measurement of its own
_STROKES = ("var(--accent)", "var(--orange)", "var(--violet)", "var(--green)", "var(--red)")


@dataclass(frozen=True)
class Series:
    """A line of a plot.

    Attributes:
        name: what the legend calls it.
        x: positions, as many as `y`.
        y: values; the line is broken where one is not finite.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]


@dataclass(frozen=True)
class _Axis:
    """A range of values and the pixels that it is drawn on."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def line_plot(series: Sequence[Series], title: str, x_label: str, y_label: str) -> str:
    """Return lines over one pair of axes, with a legend where there is more than one.

    Args:
        series: the lines; points that are not finite are left out.
        title: what the plot shows, as plain text.
        x_label: name and unit of the horizontal axis.
        y_label: name and unit of the vertical axis.
    """
    x = _axis([v for s in series for v in s.x], _LEFT, _WIDTH - _RIGHT)
    y = _axis([v for s in series for v in s.y], _HEIGHT - _BOTTOM, _TOP)
    parts = [_text(_LEFT, 16, title, "start", "title"), *_x_axis(x, x_label), *_y_axis(y, y_label)]
    for number, one in enumerate(series):
        parts.append(_curve(one, x, y, _STROKES[number % len(_STROKES)]))
    if len(series) > 1:
        parts += _legend([one.name for one in series])
    label = escape(title)
    content = "\n".join(parts)
    return f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">\n{content}\n</svg>'


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


def _x_axis(axis: _Axis, label: str) -> list[str]:
    bottom = _HEIGHT - _BOTTOM
    parts = [_text((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, label, "middle")]
    return parts + [_text(axis.place(v), bottom + 18, f"{v:g}", "middle") for v in ticks(axis.low, axis.high)]


def _y_axis(axis: _Axis, label: str) -> list[str]:
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts = [
        f'<text x="12" y="{middle:g}" text-anchor="middle" transform="rotate(-90 12 {middle:g})">{escape(label)}</text>'
    ]
    for value in ticks(axis.low, axis.high):
        at = axis.place(value)
        parts.append(f'<line class="gridline" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(_text(_LEFT - 8, at + 4, f"{value:g}", "end"))
    return parts


def _curve(series: Series, x: _Axis, y: _Axis, stroke: str) -> str:
    path, dots, pen = [], [], "M"
    for at, value in zip(series.x, series.y, strict=True):
        if not (math.isfinite(at) and math.isfinite(value)):
            pen = "M"
            continue
        left, top = f"{x.place(at):.1f}", f"{y.place(value):.1f}"
        path.append(f"{pen}{left} {top}{'h0' if pen == 'M' else ''}")  # a line of no length shows as a dot
        dots.append(f'<circle cx="{left}" cy="{top}" r="3.5" style="fill:{stroke}"/>')
        pen = "L"
    shown = "".join(dots) if len(dots) <= _DOTTED else ""
    title = f"<title>{escape(series.name)}</title>"
    return f'<path class="curve" style="stroke:{stroke}" d="{" ".join(path)}">{title}</path>{shown}'


def _legend(names: Sequence[str]) -> list[str]:
    parts, left = [], float(_LEFT)
    for number, name in enumerate(names):
        stroke = _STROKES[number % len(_STROKES)]
        parts.append(f'<line x1="{left:g}" x2="{left + 16:g}" y1="34" y2="34" style="stroke:{stroke};stroke-width:3"/>')
        parts.append(_text(left + 20, 38, name, "start"))
        left += 6.5 * len(name) + 38  # about 6.5 units a letter of 12 px
    return parts


def _text(x: float, y: float, text: str, anchor: str, kind: str = "") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text{css} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
