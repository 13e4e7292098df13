"""The alphabet of a kind of sequence: its letters, its ambiguity codes and its canonical form."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from seqvae.errors import InvalidSequenceError, UsageError, quoted

GAP: str = "-"


@final
@dataclass(frozen=True, eq=False)
class Alphabet:
    """The letters that sequences of one kind are written in. Canonical forms are in upper case.

    Attributes:
        title: name of such sequences in error messages, such as `DNA`.
        letters: the unambiguous letters, in an order that never changes, because token ids follow it.
        codes: ambiguity codes, each with the letters that it allows; their order never changes either.
        unit: what one letter is: `base`, `residue`.
        read_as: further letters that are accepted, and the letter or code that each is read as.
        complements: the complement of each letter and code; empty where sequences have no second strand.
        end: a symbol that may end a sequence and is removed, such as the stop of a translation.
    """

    title: str
    letters: str
    codes: Mapping[str, frozenset[str]]
    unit: str = "letter"
    read_as: Mapping[str, str] = field(default_factory=dict)
    complements: Mapping[str, str] = field(default_factory=dict)
    end: str = ""
    _upper: dict[int, str] = field(init=False, repr=False)
    _unknown: re.Pattern[str] = field(init=False, repr=False)
    _complement: dict[int, str] = field(init=False, repr=False)
    _unpaired: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # Over ASCII alone: str.upper() would turn some other characters into letters ("ſ" into "S").
        upper = {letter: self.read_as.get(letter, letter) for letter in string.ascii_uppercase}
        upper |= {letter.lower(): form for letter, form in upper.items()}
        pairs = {GAP: GAP, **self.complements}
        pairs |= {letter.lower(): other.lower() for letter, other in pairs.items()}
        known = re.escape("".join((*self.letters, *self.codes)))
        object.__setattr__(self, "_upper", str.maketrans(upper))
        object.__setattr__(self, "_unknown", re.compile(f"[^{known}{GAP}]"))
        object.__setattr__(self, "_complement", str.maketrans(pairs))
        object.__setattr__(self, "_unpaired", re.compile(f"[^{re.escape(''.join(pairs))}]"))

    def normalize(self, text: str, *, allow_gap: bool = False) -> str:
        """Return a sequence in canonical form: upper case, stripped of blanks, further letters read as `read_as` says.

        Args:
            text: letters and codes, in any case.
            allow_gap: accept the gap `-` too.

        Raises:
            InvalidSequenceError: the text is empty, or holds another character or a gap that is not allowed; the
                message gives its column.
        """
        found = text.strip()
        sequence = found.translate(self._upper).removesuffix(self.end)
        if not sequence:
            raise InvalidSequenceError(
                f"expected at least one {self.unit}, got an empty sequence, {text!r}: leave it out"
            )
        if bad := self._unknown.search(sequence):
            raise self._refusal(found, bad.start())
        if not allow_gap and GAP in sequence:
            raise InvalidSequenceError(
                f"gap '-' at column {sequence.index(GAP) + 1} of {quoted(found)}: "
                "gaps are refused; remove them, or name an alignment as such (.afa, .a2m, .sto; --format afa; "
                "tokenizer option allow_gap)"
            )
        return sequence

    def canonical(self, text: str, *, allow_gap: bool = False) -> str | None:
        """Return the canonical form, as `normalize` does; None for a text that it refuses."""
        try:
            return self.normalize(text, allow_gap=allow_gap)
        except InvalidSequenceError:
            return None

    def certain(self, text: str) -> str | None:
        """Return the canonical form of a sequence without ambiguity codes; None for any other text."""
        form = self.canonical(text)
        return form if form is not None and set(form) <= set(self.letters) else None

    def complement(self, text: str) -> str:
        """Return the complementary strand, letter by letter in the same order; case and gaps are kept.

        Raises:
            InvalidSequenceError: a character is neither a letter nor a code.
            UsageError: sequences of this alphabet have no complementary strand.
        """
        if not self.complements:
            raise UsageError(f"{self.title} has no complementary strand")
        if bad := self._unpaired.search(text):
            raise self._refusal(text, bad.start())
        return text.translate(self._complement)

    def reverse_complement(self, text: str) -> str:
        """Return the reverse complement; applied twice it gives the text back. Raises as `complement`."""
        return self.complement(text)[::-1]

    def representative(self, sequence: str) -> str:
        """Return the lesser of a sequence and its reverse complement; the sequence itself if it has only one strand."""
        return min(sequence, self.reverse_complement(sequence)) if self.complements else sequence

    def _refusal(self, text: str, column: int) -> InvalidSequenceError:
        codes = f" or an IUPAC code {', '.join(self.codes)}" if self.codes else ""
        return InvalidSequenceError(
            f"expected {self.title} ({', '.join(self.letters)}{codes}), "
            f"got {text[column]!r} at column {column + 1} of {quoted(text)}: correct the sequence or leave it out"
        )
