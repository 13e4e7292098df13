"""Sequence logos as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from seqvae.report.html.letters import COLOURS, SHAPES, classes_of

if TYPE_CHECKING:
    from seqvae.evaluate.sequences.logo import Logo

_ROW = 60  # positions per row
_HEIGHT, _LEFT, _TOP, _FOOT = 96.0, 44.0, 10.0, 22.0
_HEADING, _NARROWEST = 22.0, 360.0
_WIDEST_STEP, _ROOM = 36.0, 1020.0  # widths of a position and of a row
_LEGIBLE = 11.0  # pixels of a position, at least
_SMALLEST = 0.004  # share of the axis below which a letter cannot be seen


def logo_plot(logo: Logo, title: str, top: float) -> str:
    """Return a sequence logo, in rows of 60 positions.

    Args:
        logo: heights of the letters, bits; letters below 0 hang from the axis, which is in the middle then.
        title: what it shows, as plain text.
        top: end of the vertical axis, bits; the same for logos that are compared.
    """
    length = len(logo.heights)
    step = min(_WIDEST_STEP, _ROOM / min(_ROW, length))
    width, each = max(_NARROWEST, _LEFT + step * min(_ROW, length) + 8), _TOP + _HEIGHT + _FOOT
    height = _HEADING + math.ceil(length / _ROW) * each
    rows = [_row(logo, start, step, _HEADING + start // _ROW * each, top) for start in range(0, length, _ROW)]
    label = escape(title)
    heading = f'<text class="title" x="0" y="13">{label}</text>'
    # One unit is one pixel (16 per rem), if the page is wide enough; on a narrow one it is moved under the window.
    size = f"max-width:{width / 16:.1f}rem;min-width:{width / 16 * min(1.0, _LEGIBLE / step):.1f}rem"
    box = f'viewBox="0 0 {width:g} {height:g}" style="display:block;{size}"'
    return f'<svg class="plot" {box} role="img" aria-label="{label}">\n{heading}\n' + "\n".join(rows) + "\n</svg>"


def axis_top(logos: Sequence[Logo]) -> float:
    """Return a round number of bits that no stack of these logos exceeds, up or down; at most 2 for bases."""
    stacks = [part.sum(axis=1).max() for logo in logos for part in (logo.heights.clip(0), -logo.heights.clip(max=0))]
    tallest = max(map(float, stacks), default=0.0)
    rounding = 1e-9  # shares add up to 1 only approximately
    return next(
        bits for bits in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, math.inf) if tallest <= bits + rounding
    )


def _row(logo: Logo, start: int, step: float, above: float, top: float) -> str:
    bottom = above + _TOP + _HEIGHT
    middle, hanging = bottom - _HEIGHT / 2, bool((logo.heights < 0).any())
    base, room = (middle, _HEIGHT / 2) if hanging else (bottom, _HEIGHT)
    lowest, half = (-top, 0.0) if hanging else (0.0, top / 2)
    stop = min(start + _ROW, len(logo.heights))
    length, right = len(logo.heights), _LEFT + step * (stop - start)
    parts = [
        f'<line class="gridline" x1="{_LEFT:g}" x2="{right:g}" y1="{at:g}" y2="{at:g}"/>'
        f'<text x="{_LEFT - 6:g}" y="{at + 4:g}" text-anchor="end">{bits:g}</text>'
        for at, bits in ((bottom, lowest), (middle, half), (bottom - _HEIGHT, top))
    ]
    classes = classes_of(logo.letters)
    for position in range(start, stop):
        left = _LEFT + step * (position - start)
        up = down = base
        stack = zip(logo.heights[position].tolist(), logo.letters, strict=True)
        # the largest stand farthest from the axis
        for height, letter in sorted(stack, key=lambda one: (abs(one[0]), one[1])):
            tall = abs(height) / top * room
            if tall < _SMALLEST * room:
                continue
            up, y, down = (up - tall, up - tall, down) if height > 0 else (up, down, down + tall)
            scale = f"translate({left + 0.4:.1f} {y:.2f}) scale({(step - 0.8) / 100:.4f} {tall / 100:.5f})"
            parts.append(f'<path transform="{scale}" style="fill:{COLOURS[classes[letter]]}" d="{SHAPES[letter]}"/>')
        if (position + 1) % 10 == 0 or position == start or length < 2 * 10:
            at = f'x="{left + step / 2:g}" y="{bottom + 14:g}"'
            parts.append(f'<text {at} text-anchor="middle">{position + 1}</text>')
    parts.append(f'<text x="12" y="{middle:g}" text-anchor="middle" transform="rotate(-90 12 {middle:g})">bits</text>')
    return "".join(parts)
