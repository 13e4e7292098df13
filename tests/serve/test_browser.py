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
from seqvae.cli.verbs.search.ask import read_library
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


@pytest.fixture(scope="module", params=["molecules", "dna"])
def live(request):
    """The page with the model behind it, in a browser, with its map."""
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    codec, found = small_map() if request.param == "molecules" else dna_map()
    explorer = Explorer(codec, found)
    address, end = serving(explorer, map_page(found, live=True))
    try:
        with Browser() as browser:
            browser.open(address)
            yield browser, explorer
            assert browser.said == []
    finally:
        end()


@pytest.fixture
def explored(live):
    live[0].get(
        "clear(), app.view.home(), setMode('pan'), window.scrollTo(0, 0), byId('results').hidden = true, draw()"
    )
    return live


def test_a_click_decodes_what_lies_there(explored):
    browser, explorer = explored
    browser.get("live.clicked(-1, [0.05, 0.05])")
    browser.wait("byId('here').querySelector('figure')")
    one = explorer.at(0.05, 0.05)
    assert browser.get("live.here.text") == one["text"]
    assert "encoded here again" in browser.text("#here")
    middle = "const box = byId('mark').getBoundingClientRect(), all = frame.getBoundingClientRect(); "
    middle += "const x = box.x + box.width / 2 - all.x, y = box.y + box.height / 2 - all.y; "
    middle += "return [x - frame.clientLeft, y - frame.clientTop]"
    for then in ("", "app.view.zoomAt(1.5), drawAbove()"):  # the mark stays at its place on the map
        browser.get(then or "0")
        assert browser.get(f"(() => {{ {middle} }})()") == pytest.approx(
            browser.get("app.view.toPixels(0.05, 0.05)"), abs=0.6
        )
    assert browser.get("byId('here').querySelectorAll('.near tbody tr').length") == len(one["near"])
    if not explorer.map.molecular:
        letters = "document.querySelectorAll('#here .sure [style]')"
        shares = browser.get(f"Array.from({letters}, (one) => one.style.getPropertyValue('--share'))")
        assert [float(share) for share in shares] == one["certainty"]


def walked(browser):
    """Wait for a path, and return the texts of its steps."""
    browser.wait("!byId('results').hidden && live.steps.length")
    assert "in 12 equal steps" in browser.text("#results-title")
    return browser.get("live.steps")


def test_a_path_is_dragged_from_a_point_to_another(explored):
    browser, explorer = explored
    browser.press("[data-mode=path]")
    first, last = pixel(browser, 0), pixel(browser, 1)
    browser.drag([first, ((first[0] + last[0]) / 2, (first[1] + last[1]) / 2), last])
    places = walked(browser)
    rows = [[float(row) for row in browser.get(f"live.ends.{end}.end")] for end in ("first", "last")]
    expected = explorer.path(rows[0], rows[1], 12)  # points that lie upon one another: the nearest is taken
    assert all(len(row) == 1 for row in rows)
    np.testing.assert_allclose(places, [one["place"] for one in expected], atol=1e-6)
    shown = browser.text("#results-body")
    assert f"{expected[0]['steps'][1]}" in shown
    assert "similarity to the start" in shown
    assert selected(browser) == []


def test_a_path_begins_and_ends_with_clicks_keys_or_cards_too(explored):
    browser, _ = explored
    browser.get("above.focus()")
    browser.key("p")
    assert browser.get("app.mode") == "path"
    for row in (0, 2):
        browser.get(f"(app.view.x = app.place[2 * {row}], app.view.y = app.place[2 * {row} + 1], draw())")
        browser.key("Enter")
        browser.wait(f"live.ends.{'last' if row else 'first'}")
    walked(browser)
    browser.key("Escape")
    assert browser.get("live.steps.length + Object.keys(live.ends).length") == 0
    browser.get("live.setEnd('first', [0], {text: 'a', x: 0, y: 0}), live.setEnd('last', [1], {text: 'b', x: 1, y: 1})")
    browser.press("#walk")
    walked(browser)


def test_analogs_are_a_ranked_table_a_file_and_points(explored):
    browser, explorer = explored
    browser.get("live.clicked(2, [])")
    browser.wait("live.here && live.here.row === 2")
    rows = browser.get("live.here.near.map((one) => one.row)")
    assert rows == [one["row"] for one in explorer.near(2)]
    browser.wait("byId('here').querySelectorAll('.near tbody tr').length === 5")
    browser.press("#analogs")
    browser.wait("byId('results-title').textContent.includes('analogs')")
    title, lead = browser.text("#results-title"), explorer.map.forms[2]
    assert title.startswith("50 analogs of ")
    assert lead in title
    assert browser.get("live.placed.length") == 50
    head = browser.get("Array.from(byId('results-body').querySelectorAll('th'), (one) => one.textContent)")
    own = ["qed", "sa", "structural alerts"] if explorer.map.molecular else ["dna:gc"]
    assert {"rank", "similarity", "log likelihood", *own} <= set(head)
    browser.press("#results-body button")
    lines = browser.downloaded("analogs.csv").splitlines()
    assert len(lines) == 51
    assert lines[0].startswith("text,similarity,log_likelihood,score")
    if explorer.map.molecular:
        assert browser.get("byId('results-body').querySelectorAll('svg').length") == 50
    else:
        rows = explorer.analogs(lead, 50)["rows"]
        assert [line.split(",")[0] for line in lines[1:]] == [row["text"] for row in rows]


def test_a_pasted_list_is_placed(explored):
    browser, explorer = explored
    browser.get(f"byId('pasted').value = {json.dumps(explorer.map.forms[2] + ' mine')}")
    browser.press("#paste button")
    browser.wait("live.placed.length === 1")
    assert browser.get("live.placed[0].place") == pytest.approx(explorer.map.places[2].tolist(), abs=1e-3)


def test_two_groups_are_a_slider(explored):
    browser, explorer = explored
    browser.get("live.clicked(0, [])")
    browser.wait("live.here && live.here.row === 0")
    for name, rows in (("A", [0, 1, 2]), ("B", [3, 4, 5])):
        browser.get(f"(app.selection.clear(), app.selection.add({rows}), selected())")
        browser.press(f"#group-{name}")
    browser.get("(byId('strength').value = 1.5, byId('strength').dispatchEvent(new Event('change')))")
    browser.wait("byId('moved').querySelector('figure')")
    (expected,) = explorer.between([3, 4, 5], [0, 1, 2], explorer.map.forms[0], [1.5])
    assert "moved by 1.5" in browser.text("#moved")
    assert expected["text"] in browser.get("byId('moved').textContent")


def test_an_objective_colours_the_plane(explored):
    browser, explorer = explored
    name = "logp" if explorer.map.molecular else "dna:gc"
    browser.get(f"byId('objective-name').value = {json.dumps(name)}")
    browser.press("#objective button")
    browser.wait("app.shade === 'objective' && byId('shade-legend').textContent.includes('ridge')")
    assert f"{name} as ridge regression on z" in browser.text("#shade-legend")
    assert browser.get("byId('shading').value") == "objective"


def test_a_selection_is_a_batch_for_a_laboratory_with_ids(explored, tmp_path):
    browser, explorer = explored
    browser.get("(app.selection.add([1, 2, 4]), selected())")
    browser.press("[data-file=csv]")
    path = tmp_path / "selection.csv"
    path.write_text(browser.downloaded("selection.csv"), "utf-8")
    rows = list(read_library(str(path), "", ""))
    assert [row.text for row in rows] == [explorer.map.forms[row] for row in (1, 2, 4)]
    assert [row.name for row in rows] == [explorer.map.names[row] for row in (1, 2, 4)]
    assert "seqvae ask RUN --from selection.csv" in browser.text("#selection")


def test_what_is_of_molecules_alone(explored):
    browser, explorer = explored
    if not explorer.map.molecular:
        pytest.skip("sequences")
    browser.get("find('smarts:c1ccccc1')")
    assert selected(browser) == [1, 2, 10, 14]


def test_a_selection_of_sequences_is_an_alignment_with_a_logo(explored):
    browser, explorer = explored
    if explorer.map.molecular:
        pytest.skip("molecules")
    forms = explorer.map.forms
    length = max(map(len, forms), key=[len(form) for form in forms].count)
    rows = [row for row, form in enumerate(forms) if len(form) == length]
    browser.get(f"(app.selection.add({rows}), selected())")
    browser.wait(f"byId('cards').querySelectorAll('tbody tr').length === {len(rows) + 1}")
    lines = browser.get("Array.from(byId('cards').querySelectorAll('tr:not(.ruler) td'), (one) => one.textContent)")
    assert lines == [forms[row] for row in rows]
    marked = (
        "Array.from(byId('cards').querySelectorAll('tr:not(.ruler)'), (one) => one.querySelectorAll('.changed').length)"
    )
    assert browser.get(marked) == [sum(a != b for a, b in zip(forms[rows[0]], forms[row], strict=True)) for row in rows]
    browser.press("#logo button")
    browser.wait("byId('logo').querySelector('svg') && byId('logo').querySelector('svg').clientWidth > 100")
