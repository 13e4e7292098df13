"""Texts with unknown positions: sets of allowed tokens, runs of unknown length; and what was found for them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray
from torch import Tensor

from seqvae.errors import InputError, UsageError, quoted
from seqvae.latent.codec import Codec
from seqvae.model.encoders import EOS, PAD
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

ONE, RUN = "?", "*"
_FIRST = EOS + 1  # ids below are special tokens, which no position of a text may have


@dataclass(frozen=True)
class Masked:
    """A text with unknown positions.

    Attributes:
        text: as given.
        slots: the ids that each position may have, the end not counted; a run of unknown length is not among them.
        run: before which slot the run stands; None: there is none.
    """

    text: str
    slots: tuple[tuple[int, ...], ...]
    run: int | None = None

    def with_run(self, length: int, content: Sequence[int]) -> Masked:
        """Return the text with its run replaced by that many positions that may have any token."""
        place = self.run or 0
        return Masked(self.text, (*self.slots[:place], *[tuple(content)] * length, *self.slots[place:]))

    @property
    def unknown(self) -> list[int]:
        """The positions that may have several tokens, from 0."""
        return [place for place, slot in enumerate(self.slots) if len(slot) > 1]


@dataclass(frozen=True)
class Imputed:
    """A text with unknown positions, and what they may be; nats.

    Attributes:
        text: as given.
        completions: the likeliest completions, distinct; molecules as canonical SMILES where they are such.
        valid: whether each is a molecule; true of all where the model does not write SMILES.
        shares: probability of each given what is known: its share of the draws, or of the weights.
        log_p: log p(x) of each, by importance sampling.
        log_p_known: log p of what is known, summed over all completions: an estimate that is a lower bound on average;
            over the runs' lengths up to the longest that the model takes.
        log_p_known_error: its standard error.
        positions: the unknown ones, from 1; of a text with a run, those of the likeliest length.
        tokens: that a position may have.
        marginals: `(positions, tokens)`, probability of each token at each position given what is known.
        draws: effective draws, the fewest of any quantity looked at; of importance sampling, of the weights.
        r_hat: the largest of any quantity looked at; NaN for importance sampling.
        acceptance: share of the encoder's proposals that were accepted; NaN for importance sampling.
        invalid: share of the draws that are no molecules.
    """

    text: str
    completions: list[str]
    valid: list[bool]
    shares: list[float]
    log_p: list[float]
    log_p_known: float
    log_p_known_error: float
    positions: list[int]
    tokens: list[str]
    marginals: NDArray[np.float64]
    draws: float
    r_hat: float
    acceptance: float
    invalid: float


def content_ids(tokenizer: Tokenizer) -> list[int]:
    """Return the ids of all tokens that are no special ones."""
    return list(range(_FIRST, tokenizer.vocab_size))


def read_masked(codec: Codec, text: str) -> Masked:
    """Read a text in which `?` is one unknown token, `*` a run of any length, and IUPAC codes are sets of letters.

    Args:
        codec: the model.
        text: a sequence, or the canonical SMILES of a molecule, in which `?` stands for one token of the model's
            vocabulary.

    Raises:
        InputError: nothing in it is unknown, or everything; it has two runs, or is too long; or what is known has
            something that the model cannot read.
        UsageError: a model of SELFIES, in which nothing of a SMILES has a place of its own.
    """
    tokenizer, noun = codec.tokenizer, codec.tokenizer.domain.noun
    if tokenizer.molecular and "selfies" in (tokenizer.kind, getattr(getattr(tokenizer, "base", None), "kind", "")):
        raise UsageError("expected a model of SMILES or sequences: SELFIES of a molecule cannot be read in parts")
    if codec.model.strands is not None:
        raise UsageError("expected a model of one strand: completions of both strands are not offered yet")
    content, given = content_ids(tokenizer), text.strip()
    if given.count(RUN) > 1:
        raise InputError(f"{quoted(text)}: expected at most one run {RUN} of unknown length; write others as {ONE}")
    slots: list[tuple[int, ...]] = []
    run = None
    for part in re.split(f"([{re.escape(ONE + RUN)}])", given):
        if part == RUN:
            run = len(slots)
        elif part == ONE:
            slots.append(tuple(content))
        elif part:
            slots += _known(tokenizer, part, text)
    found = Masked(text, tuple(slots), run)
    whole = all(len(slot) == len(content) for slot in slots)
    if whole:
        raise InputError(f"{quoted(text)}: everything is unknown, and that is sampling: seqvae sample MODEL")
    if run is None and not found.unknown:
        raise InputError(
            f"{quoted(text)}: nothing is unknown; mark what is by {ONE} (one), {RUN} (a run) or codes such as N"
        )
    if len(slots) > codec.max_length:
        raise InputError(f"{quoted(text)} has {len(slots)} tokens, the model takes at most {codec.max_length} {noun}s")
    return found


def _known(tokenizer: Tokenizer, part: str, text: str) -> list[tuple[int, ...]]:
    """Return the slots of a part without `?` and `*`; a code of an alphabet allows several ids."""
    try:
        form = part if tokenizer.molecular else tokenizer.normalize(part)
        ids = tokenizer.ids(tokenizer.split(form, text))
    except InputError as error:
        raise InputError(f"{quoted(text)}: the model cannot read {quoted(part)}: {error}") from error
    place_of = {token: place for place, token in enumerate(tokenizer.tokens)}
    sets = [tuple(sorted(place_of[token] for token in allowed)) for allowed in tokenizer.code_sets.values()]
    return [(number,) if number < tokenizer.vocab_size else sets[number - tokenizer.vocab_size] for number in ids]


def allowed_tokens(texts: Sequence[Masked], vocab: int) -> Bool[Tensor, "batch length vocab"]:
    """Return which tokens each position may have: those of its slot, then the end, then padding."""
    longest = max(len(text.slots) for text in texts) + 1
    found = torch.zeros(len(texts), longest, vocab, dtype=torch.bool)
    for row, text in enumerate(texts):
        for place, slot in enumerate(text.slots):
            found[row, place, list(slot)] = True
        found[row, len(text.slots), EOS] = True
        found[row, len(text.slots) + 1 :, PAD] = True
    return found
