"""`seqvae finetune`: the call, what it prints, and what it leaves."""

from __future__ import annotations

import json

import pytest
from run_cases import dna_file, small_run

from seqvae.cli.main import main
from seqvae.train.fit import train

SMALL = ["--epochs", "2", "--batch-size", "16", "--device", "cpu", "--prior", "none", "--quiet"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    train(small_run(dna_file(folder)), folder / "model", quiet=True)
    return folder / "model"


@pytest.fixture
def mine(tmp_path):
    return str(dna_file(tmp_path, count=150, length=15, seed=5))


@pytest.mark.filterwarnings("ignore::seqvae.errors.CollapseWarning")
def test_it_prints_the_figures_before_and_after(base, mine, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["finetune", str(base), mine, "--out", str(out), "--lora", "2", *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["before", "after"]
    provenance = json.loads((out / "provenance.json").read_text())
    metrics = provenance["metrics"]
    assert metrics["texts"] == metrics["before"]["texts"] > 0
    assert any(f"{metrics['before']['elbo']:.4g}" in line and f"{metrics['elbo']:.4g}" in line for line in lines)
    assert provenance["finetune"]["adapt"] == {
        "freeze_encoder": False,
        "freeze_decoder": False,
        "lora": 2,
        "beta": -1.0,
    }
    assert main(["finetune", "--resume", "--out", str(out), "--quiet"]) == 0
    assert capsys.readouterr().out.splitlines() == lines
    assert main(["sample", str(out), "-n", "2", "--quiet"]) == 0


def test_new_symbols_are_named_and_missing_figures_explained(tmp_path, capsys):
    import dataclasses

    from seqvae.config import TokenizerConfig

    (tmp_path / "old.txt").write_text("abab\nbaba\nabba\n" * 20)
    (tmp_path / "new.txt").write_text("abxb\nbaya\nabba\n" * 20)
    run = dataclasses.replace(small_run(tmp_path / "old.txt"), tokenizer=TokenizerConfig("char", vocab_size=0))
    train(run, tmp_path / "model", quiet=True)
    words = ["finetune", str(tmp_path / "model"), str(tmp_path / "new.txt"), "--out", str(tmp_path / "out"), *SMALL]
    assert main([*words, "--test-fraction", "0"]) == 0
    err = capsys.readouterr().err
    assert "added to the vocabulary, 2: x, y" in err
    assert "nothing was held out" in err


def test_a_prior_is_fitted_to_the_new_latent_points(base, mine, tmp_path, capsys):
    out = tmp_path / "out"
    words = [word for word in SMALL if word not in ("--prior", "none")]
    small = ["--prior", "mixture", "--prior-components", "1", "--test-fraction", "0"]
    assert main(["finetune", str(base), mine, "--out", str(out), *words, *small]) == 0
    assert "a prior is fitted to the new latent points" in capsys.readouterr().err
    assert (out / "prior.json").is_file()


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--out", "x"], 2, "expected a model and data: seqvae finetune MODEL DATA --out FOLDER"),
        (["splice-dna", "--out", "x"], 2, "expected a model and data"),
        (["splice-dna", "none.txt", "--out", "x"], 2, "none.txt: no such file"),
        (["splice-dan", "none.txt", "--out", "x"], 1, "did you mean 'splice-dna'?"),
        (["--resume", "--out", "x", "--epochs", "3"], 2, "takes its data and settings from the folder"),
        (["--resume", "--out", "x", "--lora", "3"], 2, "takes its data and settings from the folder"),
        (["--resume", "--out", "x"], 2, "x: no fine-tuning to resume"),
        (["splice-dna", "data", "--out", "x", "--lora", "-1"], 2, "adapt.lora: expected a number from 0"),
        (["splice-dna", "data", "--out", "x", "--latent", "8"], 2, "Unknown option: --latent"),
    ],
)
def test_misuse_is_one_line(words, code, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["finetune", *words]) == code
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_long_texts_are_refused_by_a_model_with_positions(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "long.txt").write_text("ACGTACGTACGT\n" * 30)
    assert main(["finetune", "splice-dna", "long.txt", "--out", "x", *SMALL]) == 1
    assert "the longest text has 12 tokens, and this model takes at most 9" in capsys.readouterr().err
