"""A trained model on disk: JSON and safetensors, versioned, checked by content, never pickled.

| file | holds |
| --- | --- |
| `config.json` | `format`, the model's parts and sizes, the vocabulary's size, the precision of stored numbers |
| `tokenizer.json` | the tokenizer |
| `weights.safetensors` | the weights, float32 or float16 |
| `run.toml` | every setting of the run that made it |
| `seen.bin` | which texts it was trained on, as a filter; older folders have none |
| `prior.json`, `prior.safetensors` | the fitted prior, if there is one, and the prior drawn from by default |
| `calibration.json`, `calibration.safetensors` | the scores of held-out texts, after `seqvae score --calibrate` |
| `provenance.json` | versions, data, metrics, and the sha256 of the files above |
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from seqvae.artifact.calibration import Calibration
from seqvae.artifact.seen import Seen
from seqvae.artifact.sizes import check_prior_sizes, check_sizes
from seqvae.config import ModelConfig, RunConfig, suggestion
from seqvae.config.stored import DATA_MOST, bytes_of, json_of
from seqvae.config.toml import checked, read_run, run_from_dict, run_toml, section_from_dict
from seqvae.errors import ArtifactError, ConfigError, NewerFormatError, UsageError
from seqvae.model.build import build_model
from seqvae.model.priors.contract import FittedPrior
from seqvae.model.priors.registry import prior_from_dict, prior_to_dict
from seqvae.model.vae import SequenceVAE
from seqvae.runtime.files import atomic_file
from seqvae.sequences.tokenizers.registry import tokenizer_from_dict
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

FORMAT = 3
CONFIG, TOKENIZER, WEIGHTS, RUN, PROVENANCE = (
    "config.json",
    "tokenizer.json",
    "weights.safetensors",
    "run.toml",
    "provenance.json",
)
SEEN = "seen.bin"
PRIOR, PRIOR_NUMBERS = "prior.json", "prior.safetensors"
_PRIOR = (PRIOR, PRIOR_NUMBERS)
CALIBRATION, CALIBRATION_NUMBERS = "calibration.json", "calibration.safetensors"
_CALIBRATION = (CALIBRATION, CALIBRATION_NUMBERS)
NO_FITTED_PRIOR = "the model has no fitted prior; fit one (seqvae train --resume --prior auto), or take another prior"
_ALWAYS = (CONFIG, TOKENIZER, WEIGHTS, RUN)
_PRECISIONS = {"float32": torch.float32, "float16": torch.float16}
_BEFORE = {"ends": "learned"}  # settings of a model that older folders do not have, and what they were
_YOUNGER = "prior"  # a section that the settings of folders of the first format do not have
_LONGEST = 200  # characters of a reason that are shown
_TOO_LARGE = 1e12  # such a weight overflows within a few layers: the model would write what it does not know
_LIBRARIES = ("seqvae", "torch", "pytorch-lightning", "rdkit", "selfies", "tokenizers", "numpy")


@dataclass(frozen=True)
class Artifact:
    """A trained model and all that it needs.

    Attributes:
        model: the model, on the CPU, in evaluation mode.
        config: its parts and sizes.
        tokenizer: its tokenizer.
        run: the settings it was trained with.
        provenance: versions, data, held-out metrics (`metrics`), and how the prior was fitted (`prior`).
        fitted: a density fitted to the aggregate posterior, on the CPU; None where none was fitted.
        default_prior: the prior that samples are drawn from by default: the model's own by its kind, such as `normal`,
            or `fitted`; empty: the model's own.
        seen: which texts it was trained on; None where that is not known.
        calibration: the scores of held-out texts; None where it was not calibrated.
    """

    model: SequenceVAE
    config: ModelConfig
    tokenizer: Tokenizer
    run: RunConfig
    provenance: dict[str, Any]
    fitted: FittedPrior | None = None
    default_prior: str = ""
    seen: Seen | None = None
    calibration: Calibration | None = None


def save_artifact(folder: Path, artifact: Artifact, half: bool = False) -> None:
    """Write a model folder; each file appears complete or not at all, the one with the checksums last.

    Args:
        folder: the model folder; it is created.
        artifact: the model.
        half: store floating-point numbers as float16, half the size; they are loaded as float32.

    Raises:
        ArtifactError: a number is too large for float16.
        OSError: the disk refuses; older files are intact.
    """
    precision = "float16" if half else "float32"
    config = {
        "format": FORMAT,
        "model": asdict(artifact.config),
        "vocab_size": artifact.tokenizer.vocab_size,
        "weights": precision,
    }
    content = {
        CONFIG: _json(config),
        TOKENIZER: _json(artifact.tokenizer.to_dict()),
        WEIGHTS: _stored(artifact.model.state_dict(), precision),
        RUN: run_toml(artifact.run).encode(),
    }
    if artifact.seen is not None:
        content[SEEN] = artifact.seen.to_bytes()
    if artifact.fitted is not None:
        default = artifact.default_prior or artifact.config.prior
        content |= _prior_files(artifact.fitted, _known(default, artifact.config.prior), precision)
    if artifact.calibration is not None:
        content |= _calibration_files(artifact.calibration)
    _write_files(folder, content)
    provenance = {**artifact.provenance, "versions": versions(), "sha256": _hashes(content)}
    write_json(folder / PROVENANCE, provenance)
    for name in {*_PRIOR, *_CALIBRATION, SEEN} - set(content):
        (folder / name).unlink(missing_ok=True)


def save_prior(folder: Path, fitted: FittedPrior | None, default: str, report: Mapping[str, object]) -> None:
    """Put a fitted prior into a model folder, in the precision of its weights, in place of an older one.

    Args:
        folder: a model folder.
        fitted: the prior; None: none is kept, and an older one is removed.
        default: the prior that samples are drawn from by default, the kind of the model's own or `fitted`.
        report: how it was fitted, for `provenance.json`.

    Raises:
        ArtifactError: the folder holds no model, or a number is too large for its precision.
        UsageError: an unknown default.
    """
    config = migrated(_read_json(folder, CONFIG), folder)
    default = _known(default, config["model"]["prior"])
    files = {} if fitted is None else _prior_files(fitted, default, str(config["weights"]))
    provenance = _read_json(folder, PROVENANCE)
    hashes = {name: value for name, value in provenance["sha256"].items() if name not in _PRIOR}
    # First without any prior: killed at any point, this leaves a complete model.
    write_json(folder / PROVENANCE, {**provenance, "sha256": hashes})
    _write_files(folder, files)
    write_json(folder / PROVENANCE, {**provenance, "prior": dict(report), "sha256": hashes | _hashes(files)})
    for name in set(_PRIOR) - set(files):
        (folder / name).unlink(missing_ok=True)


def save_calibration(folder: Path, calibration: Calibration) -> None:
    """Put the scores of held-out texts into a model folder, in place of older ones.

    Raises:
        ArtifactError: the folder holds no model.
        OSError: the disk refuses, or the folder may not be written.
    """
    files, provenance = _calibration_files(calibration), _read_json(folder, PROVENANCE)
    hashes = {name: value for name, value in provenance["sha256"].items() if name not in _CALIBRATION}
    # First without any: killed at any point, this leaves a complete model.
    write_json(folder / PROVENANCE, {**provenance, "sha256": hashes})
    _write_files(folder, files)
    write_json(folder / PROVENANCE, {**provenance, "sha256": hashes | _hashes(files)})


def _calibration_files(calibration: Calibration) -> dict[str, bytes]:
    record, numbers = calibration.to_files()
    return {CALIBRATION: _json(record), CALIBRATION_NUMBERS: numbers}


def _prior_files(fitted: FittedPrior, default: str, precision: str) -> dict[str, bytes]:
    record = {"default": default, "prior": prior_to_dict(fitted)}
    return {PRIOR: _json(record), PRIOR_NUMBERS: _stored(fitted.tensors(), precision)}


def _known(default: str, own: str) -> str:
    """Return the name of the default prior; raises UsageError if the model has no such prior."""
    if default not in (own, "fitted"):
        raise UsageError(f"unknown prior {default!r}{suggestion(default, (own, 'fitted'))}")
    return default


def _stored(tensors: Mapping[str, torch.Tensor], precision: str) -> bytes:
    """Return tensors as safetensors, the floating-point ones in the precision given.

    Raises:
        ArtifactError: a finite number is infinite in that precision.
    """
    found = {}
    for name, tensor in tensors.items():
        value = tensor.detach().cpu().contiguous()
        kept = value.to(_PRECISIONS[precision]) if value.is_floating_point() else value
        if not torch.equal(torch.isfinite(kept), torch.isfinite(value)):
            raise ArtifactError(f"{name}: has numbers that {precision} cannot hold; save the model without half=True")
        found[name] = kept
    return save(found)


def _hashes(content: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in content.items()}


def _write_files(folder: Path, content: Mapping[str, bytes]) -> None:
    for name, data in content.items():
        with atomic_file(folder / name) as file:
            file.write(data)


def record_metrics(folder: Path, metrics: Mapping[str, object], name: str = "metrics") -> None:
    """Add held-out metrics, or what else was found about a model by its name, to a model folder's provenance."""
    provenance = _read_json(folder, PROVENANCE)
    write_json(folder / PROVENANCE, {**provenance, name: dict(metrics)})


def load_artifact(folder: Path) -> Artifact:
    """Load a model folder on the CPU, whatever device it was trained on. Nothing in it is executed.

    Raises:
        ArtifactError: a file is missing, truncated, changed, or of another model.
        NewerFormatError: the folder was written by a newer seqvae.
    """
    if not folder.is_dir():
        raise ArtifactError(f"{folder}: no such model folder")
    if not any((folder / name).exists() for name in (*_ALWAYS, PROVENANCE)):
        raise ArtifactError(f"{folder}: not a model folder: it has none of a model's files; give one with a model")
    config = migrated(_read_json(folder, CONFIG), folder)
    provenance = _read_json(folder, PROVENANCE)
    _check_hashes(folder, provenance)
    weights = _tensors(folder, WEIGHTS)
    try:
        model_config = section_from_dict(ModelConfig, {**_BEFORE, **config["model"]}, "model")
        tokenizer = tokenizer_from_dict(_read_json(folder, TOKENIZER))
        vocab_size = checked("vocab_size", config["vocab_size"], int)
        if vocab_size != tokenizer.vocab_size:
            raise ValueError(f"vocab_size: expected {tokenizer.vocab_size}, as the tokenizer has, got {vocab_size}")
        sections = read_run(folder / RUN)
        if missing := sorted(one.name for one in fields(RunConfig) if one.name not in {*sections, _YOUNGER}):
            # a default in its place would not be the setting of the run
            raise ValueError(f"{RUN}: expected the sections of a run, found no [{missing[0]}]")
        run = run_from_dict(sections)
        check_sizes(model_config, vocab_size, weights)
        model = build_model(model_config, vocab_size, pieces=tokenizer.pieces(), complements=tokenizer.complements())
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError, RecursionError, ConfigError) as error:
        raise ArtifactError(f"{folder}: not a whole seqvae model: {error}") from error
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        # the first line only says that there is an error
        reason = " ".join((str(error).splitlines()[1:] or [str(error)])[0].split())[:_LONGEST]
        raise ArtifactError(f"{folder / WEIGHTS}: the weights do not fit the model: {reason}") from error
    has_fitted = PRIOR in provenance["sha256"]
    fitted, default = _load_prior(folder, model_config) if has_fitted else (None, model_config.prior)
    try:
        seen = Seen.from_bytes(_read(folder, SEEN)) if SEEN in provenance["sha256"] else None
    except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise ArtifactError(f"{folder / SEEN}: not a record of training data: {error}") from error
    scores = _load_calibration(folder, model_config.latent) if CALIBRATION in provenance["sha256"] else None
    return Artifact(model.eval(), model_config, tokenizer, run, provenance, fitted, default, seen, scores)


def _tensors(folder: Path, name: str) -> dict[str, torch.Tensor]:
    """Return the numbers of a file; raises ArtifactError where it is damaged, or one cannot be computed with."""
    try:
        found: dict[str, torch.Tensor] = load(_read(folder, name))
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{folder / name}: the weights do not fit the model: {reason}") from error
    for key, tensor in found.items():
        if tensor.is_floating_point() and not bool((tensor.abs() < _TOO_LARGE).all()):  # NaN is not below it either
            raise ArtifactError(
                f"{folder / name}: {key}: expected numbers below {_TOO_LARGE:.0e}, got NaN, infinity, or a larger one: "
                "the model is damaged; copy the whole folder again, or train it again"
            )
    return found


def migrated(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a model's `config.json` as this version writes it, whatever version wrote it.

    Raises:
        ArtifactError: it is no configuration of a seqvae model.
        NewerFormatError: a newer seqvae wrote it.
    """
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
    for key, kind in (("model", dict), ("vocab_size", int), ("weights", str)):
        if type(config.get(key, "float32" if key == "weights" else None)) is not kind:
            raise ArtifactError(
                f"{folder / CONFIG}: damaged: expected {key} as {kind.__name__}, got {config.get(key)!r:.80}"
            )
    current = dict(config)
    if current["format"] == 1:  # format 2 has the precision of stored numbers
        current |= {"format": 2, "weights": "float32"}
    if current["format"] == 2:  # format 3 has the kinds of posterior and prior; before, they were always these
        current |= {"format": 3, "model": {**current["model"], "posterior": "diagonal", "prior": "normal"}}
    return current


def _check_hashes(folder: Path, provenance: Mapping[str, Any]) -> None:
    hashes = provenance.get("sha256")
    if not isinstance(hashes, dict) or not set(_ALWAYS) <= set(hashes):
        raise ArtifactError(f"{folder / PROVENANCE}: not a seqvae model: it lists no checksums")
    for what, (first, second) in (("fitted prior", _PRIOR), ("calibration", _CALIBRATION)):
        if (first in hashes) != (second in hashes):
            raise ArtifactError(f"{folder / PROVENANCE}: damaged: it lists half of a {what}")
    for name in (*_ALWAYS, *(name for name in (*_PRIOR, *_CALIBRATION, SEEN) if name in hashes)):
        if hashlib.sha256(_read(folder, name)).hexdigest() != hashes[name]:
            raise ArtifactError(
                f"{folder / name}: the file is damaged or belongs to another model (its sha256 is not the one in "
                f"{PROVENANCE}); copy the whole folder again"
            )


def _load_prior(folder: Path, model: ModelConfig) -> tuple[FittedPrior, str]:
    record = _read_json(folder, PRIOR)
    try:
        default = _known(record["default"], model.prior)
        numbers = _tensors(folder, PRIOR_NUMBERS)
        check_prior_sizes(record["prior"], numbers)
        fitted = prior_from_dict(record["prior"], numbers)
        if fitted.latent != model.latent:
            raise ValueError(f"expected {model.latent} latent dimensions, got {fitted.latent}")
    except (LookupError, AttributeError, TypeError, ValueError, ArithmeticError, RuntimeError, UsageError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ArtifactError(f"{folder / PRIOR}: not a fitted prior of this model: {reason}") from error
    return fitted, default


def _load_calibration(folder: Path, latent: int) -> Calibration:
    try:
        return Calibration.from_files(_read_json(folder, CALIBRATION), _read(folder, CALIBRATION_NUMBERS), latent)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ArtifactError(f"{folder / CALIBRATION}: not a calibration of this model: {reason}") from error


def _read(folder: Path, name: str) -> bytes:
    return bytes_of(folder / name, DATA_MOST, ArtifactError, "this part of the model")


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    values = json_of(_read(folder, name), folder / name, ArtifactError)
    if not isinstance(values, dict):
        raise ArtifactError(f"{folder / name}: damaged: expected a JSON object")
    return values


def _json(values: Mapping[str, object]) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=True) + "\n").encode()


def write_json(path: Path, values: Mapping[str, object]) -> None:
    """Write a JSON file, complete or not at all."""
    with atomic_file(path) as file:
        file.write(_json(values))


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that a model's results depend on."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
