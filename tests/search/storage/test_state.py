"""The state of a search comes back as it was, and a file that is none is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import save_file

from seqvae.errors import InputError
from seqvae.search.storage.state import load_state, save_state

PLAIN = st.none() | st.booleans() | st.integers(-(2**130), 2**130) | st.floats(allow_nan=False) | st.text()
ARRAYS = arrays.arrays(
    st.sampled_from([np.float32, np.float64, np.int64, np.uint8]), arrays.array_shapes(min_dims=0, min_side=0)
)
KEYS = st.text().filter(lambda key: key != "$array")
TREES = st.recursive(
    PLAIN | ARRAYS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(KEYS, part, max_size=3),
    max_leaves=8,
)


def alike(first, second):
    if isinstance(first, np.ndarray):
        return first.dtype == second.dtype and first.shape == second.shape and first.tobytes() == second.tobytes()
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(alike(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(alike, first, second))
    return first == second and type(first) is type(second)


@given(state=st.dictionaries(KEYS, TREES, max_size=4))
def test_a_state_comes_back_as_it_was(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("state") / "state.safetensors"
    save_state(path, state)
    assert alike(load_state(path), state)


def test_generators_and_tensors_go_on_where_they_were(tmp_path):
    path, rng = tmp_path / "state.safetensors", np.random.default_rng(3)
    rng.random(7)
    save_state(path, {"rng": rng.bit_generator.state, "w": torch.arange(6.0).view(2, 3).t(), "n": np.float64(2)})
    back = load_state(path)
    other = np.random.default_rng()
    other.bit_generator.state = back["rng"]
    assert other.random() == rng.random()
    assert back["w"].tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    assert back["n"] == 2.0


def test_what_is_no_state_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected the state of a search"):
        load_state(tmp_path / "none")
    (tmp_path / "text").write_text("no state")
    with pytest.raises(InputError, match="expected the state of a search"):
        load_state(tmp_path / "text")
    save_file({"w": np.zeros(2)}, tmp_path / "weights")
    with pytest.raises(InputError, match="expected the state of a search"):
        load_state(tmp_path / "weights")
    newer = {"tree": json.dumps({"format": 2, "state": {}})}
    save_file({}, tmp_path / "newer", metadata=newer)
    with pytest.raises(InputError, match="written in format 2, this seqvae reads 1"):
        load_state(tmp_path / "newer")
