"""Texts with unknown positions: what each may be, runs of unknown length; and what was found for them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from seqvae.errors import InputError, UsageError, quoted
from seqvae.infer.imputation.evidence import Slot, exchangeable, misread, one_of_ids
from seqvae.latent.codec import Codec
from seqvae.model.encoders import EOS, PAD
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

ONE, RUN = "?", "*"
_FLAT = 1e-9  # differences of log-likelihoods that are rounding
_FIRST = EOS + 1  # ids below are special tokens, which no position of a text may have


@dataclass(frozen=True)
class Masked:
    """A text with unknown positions.

    Attributes:
        text: as given.
        slots: what each position may be, the end not counted; a run of unknown length is not among them.
        run: before which slot the run stands; None: there is none.
    """

    text: str
    slots: tuple[Slot, ...]
    run: int | None = None

    def with_run(self, length: int, content: Sequence[int]) -> Masked:
        """Return the text with its run replaced by that many positions that may have any token."""
        place = self.run or 0
        return Masked(self.text, (*self.slots[:place], *[one_of_ids(content)] * length, *self.slots[place:]))

    @property
    def unknown(self) -> list[int]:
        """The positions that may have several tokens, from 0."""
        return [place for place, slot in enumerate(self.slots) if len(slot) > 1]

    def changed(self, ids: Sequence[int]) -> int:
        """Return at how many positions a completion has another letter than was read there; a run is left out."""
        before = len(self.slots) if self.run is None else self.run
        kept = [*ids[:before], *ids[len(ids) - len(self.slots) + before :]]
        return sum(slot[one] < max(slot.values()) for slot, one in zip(self.slots, kept, strict=True))


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
        changed: of each completion, the letters that are not as they were read; 0 where none may have been read wrong.
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
    changed: list[int]


def content_ids(tokenizer: Tokenizer) -> list[int]:
    """Return the ids of all tokens that are no special ones."""
    return list(range(_FIRST, tokenizer.vocab_size))


def read_masked(codec: Codec, text: str, errors: Sequence[float] | None = None) -> Masked:
    """Read a text in which `?` is one unknown token, `*` a run of any length, and IUPAC codes are sets of letters.

    Args:
        codec: the model.
        text: a sequence, or the canonical SMILES of a molecule, in which `?` stands for one token of the model's
            vocabulary.
        errors: of sequences: how likely each letter is wrong, as `reading_errors` returns them; None: none is.

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
    slots: list[Slot] = []
    run = None
    for part in re.finditer(f"{re.escape(ONE)}|{re.escape(RUN)}|[^{re.escape(ONE + RUN)}]+", given):
        if part[0] == RUN:
            run = len(slots)
        elif part[0] == ONE:
            slots.append(one_of_ids(content))
        else:
            slots += _known(tokenizer, part[0], text, None if errors is None else errors[part.start() : part.end()])
    found = Masked(text, tuple(slots), run)
    if all(len(slot) == len(content) and max(slot.values()) - min(slot.values()) < _FLAT for slot in slots):
        raise InputError(f"{quoted(text)}: everything is unknown, and that is sampling: seqvae sample MODEL")
    if run is None and not found.unknown:
        raise InputError(
            f"{quoted(text)}: nothing is unknown; mark what is by {ONE} (one), {RUN} (a run) or codes such as N"
        )
    if len(slots) > codec.max_length:
        raise InputError(f"{quoted(text)} has {len(slots)} tokens, the model takes at most {codec.max_length} {noun}s")
    return found


def _known(tokenizer: Tokenizer, part: str, text: str, errors: Sequence[float] | None) -> Iterator[Slot]:
    """Yield the slots of a part without `?` and `*`; a code of an alphabet allows several ids, an error all letters."""
    try:
        form = part if tokenizer.molecular else tokenizer.normalize(part)
        ids = tokenizer.ids(tokenizer.split(form, text))
    except InputError as error:
        where = "" if part == text else f"{quoted(text)}: "
        raise InputError(f"{where}the model cannot read it: {error}") from error
    place_of = {token: place for place, token in enumerate(tokenizer.tokens)}
    sets = [tuple(sorted(place_of[token] for token in allowed)) for allowed in tokenizer.code_sets.values()]
    read = [(number,) if number < tokenizer.vocab_size else sets[number - tokenizer.vocab_size] for number in ids]
    if errors is None:
        yield from map(one_of_ids, read)
        return
    if len(read) != len(errors):
        raise InputError(
            f"{quoted(text)}: with reading errors expected letters without blanks between them, got {quoted(part)}"
        )
    letters = exchangeable(tokenizer)
    yield from (misread(allowed, error, letters) for allowed, error in zip(read, errors, strict=True))


def log_evidence(texts: Sequence[Masked], vocab: int) -> Float[Tensor, "batch length vocab"]:
    """Return log p(what was observed at a position | its token): of its slot, then the end, then padding.

    Minus infinity for a token that the position cannot have.
    """
    longest = max(len(text.slots) for text in texts) + 1
    found = torch.full((len(texts), longest, vocab), -math.inf)
    for row, text in enumerate(texts):
        for place, slot in enumerate(text.slots):
            found[row, place, list(slot)] = torch.tensor(list(slot.values()), dtype=found.dtype)
        found[row, len(text.slots), EOS] = 0.0
        found[row, len(text.slots) + 1 :, PAD] = 0.0
    return found
