"""Training in one call of Python: the same model as by settings, from lists and from files."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from rdkit import Chem

import seqvae
from seqvae.artifact.folder import WEIGHTS
from seqvae.config import RunConfig
from seqvae.config.toml import run_from_dict, with_settings
from seqvae.errors import ConfigError, UsageError
from seqvae.train.fit import train

TINY = {"latent": 4, "embedding": 8, "encoder_width": 8, "decoder_width": 8, "prior": "none", "device": "cpu"}
MOLECULES = [f"{'C' * n}O" for n in range(1, 21)] + [f"{'C' * n}N" for n in range(1, 21)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("fit") / "mine"
    model = seqvae.fit(MOLECULES, out, quiet=True, epochs=2, vocab_size=0, beta=0.2, **TINY)
    return model, out


def test_a_list_is_trained_on_and_kept(made):
    model, out = made
    with (out / "data.csv").open(newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == MOLECULES
    assert model.encode(["CCO"]).shape == (1, 4)
    assert (model.run.training.epochs, model.run.objective.beta) == (2, 0.2)


def test_settings_by_name_make_the_same_model_as_sections(made, tmp_path):
    _, out = made
    sections = {
        "data": {"source": str(out / "data.csv"), "column": "text"},
        "tokenizer": {"vocab_size": 0},
        "model": {key: TINY[key] for key in ("latent", "embedding", "encoder_width", "decoder_width")},
        "objective": {"beta": 0.2},
        "training": {"epochs": 2, "device": "cpu"},
        "prior": {"prior": "none"},
    }
    train(run_from_dict(sections), tmp_path / "same", quiet=True)
    assert (out / WEIGHTS).read_bytes() == (tmp_path / "same" / WEIGHTS).read_bytes()


def test_molecules_of_rdkit_and_labels_and_a_start(tmp_path, made):
    _, start = made
    molecules = [Chem.MolFromSmiles(text) for text in MOLECULES]
    labels = {"size": [None if n % 5 == 0 else float(n) for n in range(len(MOLECULES))]}
    model = seqvae.fit(molecules, tmp_path / "labelled", labels=labels, quiet=True, epochs=1, vocab_size=0, **TINY)
    assert set(model.predict(model.encode(["CCO"]))) == {"size"}
    settings = {"epochs": 1, "prior": "none", "device": "cpu"}
    tuned = seqvae.fit(np.array(MOLECULES), tmp_path / "tuned", start=start, quiet=True, **settings)
    assert tuned.latent == 4
    same = seqvae.fit(None, tmp_path / "tuned", resume=True, quiet=True)
    assert np.array_equal(tuned.encode(MOLECULES[:3]), same.encode(MOLECULES[:3]))


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"texts": None}, UsageError, "expected molecules or sequences, or resume=True"),
        ({"texts": ["CC"], "resume": True}, UsageError, "not both"),
        ({"texts": None, "resume": True, "epochs": 3}, UsageError, "leave them out"),
        ({"texts": ["CC"], "epohcs": 3}, ConfigError, "did you mean 'epochs'"),
        ({"texts": ["CC"], "epochs": "3"}, ConfigError, "expected int"),
        ({"texts": ["CC", "CCC"], "labels": {"a": [1.0]}}, UsageError, "expected 2 values of a, one per text, got 1"),
        ({"texts": "file.csv", "labels": {"a": [1.0]}}, UsageError, "titles of their columns"),
        ({"texts": ["CC"], "labels": "a"}, UsageError, "the numbers themselves"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_written(arguments, error, said, tmp_path):
    texts = arguments.pop("texts")
    with pytest.raises(error, match=said):
        seqvae.fit(texts, tmp_path / "out", quiet=True, **arguments)
    assert not (tmp_path / "out").exists()


def test_every_setting_has_a_name_of_its_own():
    from seqvae.cli.flags import RUN

    for setting in RUN:
        with_settings(RunConfig(), {setting.name: setting.default})
    assert len({setting.name for setting in RUN}) == len(RUN)
