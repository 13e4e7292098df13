"""What a search has to know of its texts: their canonical form, and how they are mutated and crossed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import final

from seqvae.errors import InputError
from seqvae.search.evolution import Moves
from seqvae.search.molecule_moves import MoleculeMoves
from seqvae.search.oracle import Canonical
from seqvae.search.sequence_moves import SequenceMoves
from seqvae.text.molecules import canonical_or_none
from seqvae.text.tokenizer import Tokenizer


@final
@dataclass(frozen=True)
class Texts:
    """Texts of one kind.

    Attributes:
        canonical: returns the canonical form of a text, None for an invalid one.
        moves: small changes: of molecules as graphs, of sequences letter by letter.
        molecular: whether they are molecules.
        constrained: whether there are rules that a text of the kind may break, which then has no canonical form.
    """

    canonical: Canonical
    moves: Moves
    molecular: bool
    constrained: bool = False

    @property
    def letters(self) -> str:
        """What sequences are written in; nothing of molecules."""
        return self.moves.alphabet if isinstance(self.moves, SequenceMoves) else ""


# A proposal is read when it is made, when it is compared with what is known, and when it is scored.
MOLECULES = Texts(lru_cache(maxsize=10_000)(canonical_or_none), MoleculeMoves(), molecular=True)


def texts_of(tokenizer: Tokenizer, start: Collection[str]) -> Texts:
    """Return what there is to know of a model's texts.

    Args:
        tokenizer: the model's.
        start: texts that the search begins with: where they are of one length, and no molecules, so are all that
            follow.
    """
    if tokenizer.molecular:
        return MOLECULES
    letters = "".join(token for token in tokenizer.tokens if len(token) == 1)
    return Texts(normal_form(tokenizer), SequenceMoves(letters, fixed_length=len(set(map(len, start))) == 1), False)


def texts_over(letters: str, start: Collection[str]) -> Texts:
    """Return what there is to know of sequences over some letters; `start` as in `texts_of`."""

    def canonical(text: str) -> str | None:
        return text if text and set(text) <= set(letters) else None

    return Texts(canonical, SequenceMoves(letters, fixed_length=len(set(map(len, start))) == 1), molecular=False)


def normal_form(tokenizer: Tokenizer) -> Canonical:
    """Return what turns a text into a tokenizer's canonical form; texts that are none become None."""

    def canonical(text: str) -> str | None:
        try:
            form = tokenizer.normalize(text)
            tokenizer.encode(form)
        except InputError:
            return None
        return form if form else None

    return canonical
