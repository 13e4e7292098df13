"""Pages are well-formed, self-contained, and show what they are given."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_cases import checked

from seqvae.data.audit import audit
from seqvae.report.audit_table import audit_rows
from seqvae.report.html.line_plot import ACROSS, CLOUD, POINTS, Series, line_plot, ticks
from seqvae.report.html.molecules import drawing, molecule_grid, molecule_pairs, molecule_path
from seqvae.report.html.page import Section, code, page, paragraph, shown, table
from seqvae.report.html.sequences import sequence_text

CELECOXIB = "Cc1ccc(cc1)-c1cc(nn1-c1ccc(cc1)S(N)(=O)=O)C(F)(F)F"


anything = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40)


@settings(max_examples=40, deadline=None)
@given(text=anything, other=anything)
def test_text_is_text_and_never_markup(text, other):
    blocks = (paragraph(text), code(other), table([text, other], [[text, other]]), sequence_text([text], [other]))
    html = page(text, [Section(other, blocks), Section(text, ())], lead=other, footer=text)
    found = checked(html)
    assert text in found
    assert other in found


@pytest.mark.parametrize("build", [molecule_grid, molecule_path])
def test_molecules_are_drawn_with_their_captions(build):
    html = build(["CCO", CELECOXIB, "C[C@H](N)C(=O)O", "no <molecule>", ""], ["a & b", "2", "3", "4", "5"])
    text = checked(html)
    assert html.count("<svg") == 3
    assert "no <molecule>" in text
    assert "(empty)" in text
    assert "a & b" in text
    assert html.count("<figure>") == 5
    assert checked(build(["CCO"])).strip().startswith("CCO")
    with pytest.raises(ValueError, match="shorter"):
        build(["CCO", "CCN"], ["one"])


def test_a_molecule_that_stands_several_times_on_a_path_is_drawn_once():
    html = molecule_path(["CCO", "CCO", "CCN", "CCO"], ["start", "step 1", "step 2", "step 3"])
    text = checked(html)
    assert html.count("<svg") == 3
    assert "start to step 1" in text
    assert "step 3" in text


def test_bonds_of_a_grid_have_one_length():
    def first_bond(smiles):
        numbers = re.search(r"M ([\d.]+),([\d.]+) L ([\d.]+),([\d.]+)", drawing(smiles)).groups()
        x, y, to_x, to_y = map(float, numbers)
        return math.hypot(to_x - x, to_y - y)

    assert first_bond("CCC") == pytest.approx(26.0, abs=0.2)
    assert first_bond("CCCCCCC") == pytest.approx(26.0, abs=0.2)


def test_what_a_lead_does_not_have_is_highlighted():
    lead = "CC(C)Cc1ccc(C(C)C(=O)O)cc1"
    assert "var(--marked)" not in drawing(lead, lead)
    assert "var(--marked)" in drawing("CC(C)Cc1ccc(C(C)C(=O)NC)cc1", lead)
    assert drawing("CCO", lead) == drawing("CCO")  # too little in common


def test_a_grid_gives_weight_logp_and_the_smiles():
    text = checked(molecule_grid(["CCO"]))
    assert "MW 46" in text
    assert "logP -0.0" in text
    assert text.count("CCO") >= 2


def test_changed_letters_are_marked_under_a_ruler():
    html = sequence_text(["ACGTACGTACTT", "ACG"], ["one", "short"], reference="ACGTACGTACGT")
    assert html.count("changed") == 1
    text = checked(html)
    assert "reference" in text
    assert "        10" in text


def test_a_long_table_opens_on_a_click():
    html = table(["n"], [[row] for row in range(57)])
    assert "37 more rows" in html
    assert html.count("<td") == 57
    assert "<details>" not in table(["n"], [[row] for row in range(20)])


def test_pairs_say_whether_they_are_the_same():
    html = molecule_pairs(["CCO", "CCN"], ["CCO", "CC"], [True, False])
    checked(html)
    assert (html.count("exact"), html.count("different")) == (1, 1)


def test_a_drawing_is_small_and_takes_its_colours_from_the_page():
    svg = drawing("Clc1ccc(Br)c(I)c1OP(=O)(S)CF")
    ET.fromstring(svg)
    assert not re.search("#[0-9A-Fa-f]{6}", svg)
    assert "currentColor" in svg
    assert len(svg) < 12_000
    assert drawing("CCO") == drawing("CCO")


def test_every_colour_is_defined_for_light_and_for_dark():
    html = page("t", [])
    light, dark = html.split("@media (prefers-color-scheme: dark)")
    for name in set(re.findall(r"var\((--\w+)\)", html + drawing(CELECOXIB))):
        assert f"{name}:" in light.split("}")[0]
        assert f"{name}:" in dark.split("}")[0]


def all_places(root):
    return [place for path in root.iter("path") for place in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.get("d"))]


values = st.floats(-1e6, 1e6, allow_nan=False) | st.sampled_from([math.nan, math.inf])


@settings(max_examples=60, deadline=None)
@given(points=st.lists(st.tuples(values, values), max_size=12), more=st.lists(st.tuples(values, values), max_size=3))
def test_a_plot_draws_every_finite_point_inside_its_frame(points, more):
    series = [Series("a < b", [x for x, _ in p], [y for _, y in p]) for p in (points, more)]
    root = ET.fromstring(line_plot(series, "title & more", "x", "y"))
    for path, drawn in zip(root.iter("path"), (points, more), strict=True):
        places = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path.get("d"))
        assert len(places) == sum(math.isfinite(x) and math.isfinite(y) for x, y in drawn)
        assert all(0 <= float(x) <= 640 and 0 <= float(y) <= 320 for x, y in places)
    assert [(dot.get("cx"), dot.get("cy")) for dot in root.iter("circle")] == all_places(root)
    assert "title & more" in "".join(root.itertext())


def test_points_a_cloud_and_a_line_across_are_told_apart():
    series = [
        Series("all scored", [0.0, 1.0, math.nan], [0.0, 4.0, 2.0], CLOUD),
        Series("a front that has a name of many letters", [0.0, 1.0], [3.0, 1.0], POINTS),
        Series("another one, which makes the legend two lines long", [0.0, 1.0], [1.0, 2.0]),
        Series("best measured before", (9.0,), (2.0,), ACROSS),
    ]
    root = ET.fromstring(line_plot(series, "t", "x", "y"))
    cloud, line, across = root.iter("path")
    assert cloud.get("class") == "cloud"
    assert cloud.get("d").count("h0") == 2
    assert line.get("style") == "stroke:var(--orange)"
    assert across.get("d") == f"M58 {all_places(root)[-2][1]}H626"  # as high as 2 is, whatever its own x
    names = {one.text: (float(one.get("x")), float(one.get("y"))) for one in root.iter("text")}
    assert all(names[one.name][0] + 6.5 * len(one.name) <= 640 for one in series)
    assert len({names[one.name][1] for one in series}) == 3


@settings(max_examples=100, deadline=None)
@given(low=st.floats(-1e6, 1e6), size=st.floats(1e-3, 1e6))
def test_ticks_are_few_and_inside(low, size):
    found = ticks(low, low + size)
    assert 1 <= len(found) <= 7
    assert found == sorted(set(found))
    assert low - 0.01 * size <= found[0]
    assert found[-1] <= low + 1.01 * size


def test_numbers_are_shown_shortly():
    assert [shown(v) for v in (0.123456, 1.0, 1234567, 12345.6, True, "a<b", None)] == [
        "0.123",
        "1",
        "1,234,567",
        "12,346",
        "True",
        "a&lt;b",
        "None",
    ]
    assert '<td class="number">3</td>' in table(["n"], [[3]])


def test_bases_have_colours_and_other_letters_none():
    html = sequence_text(["ACGTN" * 3])
    assert checked(html).strip().endswith("ACGTN" * 3)
    assert html.count("<span>") == 3  # one of them is the ruler's
    assert html.count('<b class="g">G</b>') == 3
    assert html.count("<i>N</i>") == 3


def test_an_audit_as_rows():
    found = audit(["CCO", "OCC", "C1CC", "[Na+].[Cl-]"], "smiles")
    rows = {row[0]: row[1:] for row in audit_rows(found)}
    assert rows["molecules"] == ("4", "")
    assert rows["invalid"][0] == "1"
    assert "line 3" in rows["invalid"][1]
    assert rows["duplicates"][0] == "1"
    assert rows["salts and mixtures"] == ("1", "line 4: [Na+].[Cl-]")
    assert "longest: " in rows["length in characters"][1]
    dna = {row[0]: row[1:] for row in audit_rows(audit(["ACG", "CGT"], "dna"))}
    assert dna["reverse-complement duplicates"][0] == "1"


def test_no_line_ends_within_a_flag():
    text = "Train with --encoder-pooling attention or (--beta .1); a--b and <--c> are none."
    found = paragraph(text)
    assert re.findall(r'<span class="flag">(.*?)</span>', found) == ["--encoder-pooling", "--beta"]
    assert re.sub(r"<[^>]*>", "", found) == escape(text)
