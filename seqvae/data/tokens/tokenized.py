"""Texts as a model reads them: canonical forms and token ids, made once, and the texts that were rejected."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from seqvae.errors import InputError, TooLongError, UnknownTokenError, UsageError, quoted
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

_MOST_SHOWN = 5  # rejected texts that a message names


@final
@dataclass(frozen=True)
class RejectedText:
    """A text that cannot be read.

    Attributes:
        row: its position among the texts given.
        form: its canonical form; None if it is no molecule or sequence.
        reason: what is wrong with it.
    """

    row: int
    form: str | None
    reason: str


@final
@dataclass(frozen=True)
class TokenizedTexts:
    """Texts that have been read, so that no text is canonicalised or split again.

    Their length is the number of texts that could be read.

    Attributes:
        tokenizer: that read them; the ids mean nothing to another one.
        forms: canonical form of each.
        ids: token ids of each, without special tokens.
        rows: position of each among the given texts, ascending.
        rejected: the other given texts, ascending.
        conditions: float32 `(texts, conditions)`, what is known of each, NaN for what is not; None: nothing is.
    """

    tokenizer: Tokenizer
    forms: list[str]
    ids: list[list[int]]
    rows: list[int]
    rejected: tuple[RejectedText, ...] = ()
    conditions: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.forms)

    @property
    def given(self) -> int:
        """Number of texts given, including those that cannot be read."""
        return len(self.rows) + len(self.rejected)

    def left_out(self) -> str:
        """Return in one line which of the given texts are rejected, and why."""
        noun, shown = self.tokenizer.domain.noun, self.rejected[:_MOST_SHOWN]
        said = [one.reason if one.reason.startswith(noun) else f"{noun} {one.row + 1}: {one.reason}" for one in shown]
        more = f"; and {len(self.rejected) - len(shown):,} more" if len(self.rejected) > len(shown) else ""
        return f"{len(self.rejected):,} of {self.given:,} {noun}s left out: {'; '.join(said)}{more}"

    def first(self, count: int) -> TokenizedTexts:
        """Return the result for the first `count` of the given texts."""
        kept = self.take([place for place, row in enumerate(self.rows) if row < count])
        return replace(kept, rejected=tuple(one for one in self.rejected if one.row < count))

    def without(self, rows: Collection[int]) -> TokenizedTexts:
        """Return the result for the given texts without those at these positions."""
        left = (row for row in range(self.given) if row not in rows)
        new = {row: place for place, row in enumerate(left)}
        kept = self.take([place for place, row in enumerate(self.rows) if row in new])
        rejected = tuple(replace(one, row=new[one.row]) for one in self.rejected if one.row in new)
        return replace(kept, rows=[new[row] for row in kept.rows], rejected=rejected)

    def take(self, places: Sequence[int]) -> TokenizedTexts:
        """Return the texts at these positions among those that could be read."""
        forms, rows = [self.forms[place] for place in places], [self.rows[place] for place in places]
        known = None if self.conditions is None else self.conditions[np.asarray(places, int)]
        return TokenizedTexts(self.tokenizer, forms, [self.ids[place] for place in places], rows, conditions=known)

    def told(self, conditions: NDArray[np.float32] | None) -> TokenizedTexts:
        """Return the same texts with the conditions of the given ones, those that were rejected included."""
        return replace(self, conditions=None if conditions is None else conditions[np.asarray(self.rows, int)])


AnyTexts = Sequence[Any] | TokenizedTexts  # texts, read or not; what is no text among them is named by its row


def first_texts(texts: AnyTexts, count: int) -> AnyTexts:
    """Return the first `count` of the given texts."""
    return texts.first(count) if isinstance(texts, TokenizedTexts) else texts[:count]


def tokenize(texts: AnyTexts, tokenizer: Tokenizer, max_length: int = 0, on_error: str = "stop") -> TokenizedTexts:
    """Read texts: the only place that decides whether a tokenizer and a model of some length can read a text.

    Args:
        texts: strings; for a tokenizer of molecules also RDKit's `Mol`. If they have been read already, only their
            length is checked.
        tokenizer: fitted.
        max_length: most tokens per text, without special tokens; 0: no limit.
        on_error: "stop" raises at a text that cannot be read; "skip" lists such texts.

    Raises:
        InputError: with "stop": a text is no molecule or sequence, else one has an unknown token, else one is too long;
            the message names it as given.
        UsageError: `on_error` is something else, the tokenizer is not fitted, or another one has read the texts.
    """
    if on_error not in ("stop", "skip"):
        raise UsageError(f'on_error must be "stop" or "skip", got {on_error!r}')
    stop = on_error == "stop"
    if not isinstance(texts, TokenizedTexts):
        texts = as_strings(texts) if tokenizer.molecular else [*texts]
        found = _read(texts, tokenizer, stop)
        return _fitting(found, [texts[row] for row in found.rows], max_length, stop)
    if texts.tokenizer is not tokenizer and texts.tokenizer.to_dict() != tokenizer.to_dict():
        noun = tokenizer.domain.noun
        raise UsageError(f"the {noun}s were read by a different tokenizer: give them as strings")
    return _fitting(texts, texts.forms, max_length, stop)


def as_strings(texts: Sequence[Any]) -> list[Any]:
    """Return texts as they are written, molecules of RDKit as SMILES; what is no text stays as it is."""
    written = list(texts)  # a column of a table has an index of its own
    for row, one in enumerate(written):
        if type(one).__name__ == "Mol":
            from seqvae.sequences.molecules import write_molecule

            written[row] = write_molecule(one)
    return written


def ids_or_errors(symbol_lists: Sequence[Sequence[str]], tokenizer: Tokenizer) -> list[list[int] | UnknownTokenError]:
    """Return the token ids of texts already split, or the error for a text with an unknown token."""
    with suppress(UnknownTokenError):
        return [*tokenizer.ids_batch(symbol_lists)]
    found: list[list[int] | UnknownTokenError] = []
    for symbols in symbol_lists:
        try:
            found.append(tokenizer.ids(symbols))
        except UnknownTokenError as error:
            found.append(error)
    return found


def _read(texts: Sequence[str], tokenizer: Tokenizer, stop: bool) -> TokenizedTexts:
    rejected: list[RejectedText] = []

    def reject(row: int, form: str | None, error: InputError) -> None:
        """Raise or note an error, as asked."""
        if stop:
            if len(texts) > 1 and isinstance(texts[row], str):
                error.args = (f"{tokenizer.domain.noun} {row + 1} of {len(texts):,}: {error}",)
            raise error
        rejected.append(RejectedText(row, form, str(error)))

    split: list[tuple[int, str, list[str]]] = []
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            place = f"{tokenizer.domain.noun} {row + 1}"
            reason = f"{place} is no text, it is of type {type(text).__name__}: give a string"
            if text is None or (isinstance(text, Real) and text != text):  # NaN, as pandas has it for an empty cell
                reason = f"{place} is {'None' if text is None else 'NaN'}: leave empty rows out"
            reject(row, None, InputError(reason))
            continue
        read = tokenizer.read(text)
        if read.error is None and read.form is not None:
            split.append((row, read.form, read.symbols))
        elif read.error is not None:
            reject(row, read.form, read.error)
    forms, ids, rows = [], [], []
    for (row, form, _), found in zip(split, ids_or_errors([symbols for *_, symbols in split], tokenizer), strict=True):
        if isinstance(found, UnknownTokenError):
            reject(row, form, UnknownTokenError(texts[row], found.token, found.column))
            continue
        forms.append(form)
        ids.append(found)
        rows.append(row)
    return TokenizedTexts(tokenizer, forms, ids, rows, tuple(sorted(rejected, key=lambda one: one.row)))


def _fitting(texts: TokenizedTexts, names: Sequence[str], max_length: int, stop: bool) -> TokenizedTexts:
    """Return the texts without those that are too long; errors call them by `names`."""
    long = [place for place, ids in enumerate(texts.ids) if len(ids) > max_length > 0]
    if not long:
        return texts
    reasons = {
        place: f"{quoted(names[place])} has {len(texts.ids[place])} tokens, the model takes at most {max_length}: "
        "leave it out, or train a model with a larger max_length"
        for place in long
    }
    if stop:
        raise TooLongError(reasons[long[0]])
    rejected = [RejectedText(texts.rows[place], texts.forms[place], reason) for place, reason in reasons.items()]
    kept = texts.take([place for place in range(len(texts)) if place not in reasons])
    return replace(kept, rejected=tuple(sorted([*texts.rejected, *rejected], key=lambda one: one.row)))
