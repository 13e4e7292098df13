"""Laws of training: a resumed run is an unbroken one, a bad loss stops it, nothing global is left changed."""

import csv
import json
import math
import os
import shutil
import signal
from dataclasses import asdict, replace
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from run_cases import dna_file, small_run, with_model
from safetensors.torch import load_file, save_file

from seqvae.config import ObjectiveConfig, RunConfig, TrainingConfig
from seqvae.config.toml import read_run, run_from_dict
from seqvae.errors import ArtifactError, InputError, NonFiniteLossError, SeqVAEWarning, UsageError
from seqvae.train import callbacks
from seqvae.train.checkpoint import load_checkpoint
from seqvae.train.fit import CHECKPOINT, train
from seqvae.train.lightning_module import averaged_weights
from seqvae.train.schedule import Plan, learning_rate

EVERY_STEP = 1e-9  # minutes between checkpoints
TIMES = TrainingConfig().checkpoint_minutes


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return dna_file(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(source, tmp_path_factory):
    """The folder of a finished training, to be read."""
    return train(small_run(source), tmp_path_factory.mktemp("trained") / "run", quiet=True).folder


@pytest.fixture
def finished(trained, tmp_path):
    """A copy of it, to be changed."""
    return shutil.copytree(trained, tmp_path / "run")


def weights(folder):
    return load_file(folder / "weights.safetensors")


def assert_same(first, other):
    assert first.keys() == other.keys()
    assert all(torch.equal(first[name], other[name]) for name in first)


def test_same_seed_same_bytes_and_global_state_is_left_alone(source, tmp_path, one_thread):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    handler, precision = signal.getsignal(signal.SIGINT), torch.get_float32_matmul_precision()
    train(small_run(source), tmp_path / "a", quiet=True)
    assert torch.equal(torch.rand(3), expected)
    assert signal.getsignal(signal.SIGINT) is handler
    assert torch.get_float32_matmul_precision() == precision
    train(small_run(source), tmp_path / "b", quiet=True)
    train(small_run(source, seed=1), tmp_path / "c", quiet=True)
    for name in ("weights.safetensors", "config.json", "tokenizer.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert (tmp_path / "a" / "weights.safetensors").read_bytes() != (
        tmp_path / "c" / "weights.safetensors"
    ).read_bytes()


def test_the_folder_says_how_it_was_made(source, trained):
    stored = run_from_dict(read_run(trained / "run.toml"))
    assert stored.model.max_length == 12
    assert stored.training == small_run(source, patience=0).training
    assert stored.model.lengths == "fixed"
    provenance = json.loads((trained / "provenance.json").read_text())
    assert provenance["training"]["steps"] == 12
    assert provenance["versions"]["torch"] == torch.__version__
    assert provenance["data"]["texts"] == 96
    assert len(provenance["data"]["sha256"]) == 64
    logs = list((trained / "logs").rglob("metrics.csv"))
    assert len(logs) == 1
    assert "valid/distortion" in logs[0].read_text().splitlines()[0]
    assert list((trained / "logs").rglob("events.out.tfevents.*"))


def test_a_run_is_not_overwritten_nor_mixed(source, finished, tmp_path):
    with pytest.raises(UsageError, match="holds a run already; resume it by --resume"):
        train(small_run(source), finished, quiet=True)
    with pytest.raises(UsageError, match="no run to resume"):
        train(small_run(source), tmp_path / "other", resume=True, quiet=True)
    with pytest.raises(UsageError, match=r"cannot resume with training.epochs = 7: the run has 2"):
        train(small_run(source, epochs=7), finished, resume=True, quiet=True)
    before = (finished / "weights.safetensors").read_bytes()
    train(RunConfig(), finished, resume=True, quiet=True)
    assert (finished / "weights.safetensors").read_bytes() == before


@pytest.mark.parametrize("below", ["", "run", "runs/run"])
def test_a_file_in_the_place_of_the_folder_is_refused(source, tmp_path, below):
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(InputError, match=rf"cannot write here: {file} is a file, not a folder: give another place"):
        train(small_run(source), file / below, quiet=True)
    assert file.read_text() == "mine"


@pytest.fixture(scope="module")
def every_seven_minutes(source, tmp_path_factory):
    run = small_run(source, epochs=1, checkpoint_minutes=7.0)
    return train(run, tmp_path_factory.mktemp("seven") / "run", quiet=True).folder


@pytest.mark.parametrize(
    ("minutes", "named", "expected"),
    [(TIMES, (), 7.0), (TIMES, ("training.checkpoint_minutes",), TIMES), (3.0, (), 3.0)],
)
def test_what_is_asked_for_replaces_the_folder_s_settings(every_seven_minutes, tmp_path, minutes, named, expected):
    folder = shutil.copytree(every_seven_minutes, tmp_path / "run")
    before = run_from_dict(read_run(folder / "run.toml"))
    asked = replace(RunConfig(), training=TrainingConfig(checkpoint_minutes=minutes))
    train(asked, folder, resume=True, quiet=True, named=named)
    kept = run_from_dict(read_run(folder / "run.toml"))
    assert kept == replace(before, training=replace(before.training, checkpoint_minutes=expected))


def test_other_texts_are_not_trained_on_further(tmp_path):
    """The folder stays as it was."""
    path = dna_file(tmp_path)
    train(small_run(path), tmp_path / "run", quiet=True)
    names = ("run.toml", CHECKPOINT, "weights.safetensors", "provenance.json")
    before = [(tmp_path / "run" / name).read_bytes() for name in names]
    texts = path.read_text()
    path.write_text("".join(f"{text[::-1]}\n" for text in texts.split()))
    with pytest.raises(UsageError, match=rf"cannot resume: the texts of {path} are not .* put those back, or train"):
        train(RunConfig(), tmp_path / "run", resume=True, quiet=True)
    assert before == [(tmp_path / "run" / name).read_bytes() for name in names]
    path.write_text(texts)
    assert train(RunConfig(), tmp_path / "run", resume=True, quiet=True).progress.step == 12


def test_what_is_named_has_to_be_the_run_s(finished):
    found = {"data.split", "tokenizer.kind", "tokenizer.vocab_size", "model.max_length", "training.epochs"}
    train(RunConfig(), finished, resume=True, quiet=True, named=found)  # they ask for what suits the data
    with pytest.raises(UsageError, match=r"cannot resume with training.learning_rate = 0.001: the run has 0.01; leave"):
        slower = RunConfig(training=TrainingConfig(learning_rate=1e-3))
        train(slower, finished, resume=True, quiet=True, named={"training.learning_rate"})


def test_a_damaged_checkpoint_is_said_to_be_one(finished):
    path = finished / CHECKPOINT
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ArtifactError, match="not a whole checkpoint"):
        train(RunConfig(), finished, resume=True, quiet=True)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_state(source, tmp_path):
    run = small_run(source, learning_rate=1e-2, epochs=3, checkpoint_minutes=EVERY_STEP)
    from seqvae.model.vae import SequenceVAE

    losses, calls = SequenceVAE.losses, []

    def spoiled(self, *args):
        calls.append(1)
        found = losses(self, *args)
        if len(calls) < 9:
            return found
        return replace(found, loss=found.loss * float("nan"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SequenceVAE, "losses", spoiled)
        with pytest.raises(NonFiniteLossError, match=r"the loss became nan at batch 3 of epoch 2 \(step 9"):
            train(run, tmp_path / "run", quiet=True)
    kept = load_checkpoint(tmp_path / "run" / CHECKPOINT)
    assert kept.progress.step == 8
    assert all(torch.isfinite(tensor).all() for tensor in kept.model.values())


def test_a_full_disk_leaves_the_old_checkpoint(source, tmp_path, monkeypatch):
    import errno

    from seqvae.runtime import files as cache

    run = small_run(source, epochs=3, checkpoint_minutes=EVERY_STEP)
    out, fsync, count = tmp_path / "run", os.fsync, []

    def full(descriptor):
        count.append(1)
        if len(count) > 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(cache.os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        train(run, out, quiet=True)
    monkeypatch.undo()
    assert load_checkpoint(out / CHECKPOINT).progress.step > 0
    assert not list(out.glob(".*.part"))


class Killed(BaseException):
    """Ends a training where a SIGKILL would."""


def cut_short(patch, moment, step):
    """Ctrl-C or a kill around the validation after a step."""
    hook = {"in the validation": "on_validation_batch_end", "at its last batch": "on_train_batch_end"}.get(moment)

    def asked(self, trainer, module, *others):
        self.stop.asked = self.stop.asked or module.progress.step == step
        return old(self, trainer, module, *others)

    def killed(path, model, optimizer, progress, *others):
        old(path, model, optimizer, progress, *others)
        if progress.step == step:
            raise Killed

    owner, name, new = (callbacks.Checkpointer, hook, asked) if hook else (callbacks, "save_checkpoint", killed)
    old = getattr(owner, name)
    patch.setattr(owner, name, new)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """A run that stops for want of progress where it may take long enough, and its whole training; made once each."""
    source = dna_file(tmp_path_factory.mktemp("data"), count=60)

    @cache
    def made(epochs):
        run = small_run(source, epochs=epochs, patience=2, learning_rate=3e-2)
        return run, train(run, tmp_path_factory.mktemp("unbroken") / "whole", quiet=True)

    return made


@pytest.mark.parametrize("moment", ["in the validation", "at its last batch", "after the first of its files"])
@pytest.mark.parametrize(("epochs", "where"), [(40, f"best-{CHECKPOINT}"), (40, CHECKPOINT), (3, CHECKPOINT)])
def test_a_validation_that_was_cut_short_is_done_again(tmp_path, one_thread, unbroken, moment, epochs, where):
    """At the best state, at the stop for want of progress, and at the last step of all."""
    run, whole = unbroken(epochs)
    step = load_checkpoint(whole.folder / where).progress.step
    with pytest.MonkeyPatch.context() as patch:
        cut_short(patch, moment, step)
        with pytest.raises((KeyboardInterrupt, Killed)):
            train(run, tmp_path / "broken", quiet=True)
    resumed = train(run, tmp_path / "broken", resume=True, quiet=True)
    assert replace(resumed.progress, seconds=0.0) == replace(whole.progress, seconds=0.0)
    assert_same(weights(whole.folder), weights(tmp_path / "broken"))


def test_a_checkpoint_of_the_first_format_goes_on(finished):
    path = finished / CHECKPOINT
    progress = asdict(load_checkpoint(path).progress)
    assert progress.pop("validated") == 12
    save_file(load_file(path), path, {"format": "1", "progress": json.dumps(progress)})
    assert asdict(load_checkpoint(path).progress) == {**progress, "validated": 12}
    save_file(load_file(path), path, {"format": "99", "progress": json.dumps({"new": 1})})
    with pytest.raises(ArtifactError, match="checkpoint of format 99, this seqvae reads up to 2: update it"):
        load_checkpoint(path)


def test_early_stopping_keeps_the_best_weights(source, tmp_path):
    run = small_run(source, epochs=200, patience=2, learning_rate=0.05, rate_schedule="constant")
    trained = train(run, tmp_path / "run", quiet=True)
    assert trained.progress.step < 200 * 6
    best = load_checkpoint(tmp_path / "run" / f"best-{CHECKPOINT}")
    assert_same(weights(tmp_path / "run"), best.model)


@pytest.mark.parametrize("parts", [("conv", "causal_conv"), ("conv", "position")])
def test_other_parts_train_too(source, tmp_path, parts):
    run = with_model(small_run(source), encoder=parts[0], decoder=parts[1])
    trained = train(run, tmp_path / "run", quiet=True)
    assert trained.progress.best < 13 * math.log(5)  # no better than chance over the bases and the end


def test_codes_train_as_sets(tmp_path):
    path = tmp_path / "codes.txt"
    path.write_text("ACGTNRYA\nTTGTNACA\nACGAACGW\n" * 20)
    run = with_model(small_run(path), encoder="conv", decoder="position")
    assert train(run, tmp_path / "run", quiet=True).progress.step == 6


def test_the_best_bf16_is_optional(source, tmp_path):
    trained = train(small_run(source, precision="bf16"), tmp_path / "run", quiet=True)
    assert all(tensor.dtype == torch.float32 for tensor in weights(trained.folder).values())


@given(st.integers(1, 50), st.integers(1, 5), st.integers(1, 7))
def test_validations_divide_the_steps(steps, epochs, validations):
    plan = Plan(steps, epochs, validations)
    marks, step = [], 0
    while step < plan.steps:
        assert plan.next_validation(step) > step
        step = plan.next_validation(step)
        marks.append(step)
    assert step == plan.steps
    assert len(marks) == plan.segments_left(0) <= epochs * validations
    assert {epoch * steps for epoch in range(1, epochs + 1)} <= set(marks)
    for step in range(plan.steps + 1):
        assert plan.validation_by(step) == max(mark for mark in (0, *marks) if mark <= step)
    for step in range(plan.steps):
        assert plan.next_validation(step) == min(mark for mark in marks if mark > step)


def test_the_rate_falls_by_a_cosine():
    config = TrainingConfig(learning_rate=2.0)
    assert [learning_rate(t, config) for t in (0.0, 0.5, 1.0)] == pytest.approx([2.0, 1.0, 0.0])
    assert learning_rate(0.9, TrainingConfig(learning_rate=2.0, rate_schedule="constant")) == 2.0


def test_objectives_are_part_of_the_run():
    assert ObjectiveConfig().beta == RunConfig().objective.beta


@pytest.mark.parametrize("bad", [0, 60, 119])
def test_a_bad_record_is_named_by_its_line_whichever_side_it_falls_on(tmp_path, bad):
    path = dna_file(tmp_path)
    rows = path.read_text().splitlines()
    rows[bad] = "ACGT!"
    path.write_text("\n".join(rows) + "\n")
    for seed in range(3):  # each seed puts it on another side
        with pytest.raises(InputError, match=rf"{path}:{bad + 1}: 'ACGT!' cannot be used: .*--on-error skip"):
            train(small_run(path, seed=seed), tmp_path / "run", quiet=True)
    run = small_run(path)
    with pytest.warns(SeqVAEWarning, match="1 texts cannot be used"):
        train(replace(run, data=replace(run.data, on_error="skip")), tmp_path / "skipped", quiet=True)
    assert f"{path},{bad + 1},,ACGT!," in (tmp_path / "skipped" / "rejected.csv").read_text()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("decoder", ["gru", "causal_conv", "position"])
def test_training_on_a_gpu_gives_a_model_that_loads_on_the_cpu(source, tmp_path, decoder):
    run = with_model(small_run(source, device="cuda", epochs=5), decoder=decoder)
    trained = train(run, tmp_path / "run", quiet=True)
    assert trained.progress.best < 13 * math.log(5)
    assert all(tensor.device.type == "cpu" for tensor in weights(tmp_path / "run").values())


def test_averaged_weights_are_those_of_the_formula():
    model = torch.nn.Linear(1, 1, bias=False)
    averaged = averaged_weights(model, 0.5, None)
    expected = None
    for step, weight in enumerate([2.0, 4.0, -1.0, 8.0, 3.0]):
        with torch.no_grad():
            model.weight.fill_(weight)
        averaged.update_parameters(model)
        kept = min(0.5, (1 + step) / (10 + step))  # the first update only copies
        expected = weight if expected is None else kept * expected + (1 - kept) * weight
    assert averaged.module.weight.item() == pytest.approx(expected, rel=1e-6)
    assert averaged_weights(model, 0.0, None) is None


def test_the_weights_with_the_lower_validation_objective_are_kept(source, tmp_path):
    """At a high constant rate the last weights are noisy: their average is better, by the run's own validation."""
    run = small_run(source, epochs=12, learning_rate=0.03, rate_schedule="constant", average=0.9)
    out = tmp_path / "run"
    trained = train(run, out, quiet=True)
    state = load_checkpoint(out / CHECKPOINT)
    rows = list(csv.DictReader((out / "logs" / "version_0" / "metrics.csv").read_text().splitlines()))
    found = {name: [row[name] for row in rows if row[name]][-1] for name in ("valid/loss", "valid-averaged/loss")}
    last, averaged = map(float, found.values())
    assert averaged != last
    assert trained.progress.averaged == (averaged < last)
    kept = {name: state.average[f"module.{name}"] for name in state.model} if averaged < last else state.model
    assert_same(weights(out), kept)


@pytest.mark.parametrize("step", [5, 6])
def test_a_resumed_average_is_that_of_an_unbroken_training(source, tmp_path, one_thread, step):
    run = small_run(source, average=0.9, checkpoint_minutes=EVERY_STEP)
    train(run, tmp_path / "whole", quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        cut_short(patch, "at its last batch" if step == 6 else "in between", step)
        with pytest.raises((KeyboardInterrupt, Killed)):
            train(run, tmp_path / "broken", quiet=True)
    train(run, tmp_path / "broken", resume=True, quiet=True)
    assert_same(weights(tmp_path / "whole"), weights(tmp_path / "broken"))
    whole, broken = (load_checkpoint(tmp_path / name / CHECKPOINT).average for name in ("whole", "broken"))
    assert_same(whole, broken)
