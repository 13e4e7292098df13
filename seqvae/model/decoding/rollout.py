"""Decoding token by token, greedily or by random numbers; rows that have ended leave the batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from seqvae.config import DecodeConfig
from seqvae.model.decoders import Decoder
from seqvae.model.decoding.choice import choose, not_ended
from seqvae.model.decoding.constraint import Bars, Constraint, Unfinished
from seqvae.model.encoders import BOS, EOS, PAD

# Every batch is filled up to a multiple of this, and shrinks to multiples of it only. A CPU multiplies a few rows by
# other kernels than many, which add in another order: with at least so many rows, a text does not depend on how many
# others are decoded with it. And oneDNN prepares and keeps kernels for each size.
TOGETHER = 32
_LOOK_EVERY = 8  # steps on a GPU between checks for rows that have ended
# Per text: one that is refused more often was invalid long before. It ends there, and may be decoded again under bars;
# then, per position: where so many of the likeliest tokens are refused, the way back is shorter than the way on.
MOST_REFUSALS = 16


@dataclass(frozen=True)
class Decoded:
    """Decoded token ids and their log-probabilities under the model.

    Attributes:
        ids: `(batch, length)`, each row ended by `EOS` (after the model's longest text at the latest) and padded.
        token_log_probs: `(batch, length)`, nats, 0 at padding.
        refusals: `(batch,)`, how often the token chosen first was refused and replaced; 0 for beam search.
        broken: `(batch,)`, true where the rules did not allow the end: it came in a dead end, or at the longest length.
        first: `(batch,)`, position of the first token that the chemistry refused; the longest length where it refused
            none, and for beam search.
    """

    ids: Int[Tensor, "batch length"]
    token_log_probs: Float[Tensor, "batch length"]
    refusals: Int[Tensor, " batch"]
    broken: Bool[Tensor, " batch"]
    first: Int[Tensor, " batch"]

    @property
    def log_likelihood(self) -> Float[Tensor, " batch"]:
        """Log p(x|z) of each row in nats."""
        return self.token_log_probs.sum(-1)

    def with_rows(self, rows: Int[Tensor, " some"], other: Decoded) -> Decoded:
        """Return these rows with some replaced by those of `other`, whose refusals are added."""
        width = max(self.ids.shape[1], other.ids.shape[1])
        ids, new_ids = (pad(one.ids, (0, width - one.ids.shape[1]), value=PAD) for one in (self, other))
        scores, new_scores = (
            pad(one.token_log_probs, (0, width - one.token_log_probs.shape[1])) for one in (self, other)
        )
        return Decoded(
            ids.index_copy(0, rows, new_ids),
            scores.index_copy(0, rows, new_scores),
            self.refusals.index_add(0, rows, other.refusals),
            self.broken.index_copy(0, rows, other.broken),
            self.first.index_copy(0, rows, other.first),
        )


def roll_out(
    decoder: Decoder,
    z: Tensor,
    config: DecodeConfig,
    uniforms: Tensor | None,
    constraint: Constraint | None,
    bars: Sequence[Bars] | None = None,
) -> Decoded:
    """Decode greedily, or by the uniform numbers given; rows that have ended leave the batch, several at a time.

    With `bars`, what earlier attempts found to lead nowhere, each text also begins to close its branches and rings in
    time for the longest length.
    """
    steps, batch = decoder.max_length + 1, z.shape[0]
    z = pad(z, (0, 0, 0, -batch % TOGETHER))
    uniforms = None if uniforms is None else pad(uniforms, (0, 0, 0, len(z) - batch))
    ids = torch.full((len(z), steps), PAD, dtype=torch.long, device=z.device)
    scores = torch.zeros(len(z), steps, device=z.device)
    rows = torch.arange(len(z), device=z.device)
    refusals, ended = torch.zeros_like(rows), rows >= batch
    broken, first = torch.zeros_like(ended), torch.full_like(rows, decoder.max_length)
    tokens, state = torch.full_like(rows, BOS), decoder.begin(z)
    written = constraint.begin(batch, bars, len(z) - batch) if constraint else None
    for t in range(steps):
        logits, state = decoder.step(tokens, state)
        logits = logits.float()
        if t == steps - 1:  # nothing may follow the longest text; `EOS` still has the model's own probability
            tokens = torch.full_like(rows, EOS)
            if constraint and written:
                broken[rows] |= ~ended & ~constraint.may_end(written)
        else:
            left = None if bars is None else steps - 2 - t
            goes_on = decoder.fixed_length and t < steps - 2
            allowed = constraint.mask(logits, written, left, goes_on) if constraint and written else logits
            allowed = not_ended(allowed, decoder)
            tokens, rest = choose(allowed, config, None if uniforms is None else uniforms[rows, t])
            tokens = tokens.masked_fill(ended, EOS)
            if constraint and written:
                before = torch.zeros_like(rows) if bars is None else refusals[rows]
                barred = written.at_bar()
                tokens, more, dead = _accepted(
                    tokens, refusals[rows] - before, allowed, rest, config, constraint, written
                )
                refusals[rows] = before + more
                broken[rows[dead]] = True
                new = (more > 0) & (first[rows] > t) & ~barred
                first[rows[new]] = t
        ids[rows, t] = tokens
        scores[rows, t] = logits.log_softmax(-1).gather(1, tokens.unsqueeze(1)).squeeze(1)
        written = constraint.advance(written, tokens) if constraint and written else None
        ended = ended | (tokens == EOS)
        if z.is_cuda and t % _LOOK_EVERY:  # checking waits for the device
            continue
        alive = int((~ended).sum())
        if alive == 0:
            break
        if (kept := -(-alive // TOGETHER) * TOGETHER) < rows.numel():
            order = ended.byte().argsort(stable=True)[:kept]
            rows, ended, tokens, state = rows[order], ended[order], tokens[order], state.select(order)
            written = written.select(order) if written else None
    return trimmed(ids[:batch], scores[:batch], refusals[:batch], broken[:batch], first[:batch])


def trimmed(ids: Tensor, scores: Tensor, refusals: Tensor, broken: Tensor, first: Tensor) -> Decoded:
    """Clear everything after the first `EOS` of each row, and cut off columns that are all padding."""
    ends = (ids == EOS).long()
    behind = ends.cumsum(1) > ends
    ids, scores = ids.masked_fill(behind, PAD), scores.masked_fill(behind, 0.0)
    length = int((ids != PAD).sum(1).max()) if len(ids) else 0
    return Decoded(ids[:, :length], scores[:, :length], refusals, broken, first)


def _accepted(
    tokens: Tensor,
    refusals: Tensor,
    logits: Tensor,
    uniform: Tensor | None,
    config: DecodeConfig,
    constraint: Constraint,
    written: Unfinished,
) -> tuple[Tensor, Tensor, list[int]]:
    """Replace tokens that the chemistry refuses by others; a row with no token left ends there.

    Returns:
        The tokens, the refusals of each row so far, and the rows that ended in a dead end.
    """
    dead: list[int] = []
    refused = constraint.refused(written, tokens)
    while refused:
        rows = torch.tensor(refused, device=tokens.device)
        refusals = refusals.index_add(0, rows, torch.ones_like(rows))
        logits[rows, tokens[rows]] = float("-inf")
        on = rows[torch.isfinite(logits[rows]).any(-1) & (refusals[rows] < MOST_REFUSALS)]
        chosen, left = choose(logits[on], config, None if uniform is None else uniform[on])
        tokens = tokens.index_fill(0, rows, EOS).index_copy(0, on, chosen)
        if uniform is not None and left is not None:
            uniform = uniform.index_copy(0, on, left)
        asked = on.tolist()
        for row in set(refused).difference(asked):
            written.molecules[row] = None  # it has ended, and must not be refused again at later steps
            dead.append(row)
        refused = constraint.refused(written, tokens, asked)
    return tokens, refusals, dead
