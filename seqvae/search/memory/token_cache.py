"""The token ids of texts, remembered since a search returns to its best texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np

from seqvae.errors import InputError
from seqvae.latent.codec import Codec
from seqvae.model.posteriors import Posterior
from seqvae.runtime.device import evaluating
from seqvae.sequences.grammar.smiles_syntax import of_smiles
from seqvae.sequences.molecules import shuffled_smiles
from seqvae.sequences.tokenizers.smiles import split_smiles

_REMEMBERED = 100_000  # texts: some tens of MB


@final
class Readable:
    """Remembers the token ids of texts that a model can read.

    Args:
        codec: the model; its weights may change, its vocabulary may not.
    """

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self._ids: dict[str, list[int] | None] = {}

    def ids(self, text: str) -> list[int] | None:
        """Return the token ids of a text in canonical form, which is not parsed again.

        None where the model cannot read it: an unknown token, or too many tokens.
        """
        if text not in self._ids:
            if len(self._ids) >= _REMEMBERED:
                self._ids.clear()
            try:
                ids = self.codec.tokenizer.ids(self.codec.tokenizer.split(text))
                self._ids[text] = ids if len(ids) <= self.codec.max_length else None
            except InputError:
                self._ids[text] = None
        return self._ids[text]

    def form(self, text: str) -> str | None:
        """Return the canonical form of a text; None of an invalid one."""
        if of_smiles(self.codec.tokenizer):
            return self.codec.canonical(text)
        return self.codec.tokenizer.normalize_or_none(text)

    def __contains__(self, text: str) -> bool:
        return self.ids(text) is not None

    def rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the token ids of those texts that the model can read."""
        return [ids for text in texts if (ids := self.ids(text)) is not None]

    def shuffled(self, text: str, rng: np.random.Generator) -> list[int] | None:
        """Return the token ids of a SMILES with its atoms in a random order.

        Where the model cannot read that order (an unknown token, or too many tokens), those of the text as it stands;
        None where it cannot read that either.
        """
        symbols, tokenizer = split_smiles(shuffled_smiles(text, rng)), self.codec.tokenizer
        if tokenizer.unseen(symbols):
            return self.ids(text)
        ids = tokenizer.ids(symbols)
        return ids if len(ids) <= self.codec.max_length else self.ids(text)

    def posterior(self, texts: Sequence[str]) -> Posterior:
        """Return q(z|x) of readable texts, on the CPU."""
        with evaluating(self.codec.model):
            return self.codec.model.posterior(self.codec.padded(self.rows(texts))).to("cpu")
