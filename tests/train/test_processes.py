"""Laws of training in processes of its own: killed or stopped and resumed it is an unbroken one, on two devices too."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import run_cases
import torch
from run_cases import dna_file
from safetensors.torch import load_file

from seqvae.config.toml import read_run, run_from_dict
from seqvae.train.checkpoint import load_checkpoint
from seqvae.train.fit import CHECKPOINT, train

SCRIPT = """
import sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {tests!r})
from run_cases import small_run, with_model
from seqvae.config import ObjectiveConfig
from seqvae.train.fit import train
import torch
if __name__ == "__main__":
    torch.set_num_threads(1)
    run = small_run(Path({source!r}), epochs={epochs}, checkpoint_minutes=1e-9, devices={devices})
    run = with_model(run, dropout=0.2, decoder_layers=2)
    train(replace(run, objective=ObjectiveConfig(word_dropout=0.2)), Path({out!r}), quiet=True)
"""


@pytest.fixture
def source(tmp_path):
    return dna_file(tmp_path)


def start(source, out, epochs, devices=1):
    tests = str(Path(run_cases.__file__).parent)
    code = SCRIPT.format(tests=tests, source=str(source), out=str(out), epochs=epochs, devices=devices)
    script = source.with_name("script.py")
    script.write_text(code)
    return subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True, start_new_session=True)


def wait_for_step(process, out, step):
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if (out / CHECKPOINT).is_file() and load_checkpoint(out / CHECKPOINT).progress.step >= step:
            return
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(f"no step {step}: {process.communicate(timeout=10)[1]}")


def end_of(process, seconds):
    """Return what a process wrote; one that does not end is no end."""
    try:
        return process.communicate(timeout=seconds)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def test_killed_and_resumed_is_unbroken_bit_for_bit(source, tmp_path, one_thread):
    """SIGKILL at a random step; dropout and word dropout included."""
    killed_after = 1 + int.from_bytes(os.urandom(2), "big") % 36
    broken = tmp_path / "broken"
    process = start(source, broken, epochs=15)
    wait_for_step(process, broken, killed_after)
    process.kill()
    process.communicate(timeout=60)
    assert not (broken / "weights.safetensors").exists(), "it was killed too late to test anything"
    run = run_from_dict(read_run(broken / "run.toml"))
    resumed = train(run, broken, resume=True, quiet=True)
    whole = train(run, tmp_path / "whole", quiet=True)
    assert resumed.progress.step == whole.progress.step == 90
    first, other = (load_file(folder / "weights.safetensors") for folder in (broken, tmp_path / "whole"))
    assert first.keys() == other.keys()
    assert all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("devices", [1, 2])
def test_ctrl_c_saves_and_the_run_goes_on(source, tmp_path, devices):
    """A terminal sends it to every process of the run; the processes stop after the same step."""
    out = tmp_path / "run"
    process = start(source, out, epochs=2000, devices=devices)
    wait_for_step(process, out, 3)
    os.killpg(process.pid, signal.SIGINT)
    errors = end_of(process, 120)
    assert process.returncode != 0
    done = load_checkpoint(out / CHECKPOINT).progress.step
    assert done >= 3
    assert f"KeyboardInterrupt: stopped at step {done} of {2000 * 6 // devices}; resume with --resume" in errors


def test_two_processes_train_one_model(source, tmp_path):
    """Lightning's own strategy over gloo; both see every epoch once, together."""
    process = start(source, tmp_path / "run", epochs=2, devices=2)
    errors = end_of(process, 240)
    assert process.returncode == 0, errors
    assert json.loads((tmp_path / "run" / "provenance.json").read_text())["training"]["steps"] == 6
    weights = load_file(tmp_path / "run" / "weights.safetensors")
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())
