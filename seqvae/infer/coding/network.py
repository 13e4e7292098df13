"""A trained model in exact arithmetic: posterior of tokens, and weights of the next token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, final

import numpy as np

from seqvae.infer.coding.convolutional import ExactCausalConvDecoder, ExactConvEncoder, ExactPositionDecoder
from seqvae.infer.coding.counting import ExactDecoder, ExactWithCounts
from seqvae.infer.coding.dense import ExactDenseDecoder, ExactDenseEncoder, ExactEnds
from seqvae.infer.coding.exact import Numbers, exact_sum, exp, weights_of
from seqvae.infer.coding.recurrent import ExactGRUDecoder, ExactGRUEncoder, Ids, State
from seqvae.latent.codec import Codec
from seqvae.model.counting import WithCounts
from seqvae.model.decoders import CausalConvDecoder, Decoder, DenseDecoder, GRUDecoder, PositionDecoder
from seqvae.model.encoders import BOS, EOS, PAD, ConvEncoder, DenseEncoder, GRUEncoder


class _Encoder(Protocol):
    def __call__(self, tokens: Ids, lengths: Ids) -> Numbers: ...


_DECODERS = {
    GRUDecoder: ExactGRUDecoder,
    CausalConvDecoder: ExactCausalConvDecoder,
    PositionDecoder: ExactPositionDecoder,
    DenseDecoder: ExactDenseDecoder,
}
_ENCODERS = {GRUEncoder: ExactGRUEncoder, ConvEncoder: ExactConvEncoder, DenseEncoder: ExactDenseEncoder}


def _exact(decoder: Decoder) -> ExactDecoder:
    """Return a trained decoder in exact arithmetic."""
    if isinstance(decoder, WithCounts):
        return ExactWithCounts(decoder, _exact)
    made: ExactDecoder = _DECODERS[type(decoder)](decoder)
    return ExactEnds(made) if decoder.certain_ends else made


@final
class ExactModel:
    """What the coder asks of a model; every answer is the same bits everywhere.

    Args:
        codec: the trained model; posteriors that are Gaussian (`diagonal`, `full`) are exact, and of a `full` one the
            marginals are taken; others, and other encoders than here, have no exact form, and `exact_posterior` is
            false.
    """

    def __init__(self, codec: Codec) -> None:
        model = codec.model
        self.latent, self.longest = codec.latent, codec.max_length
        self.kind = codec.run.model.posterior
        self.exact_posterior = self.kind in ("diagonal", "full") and type(model.encoder) in _ENCODERS
        self._codec = codec
        self._decoder = _exact(model.decoder)
        self._told = model.decoder.reads - codec.latent  # of a conditional model: no condition is known
        self._encoder: _Encoder | None = None
        if self.exact_posterior:
            self._encoder = _ENCODERS[type(model.encoder)](model.encoder)
        self._pieces = codec.tokenizer.pieces() if model.finer else None

    def posterior(self, texts: Sequence[Sequence[int]]) -> tuple[Numbers, Numbers]:
        """Return mean and standard deviation of q(z|x) of each dimension, for texts as token ids without their end.

        Where the posterior has no exact form, they are those of the trained model, in its own arithmetic.
        """
        if self._encoder is None:
            found = self._codec.model.posterior(self._codec.padded([list(ids) for ids in texts]))
            return found.mean.detach().cpu().double().numpy(), found.std.detach().cpu().double().numpy()
        if self._pieces is not None:
            texts = [[piece for token in ids for piece in self._pieces[token]] for ids in texts]
        found_numbers = self._encoder(*padded(texts))
        mean, rest = found_numbers[:, : self.latent], found_numbers[:, self.latent :]
        if self.kind == "diagonal":
            return mean, exp(0.5 * rest)
        rows, columns = np.tril_indices(self.latent)
        entries = np.zeros((len(rest), self.latent, self.latent))
        entries[:, rows, columns] = np.where(rows == columns, exp(rest), rest)
        places = 42 - (self.latent - 1).bit_length()
        return mean, np.sqrt(np.maximum(exact_sum(entries * entries, places, 2.0**10), 2.0**-places))

    def begin(self, z: Numbers) -> State:
        """Return the memory before the first token of each text."""
        return self._decoder.begin(np.pad(z, ((0, 0), (0, self._told))))

    def step(self, tokens: Ids, state: State) -> tuple[Numbers, State]:
        """Return the weights of the next token, whole numbers `(batch, vocab)`, and the memory after it."""
        logits, later = self._decoder.step(tokens, state)
        return weights_of(logits), later

    def weights(self, z: Numbers, texts: Sequence[Sequence[int]]) -> list[Numbers]:
        """Return the weights at each position of each text, `(length, vocab)`, its end included where it is coded.

        The end of a text of the greatest length is not coded: there can be nothing else.
        """
        tokens, lengths = padded(texts)
        coded = np.minimum(lengths, self.longest)
        found: list[list[Numbers]] = [[] for _ in texts]
        rows, state, before = np.arange(len(texts)), self.begin(z), np.full(len(texts), BOS)
        for place in range(int(coded.max(initial=0))):
            if not (kept := coded[rows] > place).all():
                rows, state, before = rows[kept], state.select(kept), before[kept]
            weights, state = self.step(before, state)
            for row, weight in zip(rows.tolist(), weights, strict=True):
                found[row].append(weight)
            before = tokens[rows, place]
        return [np.array(one) for one in found]


def padded(texts: Sequence[Sequence[int]]) -> tuple[Ids, Ids]:
    """Return texts with their end as rows of one array, and how many ids of each row belong to its text."""
    lengths = np.array([len(ids) + 1 for ids in texts])
    tokens = np.full((len(texts), int(lengths.max(initial=1))), PAD)
    for row, ids in enumerate(texts):
        tokens[row, : len(ids) + 1] = [*ids, EOS]
    return tokens, lengths
