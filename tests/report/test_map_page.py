"""Pages and pictures of maps: whole, self-contained, nothing of a file read as markup, and the same numbers."""

from __future__ import annotations

import base64
import json
import re
import xml.etree.ElementTree as ET
import zlib

import numpy as np
import pytest
from map_cases import HOSTILE, SMILES, dna_map, small_map

from seqvae.config import ViewConfig
from seqvae.errors import ConfigError, UsageError
from seqvae.report.map import page as map_pages
from seqvae.report.map import plot
from seqvae.report.map.drawings import compact_drawing
from seqvae.report.map.page import map_page
from seqvae.report.map.picture import write_picture


@pytest.fixture(scope="module")
def small():
    return small_map()[1]


def blob(page, name):
    """What a part of a page holds, unpacked."""
    (found,) = re.findall(f'<script type="text/plain" id="blob-{name}">([^<]*)</script>', page)
    return zlib.decompress(base64.b64decode(found))


def meta(page):
    return json.loads(re.search(r'id="meta">([^<]*)</script>', page)[1])


def test_a_page_fetches_nothing_and_reads_no_text_of_a_file_as_markup(small):
    page = map_page(small, ViewConfig(color="series"), "seqvae map small in.smi -o map.html")
    own = re.sub(r"<script>\n/\*! (kdbush|smiles-drawer).*?</script>", "", page, flags=re.DOTALL)
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", own))
    assert addresses <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<link|<iframe|@import|<img|<script src", own)
    assert HOSTILE not in page
    assert page.count("<script") == page.count("</script>")
    assert "</script>" not in json.dumps(meta(page)["command"])


def test_a_page_holds_the_numbers_of_the_map(small):
    page = map_page(small)
    np.testing.assert_array_equal(np.frombuffer(blob(page, "places"), "<f4").reshape(-1, 2), small.places.astype("f4"))
    assert blob(page, "forms").decode().split("\n") == small.forms
    assert blob(page, "names").decode().split("\n") == small.names
    for column in meta(page)["columns"]:
        values = small.columns[column["title"]].values
        found = blob(page, column["blob"])
        if column["kind"] == "number":
            np.testing.assert_array_equal(np.frombuffer(found, "<f4"), values.astype("f4"))
        elif column["kind"] == "group":
            assert [column["groups"][code]["name"] for code in found] == values
        else:
            assert found.decode().split("\n") == values
    drawn = blob(page, "drawings-0").decode().split("\n")
    assert drawn == [compact_drawing(text) for text in small.forms]


def test_very_many_molecules_are_drawn_by_the_browser_with_the_licence_beside(small, monkeypatch):
    monkeypatch.setattr(map_pages, "DRAWN", 3)
    page = map_page(small)
    assert "SmilesDrawer" in page
    assert page.count("Permission is hereby granted, free of charge") == 1
    assert "Gregor Aisch" in page
    assert meta(page)["drawings"] is None
    assert "Vladimir Agafonkin" in page


def test_a_selection_stands_in_the_page_with_its_reason(small):
    view = ViewConfig(find=("onerror",), view="0.5,1,2")
    page = map_page(small, view)
    assert json.loads(blob(page, "selected")) == [3]
    assert meta(page)["reasons"] == [["find", "onerror"]]
    assert meta(page)["view"] == [0.5, 1.0, 2.0]
    assert meta(map_page(small, ViewConfig(pick="1", find=("onerror",))))["reasons"] == []
    with pytest.raises(UsageError, match="no column to colour by"):
        map_page(small, ViewConfig(color="pic50"))
    with pytest.raises(ConfigError, match="view: expected 3 numbers"):
        map_page(small, ViewConfig(view="1,2"))


def test_line_ends_in_a_name_do_not_shift_the_rows_behind(small):
    small = dna_map(grid=0, draws=0)[1]
    small.names[2] = "two\nlines\r\n"
    assert blob(map_page(small), "names").decode().split("\n")[2:4] == ["two lines", small.names[3]]


def test_drawings_are_small_and_hold_no_text_but_letters_of_atoms():
    drawn = compact_drawing("C[C@H](N)C(=O)[O-].[Na+]")
    ET.fromstring(drawn)
    assert set(re.findall(r">([^<>]+)<", drawn)) <= set("NH2ONa+-")
    assert 'stroke="var(--red)"' in drawn
    assert len(drawn) < 2500
    assert compact_drawing("nonsense") == compact_drawing("") == ""


@pytest.mark.parametrize("shade", ["density", "dark", "magnification", "none"])
def test_pictures_show_every_point_and_are_whole(small, tmp_path, shade):
    view = ViewConfig(color="series", shade=shade)
    write_picture(tmp_path / "map.svg", small, view)
    text = (tmp_path / "map.svg").read_text("utf-8")
    tree = ET.fromstring(text)
    circles = tree.findall(".//{http://www.w3.org/2000/svg}g/{http://www.w3.org/2000/svg}circle")
    assert len(circles) == len(SMILES)
    assert text.count("<image") == (shade != "none")
    assert "&lt;/script&gt;" in text
    write_picture(tmp_path / "map.png", small, view)
    from PIL import Image

    with Image.open(tmp_path / "map.png") as picture:
        assert picture.size[0] > 1500
        assert len(np.unique(np.asarray(picture))) > 20


def test_a_picture_of_a_view_shows_what_lies_in_it(small, tmp_path):
    x, y = small.places[0]
    view = ViewConfig(color="qed", view=f"{x},{y},{small.extent.side / 50}", pick="1")
    write_picture(tmp_path / "map.svg", small, view)
    near = np.abs(small.places - (x, y)).max(1) <= small.extent.side / 100
    assert (tmp_path / "map.svg").read_text("utf-8").count("fill-opacity") == near.sum()


def test_a_report_shows_the_map_in_the_colours_of_its_page(small, monkeypatch):
    root = ET.fromstring(plot.map_plot(small))
    dots = [(one.get("style"), one.get("d")) for one in root.iter("path")]
    assert sum(places.count("h0") for _, places in dots) == len(small)
    grey = [places.count("h0") for style, places in dots if "var(--soft)" in style]
    assert grey == [1]  # one row has no value
    text = " ".join(root.itertext())
    assert "16 molecules in latent space" in text
    assert "pIC50" in text
    x, y = (float(part) for part in dots[1][1].removeprefix("M").split("h0")[0].split())
    extent = small.extent
    places = extent.left + x / 400 * extent.side, extent.bottom + (426 - y) / 400 * extent.side
    assert np.linalg.norm(small.places - places, axis=1).min() < 1e-2 * extent.side
    monkeypatch.setattr(plot, "MOST_SHOWN", 5)
    assert "5 of 16 molecules" in plot.map_plot(small)
