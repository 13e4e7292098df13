"""The map in a browser: how soon a page is there, how long a click takes, and 250,000 points.

    python -m scripts.benchmarks.benchmark_map

A headless Chromium without a GPU (it draws by software) opens the page of `seqvae explore` on molecules of the package,
with the model behind it, and clicks at random places of the map; the click's time is that of the browser, from the
click to the answer. Then it opens the page of a map of 250,000 points, whose molecules are those of the package again
and again at random places, and moves it: the time of a frame is that from one picture to the next.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from scripts.browser import CHROMIUM, Browser
from scripts.record import arguments, result_path, torch_threads, write_result
from seqvae.config import MapConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.maps.chart import LatentMap, chart
from seqvae.evaluate.maps.columns import Column
from seqvae.evaluate.maps.explorer import Explorer
from seqvae.evaluate.maps.shading import Extent
from seqvae.latent.codec import load
from seqvae.report.map.page import map_page
from seqvae.serve import server

NAME = "map"
_LOOK = 0.3  # seconds between an answer, which has to be drawn, and the next click: nobody clicks sooner
_FRAMES = """new Promise((done) => {
  const times = []; let before = performance.now();
  const step = (now) => {
    times.push(now - before); before = now; app.view.pan(times.length % 2 ? 4 : -4, 2); draw();
    if (times.length < 15) requestAnimationFrame(step); else done(times.slice(3));
  };
  requestAnimationFrame(step);
})"""


def many(small: LatentMap, rows: int, seed: int) -> LatentMap:
    """Return a map with the rows of a small one again and again, at random places."""
    rng = np.random.default_rng(seed)
    again = np.arange(rows) % len(small)
    columns = {}
    for title, column in small.columns.items():
        values: Any = column.values[again] if isinstance(column.values, np.ndarray) else None
        columns[title] = Column(title, [column.values[row] for row in again] if values is None else values)
    places = rng.normal(size=(rows, 2))
    return replace(
        small, places=places, z=small.z[again], columns=columns, extent=Extent.around(places), shades={}, grid=[],
        texts=[small.texts[row] for row in again], forms=[small.forms[row] for row in again],
        names=[f"row {row}" for row in range(rows)],
    )  # fmt: skip


def explored(explorer: Explorer, clicks: int, seed: int) -> dict[str, Any]:
    """Return how soon the page of `seqvae explore` is whole, and the times of clicks at random places, in seconds."""
    told, ready, stop = list[str](), threading.Event(), threading.Event()

    def tell(address: str) -> None:
        told.append(address)
        ready.set()

    began = time.perf_counter()
    page = map_page(explorer.map, live=True)
    arguments = (explorer, page, server.listening(0), tell, stop)
    thread = threading.Thread(target=server.serve, args=arguments)
    thread.start()
    ready.wait(30)
    listening = time.perf_counter() - began
    rng, extent, times = np.random.default_rng(seed), explorer.map.extent, []
    try:
        with Browser() as browser:
            began = time.perf_counter()
            browser.open(told[0])
            shown = time.perf_counter() - began
            for x, y in rng.uniform(0.1, 0.9, (clicks + 1, 2)).tolist():
                at = f"[{extent.left + x * extent.side}, {extent.bottom + y * extent.side}]"
                browser.get(f"live.clicked(-1, {at})")
                times.append(browser.get("live.clickTime") / 1000)
                time.sleep(_LOOK)
    finally:
        stop.set()
        thread.join(20)
    # The first click waits for what is made once.
    return {"page_made": listening, "page": shown, "first_click": times[0], "clicks": times[1:]}


def drawn(found: LatentMap) -> dict[str, Any]:
    """Return how soon a page of very many points is there and whole, its size, and the times of frames, in seconds."""
    with tempfile.TemporaryDirectory() as folder, Browser() as browser:
        path = Path(folder, "map.html")
        path.write_text(map_page(found), "utf-8")
        began = time.perf_counter()
        browser.open(path.as_uri(), "points")
        points = time.perf_counter() - began
        browser.wait("document.body.dataset.ready === 'all'")
        whole = time.perf_counter() - began
        frames = [value / 1000 for value in browser.get(_FRAMES)]
        megabytes = path.stat().st_size / 1e6
    return {"points": points, "whole": whole, "megabytes": megabytes, "frame": median(frames), "slowest": max(frames)}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure both pages, and write the times."""
    parser = arguments(str(__doc__))
    parser.add_argument("--model", default="drug-smiles")
    given = parser.parse_args(argv)
    if CHROMIUM is None:
        raise SystemExit("a Chromium is needed: apt-get install chromium")
    rows, points, clicks = (60, 2000, 3) if given.small else (1000, 250_000, 40)
    model = "zinc-smiles" if given.small else given.model
    with torch_threads(given.threads) as threads:
        codec = load(model, "cpu")
        config = MapConfig(grid=0 if given.small else 12, draws=0 if given.small else 300)
        began = time.perf_counter()
        found = chart(codec, load_dataset("moses-sample").texts[:rows], config, name=model)
        seconds = time.perf_counter() - began
        live = explored(Explorer(codec, found), clicks, 0)
    figures = {"map_seconds": seconds, "explore": live, "points": drawn(many(found, points, 0))}
    settings = {"model": model, "rows": rows, "points": points, "clicks": clicks, "threads": threads, "seed": 0}
    write_result(result_path(given, NAME), NAME, settings, figures)


if __name__ == "__main__":
    main()
