"""Edits move along the difference of two groups' means, and leave alone what is to stay."""

from __future__ import annotations

import csv

import pytest
import torch
from codec_cases import MOLECULES, dna, untrained

from seqvae.artifact.folder import Artifact, save_artifact
from seqvae.cli.main import main
from seqvae.errors import UsageError
from seqvae.latent.arithmetic import attribute_vector, orthogonal
from seqvae.latent.edit import edit
from seqvae.latent.neighbours import near_texts
from seqvae.model.encoders import EOS
from seqvae.report.html.logo_files import change_logo
from seqvae.sequences.domain import DNA, DOMAINS


def test_what_is_left_is_orthogonal_and_the_nearest_such_vector():
    """By hand: (1, 2, 3) without its parts along (1, 0, 0) and (1, 1, 0) is (0, 0, 3)."""
    left = orthogonal([1.0, 2.0, 3.0], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0])
    torch.testing.assert_close(left, torch.tensor([0.0, 0.0, 3.0]))
    assert orthogonal([1.0, 2.0]).tolist() == [1.0, 2.0]


def test_nothing_left_is_an_error():
    with pytest.raises(UsageError, match="nothing is left"):
        orthogonal([1.0, 2.0], [2.0, 4.0])
    with pytest.raises(UsageError, match="one latent size"):
        orthogonal([1.0, 2.0], [2.0, 4.0, 1.0])


@pytest.mark.parametrize("molecules", [False, True])
def test_an_edit_decodes_the_moved_mean(molecules):
    codec = untrained(molecules=molecules)
    texts = MOLECULES if molecules else dna(12)
    with_, without, given = texts[:3], texts[3:6], texts[6:8]
    vector = attribute_vector(*(codec.encode(group, refine=0) for group in (with_, without)))
    found = edit(codec, given, (with_, without), [0.0, 0.5, -2.0], refine=0)
    points = codec.encode(given, refine=0)
    expected = [codec.decode((points[row] + s * vector)[None])[0] for row in range(2) for s in (0.0, 0.5, -2.0)]
    assert [one.text for one in found] == expected
    assert [(one.row, one.strength) for one in found] == [(row, s) for row in range(2) for s in (0.0, 0.5, -2.0)]
    assert all(0 <= one.similarity <= 1 for one in found)


def test_an_edit_leaves_fixed_attributes_alone():
    codec, texts = untrained(), dna(16)
    groups, fixed = (texts[:3], texts[3:6]), (texts[6:9], texts[9:12])
    vectors = [attribute_vector(*(codec.encode(one, refine=0) for one in pair)) for pair in (groups, fixed)]
    expected = codec.decode(codec.encode(texts[12:], refine=0) + 2 * orthogonal(*vectors))
    assert [one.text for one in edit(codec, texts[12:], groups, [2.0], [fixed], refine=0)] == expected


def test_no_strength_is_refused():
    with pytest.raises(UsageError, match="at least one strength"):
        edit(untrained(), ["ACGT"], (["AC"], ["GT"]), [])


@pytest.fixture
def sites(tmp_path, monkeypatch):
    """A model that writes DNA of one length, and files of DNA."""
    monkeypatch.chdir(tmp_path)
    codec = untrained()
    with torch.no_grad():
        codec.model.decoder.output.linear.bias[EOS] -= 100
    save_artifact(tmp_path / "dna", Artifact(codec.model, codec.run.model, codec.tokenizer, codec.run, {}))
    texts = dna(12)
    for name, rows in (("a", texts[:4]), ("b", texts[4:8]), ("c", texts[8:])):
        (tmp_path / f"{name}.txt").write_text("\n".join(rows) + "\n")
    return ["edit", "dna", "c.txt", "--toward", "a.txt", "--from", "b.txt", "--refine", "0", "--quiet", "-o", "e.csv"]


def test_a_direction_is_drawn_between_the_smallest_and_the_largest_strength(sites, tmp_path):
    assert main([*sites, "--strength=1,-2,3", "--logo", "change.svg"]) == 0
    rows = list(csv.DictReader((tmp_path / "e.csv").read_text().splitlines()))
    low, high = ([one["text"] for one in rows if float(one["strength"]) == end] for end in (-2.0, 3.0))
    title = "a.txt (above) against b.txt (below): 4 rows at both strengths"
    assert (tmp_path / "change.svg").read_text() == change_logo(low, high, DOMAINS[DNA], title)


def test_a_logo_that_cannot_be_is_refused_before_anything_is_written(sites, tmp_path, capsys):
    for words in (["--logo", "x.svg"], ["--strength=0,1", "--logo", "x.png"]):
        assert main([*sites, *words]) == 2
        assert "--logo: expected an .svg file and two strengths" in capsys.readouterr().err
    words = ["edit", "zinc-smiles", "c.txt", "--toward", "a.txt", "--from", "b.txt"]
    assert main([*words, "--strength=0,1", "--logo", "x.svg"]) == 2
    assert "a logo is of DNA, RNA or proteins, got molecules" in capsys.readouterr().err
    assert not {"e.csv", "x.svg"} & {one.name for one in tmp_path.iterdir()}


def test_near_texts_are_sorted_by_distance_and_begin_with_the_text_itself():
    codec, texts = untrained(), list(dict.fromkeys(dna(30)))
    found = near_texts(codec, texts[4], texts, 5)
    points = codec.encode(texts, refine=0)
    distances = (points - points[4]).norm(dim=1)
    assert found[0].row == 4
    assert found[0].similarity == 1.0
    assert [one.distance for one in found] == pytest.approx(distances.sort().values[:5].tolist(), abs=1e-5)
    assert len(near_texts(codec, texts[4], texts[:3], 10)) == 3


@pytest.mark.parametrize("strength", ["", "a", "1:2", "0:1:x", "nan", "0:1:0"])
def test_a_strength_that_is_none_is_refused(strength, capsys, tmp_path):
    (tmp_path / "a.smi").write_text("CCO\n")
    path = str(tmp_path / "a.smi")
    assert main(["edit", "zinc-smiles", path, "--toward", path, "--from", path, "--strength", strength]) == 2
    assert "--strength: expected numbers" in capsys.readouterr().err
