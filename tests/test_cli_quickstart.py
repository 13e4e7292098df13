"""`seqvae quickstart`, whole, on a small setting."""

from __future__ import annotations

import csv
import json

import pytest

from seqvae.cli import quickstart
from seqvae.cli.main import main
from seqvae.config import DataConfig, ModelConfig, RunConfig, TokenizerConfig, TrainingConfig, read_run

SMALL = RunConfig(
    data=DataConfig(source="moses-sample", limit=600),
    tokenizer=TokenizerConfig(vocab_size=0),
    model=ModelConfig(latent=8, embedding=16, encoder_width=16, decoder_width=32),
    training=TrainingConfig(batch_size=64),
)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(quickstart, "RUN", SMALL)
    monkeypatch.setattr(quickstart, "_SAMPLES", 30)
    monkeypatch.setattr(quickstart, "_CLIMB", {"generations": 3, "population": 8})


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")
def test_it_leaves_everything_it_promises_and_goes_on_where_it_stopped(small, tmp_path, capsys):
    out = tmp_path / "try"
    command = ["quickstart", "--out", str(out), "--minutes", "0", "--seed", "3", "--device", "cpu", "--quiet"]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert f"open {out / 'report.html'}" in printed.out
    assert "exact reconstruction" in printed.out
    assert read_run(out / "model" / "run.toml")["training"]["epochs"] == 1
    assert json.loads((out / "model" / "provenance.json").read_text())["metrics"]["texts"] > 0
    promised = {name.rstrip("/") for name, _ in quickstart._FILES}
    assert {path.name for path in out.iterdir()} == promised
    samples = table(out / "samples.csv")
    assert len(samples) == 30
    assert list(samples[0]) == ["text", "log_likelihood", "qed", "logp", "molecular_weight"]
    assert (out / "samples.smi").read_text().splitlines() == [row["text"] for row in samples]
    climb = table(out / "climb.csv")
    assert len({row["text"] for row in climb}) == len(climb) <= 1 + 3 * 8
    assert len(table(out / "interpolation.csv")) == 8
    assert {row["exact"] for row in table(out / "reconstructions.csv")} <= {"True", "False"}
    before = {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}
    page = before["report.html"].decode()
    assert page.count("<svg") > 40
    assert "https://" not in page.replace("http://www.w3.org", "")
    # the same folder again: the finished model is kept, and one seed gives the same bytes
    assert main(command) == 0
    assert {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_every_drug_is_in_the_training_set_s_vocabulary():
    """So that the path and the climb have their ends whatever the seed."""
    from seqvae.data.sources import load_dataset
    from seqvae.text.build import build_tokenizer

    tokenizer = build_tokenizer("selfies").fit(load_dataset("moses-sample").texts[:1500])
    assert tokenizer.coverage(quickstart._DRUGS.values()).text_share == 1
