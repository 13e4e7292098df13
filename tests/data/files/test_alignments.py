"""Aligned sequences: every format gives the same match columns, and rows weigh by their neighbours."""

import gzip

import numpy as np
import pytest

from seqvae.config import DataConfig, PriorConfig, RunConfig, ScoreConfig, TrainingConfig
from seqvae.data.corpus import read_texts
from seqvae.data.family import neighbour_weights
from seqvae.data.files.alignments import ALIGNED
from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.errors import InputError, RecordError
from seqvae.infer import variants
from seqvae.latent.codec import load
from seqvae.sequences.domain import DOMAINS
from seqvae.train.fit import train

A2M = ">TARGET/5-14 first\nmkELF..TG-\nVV\n>other\n..EL-qwTGA\nVI\n>third\n..-LF..SGAVV\n"
MATCH = ["ELFTG-VV", "EL-TGAVI", "-LFSGAVV"]
A3M = ">TARGET/5-14 first\nmkELFTG-VV\n>other\nEL-qwTGAVI\n>third\n-LFSGAVV\n"
PFAM = (
    "# STOCKHOLM 1.0\n#=GF ID TEST\n\nTARGET/5-14   mkELF..TG\nother         ..EL-qwTG\n#=GR other SS ..HH-CCHH\n"
    "third         ..-LF..SG\n\nTARGET/5-14   -VV\nother         AVI\nthird         AVV\n//\n"
)
RFAM = (
    "# STOCKHOLM 1.0\nTARGET/5-14   MKELF..TG.VV\nother         ..EL.QWTGAVI\nthird         ...LF..SGAVV\n"
    "#=GC RF       ..xxx..xxxxx\n//\n"
)


@pytest.mark.parametrize(
    ("ending", "content"),
    [("a2m", A2M), ("a3m", A3M), ("sto", PFAM), ("stk", RFAM), ("afa", A2M)],
)
def test_every_format_gives_the_same_match_columns(tmp_path, ending, content):
    path = tmp_path / f"family.{ending}.gz"
    path.write_bytes(gzip.compress(content.encode()))
    records, _ = read_records(path, ReadSettings(keep=(ALIGNED,)))
    assert [record.text for record in records] == MATCH
    assert [record.name for record in records] == ["TARGET/5-14", "other", "third"]
    target = records[0].fields[ALIGNED]
    assert target.replace(".", "").replace("-", "") == "mkELFTGVV"


def test_a_stockholm_file_without_lower_case_has_points_for_gaps(tmp_path):
    path = tmp_path / "x.sto"
    path.write_text("# STOCKHOLM 1.0\na EL.T\nb E-FT\n//\n", "utf-8")
    assert [record.text for record in read_records(path)[0]] == ["EL-T", "E-FT"]


def test_rows_of_another_width_are_named(tmp_path):
    path = tmp_path / "x.a2m"
    path.write_text(">a\nELFT\n>b\nELF\n", "utf-8")
    with pytest.raises(RecordError, match=r"expected a row of 4 aligned columns, as the first \(a\), got 3"):
        read_records(path)
    kept, summary = read_records(path, ReadSettings(on_error="skip"))
    assert len(kept) == 1 and summary.rejected == 1


def test_a_stockholm_file_that_is_cut_off_or_none_is_refused(tmp_path):
    path = tmp_path / "x.sto"
    path.write_text("# STOCKHOLM 1.0\na ELT\n", "utf-8")
    with pytest.raises(InputError, match="no end"):
        read_records(path)
    path.write_text("a ELT\n//\n", "utf-8")
    with pytest.raises(InputError, match="begins with # STOCKHOLM"):
        read_records(path)


def test_weights_are_inverse_numbers_of_neighbours():
    rows = ["AAAAAAAAAA", "AAAAAAAAAC", "AAAAAAAACC", "DDDDDDDDDD", "AAAAAAAAA-", "XXXXXXXXXX"]
    # Rows 1 and 2 share nine of ten letters, 2 and 3 too; 1 and 3 share eight, which is not more than 80 %. Of the nine
    # letters of row 5 all are those of rows 1 and 2, and eight those of row 3; of row 3's ten letters it has eight.
    found = neighbour_weights(rows, 0.8, DOMAINS["protein"])
    assert found.tolist() == pytest.approx([1 / 3, 1 / 4, 1 / 2, 1, 1 / 4, 1])
    assert neighbour_weights(rows, 1.0, DOMAINS["protein"]).tolist() == [1.0] * 6


def test_weights_do_not_depend_on_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    base = rng.integers(0, 4, 30)
    rows = [
        "".join("ACDE"[x] for x in np.where(rng.random(30) < 0.15, rng.integers(0, 4, 30), base)) for _ in range(40)
    ]
    whole = neighbour_weights(rows, 0.8, DOMAINS["protein"])
    monkeypatch.setattr("seqvae.data.family._BLOCK", 2000)
    assert neighbour_weights(rows, 0.8, DOMAINS["protein"]).tolist() == whole.tolist()
    slow = [1 / sum(sum(a == b for a, b in zip(x, y, strict=True)) > 24 for y in rows) for x in rows]
    assert whole.tolist() == pytest.approx(slow)


def test_an_alignment_becomes_texts_with_weights(tmp_path):
    path = tmp_path / "family.a2m"
    path.write_text(A2M, "utf-8")
    found = read_texts(DataConfig(source=str(path)))
    assert found.texts == MATCH and found.domain.name == "protein"
    assert found.columns.weights is not None and found.columns.weights.tolist() == [1.0, 1.0, 1.0]
    assert found.family is not None
    assert (found.family.target, found.family.name) == ("mkELF..TG-VV", "TARGET/5-14")
    assert (found.family.columns, found.family.rows, found.family.dropped) == (8, 3, 4)
    assert "2 of the 9 of the target (TARGET/5-14)" in found.family.told()


def test_a_family_is_trained_by_dense_networks_and_keeps_its_target(tmp_path):
    rng = np.random.default_rng(0)
    target = "".join(rng.choice(list("ACDEFGHIKL"), 12))
    rows = ["".join(rng.choice(list("ACDEFG-")) if rng.random() < 0.3 else a for a in target) for _ in range(60)]
    path = tmp_path / "family.a2m"
    path.write_text("".join(f">row{n}/7-20\nmk{row}\n" for n, row in enumerate([target, *rows])), "utf-8")
    told = []
    run = RunConfig(
        data=DataConfig(source=str(path)),
        training=TrainingConfig(device="cpu", epochs=2),
        prior=PriorConfig(prior="none"),
    )
    train(run, tmp_path / "model", quiet=True, say=told.append)
    assert any("61 aligned sequences of 12 columns" in line for line in told)
    assert any("networks of aligned sequences: encoder dense, decoder dense" in line for line in told)
    codec = load(tmp_path / "model", device="cpu")
    assert (codec.run.model.decoder, codec.run.model.lengths, codec.run.model.ends) == ("dense", "fixed", "certain")
    assert codec.run.tokenizer.allow_gap and codec.run.training.batch_size == 64
    assert codec.provenance["family"]["target"] == f"mk{target}"
    assert {len(text) for text in codec.sample(500, seed=1)} == {12}
    found = variants(codec, [f"{target[0]}9{'W' if target[0] != 'W' else 'Y'}", "M7A"], config=ScoreConfig(samples=50))
    assert found.unmodelled.tolist() == [0, 1] and found.delta_log_p[0] < 0
    assert found.delta_log_p[1] == pytest.approx(0, abs=1e-9)
