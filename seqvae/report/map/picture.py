"""A map as a picture for papers: SVG, with very many points as pixels in it, or PNG."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from seqvae.config import ViewConfig
from seqvae.data.files.writers import write_text
from seqvae.evaluate.maps.chart import LatentMap
from seqvae.evaluate.maps.selection import numbers_of
from seqvae.latent.projection.planes import Plane
from seqvae.runtime.files import atomic_file

SIDE, LEGEND, EDGE = 720, 250, 14  # of the map and of what stands beside it, in pixels of an SVG
_SCALE, _OVER = 2, 2  # pixels of a PNG for each of these, and of what it is shrunk from
_MOST_SHAPES = 20_000  # points of an SVG; more are one picture in it
_INK, _SOFT, _LINE = "#1c2430", "#5d6776", "#c9ced6"
_VIRIDIS = (
    "#440154",
    "#482475",
    "#414487",
    "#355f8d",
    "#2a788e",
    "#21918c",
    "#22a884",
    "#44bf70",
    "#7ad151",
    "#a5db36",
)
_GROUPS = ("#1f6fb4", "#d9690b", "#2b8a3e", "#c22f2f", "#7a4bb5", "#7d5a2e", "#c2408f", "#4d5a66", "#8a8a00", "#128a9c")
_OTHER = "#b0b6be"
_SHADES = {"density": "#3a7ca5", "dark": "#b3261e", "magnification": "#7a5195"}


@final
@dataclass(frozen=True)
class Text:
    """A line of text; `bold` or not, its left end and its foot at (x, y)."""

    x: float
    y: float
    text: str
    size: float = 13.0
    colour: str = _INK
    bold: bool = False


@final
@dataclass(frozen=True, eq=False)
class Picture:
    """What is drawn.

    Attributes:
        points: `(points, 2)`, pixels from the top left.
        colours: of each.
        radius: of each.
        faint: which of them are faint.
        shade: `(cells, cells, 4)` bytes from the top left, or None.
        shade_box: left, top and side of the shading.
        texts: of legend and labels.
        bars: left, top, width, height and colours, from left to right.
        dots: x, y, radius, colour and whether it is a ring.
    """

    points: NDArray[np.float64]
    colours: list[str]
    radius: float
    faint: NDArray[np.bool_]
    shade: NDArray[np.uint8] | None
    shade_box: tuple[float, float, float]
    texts: list[Text]
    bars: list[tuple[float, float, float, float, list[str]]]
    dots: list[tuple[float, float, float, str, bool]]


def write_picture(path: Path, found: LatentMap, view: ViewConfig | None = None) -> None:
    """Write a map as `.svg` or `.png`, by the ending of the path.

    Raises:
        UsageError: as `map_page`.
        OSError: the file cannot be written.
    """
    made = picture(found, view or ViewConfig())
    if path.suffix.lower() == ".svg":
        write_text(path, _svg(made))
        return
    with atomic_file(path) as file:
        _raster(made, _SCALE).save(file, "PNG", dpi=(300, 300))


def picture(found: LatentMap, view: ViewConfig) -> Picture:
    """Return what a map looks like under a view."""
    left, bottom, side = found.extent.left, found.extent.bottom, found.extent.side
    if view.view:
        x, y, side = numbers_of("view", view.view, 3)
        left, bottom = x - side / 2, y - side / 2
    unit = SIDE / side

    def pixels(x: Any, y: Any) -> tuple[Any, Any]:  # noqa: ANN401 - numbers or arrays
        """Return where places of the map are in the picture."""
        return EDGE + (x - left) * unit, EDGE + SIDE - (y - bottom) * unit

    chosen = found.selected(view)
    colours, texts, bars, dots = _coloured(found, found.colour_of(view))
    places = np.stack(pixels(found.places[:, 0], found.places[:, 1]), 1)
    inside = ((places >= EDGE) & (places <= EDGE + SIDE)).all(1)
    for name, x, y in found.projection.anchors if isinstance(found.projection, Plane) else ():
        at = pixels(x, y)
        dots.append((*at, 6.0, _INK, True))
        texts.append(Text(at[0] + 10, at[1] + 4, name if len(name) <= 30 else f"{name[:29]}…", 12, _INK, True))
    shade = found.shades.get(view.shade)
    shaded = None
    if shade is not None:
        texts += _lines(shade.about, 12, EDGE + SIDE - 60)
        share = np.clip((shade.values - shade.low) / ((shade.high - shade.low) or 1.0), 0, 1)
        cells = np.empty((*share.shape, 4), np.uint8)
        cells[..., :3], cells[..., 3] = _rgb(_SHADES[view.shade]), np.nan_to_num(150 * share, nan=0.0).round()
        shaded = cells[::-1]  # from the top, as pictures have it
    texts += _lines(f"{len(found):,} {found.noun}s; {found.projection.described}", 12, EDGE + SIDE - 130)
    top = pixels(found.extent.left, found.extent.bottom + found.extent.side)
    rows = np.flatnonzero(inside)
    radius = 3.2 if len(found) <= 2000 else 2.2 if len(found) <= 20_000 else 1.1
    return Picture(
        points=places[rows], colours=[colours[row] for row in rows.tolist()], radius=radius,
        faint=(~chosen if chosen.any() else np.zeros(len(chosen), bool))[rows],
        shade=shaded,
        shade_box=(float(top[0]), float(top[1]), found.extent.side * unit), texts=texts, bars=bars, dots=dots,
    )  # fmt: skip


def _coloured(found: LatentMap, title: str) -> tuple[list[str], list[Text], list[Any], list[Any]]:
    """Return the colour of each row, and the legend: texts, bars and dots."""
    x = EDGE + SIDE + 24
    if not title:
        return ["#1f6f8b"] * len(found), [], [], []
    column = found.columns[title]
    texts = [Text(x, EDGE + 16, title, 15, _INK, True), *_lines(column.about, 12, EDGE + 36)]
    top = EDGE + 50 + 16 * len(texts)
    if isinstance(column.values, np.ndarray):
        known = column.values[np.isfinite(column.values)]
        low, high = (float(value) for value in np.quantile(known, [0.02, 0.98])) if len(known) else (0.0, 1.0)
        steps = np.nan_to_num((column.values - low) / ((high - low) or 1.0), nan=-1.0)
        colours = [_OTHER if step == -1.0 else ramp(step) for step in steps.tolist()]
        texts += [Text(x, top + 32, f"{low:.3g}", 12, _SOFT), Text(x + 180, top + 32, f"{high:.3g}", 12, _SOFT)]
        return colours, texts, [(x, top, 200.0, 14.0, [ramp(step / 40) for step in range(41)])], []
    names, counts = np.unique(column.values, return_counts=True)
    order = [str(names[row]) for row in np.argsort(-counts, kind="stable")]
    table = {name: _GROUPS[place] if place < len(_GROUPS) else _OTHER for place, name in enumerate(order)}
    shown = order[: len(_GROUPS)] + (["others"] if len(order) > len(_GROUPS) else [])
    dots = [(x + 6.0, top + 20.0 * place, 5.0, table.get(name, _OTHER), False) for place, name in enumerate(shown)]
    texts += [Text(x + 20, top + 20.0 * place + 4, name[:30] or "(empty)", 13) for place, name in enumerate(shown)]
    return [table[value] for value in column.values], texts, [], dots


def ramp(share: float) -> str:
    """Return viridis (van der Walt & Smith 2015) without its yellow end, which does not show on white."""
    at = min(max(share, 0.0), 1.0) * (len(_VIRIDIS) - 1)
    low = min(int(at), len(_VIRIDIS) - 2)
    first, last = _rgb(_VIRIDIS[low]), _rgb(_VIRIDIS[low + 1])
    return "#" + "".join(f"{round(a + (b - a) * (at - low)):02x}" for a, b in zip(first, last, strict=True))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _lines(text: str, size: float, top: float, letters: int = 38) -> list[Text]:
    """Return a text in lines that fit beside the map."""
    import textwrap

    x = EDGE + SIDE + 24
    return [Text(x, top + 16 * row, line, size, _SOFT) for row, line in enumerate(textwrap.wrap(text, letters)[:5])]


def _svg(made: Picture) -> str:
    width, height = SIDE + LEGEND + 3 * EDGE, SIDE + 2 * EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="Arial, Helvetica, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<clipPath id="map"><rect x="{EDGE}" y="{EDGE}" width="{SIDE}" height="{SIDE}"/></clipPath>',
        '<g clip-path="url(#map)">',
    ]
    if made.shade is not None:
        left, top, side = made.shade_box
        parts.append(_image(_enlarged(made.shade), left, top, side))
    if len(made.points) > _MOST_SHAPES:
        from PIL import Image

        over = _SCALE * _OVER  # drawn larger and shrunk, which smooths edges
        layer = Image.new("RGBA", (SIDE * over, SIDE * over), (255, 255, 255, 0))
        _put_points(layer, made, over, EDGE)
        points = layer.resize((SIDE * _SCALE, SIDE * _SCALE), Image.Resampling.LANCZOS)
        parts.append(_image(points, EDGE, EDGE, SIDE))
    else:
        for (x, y), ink, faint in zip(made.points.tolist(), made.colours, made.faint.tolist(), strict=True):
            at = f'cx="{x:.1f}" cy="{y:.1f}" r="{made.radius:g}"'
            parts.append(f'<circle {at} fill="{ink}" fill-opacity="{0.15 if faint else 0.9}"/>')
    parts += ["</g>", f'<rect x="{EDGE}" y="{EDGE}" width="{SIDE}" height="{SIDE}" fill="none" stroke="{_LINE}"/>']
    for left, top, wide, high, colours in made.bars:
        step = wide / len(colours)
        for place, ink in enumerate(colours):
            at = f'x="{left + step * place:.1f}" y="{top:g}" width="{step + 0.3:.1f}" height="{high:g}"'
            parts.append(f'<rect {at} fill="{ink}"/>')
    for x, y, radius, ink, ring in made.dots:
        fill = f'fill="none" stroke="{ink}" stroke-width="2"' if ring else f'fill="{ink}"'
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" {fill}/>')
    for one in made.texts:
        weight = ' font-weight="bold"' if one.bold else ""
        parts.append(
            f'<text x="{one.x:.1f}" y="{one.y:.1f}" font-size="{one.size:g}" fill="{one.colour}"{weight}>'
            f"{escape(one.text)}</text>"
        )
    return "\n".join([*parts, "</svg>\n"])


def _image(image: Any, left: float, top: float, side: float) -> str:  # noqa: ANN401 - of Pillow
    data = io.BytesIO()
    image.save(data, "PNG")
    coded = base64.b64encode(data.getvalue()).decode()
    at = f'x="{left:.1f}" y="{top:.1f}" width="{side:.1f}" height="{side:.1f}"'
    return f'<image {at} preserveAspectRatio="none" href="data:image/png;base64,{coded}"/>'


def _enlarged(shade: NDArray[np.uint8]) -> Any:  # noqa: ANN401
    from PIL import Image

    return Image.fromarray(shade, "RGBA" if shade.shape[2] == 4 else None).resize((512, 512), Image.Resampling.BICUBIC)


def _put_points(layer: Any, made: Picture, over: float, edge: float) -> None:  # noqa: ANN401
    from PIL import ImageDraw

    pen = ImageDraw.Draw(layer)
    radius = made.radius * over
    order = np.argsort(~made.faint, kind="stable").tolist()  # the faint ones beneath
    points = ((made.points - edge) * over).tolist()
    for row in order:
        (x, y), alpha = points[row], 40 if made.faint[row] else 235
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(*_rgb(made.colours[row]), alpha))


def _raster(made: Picture, scale: int) -> Any:  # noqa: ANN401
    """Return the picture in pixels, drawn larger and shrunk, which smooths edges."""
    from PIL import Image, ImageDraw, ImageFont

    over = scale * _OVER
    width, height = SIDE + LEGEND + 3 * EDGE, SIDE + 2 * EDGE
    whole = Image.new("RGBA", (width * over, height * over), (255, 255, 255, 255))
    framed = Image.new("RGBA", (SIDE * over, SIDE * over), (255, 255, 255, 255))
    if made.shade is not None:
        left, top, side = ((value - edge) * over for value, edge in zip(made.shade_box, (EDGE, EDGE, 0), strict=True))
        picture = _enlarged(made.shade).resize((max(1, round(side)),) * 2, Image.Resampling.BICUBIC)
        framed.alpha_composite(
            picture.crop((round(-left), round(-top), round(-left) + framed.width, round(-top) + framed.height))
        )
    layer = Image.new("RGBA", framed.size, (255, 255, 255, 0))
    _put_points(layer, made, over, EDGE)
    framed.alpha_composite(layer)
    whole.paste(framed, (EDGE * over, EDGE * over))
    pen = ImageDraw.Draw(whole)
    pen.rectangle([EDGE * over, EDGE * over, (EDGE + SIDE) * over, (EDGE + SIDE) * over], outline=_LINE, width=over)
    for left, top, wide, high, colours in made.bars:
        step = wide / len(colours)
        for place, ink in enumerate(colours):
            pen.rectangle(
                [(left + step * place) * over, top * over, (left + step * (place + 1)) * over, (top + high) * over], ink
            )
    for x, y, radius, ink, ring in made.dots:
        box = [(x - radius) * over, (y - radius) * over, (x + radius) * over, (y + radius) * over]
        pen.ellipse(box, outline=ink, width=2 * over) if ring else pen.ellipse(box, fill=ink)
    for one in made.texts:
        font = ImageFont.load_default(one.size * over)
        stroke = over // 4 if one.bold else 0
        pen.text((one.x * over, one.y * over), one.text, fill=one.colour, font=font, anchor="ls", stroke_width=stroke)
    return whole.resize((width * scale, height * scale), Image.Resampling.LANCZOS).convert("RGB")
