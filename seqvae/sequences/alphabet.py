"""The alphabet of a kind of sequence: its letters, the codes that stand for several of them, its canonical form."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

from seqvae.errors import InvalidSequenceError, UsageError

GAP: str = "-"


@final
@dataclass(frozen=True, eq=False)
class Alphabet:
    """What sequences of one kind are written in. Canonical forms are in upper case.

    Attributes:
        title: what errors call the sequences, such as `DNA`.
        letters: the letters that are certain, in an order that never changes, because token ids follow it.
        codes: ambiguity codes, each with the letters that it allows; their order never changes either.
        unit: what one letter is: `base`, `residue`.
        read_as: further letters that are accepted, and the letter or code that each is read as.
        complements: the complement of each letter and code; empty where sequences have no second strand.
        end: a mark that may close a sequence, and is taken off.
    """

    title: str
    letters: str
    codes: Mapping[str, frozenset[str]]
    unit: str = "letter"
    read_as: Mapping[str, str] = field(default_factory=dict)
    complements: Mapping[str, str] = field(default_factory=dict)
    end: str = ""

    def normalize(self, text: str, *, allow_gap: bool = False) -> str:
        """Return a sequence in canonical form: upper case, no blanks at its ends, other letters read as they are meant.

        Args:
            text: letters and codes, in any case.
            allow_gap: accept the gap `-` too.

        Raises:
            InvalidSequenceError: the text is empty, holds another character, or a gap that is not allowed; with its
                column.
        """
        found = text.strip()
        sequence = found.translate(self._upper).removesuffix(self.end)
        if not sequence:
            raise InvalidSequenceError(f"expected at least one {self.unit}, got the empty text {text!r}: leave it out")
        if bad := self._unknown.search(sequence):
            raise self._refusal(found, bad.start())
        if not allow_gap and GAP in sequence:
            raise InvalidSequenceError(
                f"gap '-' at column {sequence.index(GAP) + 1} of {found!r}: "
                "gaps are refused; remove them, or make the tokenizer with allow_gap=True"
            )
        return sequence

    def canonical(self, text: str, *, allow_gap: bool = False) -> str | None:
        """Return the canonical form, as `normalize` gives it; None for a text that it refuses."""
        try:
            return self.normalize(text, allow_gap=allow_gap)
        except InvalidSequenceError:
            return None

    def certain(self, text: str) -> str | None:
        """Return the canonical form of a sequence of certain letters alone; None for any other text."""
        form = self.canonical(text)
        return form if form is not None and set(form) <= set(self.letters) else None

    def complement(self, text: str) -> str:
        """Return the other strand, letter by letter and in the same order; case is kept and a gap stays a gap.

        Raises:
            InvalidSequenceError: a character is no letter or code.
            UsageError: sequences of this alphabet have no other strand.
        """
        if not self.complements:
            raise UsageError(f"{self.title} has no complementary strand")
        if bad := self._unpaired.search(text):
            raise self._refusal(text, bad.start())
        return text.translate(self._complement)

    def reverse_complement(self, text: str) -> str:
        """Return the other strand read in its own direction; applied twice it gives the text back; raises as above."""
        return self.complement(text)[::-1]

    def representative(self, sequence: str) -> str:
        """Return the one of a sequence and its reverse complement that comes first; itself where it has one strand."""
        return min(sequence, self.reverse_complement(sequence)) if self.complements else sequence

    @cached_property
    def _unknown(self) -> re.Pattern[str]:
        return re.compile(f"[^{re.escape(''.join((*self.letters, *self.codes)))}{GAP}]")

    @cached_property
    def _unpaired(self) -> re.Pattern[str]:
        return re.compile(f"[^{re.escape(''.join(map(chr, self._complement)))}]")

    @cached_property
    def _upper(self) -> dict[int, str]:
        # Over ASCII alone: str.upper() would turn some other characters into letters ("ſ" into "S").
        upper = {letter: self.read_as.get(letter, letter) for letter in string.ascii_uppercase}
        return str.maketrans(upper | {letter.lower(): form for letter, form in upper.items()})

    @cached_property
    def _complement(self) -> dict[int, str]:
        pairs = {GAP: GAP, **self.complements}
        return str.maketrans(pairs | {letter.lower(): other.lower() for letter, other in pairs.items()})

    def _refusal(self, text: str, column: int) -> InvalidSequenceError:
        codes = f" or an IUPAC code {', '.join(self.codes)}" if self.codes else ""
        return InvalidSequenceError(
            f"expected {self.title} ({', '.join(self.letters)}{codes}), "
            f"got {text[column]!r} at column {column + 1} of {text!r}: correct the text or leave it out"
        )
