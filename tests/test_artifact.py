"""A model folder comes back as it was, says what is wrong with it, and never runs code."""

import json
import pickle
import shutil

import pytest
import torch
from run_cases import dna_file, small_run

from seqvae.artifact import FORMAT, load_artifact, record_metrics, save_artifact
from seqvae.errors import ArtifactError, NewerFormatError
from seqvae.train.fit import train

FILES = ["config.json", "tokenizer.json", "weights.safetensors", "run.toml"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifact")
    train(small_run(dna_file(folder)), folder / "model", quiet=True)
    return folder / "model"


@pytest.fixture
def copy(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "model")


def test_what_is_loaded_is_what_was_saved(trained, tmp_path):
    first = load_artifact(trained)
    save_artifact(tmp_path / "again", first)
    again = load_artifact(tmp_path / "again")
    assert again.config == first.config
    assert again.run == first.run
    assert again.tokenizer.to_dict() == first.tokenizer.to_dict()
    assert not again.model.training
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name])
    for name in FILES:
        assert (trained / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_metrics_are_added_and_nothing_else_changes(copy):
    before = load_artifact(copy).provenance
    record_metrics(copy, {"elbo": -1.5})
    assert load_artifact(copy).provenance == {**before, "metrics": {"elbo": -1.5}}


@pytest.mark.parametrize("name", [*FILES, "provenance.json"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(ArtifactError) as error:
        load_artifact(copy)
    assert str(error.value) == f"{copy / name}: cannot read this part of the model: No such file or directory"


@pytest.mark.parametrize("name", [*FILES, "provenance.json"])
def test_a_truncated_file_is_named(copy, name):
    data = (copy / name).read_bytes()
    (copy / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(ArtifactError, match=name):
        load_artifact(copy)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_model_is_named(copy, tmp_path, name):
    other = tmp_path / "other"
    train(small_run(dna_file(tmp_path, length=11, seed=3), seed=4), other, quiet=True)
    shutil.copy(other / name, copy / name)
    try:
        load_artifact(copy)
    except ArtifactError as error:
        assert name in str(error)
        assert "damaged or belongs to another model" in str(error)
    else:
        assert name == "tokenizer.json", "two DNA tokenizers are the same file; every other file differs"


def test_a_newer_format_asks_for_an_update(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "format": FORMAT + 1}))
    with pytest.raises(NewerFormatError, match=f"has format {FORMAT + 1}, this seqvae reads up to {FORMAT}; update"):
        load_artifact(copy)


@pytest.mark.parametrize("content", [b"{}", b"[]", b"\x80\x04.", b"not json"])
def test_a_foreign_configuration_is_refused(copy, content):
    (copy / "config.json").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"config\.json"):
        load_artifact(copy)


def test_no_folder_is_said_to_be_none(tmp_path):
    with pytest.raises(ArtifactError, match="no such model folder"):
        load_artifact(tmp_path / "nothing")


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


@pytest.mark.parametrize("name", [*FILES, "provenance.json"])
def test_nothing_is_unpickled(copy, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (copy / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ArtifactError):
        load_artifact(copy)
    assert not (tmp_path / "exploded").exists()
