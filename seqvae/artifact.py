"""A trained model on disk: JSON and safetensors, versioned, checked by content, never pickled.

| file | holds |
| --- | --- |
| `config.json` | `format`, the model's parts and sizes, the vocabulary's size |
| `tokenizer.json` | the tokenizer |
| `weights.safetensors` | the weights, float32 |
| `run.toml` | every setting of the run that made it |
| `provenance.json` | versions, data, figures, and the sha256 of the files above |
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from seqvae.config import ModelConfig, RunConfig, read_run, run_from_dict, run_to_dict, section_from_dict
from seqvae.data.cache import atomic_file
from seqvae.errors import ArtifactError, ConfigError, NewerFormatError
from seqvae.model.build import build_model
from seqvae.model.vae import SequenceVAE
from seqvae.text.build import tokenizer_from_dict
from seqvae.text.tokenizer import Tokenizer

FORMAT = 1
CONFIG, TOKENIZER, WEIGHTS, RUN, PROVENANCE = (
    "config.json",
    "tokenizer.json",
    "weights.safetensors",
    "run.toml",
    "provenance.json",
)
_LIBRARIES = ("seqvae", "torch", "pytorch-lightning", "rdkit", "selfies", "tokenizers", "numpy")


@dataclass(frozen=True)
class Artifact:
    """A trained model and all that it needs.

    Attributes:
        model: the model, on the CPU, in evaluation mode.
        config: its parts and sizes.
        tokenizer: its tokenizer.
        run: the settings it was trained with.
        provenance: versions, data, and held-out figures (`metrics`).
    """

    model: SequenceVAE
    config: ModelConfig
    tokenizer: Tokenizer
    run: RunConfig
    provenance: dict[str, Any]


def save_artifact(folder: Path, artifact: Artifact) -> None:
    """Write a model folder; each file appears whole or not at all, the one that vouches for the others last.

    Raises:
        OSError: the disk refuses; files that were there before are whole.
    """
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in artifact.model.state_dict().items()}
    config = {"format": FORMAT, "model": asdict(artifact.config), "vocab_size": artifact.tokenizer.vocab_size}
    content = {
        CONFIG: _json(config),
        TOKENIZER: _json(artifact.tokenizer.to_dict()),
        WEIGHTS: save(weights),
        RUN: run_toml(artifact.run).encode(),
    }
    for name, data in content.items():
        with atomic_file(folder / name) as file:
            file.write(data)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}
    write_json(folder / PROVENANCE, {**artifact.provenance, "versions": versions(), "sha256": hashes})


def record_metrics(folder: Path, metrics: Mapping[str, object]) -> None:
    """Add held-out figures to a model folder's provenance."""
    provenance = _read_json(folder, PROVENANCE)
    write_json(folder / PROVENANCE, {**provenance, "metrics": dict(metrics)})


def load_artifact(folder: Path) -> Artifact:
    """Read a model folder on the CPU, whatever it was trained on. Nothing in it is executed.

    Raises:
        ArtifactError: a file is missing, truncated, changed, or of another model.
        NewerFormatError: the folder was written by a newer seqvae.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: no such model folder")
    config = _read_json(folder, CONFIG)
    _check_format(folder, config)
    provenance = _read_json(folder, PROVENANCE)
    _check_hashes(folder, provenance)
    try:
        model_config = section_from_dict(ModelConfig, config["model"], "model")
        tokenizer = tokenizer_from_dict(_read_json(folder, TOKENIZER))
        run = run_from_dict(read_run(folder / RUN))
        model = build_model(model_config, int(config["vocab_size"]))
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ArtifactError(f"{folder}: not a whole seqvae model: {error}") from error
    _load_weights(folder, model)
    return Artifact(model.eval(), model_config, tokenizer, run, provenance)


def _check_format(folder: Path, config: Mapping[str, Any]) -> None:
    found = config.get("format")
    if type(found) is not int:
        raise ArtifactError(f"{folder / CONFIG}: not a seqvae model: it has no integer `format`")
    if found > FORMAT:
        raise NewerFormatError(
            f"{folder}: the model has format {found}, this seqvae reads up to {FORMAT}; update seqvae "
            "(pip install --upgrade seqvae)"
        )
    if found < 1:
        raise ArtifactError(f"{folder / CONFIG}: expected a format from 1 to {FORMAT}, got {found}")


def _check_hashes(folder: Path, provenance: Mapping[str, Any]) -> None:
    hashes = provenance.get("sha256")
    if not isinstance(hashes, dict) or not {CONFIG, TOKENIZER, WEIGHTS, RUN} <= set(hashes):
        raise ArtifactError(f"{folder / PROVENANCE}: not a seqvae model: it lists no checksums")
    for name in (CONFIG, TOKENIZER, WEIGHTS, RUN):
        if hashlib.sha256(_read(folder, name)).hexdigest() != hashes[name]:
            raise ArtifactError(
                f"{folder / name}: the file is damaged or belongs to another model (its sha256 is not the one in "
                f"{PROVENANCE}); copy the whole folder again"
            )


def _load_weights(folder: Path, model: SequenceVAE) -> None:
    try:
        model.load_state_dict(load(_read(folder, WEIGHTS)))
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{folder / WEIGHTS}: the weights do not fit the model: {reason}") from error


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{folder / name}: cannot read this part of the model: {error.strerror}") from error


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        values = json.loads(_read(folder, name))
    except ValueError as error:
        raise ArtifactError(f"{folder / name}: damaged: not JSON ({error})") from error
    if not isinstance(values, dict):
        raise ArtifactError(f"{folder / name}: damaged: expected a JSON object")
    return values


def _json(values: Mapping[str, object]) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=True) + "\n").encode()


def write_json(path: Path, values: Mapping[str, object]) -> None:
    """Write a JSON file, whole or not at all."""
    with atomic_file(path) as file:
        file.write(_json(values))


def run_toml(run: RunConfig) -> str:
    """Return a run's settings as TOML; `config.read_run` reads them back."""
    sections = []
    for name, values in run_to_dict(run).items():
        sections.append(f"[{name}]\n" + "".join(f"{key} = {_toml_value(value)}\n" for key, value in values.items()))
    return "\n".join(sections)


def _toml_value(value: object) -> str:
    """JSON's strings, numbers and booleans are TOML's too, but for pairs of surrogates and a bare DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that decide what a model computes."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def parameters(model: torch.nn.Module) -> int:
    """Return the number of trainable numbers."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
