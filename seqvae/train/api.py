"""Training in one call of Python."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqvae.config import FinetuneConfig, RunConfig
from seqvae.config.checks import door
from seqvae.config.toml import with_settings
from seqvae.data.tokens.tokenized import as_strings
from seqvae.errors import UsageError
from seqvae.runtime.files import atomic_file
from seqvae.train.finetune import finetune
from seqvae.train.fit import FINETUNE, Trained, train
from seqvae.train.run_folder import check_run_folder

DATA, COLUMN = "data.csv", "text"  # of the folder, where the molecules or sequences were given themselves
Labels = Mapping[str, Sequence[float | None]]


@door
def fit(
    texts: Sequence[Any] | str | Path | None,
    out: str | Path,
    start: str | Path = "",
    labels: Labels | str | None = None,
    resume: bool = False,
    quiet: bool = False,
    **settings: Any,  # noqa: ANN401 - each has the type of its setting
) -> Trained:
    """Train a model, or fine-tune one, on molecules or sequences; arguments and errors as of `seqvae.fit`.

    Returns:
        The folder, and what was trained on and held out.
    """
    out = Path(out).expanduser()
    if (texts is None) != resume:
        raise UsageError("expected molecules or sequences, or resume=True, and not both")
    if resume and (settings or start or labels):
        raise UsageError("resume takes start, labels and settings from the folder: leave them out")
    check_run_folder(out, resume)
    say = None if quiet else _to_stderr
    if resume:
        if (out / FINETUNE).is_file():
            return finetune("", "", out, resume=True, quiet=quiet, say=say).trained
        return train(RunConfig(), out, resume=True, quiet=quiet, say=say)
    kind: RunConfig | FinetuneConfig = FinetuneConfig() if start else RunConfig()
    config = with_settings(kind, settings)
    named = labels if isinstance(labels, str) else ",".join(labels or {})
    if isinstance(texts, (str, Path)):
        if labels and not isinstance(labels, str):
            raise UsageError("labels: of a file, expected the titles of their columns, separated by commas")
        source = str(texts)
    else:
        if isinstance(labels, str):
            raise UsageError("labels: expected the numbers themselves by name, as the molecules or sequences are given")
        source = str(_written(texts or (), labels or {}, out))
        config = replace(config, data=replace(config.data, column=COLUMN))
    config = replace(config, data=replace(config.data, labels=named or config.data.labels))
    if isinstance(config, FinetuneConfig):
        return finetune(start, source, out, config, quiet=quiet, say=say).trained
    return train(replace(config, data=replace(config.data, source=source)), out, quiet=quiet, say=say)


def _written(texts: Sequence[Any], labels: Labels, out: Path) -> Path:
    """Write texts and their labels into the folder, whence a resumed training reads them again."""
    rows = as_strings(texts)
    for name, values in labels.items():
        if len(values) != len(rows):
            raise UsageError(f"labels: expected {len(rows):,} values of {name}, one per text, got {len(values):,}")
    table = io.StringIO()
    lines = csv.writer(table)
    lines.writerow([COLUMN, *labels])
    columns = [  # NaN alone differs from itself
        ["" if value is None or value != value else repr(float(value)) for value in values]
        for values in labels.values()
    ]
    lines.writerows(zip(rows, *columns, strict=True))
    out.mkdir(parents=True, exist_ok=True)
    with atomic_file(out / DATA) as file:
        file.write(table.getvalue().encode())
    return out / DATA


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
