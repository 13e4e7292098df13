"""The verbs, as they are typed."""

import pytest
from coding_cases import artifact

from seqvae.artifact.folder import save_artifact
from seqvae.cli.main import main


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "model"
    save_artifact(folder, artifact())
    return folder


@pytest.fixture
def packed(model, tmp_path, capsys):
    (tmp_path / "a.fasta").write_text(">a\nACGT\n>b\nACGTN\n>c\nGGA\n")
    assert main(["compress", str(model), str(tmp_path / "a.fasta"), "-o", str(tmp_path / "a.svz"), "--block", "2"]) == 0
    return tmp_path / "a.svz"


def test_a_file_goes_there_and_back(packed, tmp_path, capsys):
    assert main(["decompress", str(packed), "-o", str(tmp_path / "back.fasta")]) == 0
    assert (tmp_path / "back.fasta").read_bytes() == (tmp_path / "a.fasta").read_bytes()
    assert "3 rows" in capsys.readouterr().err


def test_what_is_stored_as_it_stands_is_said(model, tmp_path, capsys):
    (tmp_path / "a.txt").write_text("ACGT\nacgt\n")
    assert main(["compress", str(model), str(tmp_path / "a.txt"), "-o", str(tmp_path / "a.svz")]) == 0
    said = capsys.readouterr().err
    assert "2 rows: 10 bytes to" in said
    assert "1 text is outside what the model writes, and stored as they stand" not in said
    assert "1 text is outside what the model writes, and stored as it stands" in said


def test_one_row_is_printed(packed, capsys):
    assert main(["decompress", str(packed), "--record", "1"]) == 0
    assert capsys.readouterr().out == ">b\nACGTN\n"


def test_bad_calls_are_one_line(packed, model, tmp_path, capsys):
    cases = [
        (["decompress", str(packed)], 2, "expected either a file, --out FILE, or one row, --record NUMBER"),
        (["decompress", str(packed), "--record", "3"], 2, "has the rows 0 to 2, got 3"),
        (["decompress", str(tmp_path / "none.svz"), "-o", str(tmp_path / "out")], 1, "cannot be read"),
        (["compress", str(model), str(tmp_path / "none.smi"), "-o", str(tmp_path / "out")], 1, "cannot be read"),
        (["compress", str(model), str(tmp_path / "a.fasta"), "-o", str(tmp_path / "out"), "--block", "0"], 2, "block"),
    ]
    for words, code, wanted in cases:
        assert main(words) == code
        said = capsys.readouterr().err
        assert wanted in said
    assert not (tmp_path / "out").exists()
