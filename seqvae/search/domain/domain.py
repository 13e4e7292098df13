"""What a search must know about its texts: their canonical form, and how they are mutated and crossed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import final

from seqvae.data.tokens.tokenized import tokenize
from seqvae.properties.molecules.cache import Sheets
from seqvae.search.domain.codon_moves import CodonMoves
from seqvae.search.domain.molecule_moves import MoleculeMoves
from seqvae.search.domain.moves import Moves
from seqvae.search.domain.sequence_moves import SequenceMoves
from seqvae.search.proposals import Canonical
from seqvae.sequences.dna import BASES
from seqvae.sequences.domain import DOMAINS, detect
from seqvae.sequences.domain import MOLECULES as MOLECULE_TEXTS
from seqvae.sequences.tokenizers.codons import of_codons
from seqvae.sequences.tokenizers.tokenizer import Tokenizer


@final
@dataclass(frozen=True)
class Texts:
    """Texts of one kind.

    Attributes:
        canonical: returns the canonical form of a text, None for an invalid one.
        moves: small changes, of molecules as graphs, of sequences letter by letter or codon by codon.
        molecular: whether they are molecules.
        constrained: whether the search has rules; a text that breaks one has no canonical form.
        sheets: where molecules are parsed, each once for all purposes; None for sequences.
        free: the canonical form without the rules of the search, which measured texts may break; None: there are none.
        projected: the same with the letters of the reference where those are kept; None: there are no rules.
    """

    canonical: Canonical
    moves: Moves
    molecular: bool
    constrained: bool = False
    sheets: Sheets | None = None
    free: Canonical | None = None
    projected: Canonical | None = None

    def allowed(self, text: str) -> str | None:
        """Return the canonical form as `canonical` does, of a text that is no proposal and counts as none."""
        judged = getattr(self.canonical, "judged", None)
        return self.canonical(text) if judged is None else judged(text)[0]

    @property
    def letters(self) -> str:
        """The alphabet of sequences; empty for molecules."""
        if isinstance(self.moves, CodonMoves):
            return BASES
        return self.moves.alphabet if isinstance(self.moves, SequenceMoves) else ""


def molecules(sheets: Sheets | None = None) -> Texts:
    """Return what a search must know about molecules.

    Args:
        sheets: where they are parsed; None: new ones.
    """
    sheets = Sheets() if sheets is None else sheets
    return Texts(sheets.canonical, MoleculeMoves(sheets=sheets), molecular=True, sheets=sheets)


def texts_of(tokenizer: Tokenizer, start: Collection[str]) -> Texts:
    """Return what a search must know about a model's texts.

    Args:
        tokenizer: the model's.
        start: texts that the search begins with: sequences of one length have only designs of that length.
    """
    if tokenizer.molecular:
        return molecules()
    if of_codons(tokenizer):
        return Texts(normal_form(tokenizer), CodonMoves(fixed_length=_of_one_length(start)), False)
    letters = "".join(token for token in tokenizer.tokens if len(token) == 1)
    return Texts(normal_form(tokenizer), SequenceMoves(letters, fixed_length=_of_one_length(start)), False)


def texts_alone(domains: Sequence[str], start: Sequence[str], sheets: Sheets | None = None) -> Texts:
    """Return what a search without a model must know about its texts.

    Args:
        domains: names of those that the objective reads. The texts show which one is meant; where the objective does
            not read that one, it is the first.
        start: as in `texts_of`.
        sheets: as in `molecules`.
    """
    found = domains[0] if len(domains) == 1 else detect(start).name
    domain = DOMAINS[found if found in domains else domains[0]]
    if domain.name == MOLECULE_TEXTS:
        return molecules(sheets)
    if domain.alphabet is None:
        return texts_over("".join(sorted(set("".join(start)))), start)
    moves = SequenceMoves(domain.alphabet.letters, fixed_length=_of_one_length(start))
    return Texts(domain.alphabet.certain, moves, molecular=False)


def texts_over(letters: str, start: Collection[str]) -> Texts:
    """Return what a search must know about sequences over some letters; `start` as in `texts_of`."""

    def canonical(text: str) -> str | None:
        """Return a text of these letters as it is."""
        return text if text and set(text) <= set(letters) else None

    return Texts(canonical, SequenceMoves(letters, fixed_length=_of_one_length(start)), molecular=False)


def _of_one_length(texts: Collection[str]) -> bool:
    return len(set(map(len, texts))) == 1


def normal_form(tokenizer: Tokenizer) -> Canonical:
    """Return what gives a tokenizer's canonical form of a text, None of an invalid one."""

    def canonical(text: str) -> str | None:
        """Return the form of a text that the tokenizer can read."""
        return next(iter(tokenize([text], tokenizer, on_error="skip").forms), "") or None

    return canonical
