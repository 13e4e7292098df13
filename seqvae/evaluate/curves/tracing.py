"""One call that traces a rate-distortion curve, and returns all that `seqvae rate-distortion` shows."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from seqvae.artifact.folder import load_artifact, write_json
from seqvae.artifact.pretrained import resolve
from seqvae.config import RateDistortionConfig, RunConfig
from seqvae.config.toml import read_run, run_from_dict, run_to_dict, section_from_dict
from seqvae.errors import ArtifactError, ConfigError, InputError, UsageError
from seqvae.evaluate.curves.measuring import fixed_curve
from seqvae.evaluate.curves.record import RateDistortion, joined
from seqvae.evaluate.curves.sweep import Sweep, traced
from seqvae.evaluate.model.held_out import encodable
from seqvae.evaluate.records import Unwatched, Watch
from seqvae.latent.codec import Codec
from seqvae.runtime.files import check_folder
from seqvae.train.prepare import prepare

SWEEP = "sweep.json"  # the settings, written first


def rate_distortion(
    source: str | Path | RunConfig,
    out: str | Path,
    data: str = "",
    config: RateDistortionConfig | None = None,
    resume: bool = False,
    watch: Watch | None = None,
) -> RateDistortion:
    """Trace the rate-distortion curve: models trained at several KL weights, and the curve of a given model's decoder.

    Args:
        source: folder of a trained model or name of a pretrained one, with whose weights training begins; or settings
            of a run, or a TOML file of these (`.toml`), trained from scratch. With `resume` it may be empty.
        out: folder of the sweep: a run folder a beta.
        data: name of a dataset or file; empty: that of the settings, or that the model was trained on.
        config: how the curve is traced; with `resume` the folder's own settings are used.
        resume: resume the sweep in this folder.
        watch: is told what is being done, and progress is shown; None: nobody is, and none is.

    Raises:
        UsageError: the folder holds a sweep already, or there is none to resume, or settings are given with `resume`;
            or there is nothing to trace.
        ArtifactError: there is no such model.
        InputError: no data are named, or they cannot be used.
        KeyboardInterrupt: Ctrl-C; `resume` goes on where it was.
    """
    out = Path(out).expanduser()
    sweep, name = _stored(out, source, data, config) if resume else _new(source, out, data, config or _DEFAULT)
    watch, quiet = watch or Unwatched(), watch is None
    if not resume:
        told = {"source": name, "start": sweep.start, "run": run_to_dict(sweep.run), "config": vars(sweep.config)}
        write_json(out / SWEEP, told)
    points = traced(sweep, quiet, watch.note) if sweep.config.values else []
    fixed, kind = None, ""
    if sweep.start and sweep.config.annealed:
        watch.note("annealing the curve of the given model's decoder")
        codec = Codec(load_artifact(Path(sweep.start)))
        kind = codec.tokenizer.domain.name
        run = replace(sweep.run, model=replace(codec.run.model, max_length=0, lengths="auto"))
        prepared = prepare(run, out / "rejected.csv", False, codec.tokenizer)
        if prepared.test_texts:
            progress = partial(watch, "annealing")
            fixed = fixed_curve(codec, encodable(codec, prepared.held_out), sweep.config, progress)
        else:
            watch.note("nothing is held out (--test-fraction), so no curve of the decoder")
    if points:
        kind = load_artifact(sweep.folder(points[0].beta)).tokenizer.domain.name
    return RateDistortion(name, sweep.run.data.source, kind, joined(points), fixed, vars(sweep.config))


_DEFAULT = RateDistortionConfig()


def _new(source: str | Path | RunConfig, out: Path, data: str, config: RateDistortionConfig) -> tuple[Sweep, str]:
    """Return a sweep that is not begun yet, and what its source is called; raises as `rate_distortion`."""
    check_folder(out)
    if (out / SWEEP).exists():
        raise UsageError(f"{out}: holds a sweep already; resume it by --resume, or choose another folder")
    start, name = "", "given from Python" if isinstance(source, RunConfig) else str(source)
    if isinstance(source, RunConfig):
        run = source
    elif str(source).endswith(".toml"):
        run = run_from_dict(read_run(Path(source)))
    else:
        folder = resolve(source)
        run, start = load_artifact(folder).run, str(folder.absolute())
    if data:
        run = replace(run, data=replace(run.data, source=data))
    if run.data.source in ("", "-"):
        raise InputError(f"{name} does not say which data it is about: give data, a dataset's name or a file")
    if not config.values and not (start and config.annealed):
        raise UsageError("nothing to trace: give betas, or a model whose decoder's curve is annealed")
    return Sweep(run, start, out, config), name


def _stored(
    out: Path, source: str | Path | RunConfig, data: str, config: RateDistortionConfig | None
) -> tuple[Sweep, str]:
    """Return the sweep of a folder; raises as `rate_distortion`."""
    if source or data or config is not None:
        raise UsageError("resume takes its source, data and settings from the folder: leave the others out")
    path = out / SWEEP
    try:
        values: dict[str, Any] = json.loads(path.read_bytes())
        stored = section_from_dict(RateDistortionConfig, values["config"], "config")
        return Sweep(run_from_dict(values["run"]), str(values["start"]), out, stored), str(values["source"])
    except OSError as error:
        raise UsageError(f"{out}: no sweep to resume (it has no {SWEEP}); leave out --resume") from error
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ArtifactError(f"{path}: damaged: {error}; start again in another folder") from error
