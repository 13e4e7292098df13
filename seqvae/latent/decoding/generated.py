"""The results of decoding: token ids, and the texts made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from seqvae.model.decoding.generate import Decoded
from seqvae.model.encoders import PAD
from seqvae.sequences.grammar.smiles_syntax import of_smiles
from seqvae.sequences.tokenizers.tokenizer import Tokenizer


@dataclass(frozen=True)
class TokenRows:
    """Decoded token ids, one row per latent point.

    Attributes:
        ids: token ids, the end token included.
        token_log_probs: log p of each token given z and the tokens before it, nats.
        refusals: how many tokens the rules of chemistry refused in each row.
    """

    ids: list[NDArray[np.int64]]
    token_log_probs: list[NDArray[np.float32]]
    refusals: list[int]

    def add(self, decoded: Decoded) -> None:
        """Append the rows of a batch, without their padding."""
        lengths = (decoded.ids != PAD).sum(1).tolist()
        for values, rows in ((decoded.ids, self.ids), (decoded.token_log_probs, self.token_log_probs)):
            rows.extend(row[:length] for row, length in zip(values.cpu().numpy(), lengths, strict=True))
        self.refusals.extend(decoded.refusals.tolist())


@dataclass(frozen=True)
class Generated:
    """Decoded texts with their log-probabilities under the model.

    Attributes:
        texts: one per latent point; molecules as canonical SMILES where RDKit can read them.
        forms: the same where the model writes SMILES, with None in place of invalid ones.
        ids: token ids of each, the end token included.
        token_log_probs: log p of each of these given z and the tokens before it, nats.
        log_likelihood: `(batch,)`, log p(x|z) in nats: the sum of these.
        refusals: `(batch,)`, how many tokens the rules of chemistry refused (`DecodeConfig.rules`).
        draws: `(batch,)`, how often each was drawn (`DecodeConfig.tries`).
    """

    texts: list[str]
    forms: list[str | None]
    ids: list[NDArray[np.int64]]
    token_log_probs: list[NDArray[np.float32]]
    log_likelihood: Float[Tensor, " batch"]
    refusals: Int[Tensor, " batch"]
    draws: Int[Tensor, " batch"]

    @property
    def valid(self) -> list[bool]:
        """Whether each text is a molecule; true of all where the model does not write SMILES."""
        return [form is not None for form in self.forms]

    @staticmethod
    def of(made: TokenRows, tokenizer: Tokenizer, canonical: Callable[[str], str | None]) -> Generated:
        """Return the texts of decoded token ids; `canonical` reads each SMILES once, None if invalid."""
        if of_smiles(tokenizer):
            written = ["".join(tokenizer.written(row)) for row in made.ids]
            forms = [canonical(text) for text in written]
            texts = [form or text for form, text in zip(forms, written, strict=True)]
        else:
            texts = tokenizer.decode_batch(made.ids)
            forms = [*texts]
        total = torch.tensor([float(row.sum()) for row in made.token_log_probs])
        refusals = torch.tensor(made.refusals)
        return Generated(texts, forms, made.ids, made.token_log_probs, total, refusals, torch.ones_like(refusals))

    @staticmethod
    def joined(parts: Sequence[Generated]) -> Generated:
        """Return the texts of all parts in their order."""
        return Generated(
            [text for part in parts for text in part.texts],
            [form for part in parts for form in part.forms],
            [ids for part in parts for ids in part.ids],
            [scores for part in parts for scores in part.token_log_probs],
            torch.cat([part.log_likelihood for part in parts]),
            torch.cat([part.refusals for part in parts]),
            torch.cat([part.draws for part in parts]),
        )

    def with_rows(self, rows: Sequence[int], other: Generated, others: Sequence[int]) -> Generated:
        """Return these texts, with `rows` replaced by the rows `others` of `other`."""
        texts, forms, ids, scores = [*self.texts], [*self.forms], [*self.ids], [*self.token_log_probs]
        likelihood, refusals = self.log_likelihood.clone(), self.refusals.clone()
        for row, place in zip(rows, others, strict=True):
            texts[row], ids[row], scores[row] = other.texts[place], other.ids[place], other.token_log_probs[place]
            forms[row] = other.forms[place]
            likelihood[row], refusals[row] = other.log_likelihood[place], other.refusals[place]
        return Generated(texts, forms, ids, scores, likelihood, refusals, self.draws)
