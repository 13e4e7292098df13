"""Scores: each formula against a value computed by hand or by enumeration, and the laws of the whole."""

import csv
import hashlib
import json
import math
from itertools import product

import numpy as np
import pytest
import torch
from bulk_cases import MOLECULES, save_tiny, tiny_artifact, tiny_codec
from codec_cases import dna, untrained
from infer_cases import grid
from model_cases import every_text, model, padded

from seqvae import infer
from seqvae.artifact.calibration import Calibration
from seqvae.artifact.folder import load_artifact, save_artifact, save_calibration
from seqvae.artifact.pretrained import pretrained_folder, pretrained_names, read_card
from seqvae.cli.main import main
from seqvae.config import ScoreConfig
from seqvae.errors import ArtifactError, InputError, UsageError
from seqvae.infer.complexity import code_length, is_repeat
from seqvae.infer.familiarity import (
    IN_DOMAIN,
    OUTLIER,
    UNCALIBRATED,
    UNFAMILIAR,
    false_discovery_rates,
    mahalanobis,
    p_values,
    p_values_of_known,
)
from seqvae.infer.likelihood import effective_samples, log_mean_error, proposals, weigh
from seqvae.latent.codec import Codec, load
from seqvae.model.decoders import DECODERS
from seqvae.model.objective import importance_weighted_bound
from seqvae.runtime.device import evaluating

QUICK = ScoreConfig(samples=4, refine=2)
HELD_OUT = ["C" * n + atom + "C" * m for n in range(1, 9) for m in range(9) for atom in "ON"]  # 144, some of them equal


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("steps", [0, 3])
def test_log_p_of_every_text_of_a_small_model_is_the_enumerated_one(decoder, steps):
    built = model(decoder=decoder, latent=2)
    with torch.no_grad():
        for parameter in built.decoder.parameters():
            parameter.mul_(2.0)
    texts = padded(every_text(2, (3, 4)), 2)
    z, log_weights = grid()
    with evaluating(built):
        exact = torch.stack([built.log_likelihood(z, row.expand(len(z), -1)) for row in texts])
        exact = (exact + log_weights).logsumexp(1).double()
        made = proposals(built, texts, 400, steps)
    found, error = importance_weighted_bound(made.log_weights), log_mean_error(made.log_weights)
    assert ((found - exact).abs() < 5 * error + 1e-3).all()
    assert error.max() < 0.2
    # The points of a position's log p are those of the text: they sum to log p(x|z).
    joint = made.positions.sum(-1) + built.prior.log_prob(made.points).double()
    torch.testing.assert_close(joint, made.log_joint)


def test_regret_is_never_far_below_zero_and_nothing_without_steps():
    built = model(latent=2)
    texts = padded(every_text(2, (3, 4)), 2)
    with evaluating(built):
        assert proposals(built, texts, 4, 0).regret.tolist() == [0.0] * len(texts)
        assert proposals(built, texts, 100, 20).regret.min() > -0.05


def test_effective_samples_and_standard_error_by_hand():
    # Weights 3 and 1: (3 + 1)^2 / (9 + 1) = 1.6; their mean 2 has the standard error sqrt(2 / 2) = 1, half of it.
    weights = torch.tensor([[3.0], [1.0]], dtype=torch.float64).log()
    assert effective_samples(weights).item() == pytest.approx(1.6)
    assert log_mean_error(weights).item() == pytest.approx(0.5)


def test_code_length_by_hand():
    # Order 0: 1/2, then (1 + 1/2) / 2 and (0 + 1/2) / 3; order 1: 1/2, then in context A (0 + 1/2) / 1, (1/2) / 2;
    # order 2: 1/2 for each of three new contexts.
    by_order = [1 / 2 * 3 / 4 * 1 / 6, 1 / 2 * 1 / 2 * 1 / 4, 1 / 8]
    assert math.exp(-code_length("AAC", 2)) == pytest.approx(sum(by_order) / 3)
    assert code_length("ACGTTGCA", 4) > code_length("AAAAAAAA", 4)
    assert [is_repeat(text) for text in ("AAA", "AA", "AAC", "")] == [True, False, False, False]


def test_code_lengths_are_those_of_a_distribution():
    assert sum(math.exp(-code_length(text, 3)) for text in product("ACG", repeat=4)) == pytest.approx(1)


def test_mahalanobis_by_hand():
    # Of a diagonal covariance, the root of the sum of squared standardised distances: (3/1)^2 + (8/2)^2 = 25.
    found = mahalanobis(np.array([[4.0, 9.0]]), np.array([1.0, 1.0]), np.diag([1.0, 4.0]))
    assert found == pytest.approx([5.0])


def test_p_values_are_ranks_and_beyond_them_an_exponential_tail():
    known = np.arange(1, 100, dtype=np.float32)
    # 51 to 99 are as high as 51 or higher: 49 of 99, and the value itself, (49 + 1) / 100.
    assert p_values(known, np.array([51.0, 0.0, 90.0, 99.0])) == pytest.approx([0.5, 1.0, 0.11, 0.02])
    # Of the highest nineteen, 81 to 99, the mean excess is 9: so far above 99 the share of 1 in 100 falls by exp(-1).
    assert p_values(known, np.array([108.0])) == pytest.approx([0.01 * math.exp(-1)])
    assert 0 < p_values(known, np.array([1e9]))[0] < 1e-300  # not 0, whose logarithm is asked for


def test_p_values_of_known_scores_are_those_among_the_others():
    values = np.random.default_rng(0).normal(size=30).round(1)  # some are equal
    each = [
        p_values(np.sort(np.delete(values, place)).astype(np.float32), values[[place]])[0]
        for place in range(len(values))
    ]
    assert p_values_of_known(values) == pytest.approx(each)


@pytest.mark.parametrize("shape", [np.tanh, np.sinh], ids=["a tail that ends", "a heavy tail"])
def test_the_smallest_of_several_p_values_is_calibrated_whatever_the_tail(shape):
    rng, rates = np.random.default_rng(0), []
    for _ in range(60):
        scores = shape(rng.normal(size=(1, 800)) + rng.normal(size=(9, 800)))  # nine scores that go together
        known, new = scores[:, :400], scores[:, 400:]
        smallest = np.min([p_values_of_known(row) for row in known], axis=0)
        found = np.min([p_values(np.sort(a).astype(np.float32), b) for a, b in zip(known, new, strict=True)], axis=0)
        joint = p_values(np.sort(-np.log(smallest)).astype(np.float32), -np.log(found))
        rates.append([(joint < 0.01).mean(), (joint < 0.05).mean()])
    # The first rate was .015 where the scores' highest values were put on an exponential and ranked with
    # themselves.
    assert np.mean(rates, axis=0) == pytest.approx([0.01, 0.05], rel=0.3)


def test_false_discovery_rates_are_those_of_benjamini_and_hochberg():
    # 4 * .01 / 1, then 4 * .04 / 3 for the second and third, and 4 * .5 / 4.
    assert false_discovery_rates(np.array([0.01, 0.04, 0.03, 0.5])) == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    found = false_discovery_rates(np.array([0.02, math.nan, 0.5]))
    assert found[[0, 2]] == pytest.approx([0.04, 0.5])
    assert math.isnan(found[1])


@pytest.fixture(scope="module")
def calibrated():
    codec = untrained(decoder="position", scale=2.0)
    codec.calibration = infer.calibrate(codec, random_dna(300, seed=1), QUICK, "random")
    return codec


def random_dna(count, seed):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), rng.integers(14, 20))) for _ in range(count)]


def test_p_values_of_fresh_texts_are_uniform(calibrated):
    found = infer.score(calibrated, random_dna(400, seed=2))
    assert found.config == ScoreConfig(4, 2)  # those of the calibration
    for name, column in found.columns.items():
        if name == "p" or name.startswith("p_"):
            assert abs((column < 0.05).mean() - 0.05) < 0.05, name
            assert abs((column < 0.5).mean() - 0.5) < 0.15, name
    assert found.count(IN_DOMAIN) > 340
    assert abs(found.correlations["p"]) < 0.25


def test_repeats_are_never_in_domain_and_the_reason_is_said(calibrated):
    texts = [*random_dna(20, seed=3), *(letter * length for letter in "ACGT" for length in (5, 16, 25)), "A" * 40, "X"]
    found = infer.score(calibrated, texts)
    assert all(state in (UNFAMILIAR, OUTLIER) for state in found.status[20:])
    assert all("one symbol repeated" in reason for reason in found.reason[20:32])
    assert "25 tokens, the longest held-out one has 19" in found.reason[22]
    assert "40 tokens, the model takes at most 30" in found.reason[32]
    assert found.reason[33].startswith("the model cannot read it: expected DNA")
    assert found.unread == 2
    assert np.isnan(found.log_p[32:]).all()
    assert not np.isnan(found.p[:32]).any()


def test_a_row_depends_neither_on_the_others_nor_on_the_batch(calibrated):
    texts = dna(20, 12)
    whole, other = infer.score(calibrated, texts), infer.score(calibrated, texts[5:9][::-1], batch_size=1)
    for name in ("log_p", "regret", "unfamiliarity_refined", "mahalanobis", "p_log_p"):
        assert whole.columns[name][5:9][::-1] == pytest.approx(other.columns[name], rel=1e-3, abs=1e-4), name


def test_log_p_is_that_of_the_importance_weighted_bound():
    codec, texts = untrained(scale=1.0), dna(6, 10)
    found = weigh(codec, codec.tokenize(texts), 300)
    assert ((found.log_p - codec.iwae(texts, 300)).abs() < 6 * found.error + 0.02).all()
    assert found.error.max() < 0.2
    assert torch.isnan(found.regret).all()


def test_without_a_calibration_there_are_no_p_values_and_one_line_says_so():
    codec = tiny_codec()
    found = infer.score(codec, MOLECULES, QUICK)
    assert "p" not in found.columns
    assert "seqvae score MODEL --calibrate" in found.note
    assert set(found.status) <= {UNCALIBRATED, UNFAMILIAR}
    with pytest.raises(AttributeError, match="no column 'p'"):
        _ = found.p
    with pytest.raises(InputError, match="at least 60 molecules"):
        infer.calibrate(codec, MOLECULES, QUICK)


def test_other_samples_than_the_calibration_has_give_no_p_values(calibrated):
    found = infer.score(calibrated, ["ACGT"], ScoreConfig(samples=5))
    assert "calibrated with 4 samples and 2 steps, so there are no p-values" in found.note
    assert found.config.refine == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"samples": 1}, "samples"), ({"refine": -2}, "refine"), ({"false_discoveries": 2.0}, "false_discoveries")],
)
def test_settings_out_of_range_are_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        ScoreConfig(**settings)


def test_a_calibration_travels_with_the_model_and_leaves_with_its_weights(tmp_path, calibrated):
    folder = save_tiny(tmp_path / "model")
    other = tiny_artifact()
    made = infer.calibrate(Codec(other, "cpu"), HELD_OUT, QUICK)
    save_calibration(folder, made)
    back = load(folder, "cpu").calibration
    assert (back.source, back.texts, back.lines) == (made.source, made.texts, made.lines)
    assert all(np.array_equal(back.values[name], made.values[name]) for name in made.values)
    assert np.array_equal(back.covariance, made.covariance)
    save_artifact(tmp_path / "copy", load_artifact(folder))
    assert load(tmp_path / "copy", "cpu").calibration.texts == made.texts
    save_tiny(folder)
    assert load(folder, "cpu").calibration is None
    assert not (folder / "calibration.json").exists()


def test_a_damaged_calibration_is_named(tmp_path):
    folder = save_tiny(tmp_path / "model")
    save_calibration(folder, infer.calibrate(load(folder, "cpu"), HELD_OUT, QUICK))
    (folder / "calibration.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"calibration\.json: the file is damaged"):
        load(folder)


def test_the_verb_calibrates_scores_and_carries_columns(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save_tiny(tmp_path / "model")
    (tmp_path / "held.smi").write_text("\n".join(HELD_OUT) + "\n")
    words = ["--samples", "4", "--refine", "2", "--device", "cpu"]
    assert main(["score", "./model", "held.smi", "--calibrate", *words]) == 0
    assert "calibrated on 144 held-out texts of held.smi" in capsys.readouterr().err
    (tmp_path / "in.csv").write_text("id,smiles,p\na,CCO,1\nb,CCCC,2\nc,[Fe],3\nd,oops,4\n")
    assert main(["score", "./model", "in.csv", "--out", "out.csv", "--device", "cpu"]) == 0
    said = capsys.readouterr().err
    assert "4 molecules scored" in said
    assert "2 of them cannot be read" in said
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == ["a", "b", "c", "d"]
    assert [row["input_p"] for row in rows] == ["1", "2", "3", "4"]
    assert rows[2]["log_p"] == "" and rows[2]["status"] == OUTLIER
    assert "[Fe]" in rows[2]["reason"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("score ./model", "expected a file of molecules or sequences to score, or --calibrate"),
        ("score ./model in.smi --out o.smi", "scores are written as"),
        ("score ./model in.smi --calibrate --out o.csv", "leave out --out"),
        ("score zinc-smiles in.smi --calibrate", "is calibrated already"),
        ("score ./model missing.smi", "missing.smi"),
        ("score ./nothing in.smi", "no such model folder"),
        ("score ./model --calibrate --device cpu", "does not say which data it was trained on"),
    ],
)
def test_wrong_calls_are_one_line_and_leave_nothing(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    save_tiny(tmp_path / "model")
    (tmp_path / "in.smi").write_text("CCO\n")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert main(words.split()) in (1, 2)
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", pretrained_names())
def test_pretrained_models_are_calibrated(name):
    folder = pretrained_folder(name)
    record = json.loads((folder / "calibration.json").read_text())
    latent = json.loads((folder / "config.json").read_text())["model"]["latent"]
    found = Calibration.from_files(record, (folder / "calibration.safetensors").read_bytes(), latent)
    assert found.texts >= 600
    assert found.source == read_card(folder).data
    assert found.repeats < 0.01
    hashes = json.loads((folder / "provenance.json").read_text())["sha256"]
    for file in ("calibration.json", "calibration.safetensors"):
        assert hashes[file] == hashlib.sha256((folder / file).read_bytes()).hexdigest()
