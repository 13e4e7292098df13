"""The page in a real browser: it is looked at, pointed at, searched, lassoed, typed at and exported from."""

from __future__ import annotations

import itertools
import json
import shlex
import threading

import numpy as np
import pytest
from browser_cases import Browser, needs_browser
from map_cases import HOSTILE, dna_map, small_map

from seqvae.cli.flags import flags_of
from seqvae.config import ViewConfig
from seqvae.evaluate.maps.explorer import Explorer
from seqvae.report.map.page import map_page
from seqvae.serve import server

pytestmark = needs_browser
COMMAND = "seqvae map small in.smi -o map.html"


@pytest.fixture(scope="module")
def small():
    return small_map()


@pytest.fixture(scope="module")
def page(small, tmp_path_factory):
    """A map of molecules, opened from its file; each test begins with nothing selected."""
    path = tmp_path_factory.mktemp("map") / "map.html"
    path.write_text(map_page(small[1], ViewConfig(color="series"), COMMAND), "utf-8")
    with Browser() as browser:
        browser.open(path.as_uri())
        yield browser
        assert browser.said == []


@pytest.fixture
def fresh(page):
    page.get("clear(), app.view.home(), setMode('pan'), window.scrollTo(0, 0), draw()")
    return page


def pixel(browser, row):
    """Where a row is shown in the window."""
    box = "const b = above.getBoundingClientRect()"
    places = f"app.view.toPixels(app.place[2 * {row}], app.place[2 * {row} + 1])"
    return tuple(browser.get(f"(() => {{ {box}; const [x, y] = {places}; return [b.left + x, b.top + y]; }})()"))


def selected(browser):
    return browser.get("Array.from(app.selection.list)")


def view_of(browser):
    """The view that the page's command line asks for, as the command line reads it."""
    browser.get("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")
    command = browser.text("#command")
    words = [part for word in shlex.split(command) for part in word.split("=", 1 if word.startswith("--") else 0)]
    given = {one.flag: one for one in flags_of(ViewConfig(), "", "View")}
    found: dict = {}
    for flag, value in itertools.pairwise(words):
        if flag in given:
            name = given[flag].path
            found[name] = (*found.get(name, ()), value) if isinstance(given[flag].default, tuple) else value
    return ViewConfig(**found)


def test_the_page_shows_its_points_and_says_nothing_wrong(fresh, tmp_path):
    assert fresh.text("h1") == "16 molecules in the latent space of small"
    assert fresh.get("app.points.gl !== null")
    fresh.screenshot(tmp_path / "map.png")
    from PIL import Image

    with Image.open(tmp_path / "map.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3)
    blue, orange = (31, 111, 180), (217, 105, 11)
    for colour in (blue, orange):
        assert (np.abs(pixels.astype(int) - colour).max(1) < 12).sum() > 40


def test_hovering_shows_the_structure_and_its_columns(fresh, small):
    fresh.mouse("Moved", *pixel(fresh, 1))
    fresh.wait("!tip.hidden && tip.querySelector('svg')")
    row = fresh.get("app.hovered")
    text = fresh.text("#tip")
    assert small[1].forms[row] in text
    assert "pIC50" in text
    fresh.mouse("Moved", 5, 5)
    fresh.wait("tip.hidden")


def test_a_hostile_name_is_shown_and_never_run(fresh):
    fresh.get("find('onerror')")
    fresh.wait("byId('cards').children.length === 1")
    assert HOSTILE in fresh.text("#cards")
    fresh.get("pin(3)")
    fresh.wait("byId('pinned').textContent.includes('onerror')")
    fresh.get("Promise.resolve(hover(3, 10, 10))")
    assert not fresh.get("window.broken")
    assert fresh.get("document.querySelectorAll('img').length") == 0


def test_a_lasso_selects_what_the_command_line_selects_again(fresh, small):
    fresh.press("[data-mode=lasso]")
    x, y = pixel(fresh, 0)
    fresh.drag([(x - 60, y - 60), (x + 70, y - 50), (x + 60, y + 60), (x - 60, y + 50), (x - 62, y)])
    rows = selected(fresh)
    assert 0 in rows
    assert fresh.text("#count") == f"{len(rows)} of 16 molecules"
    view = view_of(fresh)
    assert np.flatnonzero(small[1].selected(view)).tolist() == rows
    assert fresh.text("#command").startswith(f"{COMMAND} --color series --lasso")


def test_searches_find_substrings_names_and_columns(fresh, small):
    for query, expected in (("row 1", [1, 10, 11, 12, 13, 14, 15]), ("C#N", [6]), ("AMIDE", list(range(0, 16, 2)))):
        fresh.get(f"find({json.dumps(query)})")
        assert selected(fresh) == expected
        view = view_of(fresh)
        assert view.find == (query,)
        assert np.flatnonzero(small[1].selected(view)).tolist() == expected
    fresh.get("find('smarts:CO')")
    assert "--property 'smarts:CO'" in fresh.text("#said")


def test_a_click_keeps_a_molecule_and_with_shift_selects_it(fresh, small):
    x, y = pixel(fresh, 2)
    fresh.click(x, y)
    fresh.wait("byId('pinned').querySelector('svg')")
    row = fresh.get(f"rowAt(...at({{clientX: {x}, clientY: {y}}}))")
    assert small[1].forms[row] in fresh.text("#pinned")
    fresh.click(x, y, modifiers=8)
    assert selected(fresh) == [row]
    assert view_of(fresh).pick == str(row + 1)
    fresh.click(x, y, modifiers=8)
    assert selected(fresh) == []


def test_the_wheel_zooms_about_the_pointer_and_dragging_moves(fresh):
    x, y = pixel(fresh, 4)
    fresh._ask("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=-400)
    fresh.wait("app.view.zoom > 1.5")
    assert pixel(fresh, 4) == pytest.approx((x, y), abs=1)
    fresh.drag([(x + 90, y + 40), (x + 120, y + 60), (x + 150, y + 90)])
    assert pixel(fresh, 4) == pytest.approx((x + 60, y + 50), abs=1)
    assert view_of(fresh).view.count(",") == 2


def test_zooming_in_shows_what_the_points_between_decode_to(fresh):
    fresh.get("app.view.zoomAt(2), draw()")
    fresh.wait("byId('thumbs').children.length > 0")
    fresh.get("app.view.home(), draw()")


def test_keys_do_what_a_pointer_does(fresh):
    fresh.get("above.focus()")
    before = fresh.get("app.view.x")
    fresh.key("ArrowRight")
    assert fresh.get("app.view.x") > before
    fresh.key("+")
    assert fresh.get("app.view.zoom") == pytest.approx(1.5)
    fresh.key("0")
    assert fresh.get("app.view.zoom") == pytest.approx(1)
    fresh.key("l")
    assert fresh.get("app.mode") == "lasso"
    fresh.get("(app.view.x = app.place[0], app.view.y = app.place[1], draw())")
    fresh.key(" ")
    assert len(selected(fresh)) == 1
    fresh.key("Escape")
    assert selected(fresh) == []


def test_files_hold_the_selection_and_no_formula(fresh, small):
    fresh.get("find('row 1')")
    rows = selected(fresh)
    fresh.press("[data-file=smi]")
    assert fresh.downloaded("selection.smi").splitlines() == [f"{small[1].forms[row]} row {row}" for row in rows]
    fresh.press("[data-file=csv]")
    lines = fresh.downloaded("selection.csv").splitlines()
    assert lines[0].startswith("text,name,pIC50,series,note,qed")
    assert len(lines) == 1 + len(rows)
    assert f"'={rows[0]}+1" in lines[1]


def test_a_legend_selects_its_group(fresh):
    fresh.press(".groups button")
    assert len(selected(fresh)) == 8
    assert "</script>" in fresh.text("#legend")


@pytest.mark.parametrize("width", [1400, 480])
def test_nothing_is_cut_at_the_side(small, tmp_path, width):
    path = tmp_path / "map.html"
    path.write_text(map_page(small[1], ViewConfig(find=("row",)), COMMAND), "utf-8")
    with Browser(width=width, dark=True) as browser:
        browser.open(path.as_uri())
        browser.wait("byId('cards').children.length === 15")
        assert browser.get("document.documentElement.scrollWidth") <= width
        assert browser.said == []


def serving(explorer, page):
    """A server in a thread, its address, and how to end it."""
    ready, told, stop = threading.Event(), [], threading.Event()
    arguments = (explorer, page, server.listening(0), lambda address: (told.append(address), ready.set()), stop)
    thread = threading.Thread(target=server.serve, args=arguments)
    thread.start()
    assert ready.wait(20)
    return told[0], lambda: (stop.set(), thread.join(20))


@pytest.mark.parametrize("kind", ["molecules", "dna"])
def test_with_the_model_behind_it_a_click_decodes_and_paths_and_lists_are_drawn(kind):
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    codec, found = small_map() if kind == "molecules" else dna_map()
    explorer = Explorer(codec, found)
    address, end = serving(explorer, map_page(found, live=True))
    try:
        with Browser() as browser:
            browser.open(address)
            browser.get("live.clicked(-1, [0.05, 0.05])")
            browser.wait("byId('here').querySelector('figure')")
            one = explorer.at(0.05, 0.05)
            assert browser.get("live.here.text") == one["text"]
            assert "encoded here again" in browser.text("#here")
            browser.get(
                "live.setEnd('first', [0], {text: 'a', x: 0, y: 0}), live.setEnd('last', [1], {text: 'b', x: 1, y: 1})"
            )
            browser.press("#walk")
            browser.wait("!byId('results').hidden")
            assert "different" in browser.text("#results-title")
            browser.get(f"byId('pasted').value = {json.dumps(found.forms[2] + ' mine')}")
            browser.press("#paste button")
            browser.wait("live.placed.length === 1")
            assert browser.get("live.placed[0].place") == pytest.approx(found.places[2].tolist(), abs=1e-3)
            if kind == "molecules":
                browser.get("find('smarts:c1ccccc1')")
                assert selected(browser) == [1, 2, 10, 14]
            assert browser.said == []
    finally:
        end()
