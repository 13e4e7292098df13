"""A short run of each attack: no traceback, no hang, one line where something is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from scripts.attack import files, model_folders, search_folders, together
from scripts.record import with_this_seqvae

ATTACKS = {"search folders": (search_folders, 15), "model folders": (model_folders, 15), "files": (files, 2)}
pytestmark = pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")


@pytest.mark.parametrize("name", ATTACKS)
def test_a_short_attack_finds_nothing(name):
    attack, inputs = ATTACKS[name]
    found = attack.attack(replace(attack.SMALL, inputs=inputs))["all"]
    assert found["faults"] == []
    assert found["inputs"] >= 30
    assert found["refused"] > 0
    assert found["done"] > 0


def of_a_process(name, *more):
    """Return what an attack of its own process counts: here, jaxtyping looks at arguments before seqvae does."""
    words = [sys.executable, "-W", "ignore", "-m", f"scripts.attack.{name}", "--small", "--threads", "1", *more]
    done = subprocess.run(words, env=with_this_seqvae(), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_a_short_attack_on_python_arguments_finds_nothing():
    found = of_a_process("python_arguments")["all"]
    assert found["faults"] == []
    assert found["inputs"] > 1000


def test_verbs_that_are_killed_write_what_unbroken_ones_do(tmp_path):
    found = of_a_process("kills", "--out", str(tmp_path / "kills.json"))["all"]
    assert found["faults"] == []
    assert found["inputs"] == 10
    joined = together.together([tmp_path / "kills.json"] * 2)[1]["attacks"]
    assert joined["kills, signals and faults"]["inputs"] == 20


def test_calls_leave_the_state_of_the_caller_as_it_was():
    found = of_a_process("states")
    assert found["faults"] == {}
    assert found["states"] >= 33
