"""Projections: exact inverses, planes through their points, places that nothing moves, folders that give them back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqvae.errors import ArtifactError, NewerFormatError, UsageError
from seqvae.latent.projection.kinds import TSNE, UMAP, check_projection
from seqvae.latent.projection.neighbourhoods import Neighbourhoods, tsne, umap
from seqvae.latent.projection.planes import Plane, pca, plane_along, plane_through
from seqvae.latent.projection.stored import NUMBERS, RECORD, load_projection, save_projection


def cloud(points: int = 40, latent: int = 5, seed: int = 0) -> torch.Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(points, latent, generator=rng) * torch.arange(1.0, latent + 1)


def neighbourhoods(points: int = 40, kind: str = TSNE) -> Neighbourhoods:
    z = cloud(points)
    return Neighbourhoods(z.numpy(), z[:, :2].double().numpy(), 5.0, 0, kind)


PROJECTIONS = {
    "pca": lambda: pca(cloud()),
    "through": lambda: plane_through(cloud(3), ["a", "b", "c"]),
    "along": lambda: plane_along(cloud(1)[0], cloud(2)[0], cloud(2)[1], ["a", "u", "v"]),
    "tsne": neighbourhoods,
    "umap": lambda: neighbourhoods(kind=UMAP),
}


def test_the_components_of_a_cloud_by_hand():
    """Points on the line (1, 1) and a little off it: the first axis is (1, 1) / sqrt 2, its share 16 / 17."""
    plane = pca([[2.0, 2.0], [-2.0, -2.0], [0.5, -0.5], [-0.5, 0.5]])
    np.testing.assert_allclose(np.abs(plane.basis), np.full((2, 2), 0.5**0.5), atol=1e-12)
    assert (plane.basis.max(1) > 0).all()
    np.testing.assert_allclose(plane.shares, [16 / 17, 1 / 17])
    np.testing.assert_allclose(plane.place([[2.0, 2.0]]), [[8**0.5, 0.0]], atol=1e-12)


def test_all_components_are_an_exact_inverse():
    z = cloud()
    np.testing.assert_allclose(pca(z, 5).back(pca(z, 5).place(z)), z.numpy(), atol=1e-5)
    assert sum(pca(z, 5).shares) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["pca", "through", "along"])
@given(places=st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=5))
def test_the_way_back_of_a_plane_is_placed_where_it_came_from(kind, places):
    plane = PROJECTIONS[kind]()
    assert plane.exact
    z = plane.back(np.array(places))
    np.testing.assert_allclose(plane.place(z), places, atol=1e-4)
    np.testing.assert_allclose(plane.distance(z), 0, atol=1e-4)


@given(seed=st.integers(0, 1000))
def test_a_plane_passes_through_its_three_points(seed):
    z = cloud(3, 7, seed)
    plane = plane_through(z, ["a", "b", "c"])
    np.testing.assert_allclose(plane.distance(z), 0, atol=1e-5)
    np.testing.assert_allclose(plane.back(plane.place(z)), z.numpy(), atol=1e-5)
    np.testing.assert_allclose(plane.place(z), [one[1:] for one in plane.anchors], atol=1e-6)
    np.testing.assert_allclose(plane.basis @ plane.basis.T, np.eye(2), atol=1e-12)
    apart = torch.cdist(z.double(), z.double()).numpy()
    placed = plane.place(z)
    np.testing.assert_allclose(np.linalg.norm(placed[:, None] - placed[None], axis=2), apart, atol=1e-5)


def test_a_plane_along_two_directions_keeps_the_first_to_the_right():
    """By hand: around (1, 1, 1), (2, 0, 0) to the right, (3, 4, 0) without its part along that upwards."""
    plane = plane_along([1.0, 1.0, 1.0], [2.0, 0.0, 0.0], [3.0, 4.0, 0.0], ["a", "qed", "logp"])
    assert plane.place([[3.0, 6.0, 9.0]]).tolist() == [[2.0, 5.0]]
    assert plane.distance([[3.0, 6.0, 9.0]]).tolist() == [8.0]
    assert plane.anchors == (("a", 0.0, 0.0),)


def test_no_plane_through_points_on_one_line_or_along_one_direction():
    with pytest.raises(UsageError, match="a, b, c: lie on one line"):
        plane_through([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [2.0, 2.0, 2.0]], ["a", "b", "c"])
    with pytest.raises(UsageError, match="nothing is left"):
        plane_along([0.0, 0.0], [1.0, 1.0], [2.0, 2.0], ["a", "u", "v"])
    with pytest.raises(UsageError, match="span a plane"):
        plane_along([0.0, 0.0], [0.0, 0.0], [2.0, 2.0], ["a", "u", "v"])
    with pytest.raises(UsageError, match="through 3 points"):
        plane_through(cloud(2), ["a", "b"])


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_a_place_depends_on_no_other_point(kind):
    projection = PROJECTIONS[kind]()
    z = cloud(9, seed=1)
    together = projection.place(z)
    np.testing.assert_allclose(np.concatenate([projection.place(row[None]) for row in z]), together, atol=1e-9)


def test_fitted_points_stay_where_they_are_and_later_ones_go_among_their_neighbours():
    found = neighbourhoods()
    np.testing.assert_array_equal(found.place(found.fitted), found.places)
    later = found.place(found.fitted[:5] + 1e-3)
    near = np.linalg.norm(found.fitted[:5, None] + 1e-3 - found.fitted[None], axis=2).argsort(1)[:, :10]
    np.testing.assert_allclose(later, np.median(found.places[near], axis=1))
    np.testing.assert_allclose(found.back(found.places), found.fitted, atol=1e-4)


@pytest.mark.parametrize("kind", PROJECTIONS)
def test_a_stored_projection_gives_the_same_places(kind, tmp_path):
    projection, z = PROJECTIONS[kind](), cloud(9, seed=2)
    save_projection(tmp_path / "map", projection, "m")
    again = load_projection(tmp_path / "map", "m")
    np.testing.assert_array_equal(again.place(z), projection.place(z))
    np.testing.assert_array_equal(again.back(projection.place(z)), projection.back(projection.place(z)))
    assert (again.kind, again.described) == (projection.kind, projection.described)
    if isinstance(projection, Plane):
        assert again.anchors == projection.anchors


def test_a_stored_projection_is_refused_where_it_is_not_what_it_says(tmp_path):
    folder = tmp_path / "map"
    save_projection(folder, pca(cloud()), "m")
    with pytest.raises(UsageError, match="of another model"):
        load_projection(folder, "n")
    record = json.loads((folder / RECORD).read_text())
    for change, error, words in (
        ({"format": 9}, NewerFormatError, "update it"),
        ({"latent": 6}, ArtifactError, "6 dimensions"),
        ({"kind": "magic"}, ArtifactError, "unknown kind"),
        ({"sha256": "0"}, ArtifactError, "copy the whole folder"),
        ({"anchors": [1]}, ArtifactError, "not a whole projection"),
    ):
        (folder / RECORD).write_text(json.dumps(record | change))
        with pytest.raises(error, match=words):
            load_projection(folder)
    (folder / NUMBERS).unlink()
    with pytest.raises(ArtifactError, match="cannot read the numbers"):
        load_projection(folder)
    with pytest.raises(ArtifactError, match="cannot read a projection"):
        load_projection(tmp_path / "nowhere")


@pytest.mark.parametrize(("fit", "library"), [(tsne, "openTSNE"), (umap, "umap")])
def test_maps_keep_neighbours_and_repeat_themselves(fit, library):
    pytest.importorskip(library)
    groups = torch.cat([cloud(30, seed=3) * 0.1, cloud(30, seed=4) * 0.1 + 20])
    wide = 8.0 if fit is tsne else 8
    found = fit(groups, wide, seed=1)
    places = found.place(groups)
    middle = [places[:30].mean(0), places[30:].mean(0)]
    own = np.linalg.norm(places - np.repeat(middle, 30, axis=0), axis=1)
    other = np.linalg.norm(places - np.repeat(middle[::-1], 30, axis=0), axis=1)
    assert (own < other).all()
    np.testing.assert_array_equal(fit(groups, wide, seed=1).places, found.places)
    assert len(fit(groups, wide, most=20).fitted) == 20
    with pytest.raises(UsageError, match="at least 4 different"):
        fit(torch.cat([groups[:3], groups[:3]]))


def test_umap_is_asked_for_a_map_that_repeats_itself(monkeypatch):
    """With a stand-in for umap-learn, which is large: what it is told, and that later points find their places."""
    asked = {}

    class Fit:
        def __init__(self, **settings):
            asked.update(settings)

        def fit_transform(self, points):
            return points[:, :2]

    monkeypatch.setitem(sys.modules, "umap", types.SimpleNamespace(UMAP=Fit))
    z = cloud(9)
    found = umap(torch.cat([z, z[:2]]), neighbours=30, seed=3)
    assert asked == {"n_neighbors": 8, "random_state": 3, "init": "pca", "n_jobs": 1}
    np.testing.assert_array_equal(found.place(z), z[:, :2].double().numpy())
    assert found.described.startswith("UMAP of z (8 neighbours)")


@pytest.mark.parametrize(("kind", "module"), [("tsne", "openTSNE"), ("umap", "umap")])
def test_what_to_install_is_said(monkeypatch, kind, module):
    monkeypatch.setitem(sys.modules, module, None)
    for ask in (lambda: {"tsne": tsne, "umap": umap}[kind](cloud()), lambda: check_projection(kind)):
        with pytest.raises(UsageError, match=r"pip install 'seqvae\[map\]'"):
            ask()


@pytest.mark.parametrize("words", [["map", "zinc-smiles", "in.smi"], ["explore", "zinc-smiles"]])
def test_a_projection_that_cannot_be_made_is_refused_before_pytorch_is_loaded(words, tmp_path):
    (tmp_path / "in.smi").write_text("CCO\n")
    code = f"""
import sys
sys.modules["umap"] = None
from seqvae.cli.main import main
status = main({[*words, "--projection", "umap"]!r})
print(status, "torch" in sys.modules)
"""
    path = os.pathsep.join(map(os.path.abspath, sys.path))
    found = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
                           env={**os.environ, "PYTHONPATH": path})  # fmt: skip
    assert found.stdout.split() == ["2", "False"]
    assert "UMAP needs umap-learn: pip install 'seqvae[map]'" in found.stderr
    assert "Traceback" not in found.stderr
