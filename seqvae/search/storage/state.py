"""The state of a search in one file: a tree of JSON's types and arrays, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from seqvae.config.stored import check_regular
from seqvae.errors import ConfigError, InputError, SeqVAEError
from seqvae.runtime.files import atomic_file
from seqvae.search.storage.rows import RESTORE

State = dict[str, Any]  # of JSON's types, arrays and tensors, nested
FORMAT = 1
_ARRAY = "$array"  # the one key of what stands for an array in the tree
_DIGEST = "sha256"  # in the tree: safetensors writes several entries of metadata in any order
_LONGEST = 200  # characters of a reason that are shown


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write a state; keys are strings, none of them `$array`; tensors become arrays."""
    arrays: dict[str, NDArray[Any]] = {}
    tree = {"format": FORMAT, "state": _taken(state, arrays)}
    tree[_DIGEST] = _digest(json.dumps(tree), arrays)
    with atomic_file(path) as file:
        file.write(save(arrays, metadata={"tree": json.dumps(tree)}))


def load_state(path: Path) -> State:
    """Read a saved state; nothing in it is executed.

    Raises:
        InputError: the file is missing, damaged, or no state of a search.
    """
    check_regular(path, what=": expected the state of a search")
    try:
        with safe_open(path, "numpy") as file:
            tree = json.loads((file.metadata() or {})["tree"])
            digest = tree.pop(_DIGEST, None)  # states of earlier versions have none
            if tree["format"] != FORMAT:
                raise InputError(f"{path}: was written in format {tree['format']}, this seqvae reads {FORMAT}")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no dictionary
            if digest is not None and digest != _digest(json.dumps(tree), arrays):
                raise ValueError("its content is not the one that was saved")
            state: State = _put_back(tree["state"], arrays)
            if not isinstance(state, dict):
                raise TypeError("it is no table")
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: expected the state of a search, cannot read it ({error}): {RESTORE}") from error
    return state


@contextmanager
def loading(path: Path) -> Iterator[None]:
    """Turn what goes wrong where a part of a state is taken over into an InputError that names the file."""
    try:
        yield
    except SeqVAEError as error:
        if not isinstance(error, ConfigError):
            raise
        raise InputError(
            f"{path}: expected the state of this search, cannot take it over: {error}: {RESTORE}"
        ) from error
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:_LONGEST]
        raise InputError(
            f"{path}: expected the state of this search, cannot take it over ({reason}): {RESTORE}"
        ) from error


def array_of(name: str, value: object, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return an array of a state as float64; raises ConfigError where it has another shape, or infinite numbers."""
    array = np.asarray(value, np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ConfigError(f"{name}: expected finite numbers of the shape {shape}, got the shape {array.shape}")
    return array


def _digest(tree: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    """Return the sha256 of a state: an accident may leave a file that can be read and is another state."""
    found = hashlib.sha256(tree.encode())
    for name, array in sorted(arrays.items()):
        found.update(f"{name} {array.dtype.str} {array.shape}".encode())
        found.update(np.require(array, requirements="C").data)
    return found.hexdigest()


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


def _put_back(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_put_back(part, arrays) for part in value]
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {key: _put_back(part, arrays) for key, part in value.items()}
    return value
