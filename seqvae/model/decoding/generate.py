"""Decoding token by token: greedy, sampling with temperature and top-p, and beam search, for every decoder.

The log-probabilities returned are always the model's own, log p(token | tokens before it, z) at temperature 1 over
the whole vocabulary, however the tokens were chosen and whatever a constraint forbade.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from seqvae.config import DecodeConfig
from seqvae.model.decoders import Decoder, State
from seqvae.model.decoding.constraint import Constraint, Unfinished
from seqvae.model.encoders import BOS, EOS, PAD

# The batch shrinks to multiples of this only: oneDNN prepares and keeps kernels for each size.
_TOGETHER = 32
_LOOK_EVERY = 8  # steps on a GPU between checks for rows that have ended
_MOST_REFUSALS = 16  # per text: one that is refused more often was invalid long before, and ends there


@dataclass(frozen=True)
class Decoded:
    """Decoded token ids and their log-probabilities under the model.

    Attributes:
        ids: `(batch, length)`, each row ended by `EOS` (after the model's longest text at the latest) and padded.
        token_log_probs: `(batch, length)`, nats, 0 at padding.
        refusals: `(batch,)`, how often the token chosen first was refused and replaced; 0 for beam search.
    """

    ids: Int[Tensor, "batch length"]
    token_log_probs: Float[Tensor, "batch length"]
    refusals: Int[Tensor, " batch"]

    @property
    def log_likelihood(self) -> Float[Tensor, " batch"]:
        """Log p(x|z) of each row in nats."""
        return self.token_log_probs.sum(-1)


def decode(
    decoder: Decoder,
    z: Float[Tensor, "batch latent"],
    config: DecodeConfig,
    rng: torch.Generator,
    constraint: Constraint | None = None,
    rows: Bool[Tensor, " batch"] | None = None,
) -> Decoded:
    """Decode each latent point into token ids.

    Args:
        decoder: any decoder, in evaluation mode.
        z: latent points.
        config: how tokens are chosen.
        rng: source of randomness for `method="sample"`, on z's device.
        constraint: rules that the chosen tokens keep; None: no rules. A text that reaches the longest length ends
            there whatever the rules; with a decoder of `fixed_length`, none ends before.
        rows: true for those to decode, with the random numbers that they would have among all; None: all.
    """
    kept = slice(None) if rows is None else rows
    if config.method == "beam":
        return _beam(decoder, z[kept], config.beam, constraint)
    uniforms = None
    if config.method == "sample":
        # One row of numbers per text, drawn before decoding: rows that end early cannot shift the numbers of others.
        uniforms = torch.rand(z.shape[0], decoder.max_length + 1, generator=rng, device=rng.device)[kept]
    return _roll_out(decoder, z[kept], config, uniforms, constraint)


def _roll_out(
    decoder: Decoder, z: Tensor, config: DecodeConfig, uniforms: Tensor | None, constraint: Constraint | None
) -> Decoded:
    """Decode greedily, or by the uniform numbers given; rows that have ended leave the batch, several at a time."""
    steps = decoder.max_length + 1
    ids = torch.full((z.shape[0], steps), PAD, dtype=torch.long, device=z.device)
    scores = torch.zeros(z.shape[0], steps, device=z.device)
    rows = torch.arange(z.shape[0], device=z.device)
    refusals = torch.zeros_like(rows)
    ended = torch.zeros_like(rows, dtype=torch.bool)
    tokens, state = torch.full_like(rows, BOS), decoder.begin(z)
    written = constraint.begin(z.shape[0]) if constraint else None
    for t in range(steps):
        logits, state = decoder.step(tokens, state)
        logits = logits.float()
        if t == steps - 1:  # nothing may follow the longest text; `EOS` still has the model's own probability
            tokens = torch.full_like(rows, EOS)
        else:
            allowed = _not_ended(constraint.mask(logits, written) if constraint and written else logits, decoder)
            tokens, left = _choose(allowed, config, None if uniforms is None else uniforms[rows, t])
            tokens = tokens.masked_fill(ended, EOS)
            if constraint and written:
                tokens, refusals[rows] = _accepted(tokens, refusals[rows], allowed, left, config, constraint, written)
        ids[rows, t] = tokens
        scores[rows, t] = logits.log_softmax(-1).gather(1, tokens.unsqueeze(1)).squeeze(1)
        written = constraint.advance(written, tokens) if constraint and written else None
        ended = ended | (tokens == EOS)
        if z.is_cuda and t % _LOOK_EVERY:  # checking waits for the device
            continue
        alive = int((~ended).sum())
        if alive == 0:
            break
        if (kept := -(-alive // _TOGETHER) * _TOGETHER) < rows.numel():
            order = ended.byte().argsort(stable=True)[:kept]
            rows, ended, tokens, state = rows[order], ended[order], tokens[order], state.select(order)
            written = written.select(order) if written else None
    return _trimmed(ids, scores, refusals)


def _not_ended(logits: Tensor, decoder: Decoder) -> Tensor:
    """Return the logits of a position before the longest length, where a text of fixed length cannot end."""
    if not decoder.fixed_length:
        return logits
    return logits.index_fill(-1, torch.tensor([EOS], device=logits.device), float("-inf"))


def _trimmed(ids: Tensor, scores: Tensor, refusals: Tensor) -> Decoded:
    """Clear everything after the first `EOS` of each row, and cut off columns that are all padding."""
    ends = (ids == EOS).long()
    behind = ends.cumsum(1) > ends
    ids, scores = ids.masked_fill(behind, PAD), scores.masked_fill(behind, 0.0)
    length = int((ids != PAD).sum(1).max()) if len(ids) else 0
    return Decoded(ids[:, :length], scores[:, :length], refusals)


def _accepted(
    tokens: Tensor,
    refusals: Tensor,
    logits: Tensor,
    uniform: Tensor | None,
    config: DecodeConfig,
    constraint: Constraint,
    written: Unfinished,
) -> tuple[Tensor, Tensor]:
    """Replace tokens that the chemistry refuses by others; a row with no token left ends there.

    Returns:
        The tokens, and the refusals of each row so far.
    """
    refused = constraint.refused(written, tokens)
    while refused:
        rows = torch.tensor(refused, device=tokens.device)
        refusals = refusals.index_add(0, rows, torch.ones_like(rows))
        logits[rows, tokens[rows]] = float("-inf")
        on = rows[torch.isfinite(logits[rows]).any(-1) & (refusals[rows] < _MOST_REFUSALS)]
        chosen, left = _choose(logits[on], config, None if uniform is None else uniform[on])
        tokens = tokens.index_fill(0, rows, EOS).index_copy(0, on, chosen)
        if uniform is not None and left is not None:
            uniform = uniform.index_copy(0, on, left)
        asked = on.tolist()
        for row in set(refused).difference(asked):
            written.molecules[row] = None  # it has ended, and must not be refused again at later steps
        refused = constraint.refused(written, tokens, asked)
    return tokens, refusals


def _choose(logits: Tensor, config: DecodeConfig, uniform: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return the likeliest token of each row, or one drawn by a uniform number, and the rest of that number.

    The token is found by inverting the cumulative distribution. Where the number lies within the token's share is again
    uniform, whatever the token, and serves the next draw of the row.
    """
    if uniform is None:
        return logits.argmax(-1), None
    probabilities = (logits / config.temperature).softmax(-1)
    if config.top_p < 1:
        probabilities = _nucleus(probabilities, config.top_p)
    cumulative = probabilities.cumsum(-1)
    if cumulative.is_cuda:  # a GPU adds in blocks, and rounding may make sums fall; a CPU adds one by one
        cumulative = _rising(cumulative, probabilities)
    total = cumulative[:, -1:]
    # Rounding must not raise the number to the total itself, which lies beyond the last possible token.
    target = torch.minimum(uniform.unsqueeze(1) * total, torch.nextafter(total, torch.zeros_like(total)))
    tokens = torch.searchsorted(cumulative, target, right=True)
    share = probabilities.gather(1, tokens)
    left = ((target - cumulative.gather(1, tokens) + share) / share).clamp(0.0, 1.0)
    return tokens.squeeze(1), left.squeeze(1)


def _rising(sums: Tensor, probabilities: Tensor) -> Tensor:
    """Return cumulative sums made non-decreasing despite rounding, and flat at impossible tokens."""
    return sums.masked_fill(probabilities == 0, 0.0).cummax(-1).values


def _nucleus(probabilities: Tensor, top_p: float) -> Tensor:
    """Zero all but the smallest set of tokens that holds at least `top_p` (Holtzman et al. 2020, arXiv:1904.09751)."""
    ordered, order = probabilities.sort(dim=-1, descending=True)
    before = ordered.cumsum(-1) - ordered
    return torch.zeros_like(probabilities).scatter(1, order, ordered.masked_fill(before >= top_p, 0.0))


@dataclass(frozen=True)
class _Hypotheses:
    """The beam: for each row of the batch, `width` partial texts, best first.

    Attributes:
        ids: `(batch, width, steps)`.
        scores: `(batch, width, steps)`, nats.
        totals: `(batch, width)`, log p so far, nats.
        ended: `(batch, width)`.
    """

    ids: Tensor
    scores: Tensor
    totals: Tensor
    ended: Tensor


def _beam(decoder: Decoder, z: Tensor, width: int, constraint: Constraint | None) -> Decoded:
    """Keep the `width` likeliest partial texts of each row; return the likeliest text.

    The search may stop early: log-probabilities only fall, so a row is done once its best hypothesis has ended.
    """
    batch, steps = z.shape[0], decoder.max_length + 1
    state: State = decoder.begin(z.repeat_interleave(width, 0))
    totals = torch.full((batch, width), float("-inf"), device=z.device)
    totals[:, 0] = 0.0  # at first all hypotheses are the empty text: only one may count
    beam = _Hypotheses(
        torch.full((batch, width, steps), PAD, dtype=torch.long, device=z.device),
        torch.zeros(batch, width, steps, device=z.device),
        totals,
        torch.zeros(batch, width, dtype=torch.bool, device=z.device),
    )
    tokens = torch.full((batch * width,), BOS, dtype=torch.long, device=z.device)
    written = constraint.begin(batch * width) if constraint else None
    for t in range(steps):
        logits, state = decoder.step(tokens, state)
        log_probs = logits.float().log_softmax(-1)
        if constraint and written and t < steps - 1:
            log_probs = constraint.mask(log_probs, written)
        log_probs = log_probs if t == steps - 1 else _not_ended(log_probs, decoder)
        log_probs = log_probs.view(batch, width, log_probs.shape[-1])
        if t == steps - 1:  # nothing may follow the longest text; `EOS` keeps its probability
            end = torch.full_like(log_probs, float("-inf"))
            end[..., EOS] = log_probs[..., EOS]
            log_probs = end
        beam, parents, written = _extended(beam, log_probs, t, constraint if t < steps - 1 else None, written)
        state, tokens = state.select(parents), beam.ids[:, :, t].flatten()
        written = constraint.advance(written, tokens) if constraint and written else None
        if bool(beam.ended[:, 0].all()):
            break
    return _trimmed(beam.ids[:, 0], beam.scores[:, 0], torch.zeros(batch, dtype=torch.long, device=z.device))


def _extended(
    beam: _Hypotheses, log_probs: Tensor, t: int, constraint: Constraint | None, written: Unfinished | None
) -> tuple[_Hypotheses, Tensor, Unfinished | None]:
    """Extend as `_extend`, by tokens that the chemistry accepts where there are any.

    A hypothesis whose tokens are all refused continues unchecked. A text without a refusal is extended in the same way
    in all later rounds.
    """
    for _ in range(_MOST_REFUSALS):  # per position: hypotheses come and go
        longer, parents = _extend(beam, log_probs, t)
        if constraint is None or written is None:
            return longer, parents, None
        tokens, later = longer.ids[:, :, t].flatten(), written.select(parents)
        # With fewer possible tokens than the beam is wide, impossible ones fill the rest.
        live = torch.isfinite(longer.totals).flatten().nonzero().flatten()
        refused = constraint.refused(later, tokens, live.tolist())
        if not refused:
            break
        rows = torch.tensor(refused, device=tokens.device)
        fewer = log_probs.clone()
        fewer.view(-1, log_probs.shape[-1])[parents[rows], tokens[rows]] = float("-inf")
        # A text that would have no possible token left keeps those that it has.
        possible = torch.isfinite(beam.totals.unsqueeze(-1) + _moves(beam, fewer)).flatten(1).any(1)
        log_probs = torch.where(possible.view(-1, 1, 1), fewer, log_probs)
    for row in refused:
        later.molecules[row] = None
    return longer, parents, later


def _moves(beam: _Hypotheses, log_probs: Tensor) -> Tensor:
    """Return the nats that each token adds, `(batch, width, vocab)`; an ended hypothesis can only be padded."""
    stay = torch.full((log_probs.shape[-1],), float("-inf"), device=log_probs.device)
    stay[PAD] = 0.0
    return torch.where(beam.ended.unsqueeze(-1), stay, log_probs)


def _extend(beam: _Hypotheses, log_probs: Tensor, t: int) -> tuple[_Hypotheses, Tensor]:
    """Extend every hypothesis by its best tokens; return the best ones and the decoder rows that they come from."""
    batch, width, vocab = log_probs.shape
    moves = _moves(beam, log_probs)
    totals, flat = (beam.totals.unsqueeze(-1) + moves).flatten(1).topk(width, dim=1)
    parent, token = flat // vocab, flat % vocab
    ids = beam.ids.gather(1, parent.unsqueeze(-1).expand_as(beam.ids)).clone()
    scores = beam.scores.gather(1, parent.unsqueeze(-1).expand_as(beam.scores)).clone()
    ids[:, :, t] = token
    scores[:, :, t] = moves.flatten(1).gather(1, flat)
    ended = beam.ended.gather(1, parent) | (token == EOS)
    first_row = torch.arange(batch, device=flat.device).unsqueeze(1) * width
    return _Hypotheses(ids, scores, totals, ended), (parent + first_row).flatten()


def distribution(decoder: Decoder, z: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch length vocab"]:
    """Return the categorical distribution at each position, free-running along the likeliest tokens.

    Autoregressive decoders condition each position on the likeliest tokens before it. After a row's end all probability
    is on `PAD`. The length is that of the longest row, its `EOS` included.
    """
    steps = decoder.max_length + 1
    tokens = torch.full((z.shape[0],), BOS, dtype=torch.long, device=z.device)
    ended = torch.zeros_like(tokens, dtype=torch.bool)
    state, rows = decoder.begin(z), []
    for t in range(steps):
        logits, state = decoder.step(tokens, state)
        if t < steps - 1:
            logits = _not_ended(logits, decoder)
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
    return torch.stack(rows, dim=1) if rows else torch.zeros(0)
