"""A training ends with a verdict, which says what a model is worth and what to do about it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from run_cases import dna_file, small_run, with_model

from seqvae.cli.main import main
from seqvae.config import DataConfig, ObjectiveConfig, TokenizerConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.diagnosis.verdict import BROKEN, UNDERTRAINED, judged
from seqvae.evaluate.model.summary import SummarySettings, summarise
from seqvae.evaluate.trained import ENDING, diagnose_trained, measure_trained
from seqvae.latent.codec import load
from seqvae.train.checkpoint import Progress
from seqvae.train.fit import train
from seqvae.train.suited import FEWEST_STEPS

CHEAP = replace(ENDING, texts=40, samples=2)


@pytest.fixture(scope="module")
def dna(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dna")
    trained = train(small_run(dna_file(folder)), folder / "model", quiet=True)
    return trained, measure_trained(trained)


@pytest.fixture(scope="module")
def molecules(tmp_path_factory):
    """270 molecules to train on, ten optimiser steps."""
    folder = tmp_path_factory.mktemp("molecules")
    source = folder / "mine.smi"
    source.write_text("\n".join(load_dataset("moses-sample").texts[:300]) + "\n")
    run = replace(small_run(source, epochs=1, batch_size=27), tokenizer=TokenizerConfig("smiles", vocab_size=0))
    run = replace(run, data=DataConfig(str(source), split="random", valid_fraction=0, test_fraction=0.1))
    trained = train(run, folder / "model", quiet=True)
    # Of such a model, a thousand samples take a minute.
    few = SummarySettings(texts=3, iwae_samples=1, protocol_texts=0, refined_texts=0, samples=3)
    found = summarise(load(trained.folder), trained.prepared.held_out, None, few)
    known = replace(found, samples=1000, validity=0.1)
    return trained, diagnose_trained(trained, known, replace(CHEAP, texts=20))


def with_validity(diagnosis, validity, noun):
    """The verdict, had another share of the samples been valid."""
    training = {**diagnosis.metrics["training"], "validity": validity}
    return judged({**diagnosis.metrics, "training": training}, noun)


def test_270_molecules_and_ten_steps(molecules):
    trained, diagnosis = molecules
    assert (len(trained.prepared.train), trained.progress.step) == (270, 10)
    verdict = diagnosis.verdict
    assert verdict.kind == UNDERTRAINED
    source = trained.prepared.run.data.source
    change = "more --epochs, a smaller --batch-size, or a pretrained model: seqvae finetune drug-smiles"
    few = "10 optimiser steps are too few to learn much, take 300 at least"
    assert f"{few}: {change} {source}." in verdict.paragraph
    assert verdict.paragraph.count("--epochs") == 1  # what to do is said once
    assert "of tokens, which only counts, needs " in verdict.paragraph
    assert BROKEN in verdict.also
    assert "90% of 1,000 samples are no molecules" in verdict.paragraph


def test_promoters_that_cost_more_than_two_bits_a_base(tmp_path):
    """Whoever knows nothing of them needs two bits a base."""
    source = tmp_path / "promoters.txt"
    rng = np.random.default_rng(0)
    source.write_text("".join("".join(rng.choice(list("ACGT"), 40)) + "\n" for _ in range(200)))
    run = with_model(small_run(source, epochs=1, learning_rate=1e-3), lengths="free")
    trained = train(replace(run, objective=ObjectiveConfig(beta=1.0)), tmp_path / "model", quiet=True)
    found = measure_trained(trained)
    assert found.bits_per_character > 2
    verdict = diagnose_trained(trained, found, CHEAP).verdict
    assert verdict.kind == UNDERTRAINED
    assert "10 optimiser steps are too few to learn much" in verdict.paragraph
    assert float(verdict.paragraph.split("nats each (")[1].split(" bits per base), ")[0]) > 2


def test_steps_are_few_only_from_scratch_and_where_nothing_stopped_them(dna):
    trained, found = dna
    enough = replace(trained, progress=Progress(step=FEWEST_STEPS))
    stopped = replace(trained, progress=Progress(step=trained.progress.step - 1))
    for one, few in ((trained, True), (enough, False), (stopped, False)):
        known = diagnose_trained(one, found, CHEAP).metrics["training"]
        assert bool(known["few_steps"]) == few
        assert known["steps"] == one.progress.step


@pytest.mark.parametrize(("validity", "broken"), [(0.81, False), (0.8, True), (0.0, True)])
def test_broken_samples_are_said(molecules, validity, broken):
    _, diagnosis = molecules
    single = {**diagnosis.metrics, "training": {**diagnosis.metrics["training"], "draws": 1, "validity": validity}}
    verdict = judged(single, "sequence")
    assert (BROKEN in (verdict.kind, *verdict.also)) == broken
    assert (f"{1 - validity:.0%} of 1,000 samples are empty" in verdict.paragraph) == broken


def test_a_molecule_has_three_draws(molecules):
    _, diagnosis = molecules  # half of single draws: an eighth of samples are broken
    for validity, broken in ((0.5, False), (0.4, True)):
        verdict = with_validity(diagnosis, validity, "molecule")
        assert (BROKEN in (verdict.kind, *verdict.also)) == broken
    assert "60% of 1,000 samples are no molecules, and 22% after 3 draws" in verdict.paragraph


def test_verdict_and_metrics_are_in_the_folder(dna):
    trained, found = dna
    verdict = diagnose_trained(trained, found, CHEAP).verdict
    noted = json.loads((trained.folder / "provenance.json").read_text())
    assert noted["verdict"] == {"kind": verdict.kind, "paragraph": verdict.paragraph, "also": list(verdict.also)}
    assert noted["metrics"]["rate"] == found.rate


def test_too_few_held_out_are_no_verdict_and_said(tmp_path, capsys):
    words = ["--epochs", "1", "--device", "cpu", "--prior", "none", "--latent", "2", "--embedding", "4", "--quiet"]
    words += ["--encoder-width", "4", "--decoder-width", "4", "--split", "random"]
    source = str(dna_file(tmp_path, 60))
    assert main(["train", source, "--out", str(tmp_path / "few"), *words]) == 0
    out, err = capsys.readouterr()
    assert "verdict" not in out
    assert "no verdict on the model: it takes 10 held-out texts, see --test-fraction" in err
    assert main(["train", source, "--out", str(tmp_path / "more"), *words, "--test-fraction", "0.2"]) == 0
    out, err = capsys.readouterr()
    assert out.count("verdict: ") == 1
    kind, first, rest = out.split("verdict: ")[1].split("\n", 2)
    assert max(map(len, rest.splitlines())) <= 80
    noted = json.loads((tmp_path / "more" / "provenance.json").read_text())["verdict"]
    assert kind == noted["kind"]
    assert " ".join([first, *rest.splitlines()]) == noted["paragraph"]
    assert "warning" not in err
