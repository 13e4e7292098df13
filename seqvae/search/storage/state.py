"""The state of a search in one file: a tree of JSON's types and arrays, written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from seqvae.errors import InputError
from seqvae.runtime.files import atomic_file

State = dict[str, Any]  # of JSON's types, arrays and tensors, nested
FORMAT = 1
_ARRAY = "$array"  # the one key of what stands for an array in the tree


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state; keys are strings, none of them `$array`; tensors become arrays."""
    arrays: dict[str, NDArray[Any]] = {}
    tree = json.dumps({"format": FORMAT, "state": _taken(state, arrays)})
    with atomic_file(path) as file:
        file.write(save(arrays, metadata={"tree": tree}))


def load_state(path: Path) -> State:
    """Read a saved state; nothing in it is executed.

    Raises:
        InputError: the file is missing, damaged, or no state of a search.
    """
    try:
        with safe_open(path, "numpy") as file:
            tree = json.loads((file.metadata() or {})["tree"])
            if tree["format"] != FORMAT:
                raise InputError(f"{path}: was written in format {tree['format']}, this seqvae reads {FORMAT}")
            state: State = _put_back(tree["state"], file)
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise InputError(f"{path}: expected the state of a search, cannot read it ({error})") from error
    return state


def _taken(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:  # noqa: ANN401
    """Return the tree with placeholders in place of its arrays, which are added to `arrays`."""
    if isinstance(value, Mapping):
        return {str(key): _taken(part, arrays) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_taken(part, arrays) for part in value]
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        name = str(len(arrays))
        arrays[name] = np.require(value, requirements="C")
        return {_ARRAY: name}
    return value.item() if isinstance(value, np.generic) else value


def _put_back(value: Any, file: Any) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_put_back(part, file) for part in value]
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return file.get_tensor(value[_ARRAY])
        return {key: _put_back(part, file) for key, part in value.items()}
    return value
