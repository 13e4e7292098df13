"""Fine-tune a trained model on new texts: its vocabulary grows by their new symbols, then it trains as any model."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from seqvae.artifact.folder import WEIGHTS, Artifact, load_artifact, write_json
from seqvae.artifact.pretrained import resolve
from seqvae.config import TARGETS, AdaptConfig, FinetuneConfig, RunConfig
from seqvae.config.checks import door
from seqvae.config.toml import section_from_dict
from seqvae.errors import ArtifactError, ConfigError, TooLongError, UsageError
from seqvae.model.adapt.extend_vocabulary import extended_model
from seqvae.model.adapt.lora import adapt, merged
from seqvae.model.build import build_model
from seqvae.runtime.device import resolve_device
from seqvae.runtime.streams import ADAPTERS
from seqvae.sequences.tokenizers.extend import kept_ids
from seqvae.train.fit import FINETUNE, Trained, alone_in, fit_model, save_trained, settings_of
from seqvae.train.prepare import Prepared, prepare
from seqvae.train.run_folder import is_launched
from seqvae.train.target import settled


@dataclass(frozen=True)
class Finetuned:
    """A finished fine-tuning.

    Attributes:
        trained: the new model's folder, its data, and how far training came.
        start: the model that training started from: the old one, with symbols added and longer texts allowed.
        new_tokens: symbols that were added to the vocabulary.
        prior_note: what happens to the old model's fitted prior, in one line; empty if it has none.
    """

    trained: Trained
    start: Artifact
    new_tokens: tuple[str, ...]
    prior_note: str


@dataclass(frozen=True)
class _Origin:
    """What a fine-tuning started from, as its folder remembers it."""

    model: str
    sha256: str
    adapt: AdaptConfig


@door
def finetune(
    model: str | Path,
    data: str,
    out: Path,
    config: FinetuneConfig | None = None,
    resume: bool = False,
    quiet: bool = False,
    say: Callable[[str], object] | None = None,
) -> Finetuned:
    """Train a model further on new texts, and write the result to a folder.

    Symbols that the model has not seen are added to its vocabulary; a GRU model takes longer texts than before. The
    objective is the model's own, with its beta from the first step on: a warm-up would undo what it has learned.

    Args:
        model: name of a pretrained model, or folder of a trained one; with `resume` it may be empty.
        data: name of a dataset, or a file; with `resume` it may be empty.
        out: the new model's folder.
        config: settings; with `resume` the folder's own are used.
        resume: resume the fine-tuning in this folder.
        quiet: show no progress bar.
        say: is told, a line at a time, what was read and how it is split.

    Raises:
        UsageError: the folder holds a run already, or there is none to resume, or settings are given with `resume`.
        ConfigError: adapters or a frozen part on several devices.
        ArtifactError: there is no such model, or it is another one than when training stopped.
        InputError: the data cannot be used; a TooLongError for texts that the model has no positions for.
        NonFiniteLossError: the loss became NaN or infinite; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C, after the state was saved.
    """
    if resume and config is not None:
        raise UsageError("resume takes its settings from the folder: leave the others out")
    config = config or FinetuneConfig()
    origin = _read_origin(out, model) if resume else _Origin(str(model), "", config.adapt)
    folder = resolve(model or origin.model)
    base = load_artifact(folder)
    weights = base.provenance["sha256"][WEIGHTS]
    if origin.sha256 not in ("", weights):
        raise ArtifactError(f"{folder}: not the weights that this fine-tuning started from; put those back to resume")
    origin = replace(origin, sha256=weights)
    run = settings_of(RunConfig() if resume else _run(base, data, config), out, resume)
    with alone_in(out, resume):
        prepared = _prepare(run, base, origin.adapt, out, quiet, say)
        write_json(out / FINETUNE, asdict(origin))
        tokenizer, sizes = prepared.tokenizer, prepared.run.model
        kept = kept_ids(base.tokenizer, tokenizer)
        parts = (tokenizer.pieces(), tokenizer.complements())
        larger = extended_model(base.model, sizes, kept, tokenizer.vocab_size, *parts)
        start = replace(base, model=larger, config=sizes, tokenizer=tokenizer)
        new = sorted(set(range(tokenizer.vocab_size)) - set(kept))  # symbols that the model has not been trained on
        learner = copy.deepcopy(start.model)
        adapt(learner, new, origin.adapt, ADAPTERS.generator(prepared.run.training.seed))
        progress = fit_model(learner, prepared, out, resume, quiet)
        trained = Trained(out, settled(prepared, progress, say), progress)
        new_tokens = tuple(tokenizer.tokens[i] for i in new)
        if not is_launched():
            plain = merged(learner, build_model(sizes, tokenizer.vocab_size, 0, *parts))
            known = {**asdict(origin), "model": Path(origin.model).name}  # a shared model names no folders of its maker
            notes = {**known, "base": base.provenance, "new_tokens": list(new_tokens)}
            save_trained(trained, plain, quiet, {"finetune": notes}, base, say)
    note = "the fitted prior of the old model does not fit the new one, and is left out" if base.fitted else ""
    if prepared.run.prior.prior != "none":
        note = "a prior is fitted to the new latent points"
    return Finetuned(trained, start, new_tokens, note)


def _run(base: Artifact, data: str, config: FinetuneConfig) -> RunConfig:
    """Return the settings of the training: data and steps as in `config`, all else as the model has it."""
    objective = base.run.objective
    objective = replace(objective, beta=objective.weight, schedule="constant", pretraining=0.0, lagging=0.0)
    if config.adapt.beta != -1.0:  # a beta that is asked for, in place of any target
        free: dict[str, Any] = dict.fromkeys(TARGETS, 0.0)
        objective = replace(objective, beta=config.adapt.beta, **free)
    return RunConfig(
        data=replace(config.data, source=data),
        tokenizer=base.run.tokenizer,
        model=replace(base.config, max_length=0, lengths="auto"),
        objective=objective,
        training=config.training,
        prior=config.prior,
    )


def _prepare(
    run: RunConfig, base: Artifact, adapt: AdaptConfig, out: Path, quiet: bool, say: Callable[[str], object] | None
) -> Prepared:
    """Check the settings, and read and pack the data; `max_length` is that of the data or of the model, if longer."""
    resolve_device(run.training.device)
    if run.training.devices > 1 and (adapt.lora or adapt.freeze_encoder or adapt.freeze_decoder):
        raise ConfigError(
            f"training.devices: expected 1 with adapters or a frozen part, got {run.training.devices}; "
            "all weights can be trained on several devices"
        )
    for name, known, wanted in (
        ("labels", base.config.label_names, run.data.label_names),
        ("conditions", base.config.condition_names, run.data.condition_names),
    ):
        if wanted and wanted != known:
            raise ConfigError(
                f"data.{name}: expected the {name} that the model was trained with ({', '.join(known) or 'none'}), or "
                f"none, got {', '.join(wanted)}; train a new model for other ones"
            )
    prepared = prepare(run, out / "rejected.csv", not quiet, base.tokenizer, say)
    longest = prepared.run.model.max_length
    if longest > base.config.max_length and (base.model.encoder.positional or base.model.decoder.positional):
        raise TooLongError(
            f"{run.data.source}: the longest text has {longest} tokens, and this model takes at most "
            f"{base.config.max_length}, as it has one vector per position; leave longer texts out, or train a new "
            "model on them"
        )
    # A model for longer texts than these goes on writing such.
    lengths = prepared.run.model.lengths if longest >= base.config.max_length else "free"
    sizes = replace(base.config, max_length=max(longest, base.config.max_length), lengths=lengths)
    return replace(prepared, run=replace(prepared.run, model=sizes))


def _read_origin(out: Path, model: str | Path) -> _Origin:
    path = out / FINETUNE
    try:
        values: Mapping[str, Any] = json.loads(path.read_bytes())
        adapt = section_from_dict(AdaptConfig, values["adapt"], "adapt")
        return _Origin(str(model) or str(values["model"]), str(values["sha256"]), adapt)
    except OSError as error:
        raise UsageError(f"{out}: no fine-tuning to resume (it has no {FINETUNE}); leave out --resume") from error
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise ArtifactError(f"{path}: damaged: {error}; start again in another folder") from error
