"""Maps: places, columns, what lies between the rows, selections, and what an empty latent space says."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from codec_cases import dna, untrained
from map_cases import HOSTILE, SMILES, dna_map, records, small_map

from seqvae.config import DecodeConfig, MapConfig, ViewConfig
from seqvae.errors import ConfigError, InputError, UsageError
from seqvae.evaluate.diagnosis.geometry import jacobian
from seqvae.evaluate.diagnosis.space import dark_points
from seqvae.evaluate.maps.chart import chart
from seqvae.evaluate.maps.explorer import Explorer
from seqvae.evaluate.maps.selection import inside, picked
from seqvae.evaluate.maps.shading import CELLS, Extent
from seqvae.infer.likelihood import weigh
from seqvae.latent.projection.planes import pca
from seqvae.properties import get


@pytest.fixture(scope="module")
def small():
    return small_map()


def test_a_map_has_the_places_and_columns_of_its_parts(small):
    codec, found = small
    read = codec.tokenize(SMILES)
    z = codec.encode(read, refine=0).numpy()
    np.testing.assert_allclose(found.z, z, atol=1e-6)
    np.testing.assert_allclose(found.places, pca(z).place(z), atol=1e-5)
    weighed = weigh(codec, read, 2)
    np.testing.assert_allclose(found.columns["log_p"].values, weighed.log_p.numpy(), atol=1e-5)
    ends = np.array([len(ids) + 1 for ids in read.ids])
    np.testing.assert_allclose(found.columns["unfamiliarity"].values, weighed.loss.numpy() / ends, atol=1e-5)
    np.testing.assert_allclose(found.columns["qed"].values, get("qed")(SMILES))
    assert np.isnan(found.columns["pIC50"].values).tolist() == [row == 5 for row in range(len(SMILES))]
    assert set(found.columns["cluster"].values) == {"1", "2"}
    assert found.columns["cluster"].values.count("1") >= len(SMILES) / 2
    assert not found.columns["note"].colours
    assert found.colouring == [
        "pIC50",
        "series",
        "qed",
        "logp",
        "molecular_weight",
        "log_p",
        "unfamiliarity",
        "cluster",
    ]
    assert found.names[3] == HOSTILE


def test_every_place_lies_on_the_map(small):
    _, found = small
    extent = found.extent
    for axis, low in enumerate((extent.left, extent.bottom)):
        assert (found.places[:, axis] > low).all()
        assert (found.places[:, axis] < low + extent.side).all()
    cells = Extent(0.0, 0.0, 4.0).cells(2)
    assert cells.tolist() == [[1.0, 1.0], [3.0, 1.0], [1.0, 3.0], [3.0, 3.0]]


def test_the_grid_is_what_its_points_decode_to(small):
    codec, found = small
    places = found.extent.cells(4)
    z = torch.from_numpy(found.projection.back(places))
    made = codec.generate(z, DecodeConfig(rules="none"))
    assert [one.text for one in found.grid] == made.texts
    invalid, elsewhere = dark_points(codec, z, made.texts)
    assert [one.valid for one in found.grid] == (~invalid).tolist()
    assert [one.returns for one in found.grid] == (~(invalid | elsewhere)).tolist()
    np.testing.assert_allclose([(one.x, one.y) for one in found.grid], places)


def test_shades_cover_the_map_and_shares_are_shares(small):
    _, found = small
    assert set(found.shades) == {"density", "dark", "magnification"}
    for shade in found.shades.values():
        assert shade.values.shape == (CELLS, CELLS)
    dark = found.shades["dark"].values
    assert ((dark >= 0) & (dark <= 1 + 1e-9) | np.isnan(dark)).all()
    assert found.shades["density"].values.max() == 1


def test_magnification_is_the_area_of_the_jacobian_along_the_plane():
    """The singular values of J restricted to the plane multiply to its stretch; of dark points nothing is known."""
    codec, found = dna_map()
    from seqvae.evaluate.maps.shading import _stretch

    z = torch.from_numpy(found.projection.back(found.extent.cells(4)))
    texts = codec.decode(z)
    stretch = _stretch(codec, z, texts, found.projection)
    read = codec.tokenize(texts, "skip")
    whole = jacobian(codec.model.decoder, z[read.rows], codec.padded(read.ids)).detach().double()
    axes = torch.from_numpy(found.projection.basis)
    values = torch.linalg.svdvals(torch.einsum("al,plo->pao", axes, whole))
    np.testing.assert_allclose(stretch[list(read.rows)], values.log().sum(1), rtol=1e-3, atol=1e-3)


def test_a_slice_passes_through_its_molecules_and_decodes_them():
    codec, found = small_map(through=("CCO", "c1ccccc1O", "CC#N"))
    ends = codec.encode(["CCO", "c1ccccc1O", "CC#N"])
    np.testing.assert_allclose(found.projection.place(ends), [one[1:] for one in found.projection.anchors], atol=1e-4)
    assert found.projection.described.endswith("through CCO, c1ccccc1O and CC#N")
    assert (found.columns["distance_from_plane"].values >= 0).all()
    points = torch.from_numpy(found.projection.back(found.extent.cells(CELLS)))
    np.testing.assert_allclose(found.shades["density"].values.ravel(), codec.log_prior(points), rtol=1e-4)


def test_a_slice_along_a_property_leads_from_its_low_rows_to_its_high_ones():
    _, found = small_map(around="CCO", along=("logp", "molecular_weight"))
    values = found.columns["logp"].values
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    assert found.places[values >= high, 0].mean() > found.places[values <= low, 0].mean()
    with pytest.raises(UsageError, match="holds texts"):
        small_map(around="CCO", along=("series", "logp"))


def test_an_empty_latent_space_is_said_to_be_empty():
    with pytest.raises(UsageError, match=r"splice-dna: its latent space is empty: none of \d+ dimensions varies"):
        chart(
            "splice-dna", ["CAGGTAAGT", "AAGGTGAGT", "CAGGTGAGC", "TTGGTAAGA"], MapConfig(grid=0, draws=0), device="cpu"
        )


def test_rows_that_cannot_be_read_are_left_out_and_said():
    codec = untrained(molecules=True)
    found = chart(codec, [*SMILES, "nonsense"], MapConfig(grid=0, draws=0, clusters=0, samples=0))
    assert len(found) == len(SMILES)
    assert "1" in found.left_out
    assert not found.shades
    assert "log_p" not in found.columns
    with pytest.raises(InputError, match="three molecules or more"):
        chart(codec, ["CCO", "CC"], MapConfig())


def test_a_selection_is_the_union_of_polygons_searches_and_numbers(small):
    _, found = small
    square = "-1000,-1000 1000,-1000 1000,1000 -1000,1000"
    assert found.selected(ViewConfig(lasso=(square,))).all()
    assert np.flatnonzero(found.selected(ViewConfig(find=("ONERROR",)))).tolist() == [3]
    assert np.flatnonzero(found.selected(ViewConfig(find=("smarts:c1ccccc1",), pick="1"))).tolist() == [0, 1, 2, 10, 14]
    assert not found.selected(ViewConfig()).any()
    assert list(found.table(ViewConfig(pick="2-3")).texts) == SMILES[1:3]
    assert list(found.table(ViewConfig()).texts) == SMILES


def test_polygons_and_numbers_are_read_strictly():
    bow = "0,0 2,2 2,0 0,2"  # crosses itself: even-odd
    places = np.array([[0.5, 1.0], [1.0, 0.2], [1.5, 1.0], [1.0, 1.8]])
    assert inside(bow, places).tolist() == [True, False, True, False]
    for wrong in ("0,0 1,1", "0,0 1,1 x,1", "0,0 1,1 nan,1"):
        with pytest.raises(ConfigError, match="lasso"):
            inside(wrong, places)
    for wrong in ("0", "5", "3-2", "a", "1-"):
        with pytest.raises(ConfigError, match="pick"):
            picked(wrong, 4)


@pytest.mark.parametrize(
    "settings",
    [{"through": ("C", "CC")}, {"around": "C"}, {"along": ("a", "b")}, {"through": ("C", "CC", "N"), "around": "C"}],
)
def test_half_a_slice_is_refused(settings):
    with pytest.raises(ConfigError, match=r"through|around"):
        MapConfig(**settings)
    with pytest.raises(UsageError, match=r"expected pca, tsne, umap or the folder of a stored one, got 'umpa'.*umap"):
        small_map(projection="umpa")


def test_an_explorer_says_what_lies_at_a_place(small):
    codec, found = small
    explorer = Explorer(codec, found)
    x, y = found.places[0]
    one = explorer.at(float(x), float(y))
    z = torch.from_numpy(found.projection.back(np.array([[x, y]])))
    assert one["text"] == codec.generate(z).texts[0]
    assert one["valid"]
    assert one["log_p"] == pytest.approx(float(codec.bounds([one["text"]]).elbo[0]), rel=1e-5)
    apart = np.linalg.norm(found.z - z.numpy(), axis=1)
    assert [near["row"] for near in one["near"]] == np.argsort(apart, kind="stable")[:5].tolist()
    beside = explorer.near(3)
    apart = np.linalg.norm(found.z - found.z[3], axis=1)
    assert [one["row"] for one in beside] == [row for row in np.argsort(apart, kind="stable") if row != 3][:5]
    assert beside[0]["distance"] == pytest.approx(apart[beside[0]["row"]], rel=1e-3)
    assert explorer.find("OCC") == [0]
    assert explorer.find("smarts:C#N") == [6]
    assert explorer.find("nothing") == []


def test_a_path_merges_equal_steps_and_keeps_all_of_them(small):
    codec, found = small
    rows = Explorer(codec, found).path([0.0], [1.0], 9)
    assert [step for one in rows for step in range(one["steps"][0], one["steps"][1] + 1)] == list(range(1, 10))
    assert all(first["text"] != last["text"] for first, last in itertools.pairwise(rows))
    for one in rows:
        assert len(one["similarity"]) in (0, 2)


def test_a_list_is_placed_where_its_rows_are(small):
    codec, found = small
    placed = Explorer(codec, found).place([SMILES[2], "nonsense", SMILES[0]], ["a", "b", "c"])
    assert [one["name"] for one in placed["rows"]] == ["a", "c"]
    np.testing.assert_allclose([one["place"] for one in placed["rows"]], found.places[[2, 0]], atol=1e-4)
    assert [one["text"] for one in placed["rejected"]] == ["nonsense"]


def test_an_objective_colours_the_plane_and_no_code_but_what_was_named(small, monkeypatch, tmp_path):
    codec, found = small
    (tmp_path / "mine.py").write_text("def size(smiles):\n    return float(len(smiles))\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UsageError, match="only functions that --objective named"):
        Explorer(codec, found).objective("mine:size")
    shade = Explorer(codec, found, ["mine:size"]).objective("mine:size")
    assert shade.values.shape == (CELLS, CELLS)
    assert 3 <= shade.low <= shade.high <= 18
    assert np.isfinite(Explorer(codec, found).objective("pIC50").values).all()


def test_groups_move_a_text_as_edit_does():
    codec, found = small_map(untrained(), dna(20))
    rows = Explorer(codec, found).between([0, 1], [2, 3], found.forms[5], [0.0, 1.0])
    assert [one["strength"] for one in rows] == [0.0, 1.0]
    assert rows[0]["text"] == codec.decode(codec.encode([found.forms[5]]))[0]


def test_records_and_texts_and_files_make_one_map(tmp_path):
    codec, path = untrained(molecules=True), tmp_path / "in.smi"
    path.write_text("\n".join(SMILES) + "\n")
    config = MapConfig(grid=0, draws=0, clusters=0, samples=0)
    maps = [chart(codec, rows, config) for rows in (SMILES, records(), path)]
    for other in maps[1:]:
        np.testing.assert_array_equal(other.places, maps[0].places)
    assert maps[2].source == str(path)
    assert len(chart(codec, path, MapConfig(grid=0, draws=0, clusters=0, samples=0, limit=4))) == 4
