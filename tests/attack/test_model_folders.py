"""A model folder whose checksums match may hold anything: it is refused in one line before it takes memory or time."""

from __future__ import annotations

import json
import os
import shutil
import tracemalloc

import pytest
import torch
from golden_cases import command
from safetensors.torch import load_file, save_file

from scripts.attack.model_folders import _seal, made
from seqvae.artifact.folder import CONFIG, PRIOR, PRIOR_NUMBERS, RUN, TOKENIZER, WEIGHTS, load_artifact
from seqvae.config import RunConfig, TrainingConfig
from seqvae.config.toml import read_toml, run_from_dict
from seqvae.errors import ArtifactError, ConfigError
from seqvae.train.fit import train


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return made(tmp_path_factory.mktemp("model") / "model", "dna gru gru diagonal normal mixture")


@pytest.fixture
def model(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "model")


def changed(model, name, change):
    values = json.loads((model / name).read_text())
    change(values)
    (model / name).write_text(json.dumps(values))
    _seal(model)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (CONFIG, lambda v: v.update(vocab_size=0.5), "expected vocab_size as int, got 0.5"),
        (CONFIG, lambda v: v.update(vocab_size=10**9), "vocab_size: expected 7"),
        (CONFIG, lambda v: v.update(model=[]), "expected model as dict"),
        (CONFIG, lambda v: v.update(weights={}), "expected weights as str"),
        (CONFIG, lambda v: v["model"].update(decoder_layers=2000), "a model of these sizes has .* weights or more"),
        (CONFIG, lambda v: v["model"].update(encoder_width=100_000), "a model of these sizes"),
        (CONFIG, lambda v: v["model"].update(latent=7), "the weights do not fit the model: size mismatch for"),
        (CONFIG, lambda v: v["model"].update(latent="x"), "latent: expected int"),
        (PRIOR, lambda v: v["prior"].update(components=10**9), "components: expected a number from 1 to"),
        (PRIOR, lambda v: v["prior"].update(latent=-4), "latent: expected a number from 1"),
        (PRIOR, lambda v: v.update(default=[]), "not a fitted prior"),
        (TOKENIZER, lambda v: v.update(kind=[]), "expected str"),
    ],
)
def test_a_wrong_field_is_named(name, change, words, model):
    changed(model, name, change)
    tracemalloc.start()
    with pytest.raises(ArtifactError, match=words):
        load_artifact(model)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


@pytest.mark.parametrize("name", [CONFIG, TOKENIZER, PRIOR])
def test_json_nested_deep(name, model):
    (model / name).write_text("[" * 100_000 + "]" * 100_000)
    _seal(model)
    with pytest.raises(ArtifactError, match="nested too deep"):
        load_artifact(model)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 1e38])
@pytest.mark.parametrize("name", [WEIGHTS, PRIOR_NUMBERS])
def test_weights_that_cannot_be_computed_with(name, value, model):
    tensors = load_file(model / name)
    for key, tensor in tensors.items():
        broken = {**tensors, key: torch.full_like(tensor, value)}
        save_file(broken, model / name)
        _seal(model)
        with pytest.raises(ArtifactError, match=f"{key}: expected numbers below"):
            load_artifact(model)


@pytest.mark.filterwarnings("ignore:too few repeated pairs")
def test_a_merge_of_merges_is_bounded(tmp_path):
    folder = made(tmp_path / "model", "smiles gru gru diagonal normal none")

    def double(values):
        base = 3 + len(values["base"]["tokens"])
        values["merges"] = [[3, 3], *([base + row, base + row] for row in range(60))]

    changed(folder, TOKENIZER, double)
    with pytest.raises(ArtifactError, match="expected tokens of 65,536 symbols at most"):
        load_artifact(folder)


def test_an_empty_run_is_no_run(model):
    (model / RUN).write_text("")
    _seal(model)
    with pytest.raises(ArtifactError, match="expected the sections of a run"):
        load_artifact(model)


@pytest.mark.parametrize("name", [CONFIG, TOKENIZER, WEIGHTS, RUN, PRIOR, "seen.bin"])
def test_only_regular_files_are_read(name, model):
    (model / name).unlink()
    os.mkfifo(model / name)
    with pytest.raises(ArtifactError, match="expected a regular file, got a named pipe"):
        load_artifact(model)
    (model / name).unlink()
    (model / name).symlink_to("/dev/zero")
    with pytest.raises(ArtifactError, match="expected a regular file, got a device"):
        load_artifact(model)


@pytest.mark.parametrize(
    "content", ["a = " + "[" * 50_000, "a = " + "9" * 5_000, "a = {" * 50_000, "\udcff", "a = \ud800"]
)
def test_toml_that_is_none(content, tmp_path):
    path = tmp_path / "run.toml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError, match="not a TOML file"):
        read_toml(path, "the run")
    code, _, err = command(["train", "--config", str(path), "--out", str(tmp_path / "out")])
    assert (code, err.count("\n")) == (2, 1), err


@pytest.mark.parametrize("name", ["", "ddq", "a b"])
def test_an_unknown_strategy_is_refused_before_data_are_read(name, tmp_path):
    run = RunConfig(training=TrainingConfig(strategy=name))
    with pytest.raises(ConfigError, match=r"training\.strategy: unknown value"):
        train(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["prior_components", "prior_layers", "prior_width", "prior_groups"])
def test_sizes_have_bounds(name):
    with pytest.raises(ConfigError, match=f"prior.{name}: expected a number from"):
        run_from_dict({"prior": {name: 10**9}})
