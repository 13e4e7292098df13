"""What listed variants of a target do to log p: log p(variant) - log p(target), by importance sampling.

What DeepSequence and EVE are used for (Riesselman et al. 2018, doi:10.1038/s41592-018-0138-4; Frazer et al. 2021,
doi:10.1038/s41586-021-04043-8), which take the difference of two lower bounds. Here all variants of a decoder whose
positions are independent are weighed at the same latent points, those of the target's posterior: log p(variant|z)
differs from log p(target|z) at the mutated positions alone, the error that both share cancels, and fifty thousand
variants take seconds. A variant for which these points are worth too few, and every variant of another decoder or of
both strands, is weighed at points of its own posterior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from seqvae.config import INFERENCE_BATCH, SCORE_SAMPLES, SCORE_STEPS, ScoreConfig
from seqvae.data.tokens.onehot import allowed
from seqvae.infer.family.mutation_lists import Target, Variant, read_variants, target_of
from seqvae.infer.likelihood import Progress, Proposals, proposals, weigh
from seqvae.latent.codec import Codec, load
from seqvae.model.objective import importance_weighted_bound
from seqvae.runtime.device import evaluating

_POINTS = 4000  # latent points of the target: a step of the decoder each, whatever the number of variants
_FEW = 3.0  # effective points below which a variant gets points of its own
_NUMBERS = 1 << 23  # that are held at a time


@dataclass(frozen=True)
class Variants:
    """Variants of a target; nats, a row for each.

    Attributes:
        texts: as given.
        delta_log_p: log p(variant) - log p(target).
        error: its standard error.
        effective: effective samples of the variant's own estimate.
        mutations: number of positions that are not as in the target.
        unmodelled: how many of these stand in no column of the model, which sees no difference there.
        target: the target, with its numbering.
        log_p: of the target.
        log_p_error: its standard error.
    """

    texts: list[str]
    delta_log_p: NDArray[np.float64]
    error: NDArray[np.float64]
    effective: NDArray[np.float64]
    mutations: NDArray[np.int64]
    unmodelled: NDArray[np.int64]
    target: Target
    log_p: float
    log_p_error: float


def variants(
    model: str | Path | Codec,
    texts: Sequence[str],
    reference: str = "",
    config: ScoreConfig | None = None,
    first: int = 0,
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
) -> Variants:
    """Return what variants do to the probability of a target.

    Args:
        model: its folder, the name of a pretrained model, or a loaded one.
        texts: variants, as lists of mutations (`A24G:T30S`; `wt` is the target itself) or as whole sequences.
        reference: the target: a sequence, or a row of the family's alignment with its insertions in lower case; empty:
            the first row of the alignment that the model was trained on.
        config: latent points (`samples`; 0: 4,000 of the target, or 16 of each variant of an autoregressive decoder),
            gradient steps, seed.
        first: the number of the target's first letter; 0: as the name of the family's target says (`NAME/24-240`), or
            1.
        device: `auto`, `cpu` or `cuda`; a loaded model stays where it is.
        batch_size: variants at a time.
        progress: is told how many variants are done, and of how many.

    Raises:
        ArtifactError: there is no such model, or it is damaged.
        UsageError: a model of molecules; or no reference, and the model has none.
        InputError: the reference does not fit the model, or a variant does not fit the reference; the message says
            which and where.
    """
    codec = model if isinstance(model, Codec) else load(model, device=device)
    target = target_of(codec, reference, first)
    read = read_variants(codec, texts, target)
    config = config or ScoreConfig()
    steps = SCORE_STEPS if config.refine < 0 else config.refine
    if codec.model.decoder.autoregressive or codec.model.strands is not None:
        found = _each(codec, read, target, config.samples or SCORE_SAMPLES, steps, config.seed, batch_size, progress)
        delta, error, effective, log_p, log_p_error = found
    else:
        shared = _at_points_of(codec, target, read, config.samples or _POINTS, steps, config.seed)
        delta, error, effective, log_p, log_p_error = shared
        few = np.flatnonzero(effective < _FEW)
        if few.size:
            own = _each(
                codec, [read[row] for row in few], target, SCORE_SAMPLES, steps, config.seed, batch_size, progress
            )
            better = own[2] > effective[few]
            for column, values in zip((delta, error, effective), own, strict=False):
                column[few[better]] = np.asarray(values)[better]
    return Variants(
        texts=list(texts),
        delta_log_p=delta,
        error=error,
        effective=effective,
        mutations=np.array([one.mutations for one in read], np.int64),
        unmodelled=np.array([one.unmodelled for one in read], np.int64),
        target=target,
        log_p=log_p,
        log_p_error=log_p_error,
    )


_Found = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float, float]


def _each(
    codec: Codec,
    read: Sequence[Variant],
    target: Target,
    samples: int,
    steps: int,
    seed: int,
    batch_size: int,
    progress: Progress | None,
) -> _Found:
    """Weigh every variant at points of its own posterior."""
    forms = [target.form, *dict.fromkeys(one.form for one in read if one.form != target.form)]
    weighed = weigh(codec, codec.tokenize(forms), samples, steps, seed, batch_size, progress)
    place_of = {form: place for place, form in enumerate(forms)}
    rows = np.array([place_of[one.form] for one in read], np.int64)
    log_p, errors, effective = (part.numpy() for part in (weighed.log_p, weighed.error, weighed.effective))
    error = np.where(rows == 0, 0.0, np.hypot(errors[rows], errors[0]))
    return log_p[rows] - log_p[0], error, effective[rows], float(log_p[0]), float(errors[0])


def _at_points_of(codec: Codec, target: Target, read: Sequence[Variant], samples: int, steps: int, seed: int) -> _Found:
    """Weigh all variants at points of the target's posterior."""
    tokens = codec.padded([codec.tokenizer.encode(target.form)])
    with evaluating(codec.model):
        made = proposals(codec.model, tokens, samples, steps, seed)
        gains = _gains(codec, made, tokens)
    weights = made.log_weights[:, 0].cpu()
    total, count = weights.logsumexp(0), len(weights)
    share = (weights - total).exp()
    most = max((len(one.changes) for one in read), default=0)
    places = torch.full((len(read), most), len(gains) - 1)  # the last row is that of no change
    for row, one in enumerate(read):
        for number, (column, token) in enumerate(one.changes):
            places[row, number] = column * codec.tokenizer.n_ids + token
    parts = []
    for part in places.split(max(1, _NUMBERS // (count * max(most, 1)))):
        own = gains[part].sum(1) + weights
        mass = own.logsumexp(1)
        shares = (own - mass.unsqueeze(1)).exp()
        # The delta method for the ratio of two means over the same points.
        apart = ((shares - share).square().sum(1) * count / (count - 1)).sqrt()
        parts.append(torch.stack([mass - total, apart, 1 / shares.square().sum(1)]))
    delta, error, effective = torch.cat(parts, 1).numpy() if parts else np.zeros((3, 0))
    log_p = float(importance_weighted_bound(weights.unsqueeze(1)))
    return delta, error, effective, log_p, float(((share - 1 / count).square().sum() * count / (count - 1)).sqrt())


def _gains(codec: Codec, made: Proposals, tokens: Tensor) -> Float[Tensor, "places samples"]:
    """Return what each id in each column gains over the target's own, at every point; the last row is zero."""
    table = torch.from_numpy(codec.tokenizer.id_table())
    sets = allowed(torch.arange(len(table)), table)
    columns = []
    own = made.positions[:, 0].cpu().unsqueeze(-1)
    for z, known in zip(made.points[:, 0].split(64), own.split(64), strict=True):
        log_p = codec.model.decoder(z, tokens[:1].expand(len(z), -1)).double().log_softmax(-1).cpu()
        columns.append((torch.stack([log_p[..., one].logsumexp(-1) for one in sets], -1) - known).float())
    gains = torch.cat(columns)
    flat = gains.flatten(1).t().contiguous()
    return torch.cat([flat, flat.new_zeros(1, flat.shape[1])])
