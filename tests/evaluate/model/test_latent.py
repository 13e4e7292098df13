"""Latent quality: predictions against models whose answer is known, paths and similarities against exact values."""

import json
import math
from dataclasses import asdict, fields
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from codec_cases import LATENT, MOLECULES, dna, untrained
from formula_cases import table_distance
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem
from rdkit.Chem import rdFingerprintGenerator
from sklearn.metrics import r2_score

from seqvae.errors import InputError, UsageError
from seqvae.evaluate.metric_names import BY_PROPERTY, PROPERTIES
from seqvae.evaluate.model.latent_quality import (
    LATENT_METRICS,
    LatentQuality,
    LatentSettings,
    gaussian_process,
    held_out,
    latent_quality,
    predict_ridge,
    rank_correlation,
)
from seqvae.evaluate.model.reconstruction_errors import measure_reconstruction_errors
from seqvae.evaluate.model.smoothness import PathQuality, PathSettings, measure_paths, path_quality
from seqvae.evaluate.similarity import differs_in_stereo_only, edit_distance, similarities
from seqvae.properties import get

_BY_PROPERTY = [key for key, metric in LATENT_METRICS.items() if BY_PROPERTY in metric.places]

PREDICTORS = {"ridge": predict_ridge, "gp": gaussian_process(100)}
ALANINES = ("C[C@H](N)C(=O)O", "C[C@@H](N)C(=O)O")
WORDS = st.text("ACG", max_size=12)


# Distances and similarities.


@given(WORDS, WORDS, WORDS)
def test_edit_distance_is_levenshteins(a, b, c):
    assert edit_distance(a, b) == table_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


def test_edit_distance_of_long_sequences():
    left, right = ("".join(dna(60, 8, seed)) for seed in (1, 2))
    assert len(left) > 128  # longer than any machine word
    assert edit_distance(left, right) == table_distance(left, right)


def test_tanimoto_is_that_of_the_sets_of_bits():
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    bits = [set(generator.GetFingerprint(Chem.MolFromSmiles(s)).GetOnBits()) for s in MOLECULES]
    pairs = [(a, b) for a in range(len(bits)) for b in range(len(bits))]
    expected = [len(bits[a] & bits[b]) / len(bits[a] | bits[b]) for a, b in pairs]
    found = similarities([(MOLECULES[a], MOLECULES[b]) for a, b in pairs], molecular=True)
    assert found == pytest.approx(expected)
    assert similarities([ALANINES, ("CCO", "C1CC"), ("", "CCO")], molecular=True) == [1.0, 0.0, 0.0]
    assert similarities([("ACGT", "ACG"), ("A", ""), ("", "")], molecular=False) == [0.75, 0.0, 0.0]


def test_stereo_alone():
    assert differs_in_stereo_only(*ALANINES)
    assert differs_in_stereo_only(ALANINES[0], "CC(N)C(=O)O")
    assert differs_in_stereo_only("C/C=C/C", "C/C=C\\C")
    assert not differs_in_stereo_only(ALANINES[0], ALANINES[0])
    assert not differs_in_stereo_only(ALANINES[0], "OC(=O)[C@@H](N)C")  # the same molecule, written otherwise
    assert not differs_in_stereo_only(ALANINES[0], "CC(N)CO")
    assert not differs_in_stereo_only("C1CC", "C1CC")


def test_misses_are_described():
    found = measure_reconstruction_errors([ALANINES, ("CCO", "C1CC"), ("CCO", "CCO"), ("CCO", "CCN")], molecular=True)
    assert (found.count, found.invalid, found.stereo_only) == (4, 0.25, 0.25)
    values = sorted(similarities([ALANINES, ("CCO", "C1CC"), ("CCO", "CCO"), ("CCO", "CCN")], molecular=True))
    assert values[0] == 0 and values[2:] == [1, 1]
    assert found.tanimoto.mean == pytest.approx(np.mean(values))
    assert found.tanimoto.median == pytest.approx((values[1] + 1) / 2)
    assert found.edits is None
    found = measure_reconstruction_errors(
        [("ACGT", "ACGA"), ("ACGT", ""), ("AC", "CA"), ("A", "AA"), ("GG", "CC")], molecular=False
    )
    assert (found.count, found.invalid, found.stereo_only, found.tanimoto) == (5, 0.2, None, None)
    assert asdict(found.edits) == {"mean": 2.0, "lower_quartile": 1.0, "median": 2.0, "upper_quartile": 2.0}
    assert measure_reconstruction_errors([], molecular=True).tanimoto is None


# Predictions.


def points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 4))


@pytest.mark.parametrize("name", PREDICTORS)
def test_what_z_says_is_read_and_what_it_does_not_say_is_not(name):
    z = points(200)
    linear = 3 + z @ np.array([1.0, -2.0, 0.5, 0.0])
    assert r2_score(linear, held_out(PREDICTORS[name], z, linear, 5, 0)) > 0.99
    noise = points(200, seed=1)[:, 0]
    assert r2_score(noise, held_out(PREDICTORS[name], z, noise, 5, 0)) < 0.05
    scaled = held_out(PREDICTORS[name], 100 * z - 7, 10 * linear + 1, 5, 0)  # neither units nor origin matter
    assert scaled == pytest.approx(10 * held_out(PREDICTORS[name], z, linear, 5, 0) + 1, abs=0.05)


def test_a_process_bends_where_ridge_cannot():
    z = points(300)
    bent = np.cos(2 * z[:, 0])
    assert r2_score(bent, held_out(predict_ridge, z, bent, 5, 0)) < 0.1
    assert r2_score(bent, held_out(PREDICTORS["gp"], z, bent, 5, 0)) > 0.6


@pytest.mark.parametrize("name", PREDICTORS)
def test_a_text_is_not_predicted_from_itself(name):
    z, y = points(60), points(60, seed=2)[:, 1]
    found = held_out(PREDICTORS[name], z, y, 5, 0)
    y[17] += 100
    again = held_out(PREDICTORS[name], z, y, 5, 0)
    assert again[17] == found[17]
    assert (again != found).sum() == 48  # all that are predicted from it
    assert held_out(PREDICTORS[name], z, y, 5, 0) == pytest.approx(again)


def test_ranks():
    y = np.array([1.0, 2.0, 3.0, 10.0])
    assert rank_correlation(y, np.exp(y)) == 1
    assert rank_correlation(y, -y) == -1
    assert rank_correlation(y, np.ones(4)) == 0


# Paths.


def test_a_path_of_known_texts():
    found = measure_paths([["AAAA", "AAAT", "AATT", "TTTT"], ["AAAA", "AAAA", "", "AAAT"]], molecular=False)
    assert asdict(found) == {
        "pairs": 2,
        "steps": 4,
        "validity": 7 / 8,
        "distinct": (4 + 2) / 2,
        "similarity": pytest.approx((0.75 + 0.75 + 0.5 + 1 + 0 + 0) / 6),
        "similarity_moved": pytest.approx((0.75 + 0.75 + 0.5 + 0 + 0) / 5),
        "worst_step": (0.5 + 0) / 2,
        "ends_similarity": (0 + 0.75) / 2,
        "monotone": 0.5,  # the gap is a fall away from both ends, and then a step back
        "forward_steps": pytest.approx(4 / 6),
    }


def test_paths_that_stand_still_and_that_turn_back():
    still = measure_paths([["CCO"] * 5], molecular=True)
    assert (still.distinct, still.similarity, still.similarity_moved, still.worst_step) == (1, 1, None, 1)
    assert still.monotone == still.forward_steps == still.validity == 1
    nothing = measure_paths([["", "", ""]], molecular=True)
    assert nothing.validity == nothing.distinct == nothing.similarity == nothing.monotone == nothing.forward_steps == 0
    back = measure_paths([["AAAA", "AATT", "AAAT", "TTTT"]], molecular=False)
    assert back.monotone == 0
    assert back.forward_steps == pytest.approx(2 / 3)


@pytest.mark.filterwarnings("ignore:.*comes back as")
def test_walks_are_those_of_interpolate():
    codec = untrained(seed=3)
    texts = dna(2, 12, seed=4)
    found = path_quality(codec, texts, PathSettings(pairs=3, steps=6))
    walks = [codec.interpolate(*ends, steps=6, refine=0) for ends in (texts, texts[::-1])]
    both = [asdict(measure_paths([walk], molecular=False)) for walk in walks]
    assert (found.pairs, found.steps) == (3, 6)
    shares = {round(found.similarity * 3, 6)}
    assert shares <= {round(k * both[0]["similarity"] + (3 - k) * both[1]["similarity"], 6) for k in range(4)}
    assert found == path_quality(codec, texts, PathSettings(pairs=3, steps=6))


def test_a_pair_is_never_one_text_twice():
    codec = untrained(seed=3)
    for seed in range(10):
        z, seen = codec.encode(["ACGT", "TT"], refine=0), []
        codec.generate = lambda given, seen=seen: seen.append(given) or SimpleNamespace(texts=["A"] * len(given))
        path_quality(codec, ["ACGT", "TT"], PathSettings(pairs=20, steps=2, seed=seed))
        ends = seen[0].view(20, 2, LATENT)
        assert (ends[:, 0] != ends[:, 1]).any(1).all()
        assert len(torch.unique(torch.cat([ends.flatten(0, 1), z]), dim=0)) == 2


# The whole.


def test_every_figure_has_a_label():
    names = [field.name for field in fields(LatentQuality)]
    assert set(names) == set(LATENT_METRICS)
    assert {name for name in names if name.startswith("path_")} == {f"path_{f.name}" for f in fields(PathQuality)}
    assert _BY_PROPERTY == ["ridge_r2", "ridge_rank", "gp_r2", "gp_rank"]
    assert {"logp", "qed", "sa", "gc"} == set(PROPERTIES)


def test_quality_of_dna_with_columns():
    codec = untrained(seed=3)
    texts = [*dict.fromkeys(["ACNNS", "NN", *dna(80, 10)]), "ACGX"]  # codes count as unknown
    texts.append(texts[0].lower())
    z = codec.encode(texts[:-2], refine=0).numpy()
    own = [*z[:, 0].tolist(), 0.0, 0.0]
    columns = {
        "first": own,
        "gaps": [math.nan, *own[1:]],
        "same": [1.0] * len(texts),
        "few": own[:9] + [math.nan] * (len(own) - 9),
    }
    settings = LatentSettings(pairs=5, steps=4, gp_texts=60, gp_tune=40)
    found = latent_quality(codec, texts, columns, settings)
    assert json.loads(json.dumps(asdict(found))) == asdict(found)
    assert (found.texts, found.left_out) == (len(texts) - 2, 2)
    assert (found.latent, found.gp_texts, found.path_pairs, found.path_steps) == (LATENT, 60, 5, 4)
    assert set(found.ridge_r2) == {"gc", "first", "gaps", "same", "few"}
    for metrics in (found.ridge_r2, found.ridge_rank, found.gp_r2, found.gp_rank):
        assert metrics["first"] > 0.9
        assert metrics["gaps"] > 0.9
        assert metrics["same"] is metrics["few"] is None
    assert found == latent_quality(codec, texts, columns, settings)


def test_quality_of_molecules():
    codec = untrained(molecules=True, seed=3)
    texts = [*MOLECULES, *(s + "C" for s in MOLECULES), "not a molecule"]
    found = latent_quality(codec, texts, None, LatentSettings(pairs=2, steps=3, folds=2))
    assert found.left_out == 2  # CC#NC is none either
    assert set(found.ridge_r2) == {"logp", "qed", "sa"}
    assert all(value is not None for name in _BY_PROPERTY for value in getattr(found, name).values())
    assert 1 <= get("sa")(MOLECULES).min() <= get("sa")(MOLECULES).max() <= 10


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda c: latent_quality(c, dna(9)), InputError, "at least 10 distinct sequences to predict from, got"),
        (lambda c: latent_quality(c, ["X"]), InputError, "none of the 1 sequences"),
        (lambda c: latent_quality(c, dna(20), {"a": [1.0]}), UsageError, "'a': expected a value for each of 20 texts"),
        (lambda c: LatentSettings(folds=1), UsageError, "folds from 2"),
        (lambda c: PathSettings(kind="slurp"), UsageError, "did you mean 'slerp'"),
        (lambda c: PathSettings(steps=1), UsageError, "steps from 2, got 100 and 1"),
        (lambda c: path_quality(c, ["A"]), UsageError, "a path needs two texts, got 1"),
    ],
)
def test_wrong_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call(untrained())
