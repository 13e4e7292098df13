"""A model folder comes back as it was, says what is wrong with it, and never runs code."""

import hashlib
import json
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from run_cases import dna_file, small_run
from safetensors.torch import load_file

import seqvae
from seqvae.artifact.folder import FORMAT, SEEN, load_artifact, migrated, record_metrics, save_artifact, save_prior
from seqvae.artifact.weights import weights_hash
from seqvae.errors import ArtifactError, NewerFormatError, UsageError
from seqvae.model.priors.flow import FlowPrior
from seqvae.model.priors.mixture import GaussianMixture
from seqvae.runtime.device import generator
from seqvae.train.fit import train

FILES = ["config.json", "tokenizer.json", "weights.safetensors", "run.toml"]
PRIOR_FILES = ["prior.json", "prior.safetensors"]
OLD = Path(__file__).parents[1] / "models"
PRIORS = {
    "mixture": lambda: GaussianMixture(4, 3),
    "flow": lambda: FlowPrior(4, layers=2, width=8, groups=2),
}
EVERY_PRIOR = pytest.mark.parametrize("kind", PRIORS)


def spoiled(kind):
    """A prior whose numbers are no round ones."""
    prior = PRIORS[kind]().eval()
    with torch.no_grad():
        for value in prior.parameters():
            value.add_(0.1 * torch.randn(value.shape, generator=generator(3)))
    return prior


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


def test_a_folder_of_something_else_is_said_to_be_no_model(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ArtifactError, match=f"{tmp_path}: not a model folder: it has none of a model's files"):
        load_artifact(tmp_path)


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


@pytest.mark.parametrize("folder", sorted(OLD.iterdir()), ids=lambda path: path.name)
def test_a_model_of_a_past_format_computes_what_it_did(folder):
    """Written by the version that had this format, with what it said then."""
    expected = json.loads((folder / "expected.json").read_text())
    codec = seqvae.load(folder, device="cpu")
    torch.testing.assert_close(
        codec.encode(expected["texts"], refine=0), torch.tensor(expected["means"]), atol=1e-5, rtol=1e-4
    )
    torch.testing.assert_close(
        codec.bounds(expected["texts"]).rate, torch.tensor(expected["rates"]), atol=1e-4, rtol=1e-4
    )
    if codec.fitted is not None:
        found = codec.log_prior(torch.tensor(expected["means"]), "fitted")
        torch.testing.assert_close(found, torch.tensor(expected["log_fitted"]), atol=1e-4, rtol=1e-4)
    assert codec.default_prior == "normal"
    assert len(codec.sample(5)) == 5


def test_there_is_a_model_of_every_past_format():
    assert {json.loads((folder / "config.json").read_text())["format"] for folder in OLD.iterdir()} == set(
        range(1, FORMAT)
    )


def test_a_migration_leaves_what_it_is_given_alone():
    old = json.loads((OLD / "format1" / "config.json").read_text())
    before = json.dumps(old)
    new = migrated(old, OLD)
    assert json.dumps(old) == before
    model = {**old["model"], "posterior": "diagonal", "prior": "normal"}
    assert new == {**old, "format": FORMAT, "weights": "float32", "model": model}
    assert migrated(new, OLD) == new


@EVERY_PRIOR
def test_a_prior_comes_back_bit_for_bit(trained, tmp_path, kind):
    first = replace(load_artifact(trained), fitted=spoiled(kind), default_prior="fitted")
    save_artifact(tmp_path / "again", first)
    again = load_artifact(tmp_path / "again")
    assert again.default_prior == "fitted"
    assert again.fitted.settings() == first.fitted.settings()
    for name, tensor in first.fitted.tensors().items():
        assert torch.equal(tensor, again.fitted.tensors()[name])


@EVERY_PRIOR
def test_half_precision_is_half_the_size_and_close(trained, tmp_path, kind):
    whole = replace(load_artifact(trained), fitted=spoiled(kind), default_prior="fitted")
    save_artifact(tmp_path / "half", whole, half=True)
    half = load_artifact(tmp_path / "half")
    stored = load_file(tmp_path / "half" / "weights.safetensors") | load_file(tmp_path / "half" / "prior.safetensors")
    assert {tensor.dtype for tensor in stored.values() if tensor.is_floating_point()} == {torch.float16}
    for before, after in ((whole.model, half.model), (whole.fitted, half.fitted)):
        for name, tensor in before.state_dict().items():
            assert after.state_dict()[name].dtype == tensor.dtype
            torch.testing.assert_close(after.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    hashes = half.provenance["sha256"]
    for name in [*FILES, *PRIOR_FILES]:
        assert hashes[name] == hashlib.sha256((tmp_path / "half" / name).read_bytes()).hexdigest()
    save_artifact(tmp_path / "again", half, half=True)
    for name in [*FILES, *PRIOR_FILES]:
        assert (tmp_path / "half" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_numbers_too_large_for_half_precision_are_refused(trained, tmp_path):
    artifact = load_artifact(trained)
    with torch.no_grad():
        next(artifact.model.parameters())[0] = 1e6
    with pytest.raises(ArtifactError, match="has numbers that float16 cannot hold; save the model without half=True"):
        save_artifact(tmp_path / "half", artifact, half=True)
    assert not (tmp_path / "half").exists()


def test_a_prior_is_added_to_a_folder_and_chosen(copy):
    before = load_artifact(copy)
    save_prior(copy, spoiled("mixture"), "fitted", {"nats": {"normal": -3.0}})
    record_metrics(copy, {"elbo": -1.5})
    after = load_artifact(copy)
    assert after.provenance["prior"] == {"nats": {"normal": -3.0}}
    assert after.provenance["metrics"] == {"elbo": -1.5}
    assert {name: after.provenance["sha256"][name] for name in [*FILES, SEEN]} == before.provenance["sha256"]
    assert after.default_prior == "fitted"
    save_prior(copy, after.fitted, "normal", after.provenance["prior"])
    found = load_artifact(copy)
    assert found.default_prior == "normal"
    assert found.provenance["prior"] == after.provenance["prior"]
    assert all(torch.equal(value, found.fitted.tensors()[name]) for name, value in after.fitted.tensors().items())
    with pytest.raises(UsageError, match="unknown prior 'fited'; did you mean 'fitted'"):
        save_prior(copy, after.fitted, "fited", {})


def test_a_model_saved_without_its_prior_has_none(copy):
    save_prior(copy, spoiled("mixture"), "fitted", {})
    artifact = load_artifact(copy)
    save_artifact(copy, replace(artifact, fitted=None))
    assert load_artifact(copy).fitted is None
    assert not any((copy / name).exists() for name in PRIOR_FILES)


@pytest.mark.parametrize("name", PRIOR_FILES)
def test_wherever_the_writing_of_a_prior_stops_the_model_is_whole(copy, monkeypatch, name):
    """Killed between the files: the old prior or none, never half of one."""
    from seqvae.artifact import folder as module

    save_prior(copy, spoiled("mixture"), "fitted", {})
    real = module.atomic_file

    def broken(path):
        if path.name == name:
            raise OSError("killed")
        return real(path)

    monkeypatch.setattr(module, "atomic_file", broken)
    with pytest.raises(OSError, match="killed"):
        save_prior(copy, spoiled("flow"), "fitted", {})
    monkeypatch.undo()
    assert load_artifact(copy).fitted is None


@pytest.mark.parametrize("name", PRIOR_FILES)
@pytest.mark.parametrize("spoil", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:40])])
def test_a_damaged_prior_is_named(copy, name, spoil):
    save_prior(copy, spoiled("flow"), "fitted", {})
    spoil(copy / name)
    with pytest.raises(ArtifactError, match=name):
        load_artifact(copy)


def test_a_prior_of_another_space_is_refused(trained, tmp_path):
    save_artifact(tmp_path / "odd", replace(load_artifact(trained), fitted=GaussianMixture(5)))
    with pytest.raises(ArtifactError, match="not a fitted prior of this model: expected 4 latent dimensions, got 5"):
        load_artifact(tmp_path / "odd")


def test_a_prior_is_used_without_what_fitted_it(trained, tmp_path):
    """Those libraries take seconds to import."""
    save_artifact(tmp_path / "model", replace(load_artifact(trained), fitted=spoiled("flow")))
    code = f"""
import sys, torch
import seqvae
seqvae.load({str(tmp_path / "model")!r}, device="cpu").draw(3, prior="fitted")
print(sorted({{"sklearn", "pytorch_lightning", "scipy"}} & set(sys.modules)))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_hash_of_weights_is_that_of_the_older_versions():
    """Folders of searches and of parts name their model by it: names and float32 bytes, sorted by name."""
    layer, other = torch.nn.Linear(2, 1), torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, -2.0]]))
        layer.bias.fill_(0.5)
        other.weight.fill_(1.0)
    first = b"bias" + bytes.fromhex("0000003f") + b"weight" + bytes.fromhex("0000803f000000c0")
    second = b"weight" + bytes.fromhex("0000803f")
    assert weights_hash(layer) == hashlib.sha256(first).hexdigest()
    assert weights_hash(layer, other, before=b"{}") == hashlib.sha256(b"{}" + first + second).hexdigest()
