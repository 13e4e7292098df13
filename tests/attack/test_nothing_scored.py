"""Where nothing was scored, every verb exits 1 and says the commonest reason."""

from __future__ import annotations

import pytest
from golden_cases import command

from scripts.attack.model_folders import made
from seqvae.errors import SeqVAEWarning

BROKEN = "C1CC\nC1CO\nCC(C\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    with pytest.warns(SeqVAEWarning, match="too few repeated pairs"):
        return made(tmp_path_factory.mktemp("model") / "model", "smiles gru gru diagonal normal none")


@pytest.fixture
def broken(tmp_path):
    (tmp_path / "a.txt").write_text(BROKEN)
    (tmp_path / "real.smi").write_text("CCO\nCCN\nCCC\n")
    return str(tmp_path / "a.txt")


def test_properties(broken, tmp_path):
    code, _, err = command(["properties", "score", "qed", broken, "-o", str(tmp_path / "out.csv")])
    assert code == 1
    assert "none of 3 records has a value of qed: most often (2): " in err


def test_likelihoods(broken, model, tmp_path):
    code, _, err = command(["score", str(model), broken, "-o", str(tmp_path / "out.csv"), "--on-error", "skip"])
    assert code == 1
    assert f"none of 3 records can be read by {model}; most often (2): " in err


def test_evaluation(broken, tmp_path):
    words = ["evaluate", broken, "--reference", str(tmp_path / "real.smi"), "--out", str(tmp_path / "report")]
    code, _, err = command(words)
    assert code == 1
    assert "got 0 among 3 (the first sample: 'C1CC')" in err


@pytest.mark.parametrize("own", ["raise ValueError('no licence')", "return None", "return float('nan')"])
def test_search(own, broken, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / f"own_{len(own)}.py").write_text(f"def f(text):\n    {own}\n")
    words = ["optimize", "--objective", f"own_{len(own)}:f", "--start", "real.smi", "--optimizer", "string-ga"]
    code, _, err = command([*words, "--budget", "6", "--out", "search", "--quiet"])
    assert code == 1
    assert "search: nothing was scored: " in err
    assert "most often" in err
