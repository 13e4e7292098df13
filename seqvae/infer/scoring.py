"""Scores of molecules and sequences under a model: one call that returns all that `seqvae score` writes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seqvae.artifact.calibration import Calibration
from seqvae.config import INFERENCE_BATCH, SCORE_SAMPLES, SCORE_STEPS, ScoreConfig
from seqvae.data.frames import frame_of
from seqvae.data.tokens.tokenized import AnyTexts, TokenizedTexts
from seqvae.infer.familiarity import (
    OUTLIER,
    Judged,
    Measured,
    false_discovery_rates,
    judged,
    rank_correlation,
    verdicts,
)
from seqvae.infer.likelihood import Progress, weigh
from seqvae.latent.codec import Codec, load

if TYPE_CHECKING:
    import pandas as pd

Column = NDArray[np.float64] | list[str]


@dataclass(frozen=True)
class Scores:
    """Scores of texts, one row per text, those included that the model cannot read.

    Attributes:
        columns: by title; NaN where a text cannot be read. `TITLES` says what each is.
        unread: how many texts the model cannot read.
        correlations: rank correlation (Spearman) of each score and p-value with the length in tokens; NaN where one of
            them does not vary.
        config: samples, steps and seed that were used.
        calibrated: the calibration that gave the p-values; None: there are none.
        note: why there are no p-values; empty where there are.
    """

    columns: Mapping[str, Column]
    unread: int
    correlations: Mapping[str, float]
    config: ScoreConfig
    calibrated: Calibration | None
    note: str = ""

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - an array or a list
        """Return a column by its title."""
        columns = self.__dict__.get("columns", {})
        if name not in columns:
            raise AttributeError(f"no column {name!r}; there are {', '.join(columns)}")
        return columns[name]

    def to_frame(self) -> pd.DataFrame:
        """Return the columns as a data frame of pandas; raises UsageError where that is not installed."""
        return frame_of(self.columns)

    def count(self, status: str) -> int:
        """Return how many texts have a status."""
        return list(self.columns["status"]).count(status)


def score(
    model: str | Path | Codec,
    texts: AnyTexts,
    config: ScoreConfig | None = None,
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
    reference: str = "",
) -> Scores:
    """Return how likely texts are under a model, and how familiar they are to it.

    Args:
        model: its folder, the name of a pretrained model, or a loaded one.
        texts: in any form; one that the model cannot read is a row with its reason. Those that the model has read with
            conditions (`Codec.tokenize(texts, "skip", conditions)`) are scored given these.
        config: how much work it is.
        device: `auto`, `cpu` or `cuda`; a loaded model stays where it is.
        batch_size: texts at a time.
        progress: is told how many texts are done, and of how many.
        reference: a text; log p of each minus that of this one is a column `delta_log_p`.

    Raises:
        ArtifactError: there is no such model, or it is damaged.
        UsageError: one text in place of a list.
        InputError: the model cannot read the reference.
    """
    codec = model if isinstance(model, Codec) else load(model, device=device)
    read = codec.tokenize(texts, on_error="skip")
    beside = codec.tokenize([reference]) if reference else None
    config, calibration, note = _settled(codec.calibration, config or ScoreConfig())
    if not len(read):
        return Scores(_spread({}, [], read), len(read.rejected), {}, config, calibration, note)
    weighed = weigh(codec, read, config.samples, config.refine, config.seed, batch_size, progress)
    measured = Measured.of(weighed, read)
    found = None if calibration is None else judged(measured, calibration)
    rates = np.full(len(read), math.nan) if found is None else false_discovery_rates(found.joint)
    states, reasons = verdicts(measured, calibration, found, rates, config.false_discoveries)
    numbers = _numbers(measured, read, found)
    if beside is not None:
        target = weigh(codec, beside, config.samples, config.refine, config.seed)
        numbers["delta_log_p"] = numbers["log_p"] - float(target.log_p)
        numbers["delta_log_p_error"] = np.hypot(numbers["log_p_error"], float(target.error))
    if found is not None:
        numbers |= {"p": found.joint, "false_discovery_rate": rates}
    compared = {name: rank_correlation(column, numbers["tokens"]) for name, column in numbers.items()}
    correlations = {name: value for name, value in compared.items() if name not in ("tokens", "effective_samples")}
    columns = _spread(numbers, [states, reasons], read)
    return Scores(columns, len(read.rejected), correlations, config, calibration, note)


def _settled(known: Calibration | None, config: ScoreConfig) -> tuple[ScoreConfig, Calibration | None, str]:
    """Return the settings to use, the calibration if it was made with these, and else why there is none."""
    samples, steps = (known.samples, known.steps) if known else (SCORE_SAMPLES, SCORE_STEPS)
    used = config.settled(samples, steps)
    if known is None:
        return used, None, "the model is not calibrated, so there are no p-values: seqvae score MODEL --calibrate"
    if (used.samples, used.refine) != (samples, steps):
        said = (
            f"the model was calibrated with {samples} samples and {steps} steps, so there are no p-values with others"
        )
        return used, None, said
    return used, known, ""


def _numbers(measured: Measured, read: TokenizedTexts, found: Judged | None) -> dict[str, NDArray[np.float64]]:
    """Return the columns of numbers but the verdict's own."""
    weighed, ends = measured.weighed, measured.tokens + 1.0  # the end is a token that the model predicts
    log_p = weighed.log_p.numpy()
    letters = np.array([len(form) for form in read.forms])
    numbers = {
        "tokens": measured.tokens.astype(np.float64),
        "log_p": log_p,
        "log_p_error": weighed.error.numpy(),
        "effective_samples": weighed.effective.numpy(),
        "log_p_per_token": log_p / ends,
        f"bits_per_{read.tokenizer.domain.unit}": -log_p / math.log(2) / letters,
        "unfamiliarity": weighed.loss.numpy() / ends,
        "unfamiliarity_refined": weighed.loss_refined.numpy() / ends,
        "regret": weighed.regret.numpy(),
        "complexity": measured.complexity,
        "complexity_corrected": -log_p - measured.complexity,
    }
    numbers = {name: column for name, column in numbers.items() if not np.isnan(column).all()}
    if found is not None:
        numbers |= {"typicality": found.typicality, "mahalanobis": found.mahalanobis}
        numbers |= {f"p_{name}": column for name, column in found.p.items()}
    return numbers


def _spread(
    numbers: Mapping[str, NDArray[np.float64]], words: list[list[str]], read: TokenizedTexts
) -> dict[str, Column]:
    """Return columns with a row for every text given: NaN, `outlier` and the reason where one cannot be read."""
    columns: dict[str, Column] = {}
    for name, values in numbers.items():
        whole = np.full(read.given, math.nan)
        whole[read.rows] = values
        columns[name] = whole
    status, reason = [OUTLIER] * read.given, [""] * read.given
    for one in read.rejected:
        reason[one.row] = f"the model cannot read it: {one.reason}"
    for row, state, said in zip(read.rows, *words, strict=True) if words else ():
        status[row], reason[row] = state, said
    return {**columns, "status": status, "reason": reason}
