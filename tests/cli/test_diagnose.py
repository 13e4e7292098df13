"""`seqvae diagnose`: which data it takes, what it refuses, what it prints and leaves."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from page_cases import checked

from seqvae.artifact.folder import Artifact, save_artifact
from seqvae.artifact.seen import seen_of
from seqvae.cli.main import main
from seqvae.config import DataConfig, ModelConfig, RunConfig, TokenizerConfig
from seqvae.evaluate.diagnosing import FEWEST, diagnose
from seqvae.evaluate.diagnosis.record import Diagnosis
from seqvae.evaluate.diagnosis.verdict import Verdict
from seqvae.model.build import build_model
from seqvae.report.diagnosis_page import diagnosis_page
from seqvae.sequences.tokenizers.registry import build_tokenizer

RNG = random.Random(0)
DNA = ["".join(RNG.choice("ACGT") for _ in range(8)) for _ in range(60)]
FAST = "--quick --device cpu"
pytestmark = pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")


def save_model(folder, source="gone.txt", seen=()):
    tokenizer = build_tokenizer("dna")
    config = ModelConfig(latent=2, embedding=4, encoder_width=6, decoder_width=6, max_length=8)
    vae = build_model(config, tokenizer.vocab_size, seed=0).eval()
    data = DataConfig(source=source, split="random", valid_fraction=0.1, test_fraction=0.3)
    run = RunConfig(data, TokenizerConfig(kind="dna"), config)
    artifact = Artifact(vae, config, tokenizer, run, {"seed": 0})
    if seen:
        artifact = replace(artifact, seen=seen_of(seen, tokenizer))
    save_artifact(folder, artifact)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("all.txt").write_text("\n".join(DNA) + "\n")
    Path("few.txt").write_text("\n".join(DNA[: FEWEST - 1]) + "\n")
    Path("in.smi").write_text("CCO\nCCN\n")

    def call(words):
        code = main(words.split())
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("model in.smi", 1, "the model ./model reads DNA, in.smi holds molecules as SMILES: give data of its kind"),
        ("model few.txt", 1, f"few.txt: expected at least {FEWEST} held-out sequences that the model can read, got 9"),
        ("model all.txt --samples 0", 2, "samples: expected a number from 1 to 100000, got 0"),
        ("model nothing.txt", 1, "nothing.txt: no such file"),
        ("model", 1, "gone.txt, which ./model was trained on, cannot be read again"),
        ("nowhere all.txt", 1, "nowhere: "),
    ],
)
def test_what_cannot_be_diagnosed_is_one_line(words, code, said, here):
    save_model(Path("model"))
    found, out, err = here(f"diagnose ./{words} {FAST}")
    last = err.splitlines()[-1]
    assert (found, out) == (code, "")
    assert last.startswith("seqvae: error: ")
    assert said in last
    assert "Traceback" not in err


def test_data_that_the_model_has_all_seen_is_refused(here):
    save_model(Path("model"), seen=DNA)
    code, _, err = here(f"diagnose ./model all.txt {FAST}")
    assert code == 1
    assert "the model was trained on all of its 60 sequences" in err


def test_what_the_record_knows_stands_for_training_data(here):
    save_model(Path("model"), seen=DNA[:30])
    code, out, _ = here(f"diagnose ./model all.txt {FAST} --json")
    assert code == 0
    found = json.loads(out)
    assert found["training"] == "all.txt"
    assert found["generalisation"]["training_texts"] >= 25
    assert found["likelihood"]["texts"] + found["generalisation"]["training_texts"] == 60
    assert "of 60 reference sequences were in the model's training data" in found["overlap"]


def test_without_data_it_reads_what_was_held_out(here):
    save_model(Path("model"), source="all.txt")
    code, out, err = here(f"diagnose ./model {FAST} --json")
    assert code == 0, err
    found = json.loads(out)
    assert (found["held_out"], found["training"]) == ("all.txt", "all.txt")
    assert found["likelihood"]["texts"] == 18
    assert found["generalisation"]["training_texts"] == 18  # as many as are held out
    assert "reading all.txt, which ./model was trained on" in err
    assert max(len(line) for line in err.splitlines()) < 80


def test_the_table_ends_with_the_verdict_and_the_page_has_all(here):
    save_model(Path("model"), source="all.txt")
    code, out, err = here(f"diagnose ./model {FAST} --out found")
    assert code == 0, err
    assert "bound on -log p(x) (bits per base)" in out
    verdict = out[out.index("verdict: ") :].splitlines()
    found = json.loads(Path("found/diagnosis.json").read_text())
    assert verdict[0] == f"verdict: {found['verdict']['kind']}"
    assert " ".join(verdict[1:]) == found["verdict"]["paragraph"]
    assert max(map(len, out.splitlines())) <= 80
    text = checked(Path("found/diagnosis.html").read_text())
    first, *_ = found["verdict"]["paragraph"].split(". ", 1)
    assert text.index(first) < text.index("The verdict in full") < text.index(found["verdict"]["paragraph"])
    for part in ("Distortion by position", "amortisation gap", "Counting models", "What the words mean"):
        assert part in text


def test_a_loaded_model_is_diagnosed_too(here):
    import seqvae

    codec = seqvae.load(save_model(Path("model")), device="cpu")
    found = diagnose(codec, "all.txt")
    assert found.model == "given from Python"
    assert {"likelihood", "inference_gap", "space", "geometry", "baselines"} <= found.metrics.keys()
    assert found.metrics["baselines"]["counted_on"] == "held-out"


def test_a_page_of_what_was_measured_alone():
    figures = {"likelihood": {"rate": 1.5, "distortion_by_position": [1.0], "reached_by_position": [1.0]}}
    found = Diagnosis("m<1>", "data", "", "molecules", figures, Verdict("healthy", "Healthy: a < b."), {"seed": 0})
    text = checked(diagnosis_page(found))
    assert "Diagnosis of m<1>" in text
    assert "a < b" in text
    assert "rate (nats)1.5" in text
    assert "Training against" not in text
