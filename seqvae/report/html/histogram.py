"""Overlaid histograms of two sets of values, as inline SVG with the colours of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from seqvae.report.html.line_plot import ticks

_WIDTH, _HEIGHT = 360, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 14, 10, 44, 24
_FEWEST, _MOST = 12, 40  # bins
_TAIL = 0.25  # per cent at either end that the axis leaves out, so that one outlier does not squeeze all others


def histogram(title: str, samples: Sequence[float], reference: Sequence[float]) -> str:
    """Return the histogram of samples as a line over that of a reference as an area, in shares, so sizes may differ.

    Args:
        title: what is counted, with its unit, as plain text.
        samples: values; those that are not finite are left out.
        reference: values to compare with.
    """
    values = [_finite(samples), _finite(reference)]
    edges = _edges(np.concatenate(values), min(len(values[0]), len(values[1])))
    shares = [np.histogram(v, edges)[0] / max(len(v), 1) for v in values]
    tallest = max(float(share.max()) for share in shares) or 1.0
    label = escape(title)
    bottom = _HEIGHT - _BOTTOM
    parts = [
        f'<text class="title" x="{_LEFT}" y="14">{label}</text>',
        f'<line x1="{_LEFT}" x2="{_LEFT + 16}" y1="29" y2="29" style="stroke:var(--orange);stroke-width:2"/>',
        f'<text x="{_LEFT + 21}" y="33">samples</text>',
        f'<rect x="{_LEFT + 108}" y="24" width="16" height="10" style="fill:var(--accent);fill-opacity:.28"/>',
        f'<text x="{_LEFT + 129}" y="33">reference</text>',
    ]
    parts.append(_steps(shares[1], tallest, "fill:var(--accent);fill-opacity:.28;stroke:none", closed=True))
    parts.append(_steps(shares[0], tallest, "fill:none;stroke:var(--orange);stroke-width:1.8", closed=False))
    parts.append(f'<line class="gridline" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}"/>')
    low, high = float(edges[0]), float(edges[-1])
    whole = edges[1] - edges[0] == 1 and edges[0] % 1 == 0.5  # each bin holds one whole number
    for value in (value for value in ticks(low, high) if not (whole and value % 1)):
        at = _place((value - low) / (high - low))
        parts.append(f'<text x="{at:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    content = "\n".join(parts)
    return f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">\n{content}\n</svg>'


def _finite(values: Sequence[float]) -> NDArray[np.float64]:
    found = np.asarray(values, np.float64)
    return found[np.isfinite(found)]


def _edges(values: NDArray[np.float64], fewer: int) -> NDArray[np.float64]:
    """Choose bins: one per integer for counts, else of equal width, and no more than the smaller set can fill."""
    if not values.size:
        return np.array([0.0, 1.0])
    low, high = np.percentile(values, [_TAIL, 100 - _TAIL])
    if np.array_equal(values, np.round(values)) and high - low < 1.5 * _MOST:
        return np.arange(math.floor(low) - 0.5, math.ceil(high) + 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    bins = round(2 * fewer ** (1 / 3))  # Rice's rule
    return np.linspace(low, high, min(max(bins, _FEWEST), _MOST) + 1)


def _place(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _steps(shares: NDArray[np.float64], tallest: float, style: str, closed: bool) -> str:
    bottom = _HEIGHT - _BOTTOM
    path = [f"M{_LEFT} {bottom}"]
    for number, share in enumerate(shares.tolist()):
        y = bottom - share / tallest * (bottom - _TOP)
        path.append(f"V{y:.1f}H{_place((number + 1) / len(shares)):.1f}")
    end = "Z" if closed else ""
    return f'<path style="{style}" d="{"".join(path)}V{bottom}{end}"/>'
