"""Beam search: the likeliest text of each row, as far as a number of partial texts finds it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from seqvae.model.decoders import Decoder, State
from seqvae.model.decoding.choice import not_ended
from seqvae.model.decoding.constraint import Constraint, Unfinished
from seqvae.model.decoding.rollout import MOST_REFUSALS, TOGETHER, Decoded, trimmed
from seqvae.model.encoders import BOS, EOS, PAD


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


def beam_search(decoder: Decoder, z: Tensor, width: int, constraint: Constraint | None) -> Decoded:
    """Keep the `width` likeliest partial texts of each row; return the likeliest text.

    The search may stop early: log-probabilities only fall, so a row is done once its best hypothesis has ended.
    """
    asked, steps = z.shape[0], decoder.max_length + 1
    batch = max(asked, -(-TOGETHER // width)) if asked else 0  # filled up where few points are asked for
    z = pad(z, (0, 0, 0, batch - asked))
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
    written = constraint.begin(asked * width, None, (batch - asked) * width) if constraint else None
    stuck = torch.zeros(batch * width, dtype=torch.bool, device=z.device)
    for t in range(steps):
        logits, state = decoder.step(tokens, state)
        log_probs = logits.float().log_softmax(-1)
        if constraint and written and t < steps - 1:
            log_probs = constraint.mask(log_probs, written, goes_on=decoder.fixed_length and t < steps - 2)
        log_probs = log_probs if t == steps - 1 else not_ended(log_probs, decoder)
        log_probs = log_probs.view(batch, width, log_probs.shape[-1])
        if t == steps - 1:  # nothing may follow the longest text; `EOS` keeps its probability
            end = torch.full_like(log_probs, float("-inf"))
            end[..., EOS] = log_probs[..., EOS]
            log_probs = end
            if constraint and written:
                stuck = ~beam.ended.flatten() & ~constraint.may_end(written)
        beam, parents, written = _extended(beam, log_probs, t, constraint if t < steps - 1 else None, written)
        state, tokens = state.select(parents), beam.ids[:, :, t].flatten()
        written = constraint.advance(written, tokens) if constraint and written else None
        stuck = stuck[parents]
        if bool(beam.ended[:asked, 0].all()):
            break
    refusals = torch.zeros(asked, dtype=torch.long, device=z.device)
    first = refusals + decoder.max_length
    return trimmed(beam.ids[:asked, 0], beam.scores[:asked, 0], refusals, stuck.view(batch, width)[:asked, 0], first)


def _extended(
    beam: _Hypotheses, log_probs: Tensor, t: int, constraint: Constraint | None, written: Unfinished | None
) -> tuple[_Hypotheses, Tensor, Unfinished | None]:
    """Extend as `_extend`, by tokens that the chemistry accepts where there are any.

    A hypothesis whose tokens are all refused continues unchecked. A text without a refusal is extended in the same way
    in all later rounds.
    """
    for _ in range(MOST_REFUSALS):  # per position: hypotheses come and go
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
