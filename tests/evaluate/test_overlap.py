"""What a model was trained on is not called unseen: the first line says how much, held-out metrics are of the rest."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from run_cases import dna_file, small_run
from search_cases import dna_model

from seqvae.artifact.folder import SEEN, load_artifact
from seqvae.cli.main import main
from seqvae.config import (
    AdaptConfig,
    DataConfig,
    EvaluationConfig,
    FinetuneConfig,
    PriorConfig,
    TokenizerConfig,
    TrainingConfig,
)
from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import ArtifactError
from seqvae.evaluate.api import run
from seqvae.evaluate.evaluation import Overlap
from seqvae.report.evaluation_page import evaluation_page
from seqvae.sequences.dna import reverse_complement
from seqvae.sequences.molecules import shuffled_smiles
from seqvae.train.finetune import finetune
from seqvae.train.fit import train

QUICK = EvaluationConfig(number=20, quick=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model, the file that it was trained on, and the texts that were held out."""
    folder = tmp_path_factory.mktemp("trained")
    found = train(small_run(dna_file(folder)), folder / "model", quiet=True)
    return folder / "model", folder / "sequences.txt", found.prepared.test_texts


def test_a_model_knows_what_it_was_trained_on(trained):
    model, file, held_out = trained
    found, texts = load_artifact(model), file.read_text().split()
    seen = found.seen.has(texts, found.tokenizer)
    assert sorted(text for text, known in zip(texts, seen, strict=True) if not known) == sorted(held_out)
    assert found.seen.filters[0].texts == len(texts) - len(held_out)


@pytest.mark.parametrize(("kind", "size"), [("smiles", 0), ("smiles", 60), ("selfies", 0), ("char", 0)])
def test_every_kind_of_model_knows_it(kind, size, tmp_path):
    texts = load_dataset("moses-sample").texts[:80]
    (tmp_path / "mine.smi").write_text("\n".join(texts) + "\n")
    plain = small_run(tmp_path / "mine.smi", epochs=1)
    found = train(replace(plain, tokenizer=TokenizerConfig(kind, size)), tmp_path / "model", quiet=True)
    known = [text for text in texts if text not in found.prepared.test_texts]
    written = known if kind == "char" else [shuffled_smiles(text, np.random.default_rng(0)) for text in known]
    model = load_artifact(tmp_path / "model")
    assert model.seen.has(written, model.tokenizer).all()
    assert not model.seen.has(found.prepared.test_texts, model.tokenizer).any()


def test_its_own_file_is_not_called_unseen(trained):
    model, file, held_out = trained
    found = run(str(model), str(file), config=QUICK)
    assert found.overlap == Overlap(120, 120 - len(held_out))
    assert sorted(found.splits.test) == sorted(held_out)
    assert found.model["texts"] == len(held_out)
    assert found.to_dict()["overlap"] == {"texts": 120, "seen": 120 - len(held_out), "whole": True, "few": False}
    said = "reference sequences were in the model's training data: held-out metrics are of the other"
    assert said in unescape(evaluation_page(found))


def test_other_strands_and_notations_are_seen_too(trained, tmp_path):
    model, file, held_out = trained
    texts = [text for text in file.read_text().split() if text not in held_out]
    (tmp_path / "other.txt").write_text("\n".join(reverse_complement(text).lower() for text in texts) + "\n")
    found = run(str(model), str(tmp_path / "other.txt"), config=QUICK)
    assert found.overlap == Overlap(len(texts), len(texts))
    page = evaluation_page(found)
    assert "nothing here is held out, the metrics are those of training data" in page
    assert "has not been trained on" not in page
    assert "held-out sequences" not in page


def test_the_first_line_says_it(trained, tmp_path, capsys, monkeypatch):
    model, file, held_out = trained
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(model), "--reference", str(file), "--number", "20", "--quick"]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"{120 - len(held_out)} of 120 reference sequences were in the model's training data")
    (tmp_path / "new.txt").write_text("\n".join(["ACGTACGTACGA", "GGGTACGTACGA", "TTTTACGTACGA"] * 8) + "\n")
    assert main(["evaluate", str(model), "--reference", "new.txt", "--number", "20", "--quick"]) == 0
    assert capsys.readouterr().out.startswith("none of 24 reference sequences was in the model's training data\n")
    assert main(["evaluate", str(model), "--reference", "new.txt", "--number", "20", "--quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["overlap"]["seen"] == 0
    old = dna_model(tmp_path / "old")
    assert main(["evaluate", str(old), "--reference", "new.txt", "--number", "20", "--quick"]) == 0
    assert "whether the model was trained on these sequences is not known" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize("known", [True, False])
def test_a_tuned_model_knows_its_own_data_and_those_of_its_ancestor(trained, known, tmp_path):
    model, file, held_out = trained
    base = model if known else dna_model(tmp_path / "old")
    own = dna_file(tmp_path, 60, seed=7)
    config = FinetuneConfig(
        data=DataConfig(split="random"),
        training=TrainingConfig(epochs=1, batch_size=16, device="cpu"),
        prior=PriorConfig(prior="none"),
        adapt=AdaptConfig(),
    )
    found = finetune(base, str(own), tmp_path / "tuned", config, quiet=True)
    tuned = load_artifact(tmp_path / "tuned")
    texts = [text for text in own.read_text().split() if text not in found.trained.prepared.test_texts]
    assert tuned.seen.has(texts, tuned.tokenizer).all()
    assert tuned.seen.whole == known
    before = [text for text in file.read_text().split() if text not in held_out]
    assert tuned.seen.has(before, tuned.tokenizer).all() == known
    said = run(str(tmp_path / "tuned"), str(own), config=QUICK).overlap.describe("sequence")
    assert ("the data of the model that it was tuned from are not known" in said) != known


def test_a_damaged_record_is_an_error(trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "copy")
    (folder / SEEN).write_bytes(b"other")
    with pytest.raises(ArtifactError, match=r"seen\.bin: the file is damaged"):
        load_artifact(folder)
    assert replace(load_artifact(trained[0]), seen=None).seen is None


def test_where_too_little_is_left_the_metrics_are_of_all_and_say_so():
    found = Overlap(40, 38, few=True)
    assert found.trained_on
    assert found.describe("sequence") == (
        "38 of 40 reference sequences were in the model's training data: the other 2 are too few to measure on, the "
        "metrics are of all, which is training data"
    )
    assert not Overlap(40, 3).trained_on
    assert Overlap(40, 40).trained_on
