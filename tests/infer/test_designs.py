"""How familiar designs of a search are to its model: verdicts by its calibration, its training data, and what lacks."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from page_cases import checked
from search_cases import dna_model

from seqvae import infer
from seqvae.artifact.folder import load_artifact, save_artifact, save_calibration
from seqvae.artifact.seen import seen_of
from seqvae.artifact.weights import weights_hash
from seqvae.cli.main import main
from seqvae.config import ScoreConfig
from seqvae.infer.familiarity import IN_DOMAIN, OUTLIER, UNFAMILIAR
from seqvae.latent.codec import load

QUICK = ScoreConfig(samples=4, refine=2)
DESIGNS = ["ACGTACGTACGT", "TTTTTTTTTTTT", "ACG!", "GATTACAGATTACA"]


def random_dna(count, seed, length=14):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), rng.integers(8, length + 1))) for _ in range(count)]


@pytest.fixture
def model(tmp_path):
    """A model folder with a calibration and a record of training data, in which stand two sequences."""
    folder = dna_model(tmp_path / "model")
    artifact = load_artifact(folder)
    trained = seen_of(["TGTAATCTGTAATC", "CCCC"], artifact.tokenizer)
    save_artifact(folder, replace(artifact, seen=trained))
    made = infer.calibrate(load(folder, "cpu"), random_dna(150, seed=1), QUICK, "promoters.fasta")
    save_calibration(folder, made)
    return folder


def test_designs_have_the_verdict_of_score_and_their_place_in_the_training_data(model):
    found, scores = infer.familiar(str(model), DESIGNS), infer.score(str(model), DESIGNS, device="cpu")
    assert (found.status, found.reason) == (scores.status, scores.reason)
    assert found.p == pytest.approx(scores.p.tolist(), nan_ok=True)
    assert found.status[1:3] == [UNFAMILIAR, OUTLIER] or found.status[1:3] == [OUTLIER, OUTLIER]
    assert "one symbol repeated" in found.reason[1]
    assert found.reason[2].startswith("the model cannot read it")
    assert math.isnan(found.p[2])
    assert found.seen == [False, False, False, True]  # as its reverse complement
    first, second = found.sentences()
    assert "calibrated with 150 of promoters.fasta that it was not trained on, finds of 4 designs:" in first
    assert f"{found.status.count(IN_DOMAIN)} in domain" in first
    assert second == "In the training data: 1 of 4."
    rows = found.to_dict()["designs"]
    assert rows[2]["p"] is None and rows[3]["in_training_data"] is True
    assert json.loads(json.dumps(rows))[0] == rows[0]


def test_a_model_that_is_gone_changed_or_not_calibrated_is_a_line(tmp_path, model):
    gone = infer.familiar(str(tmp_path / "gone"), DESIGNS)
    assert (gone.status, gone.seen) == ([], [])
    (line,) = gone.sentences()
    assert line.startswith("How familiar the designs are to the model of the search is not known:")
    assert "no such model folder" in line
    (line,) = infer.familiar(str(model), DESIGNS, "0" * 64).sentences()
    assert "is another model now than the one that the search began with" in line
    assert infer.familiar(str(model), DESIGNS, weights_hash(load(model, "cpu").model)).status
    (model / "weights.safetensors").write_bytes(b"damaged")
    (line,) = infer.familiar(str(model), DESIGNS).sentences()
    assert "damaged" in line
    for name in ("\x1b[2J", "\0", "\ud800", "x" * 9_000):  # as a stranger's folder may have it
        (line,) = infer.familiar(f"./{name}", DESIGNS).sentences()
        assert line.encode()
        assert "\x1b" not in line
    bare = infer.familiar(str(dna_model(tmp_path / "bare")), DESIGNS)
    assert (bare.status, bare.p, bare.seen) == ([], [], [])
    assert [("no record" in line, "is not calibrated" in line) for line in bare.sentences()] == [
        (True, False),
        (False, True),
    ]


def test_designs_that_the_model_cannot_read_at_all_are_outliers(model):
    found = infer.familiar(str(model), ["oops", "A" * 99])
    assert found.status == [OUTLIER, OUTLIER]
    assert all(map(math.isnan, found.p))
    assert found.seen == [False, False]


def test_a_tuned_model_says_what_its_record_lacks(tmp_path, model):
    artifact = load_artifact(model)
    save_artifact(model, replace(artifact, seen=replace(artifact.seen, whole=False)))
    found = infer.familiar(str(model), DESIGNS)
    assert found.seen == [False, False, False, True]
    assert "The training data of the model that it was tuned from are not known." in found.sentences()


def test_the_page_and_json_of_a_search_say_it(tmp_path, monkeypatch, capsys, model):
    monkeypatch.chdir(tmp_path)
    words = "optimize --model ./model --objective dna:gc --budget 40 --batch 20 --optimizer ga --device cpu --out run"
    assert main(words.split()) == 0
    capsys.readouterr()
    assert main(["results", "run", "--json", "--explain", "--page", "page.html"]) == 0
    said = json.loads(capsys.readouterr().out)
    close = said["familiarity"]
    assert close["model"] == "./model"
    assert [row["text"] for row in close["designs"]] == [one["text"] for one in said["top"]]
    text = checked((tmp_path / "page.html").read_text())
    assert "How familiar the designs are to the model" in text
    assert "./model, calibrated with 150 of promoters.fasta that it was not trained on, finds of 24 designs:" in text
    assert main(["results", "run", "--json"]) == 0
    assert "familiarity" not in json.loads(capsys.readouterr().out)
    (tmp_path / "model").rename(tmp_path / "elsewhere")
    assert main(["results", "run", "--page", "gone.html"]) == 0
    assert "not known: model: no such model folder." in checked((tmp_path / "gone.html").read_text())


def test_a_search_without_a_model_says_nothing_of_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "start.txt").write_text("\n".join(random_dna(10, seed=3)) + "\n")
    words = "optimize --model none --objective dna:gc --start start.txt --budget 20 --batch 10 --out run"
    assert main(words.split()) == 0
    capsys.readouterr()
    assert main(["results", "run", "--json", "--explain", "--page", "page.html"]) == 0
    assert "familiarity" not in json.loads(capsys.readouterr().out)
    assert "How familiar" not in (tmp_path / "page.html").read_text()
