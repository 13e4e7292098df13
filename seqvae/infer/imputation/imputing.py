"""Fill the unknown positions of molecules and sequences: one call that returns all that `seqvae impute` writes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqvae.config import INFERENCE_BATCH, SCORE_SAMPLES, ImputeConfig
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.errors import InputError, UsageError
from seqvae.infer.imputation.chains import AT_ONCE, Walked, Weighted, walked, weighted
from seqvae.infer.imputation.convergence import effective_draws, split_r_hat
from seqvae.infer.imputation.evidence import reading_errors
from seqvae.infer.imputation.masked import Imputed, Masked, content_ids, log_evidence, read_masked
from seqvae.infer.imputation.scaffolds import complete, is_scaffold, read_scaffold
from seqvae.infer.likelihood import Progress, effective_samples, log_mean_error, weigh
from seqvae.latent.codec import Codec, load
from seqvae.model.encoders import EOS
from seqvae.model.objective import importance_weighted_bound
from seqvae.runtime.device import evaluating
from seqvae.sequences.grammar.smiles_syntax import of_smiles

_RARE = 0.01  # share of a length of a run below which chains are not worth their time
_TOGETHER = 64  # texts whose draws are held at a time
_Ids = tuple[int, ...]


def impute(
    model: str | Path | Codec,
    texts: Sequence[str],
    config: ImputeConfig | None = None,
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
    qualities: Sequence[str] | None = None,
) -> list[Imputed]:
    """Return what the unknown positions of texts may be, and the letters that may have been read wrong.

    `?` is one unknown token, `*` a run of any length, and IUPAC codes (`N`, `R`, ...; `X` of proteins) are sets of
    letters. A molecule with attachment points (`[*:1]`) is a scaffold, completed by
    `seqvae.infer.imputation.scaffolds`. With an error rate or qualities every letter is uncertain: completions are true
    sequences given what was read (errors are substitutions, each letter by itself).

    Args:
        model: its folder, the name of a pretrained model, or a loaded one.
        texts: sequences, or molecules as canonical SMILES, where `?` is a token of the model's vocabulary.
        config: how it is done, and how much work it is.
        device: `auto`, `cpu` or `cuda`; a loaded model stays where it is.
        batch_size: rows of chains and particles at a time.
        progress: is told how many texts are done, and of how many.
        qualities: Phred qualities of the letters of each sequence, "" for none; an `error_rate` wins over them.

    Raises:
        ArtifactError: there is no such model, or it is damaged.
        InputError: in a text nothing is unknown, or everything, or something is unreadable; or its qualities are wrong.
        UsageError: a model of SELFIES, one text in place of a list, or error rates of a model of molecules.
    """
    if isinstance(texts, str):
        raise UsageError("expected a list of texts, got one text: put it in a list")
    codec = model if isinstance(model, Codec) else load(model, device=device)
    config = config or ImputeConfig()
    phred = [""] * len(texts) if qualities is None else qualities
    if len(phred) != len(texts):
        raise UsageError(f"qualities: expected one text for each of {len(texts):,}, got {len(phred):,}")
    masked: list[tuple[int, Masked]] = []
    for row, (text, quality) in enumerate(zip(texts, phred, strict=True)):
        try:
            if (found := readable(codec, text, quality, config.error_rate)) is not None:
                masked.append((row, found))
        except InputError as error:
            raise InputError(f"{codec.tokenizer.domain.noun} {row + 1} of {len(texts):,}: {error}") from error
    done: dict[int, Imputed] = {}

    def take(row: int, one: Imputed) -> None:
        """Keep what was found of a text, and tell."""
        done[row] = one
        if progress is not None:
            progress(len(done), len(texts))

    with evaluating(codec.model):
        for start in range(0, len(masked), _TOGETHER):
            rows, some = zip(*masked[start : start + _TOGETHER], strict=True)
            for row, one in zip(rows, _imputed(codec, list(some), config, batch_size), strict=True):
                take(row, one)
        for row in sorted(set(range(len(texts))) - done.keys()):
            take(row, complete(codec, texts[row], config, batch_size))
    return [done[row] for row in range(len(texts))]


def readable(codec: Codec, text: str, quality: str = "", error_rate: float | None = None) -> Masked | None:
    """Read a text before anything is filled; return None for a scaffold, whose completion reads it.

    Args:
        codec: the model.
        text: with unknown positions, or letters that may be wrong.
        quality: Phred qualities of its letters; "" for none.
        error_rate: the same for all letters, which wins over qualities; None: none is given.

    Raises:
        InputError: it is neither, or its qualities are wrong.
        UsageError: as `read_masked` and `reading_errors`.
    """
    errors = reading_errors(codec.tokenizer, text.strip(), quality, error_rate)
    if codec.tokenizer.molecular and is_scaffold(text):
        read_scaffold(text)
        return None
    return read_masked(codec, text, errors)


@dataclass(frozen=True)
class _Draws:
    """Weighted draws of completions; `best` is the variant of the likeliest length, `marginals` of its positions."""

    shares: Mapping[_Ids, float]
    best: Masked
    marginals: NDArray[np.float64]
    effective: float
    r_hat: float = math.nan
    acceptance: float = math.nan


def _imputed(codec: Codec, texts: list[Masked], config: ImputeConfig, batch_size: int) -> Iterator[Imputed]:
    """Yield what the unknown positions of some texts may be; a text with a run is one variant for each length."""
    content = content_ids(codec.tokenizer)
    variants: list[list[Masked]] = []
    for one in texts:
        longest = codec.max_length - len(one.slots)
        shortest = longest if codec.model.decoder.fixed_length else 0  # a model of one length writes no other
        lengths_of_run = range(shortest, longest + 1)
        variants.append([one] if one.run is None else [one.with_run(length, content) for length in lengths_of_run])
    owners = [row for row, some in enumerate(variants) for _ in some]
    weighed: list[Weighted] = []
    for evidence in _batches(codec, [one for some in variants for one in some], AT_ONCE * config.particles, batch_size):
        made = weighted(codec.model, evidence, config.samples, config.particles, config.seed)
        rows = (slice(row, row + 1) for row in range(len(evidence)))
        weighed += [Weighted(made.ids[:, row], made.log_weights[:, row]) for row in rows]
    parts: list[list[Weighted]] = [[] for _ in texts]
    for row, part in zip(owners, weighed, strict=True):
        parts[row].append(part)
    bounds = [torch.cat([importance_weighted_bound(part.log_weights) for part in some]) for some in parts]
    lengths = [bound.softmax(0).tolist() for bound in bounds]
    drawn: Iterable[_Draws]
    if config.method == "importance":
        drawn = map(_of_weights, variants, parts, lengths)
    else:
        drawn = _of_chains(codec, variants, lengths, config, batch_size)
    for one, found, bound, some in zip(texts, drawn, bounds, parts, strict=True):
        errors = torch.cat([log_mean_error(part.log_weights) for part in some])
        error = float((bound.softmax(0) * errors).square().sum().sqrt())
        yield _described(codec, one, found, config, (float(bound.logsumexp(0)), error))


def _batches(codec: Codec, variants: list[Masked], rows: int, batch_size: int) -> Iterator[Tensor]:
    """Yield the evidence of variants, as many at a time as a batch holds if each takes so many rows."""
    count = max(1, batch_size // rows)
    for start in range(0, len(variants), count):
        yield log_evidence(variants[start : start + count], codec.tokenizer.vocab_size).to(codec.device)


def _of_weights(variants: list[Masked], parts: list[Weighted], lengths: list[float]) -> _Draws:
    shares: defaultdict[_Ids, float] = defaultdict(float)
    for part, length in zip(parts, lengths, strict=True):
        weights = part.log_weights[:, 0].softmax(0) * length
        for ids, weight in zip(part.ids[:, 0].tolist(), weights.tolist(), strict=True):
            shares[tuple(ids)] += weight
    best = int(np.argmax(lengths))
    effective = float(effective_samples(parts[best].log_weights))
    of_best = parts[best].log_weights[:, 0].softmax(0).numpy()
    return _Draws(shares, variants[best], _marginals(parts[best].ids[:, 0].numpy(), of_best, variants[best]), effective)


def _of_chains(
    codec: Codec, variants: list[list[Masked]], lengths: list[list[float]], config: ImputeConfig, batch_size: int
) -> Iterator[_Draws]:
    """Yield draws of chains; of the lengths of a run those that are not rare, in their shares."""
    chosen = [
        [place for place, share in enumerate(some) if share >= _RARE or place == int(np.argmax(some))]
        for some in lengths
    ]
    asked = [some[place] for some, places in zip(variants, chosen, strict=True) for place in places]
    how = (config.chains, config.sweeps, config.warmup, config.particles, config.seed)
    made: list[Walked] = []
    for evidence in _batches(codec, asked, config.chains * config.particles, batch_size):
        found = walked(codec.model, evidence, *how)
        rows = [slice(row, row + 1) for row in range(len(evidence))]
        made += [
            Walked(found.ids[:, row], found.log_joint[:, row], found.accepted[row], found.accepted_steps[row])
            for row in rows
        ]
    left = iter(made)
    for some, share, places in zip(variants, lengths, chosen, strict=True):
        total, best = sum(share[place] for place in places), int(np.argmax(share))
        shares: defaultdict[_Ids, float] = defaultdict(float)
        of_best = None
        for place in places:
            found = next(left)
            drawn = found.ids[:, 0].flatten(0, 1).tolist()
            for ids in drawn:
                shares[tuple(ids)] += share[place] / total / len(drawn)
            of_best = found if place == best else of_best
        if of_best is not None:
            yield _judged(of_best, shares, some[best])


def _judged(found: Walked, shares: Mapping[_Ids, float], variant: Masked) -> _Draws:
    """Return draws with what they are worth, by log p(x, z) and the commonest token of each unknown position."""
    draws = found.ids[:, 0].numpy()
    looked_at = [found.log_joint[:, 0].numpy()]
    for place in variant.unknown:
        commonest = np.bincount(draws[:, :, place].ravel()).argmax()
        looked_at.append((draws[:, :, place] == commonest).astype(np.float64))
    effective = [value for value in map(effective_draws, looked_at) if not math.isnan(value)]
    r_hats = [value for value in map(split_r_hat, looked_at) if not math.isnan(value)]
    flat = draws.reshape(-1, draws.shape[-1])
    marginals = _marginals(flat, np.full(len(flat), 1 / len(flat)), variant)
    fewest, largest = min(effective, default=math.nan), max(r_hats, default=math.nan)
    return _Draws(shares, variant, marginals, fewest, largest, float(found.accepted[0]))


def _marginals(ids: NDArray[np.int64], weights: NDArray[np.float64], variant: Masked) -> NDArray[np.float64]:
    """Return the probability of each id at each unknown position, `(positions, ids)`."""
    size = int(ids.max()) + 1 if ids.size else 1
    found = np.zeros((len(variant.unknown), size))
    for row, place in enumerate(variant.unknown):
        found[row] = np.bincount(ids[:, place], weights=weights, minlength=size)
    return found


def _described(codec: Codec, one: Masked, drawn: _Draws, config: ImputeConfig, known: tuple[float, float]) -> Imputed:
    tokenizer, smiles = codec.tokenizer, of_smiles(codec.tokenizer)
    by_text: dict[str, float] = {}
    valid: dict[str, bool] = {}
    ids_of: dict[str, list[int]] = {}
    for ids, share in sorted(drawn.shares.items(), key=lambda item: (-item[1], item[0])):
        content = list(ids[: ids.index(EOS)])
        written = tokenizer.decode(content) if not smiles else "".join(tokenizer.written(content))
        form = codec.canonical(written) if smiles else written
        text = form or written
        by_text[text] = by_text.get(text, 0.0) + share
        valid.setdefault(text, form is not None)
        ids_of.setdefault(text, content)
    best = sorted(by_text, key=lambda text: (-by_text[text], text))[: config.completions]
    read = TokenizedTexts(tokenizer, best, [ids_of[text] for text in best], list(range(len(best))))
    log_p = weigh(codec, read, SCORE_SAMPLES, 0, config.seed).log_p.tolist()
    content = content_ids(tokenizer)
    marginals = np.zeros((len(drawn.best.unknown), tokenizer.vocab_size))
    marginals[:, : drawn.marginals.shape[1]] = drawn.marginals
    return Imputed(
        text=one.text,
        completions=best,
        valid=[valid[text] for text in best],
        shares=[by_text[text] for text in best],
        log_p=log_p,
        log_p_known=known[0],
        log_p_known_error=known[1],
        positions=[place + 1 for place in drawn.best.unknown],
        tokens=[tokenizer.tokens[number] for number in content],
        marginals=marginals[:, content],
        draws=drawn.effective,
        r_hat=drawn.r_hat,
        acceptance=drawn.acceptance,
        invalid=float(sum(share for text, share in by_text.items() if not valid[text])),
        changed=[one.changed(ids_of[text]) for text in best],
    )
