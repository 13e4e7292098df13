"""Decoding token by token: greedy, sampling with temperature and top-p, and beam search, for every decoder.

The log-probabilities returned are always the model's own, log p(token | tokens before it, z) at temperature 1 over
the whole vocabulary, however the tokens were chosen and whatever a constraint forbade.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import pad

from seqvae.config import DecodeConfig
from seqvae.model.decoders import Decoder
from seqvae.model.decoding.beam import beam_search
from seqvae.model.decoding.choice import not_ended
from seqvae.model.decoding.constraint import Bars, Constraint, bar
from seqvae.model.decoding.rollout import TOGETHER, Decoded, roll_out, trimmed
from seqvae.model.encoders import BOS, EOS, PAD

# Attempts at most: what needs more is rarer than its time is worth, and is left as it is.
ATTEMPTS = 60
# How much of what was written before the first refusal each attempt keeps, in turn. The cause of a dead end, such as a
# ring that was opened early, may lie far before it: every second attempt begins with another first token.
_KEPT = (0.5, 0.25, 0.0, 0.0)


def decode(
    decoder: Decoder,
    z: Float[Tensor, "batch latent"],
    config: DecodeConfig,
    rng: torch.Generator,
    constraint: Constraint | None = None,
    rows: Bool[Tensor, " batch"] | None = None,
    attempts: int = 0,
) -> Decoded:
    """Decode each latent point into token ids.

    Args:
        decoder: any decoder, in evaluation mode.
        z: latent points.
        config: how tokens are chosen.
        rng: source of randomness for `method="sample"`; a generator of the CPU gives one result on every device.
        constraint: rules that the chosen tokens keep; None: no rules. A text that reaches the longest length ends
            there whatever the rules; with a decoder of `fixed_length`, none ends before.
        rows: true for those to decode, with the random numbers that they would have among all; None: all.
        attempts: how often a text that the rules could not bring to its end is decoded again, by another way.
    """
    points = z if rows is None else z[rows]
    uniforms = None
    if config.method == "sample":
        # One row of numbers per text, drawn before decoding: rows that end early cannot shift the numbers of others.
        uniforms = torch.rand(z.shape[0], decoder.max_length + 1, generator=rng, device=rng.device).to(z.device)
        uniforms = uniforms if rows is None else uniforms[rows]
    if config.method == "beam":
        made = beam_search(decoder, points, config.beam, constraint)
    else:
        made = roll_out(decoder, points, config, uniforms, constraint)
    if not attempts or constraint is None:
        return made
    how = replace(config, method="greedy") if uniforms is None else config

    def again(rows: Tensor, bars: list[Bars]) -> Decoded:
        """Decode some rows again, under bars."""
        return roll_out(decoder, points[rows], how, None if uniforms is None else uniforms[rows], constraint, bars)

    return _mended(made, again, constraint, attempts)


def _mended(
    made: Decoded, again: Callable[[Tensor, list[Bars]], Decoded], constraint: Constraint, attempts: int
) -> Decoded:
    """Decode broken rows again by `again`, each attempt barred from the beginnings that led those before it nowhere.

    The cause of a dead end, such as a ring that nothing can close, lies before the first token that the chemistry
    refused: there the text began to stray from what the model would write. Up to the barred token a text stays the
    same, since its random numbers do.
    """
    wrong = _broken(made, range(len(made.ids)), constraint)
    bars: dict[int, Bars] = {row: {} for row in wrong}
    exhausted: set[int] = set()  # rows of which every first token was barred: from there on, only whole paths are
    for attempt in range(attempts):
        if not wrong:
            break
        for row in wrong:
            ids = made.ids[row].tolist()
            path = ids[: ids.index(EOS) + (not made.broken[row])]  # an end that the chemistry does not read is barred
            if not path:
                exhausted.add(row)
                bars[row] = {}
                continue
            kept = _KEPT[attempt % len(_KEPT)] * min(len(path), int(made.first[row]))
            bar(bars[row], path if row in exhausted else path[: max(1, int(kept))])
        rows = torch.tensor(wrong, device=made.ids.device)
        made = made.with_rows(rows, again(rows, [bars[row] for row in wrong]))
        wrong = _broken(made, wrong, constraint)
    return trimmed(made.ids, made.token_log_probs, made.refusals, made.broken, made.first)


def _broken(made: Decoded, rows: Iterable[int], constraint: Constraint) -> list[int]:
    """Return the rows that are no molecule, or, where no chemistry tells, that end against the rules."""
    if constraint.chemistry is None:
        return made.broken.nonzero().flatten().tolist()
    ids = made.ids.tolist()
    return [row for row in rows if not constraint.reads(ids[row][: ids[row].index(EOS)])]


def distribution(decoder: Decoder, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch length vocab"]:
    """Return the categorical distribution at each position, free-running along the likeliest tokens.

    Autoregressive decoders condition each position on the likeliest tokens before it. After a row's end all probability
    is on `PAD`. The length is that of the longest row, its `EOS` included.
    """
    steps, batch = decoder.max_length + 1, z.shape[0]
    z = pad(z, (0, 0, 0, -batch % TOGETHER))
    tokens = torch.full((z.shape[0],), BOS, dtype=torch.long, device=z.device)
    ended = torch.arange(len(z), device=z.device) >= batch
    state, rows = decoder.begin(z), []
    for t in range(steps):
        logits, state = decoder.step(tokens, state)
        if t < steps - 1:
            logits = not_ended(logits, decoder)
        elif decoder.fixed_length:
            logits = torch.full_like(logits, float("-inf")).index_fill(-1, torch.tensor([EOS], device=z.device), 0.0)
        probabilities = logits.float().softmax(-1)
        padding = torch.zeros_like(probabilities)
        padding[:, PAD] = 1.0
        rows.append(torch.where(ended.unsqueeze(1), padding, probabilities))
        tokens = logits.argmax(-1)
        ended = ended | (tokens == EOS)
        if bool(ended.all()):
            break
    return torch.stack(rows, dim=1)[:batch] if rows else torch.zeros(0)


def joined(parts: Sequence[Float[Tensor, "_ _ vocab"]]) -> Float[Tensor, "batch longest vocab"]:
    """Return the rows of several batches of distributions together, the shorter ones continued by `PAD`."""
    longest = max(part.shape[1] for part in parts)
    whole = torch.zeros(sum(map(len, parts)), longest, parts[0].shape[2])
    whole[:, :, PAD] = 1.0
    start = 0
    for part in parts:
        whole[start : start + len(part), : part.shape[1]] = part
        start += len(part)
    return whole
