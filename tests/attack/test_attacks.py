"""A short run of each attack: no traceback, no hang, one line where something is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from scripts.attack import model_folders, search_folders
from scripts.record import with_this_seqvae

ATTACKS = {"search folders": search_folders, "model folders": model_folders}
pytestmark = pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")


@pytest.mark.parametrize("name", ATTACKS)
def test_a_short_attack_finds_nothing(name):
    attack = ATTACKS[name]
    found = attack.attack(replace(attack.SMALL, inputs=15))["all"]
    assert found["faults"] == []
    assert found["inputs"] >= 30
    assert found["refused"] > 0
    assert found["done"] > 0


def test_a_short_attack_on_python_arguments_finds_nothing():
    # In a process of its own: in the tests, jaxtyping looks at the arguments before seqvae does.
    words = [sys.executable, "-W", "ignore", "-m", "scripts.attack.python_arguments", "--small", "--threads", "1"]
    done = subprocess.run(words, env=with_this_seqvae(), capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)["all"]
    assert found["faults"] == []
    assert found["inputs"] > 1000
