"""`seqvae quickstart`, whole, on a tiny model."""

from __future__ import annotations

import csv
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

import pytest

from seqvae.cli.main import main
from seqvae.config import (
    DEFAULT_MODEL,
    DataConfig,
    ModelConfig,
    PriorConfig,
    RunConfig,
    TokenizerConfig,
    TrainingConfig,
)
from seqvae.evaluate import demonstration
from seqvae.evaluate.demonstration import DRUGS
from seqvae.report.quickstart_page import FILES
from seqvae.search.optimizers import cma_es

TINY = ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=32)


@pytest.fixture(scope="module", params=["selfies", "smiles"])
def model(request, tmp_path_factory):
    """A tiny model; of SMILES it decodes hardly any molecule."""
    from seqvae.train.fit import train

    folder = tmp_path_factory.mktemp("quickstart")
    (folder / "texts.smi").write_text("\n".join(DRUGS.values()) + "\n")
    data = DataConfig(source=str(folder / "texts.smi"), split="random", valid_fraction=0, test_fraction=0)
    training = TrainingConfig(epochs=30, batch_size=8, learning_rate=1e-2, device="cpu")
    tokenizer = TokenizerConfig(request.param, vocab_size=0)
    train(RunConfig(data, tokenizer, TINY, training=training, prior=PriorConfig("none")), folder / "model", quiet=True)
    return folder / "model"


def smaller(patch):
    """Let it draw, score and propose a few, and give up a barren climb soon."""
    patch.setattr(cma_es, "_ROUNDS", 30)
    for name, number in {"_SAMPLES": 30, "_CALLS": 25, "_BATCH": 8}.items():
        patch.setattr(demonstration, name, number)


@pytest.fixture
def small(monkeypatch):
    smaller(monkeypatch)


@pytest.fixture(scope="module")
def tried(model, tmp_path_factory):
    """What it was called with, the folder that it left, and what it printed."""
    out = tmp_path_factory.mktemp("tried") / "try"
    command = ["quickstart", "--model", str(model), "--out", str(out), "--seed", "3", "--device", "cpu", "--quiet"]
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed, redirect_stderr(printed):
        smaller(patch)
        assert main(command) == 0
    return command, out, printed.getvalue()


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_it_leaves_everything_it_promises(tried):
    _, out, printed = tried
    assert f"open {out / 'report.html'}" in printed
    assert f"of {len(DRUGS)}" in printed
    assert {path.name for path in out.iterdir()} == {name for name, _ in FILES}
    samples = table(out / "samples.csv")
    assert len(samples) == 30
    assert list(samples[0])[:5] == ["text", "log_likelihood", "qed", "logp", "molecular_weight"]
    valid = [row["text"] for row in samples if row["qed"]]
    assert (out / "samples.smi").read_text().splitlines() == valid
    assert f"new molecules: {len(valid)} of 30 draws" in printed
    climb = table(out / "climb.csv")
    scores = [float(row["score"]) for row in climb]
    first, best = climb[0], climb[scores.index(max(scores))]
    assert len({row["text"] for row in climb}) == len(climb) <= 25
    assert f"QED {float(first['qed']):.2f} to {float(best['qed']):.2f}, SA " in printed
    assert printed.count(best["text"]) == 1
    assert [int(row["round"]) for row in climb[:2]] == [0, 1]
    assert len(table(out / "interpolation.csv")) == 8
    assert {row["name"] for row in table(out / "reconstructions.csv")} == set(DRUGS)
    assert "https://" not in (out / "report.html").read_text().replace("http://www.w3.org", "")


def test_one_seed_gives_the_same_bytes(tried, small, capsys):
    command, out, _ = tried
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    assert main(command) == 0
    assert capsys.readouterr().err == ""
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_what_is_no_molecule_is_counted_and_not_drawn(tried):
    _, out, _ = tried
    page = (out / "report.html").read_text()
    assert 'class="text"' not in page, "a text that is no molecule has been drawn as one"
    invalid = sum(not row["qed"] for row in table(out / "samples.csv"))
    assert f"{30 - invalid} are molecules" in page
    bad = [row["valid"] for row in table(out / "interpolation.csv")].count("False")
    assert (f"{bad} of the steps decode to no molecule" in page) == (bad > 0)


def test_a_model_of_something_else_is_refused(tmp_path, capsys):
    assert main(["quickstart", "--model", "splice-dna", "--out", str(tmp_path / "out"), "--quiet"]) == 2
    assert "splice-dna: expected a model of molecules, got one of DNA" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_done_is_known_before_anything_is_left(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["quickstart", "--seed", "-1", "--out", str(out)]) == 2
    assert capsys.readouterr().err == "seqvae: error: seed: expected a number from 0, got -1\n"
    assert not out.exists()
    out.write_text("mine")
    assert main(["quickstart", "--out", str(out)]) == 1
    printed = capsys.readouterr().err
    assert printed == f"seqvae: error: {out}: cannot write here: {out} is a file, not a folder: give another place\n"


def test_an_unknown_model_is_refused(tmp_path, capsys):
    assert main(["quickstart", "--model", "splice-dan", "--out", str(tmp_path / "out"), "--quiet"]) == 1
    assert "did you mean 'splice-dna'?" in capsys.readouterr().err


def test_drugs_are_canonical_molecules_without_a_charge():
    from rdkit import Chem

    for smiles in DRUGS.values():
        molecule = Chem.MolFromSmiles(smiles)
        assert Chem.MolToSmiles(molecule) == smiles
        assert Chem.GetFormalCharge(molecule) == 0


def test_the_shipped_model_does_it_in_time(tmp_path, monkeypatch):
    """A minute is promised on two cores. Of a tenth of the work, and with time to spare for a loaded machine."""
    from seqvae.artifact.pretrained import pretrained_names

    if DEFAULT_MODEL not in pretrained_names():
        pytest.skip(f"{DEFAULT_MODEL} has not been put into the package yet")
    for name, number in {"_SAMPLES": 100, "_CALLS": 40}.items():
        monkeypatch.setattr(demonstration, name, number)
    started = time.process_time()
    assert main(["quickstart", "--out", str(tmp_path / "out"), "--device", "cpu", "--quiet"]) == 0
    assert time.process_time() - started < 60
    exact = [row["exact"] for row in table(tmp_path / "out" / "reconstructions.csv")].count("True")
    assert exact > len(DRUGS) / 2
