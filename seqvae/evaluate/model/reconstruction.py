"""How well texts are reconstructed from their latent points."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from seqvae.config import INFERENCE_BATCH, DecodeConfig
from seqvae.data.tokens.tokenized import AnyTexts
from seqvae.latent.codec import Codec
from seqvae.model.encoders import present
from seqvae.model.objective import log_likelihood
from seqvae.runtime.device import evaluating
from seqvae.runtime.streams import PROTOCOL_DECODINGS, PROTOCOL_ENCODINGS

_PROTOCOL_TEXTS = 20  # texts of the 10 x 10 protocol that are decoded together: 2,000 rows


@dataclass(frozen=True)
class Reconstruction:
    """Texts and their reconstructions, greedy from the posterior mean, free-running.

    Attributes:
        texts: in canonical form.
        decoded: the reconstructions.
    """

    texts: list[str]
    decoded: list[str]

    @property
    def exact(self) -> float:
        """The share of texts whose reconstruction is the same canonical text."""
        return sum(a == b for a, b in zip(self.texts, self.decoded, strict=True)) / len(self.texts)

    @property
    def misses(self) -> list[tuple[str, str]]:
        """Each text that was not reconstructed exactly, with its reconstruction."""
        return [(a, b) for a, b in zip(self.texts, self.decoded, strict=True) if a != b]


def reconstruct(
    codec: Codec, texts: AnyTexts, batch_size: int = INFERENCE_BATCH, refine: int | str = 0
) -> Reconstruction:
    """Encode texts to their posterior means and decode these greedily, each token from those decoded before it.

    Arguments are as in `Codec.encode`, but the encoder alone encodes unless steps of refinement are asked for.

    Raises:
        InputError: a text cannot be encoded.
    """
    read = codec.tokenize(texts)
    z = codec.encode(read, batch_size, refine)
    return Reconstruction(read.forms, codec.generate(z, batch_size=batch_size).texts)


def canonical_equal(codec: Codec, found: Reconstruction) -> float:
    """Return the share of texts whose reconstruction has the right canonical form, once it is made canonical itself.

    A codec already decodes into canonical form, so this exceeds `exact` only where a canonical form is no fixed point.
    """
    forms = map(codec.tokenizer.normalize_or_none, found.decoded)
    same = sum(form == text for form, text in zip(forms, found.texts, strict=True))
    return same / len(found.texts)


@dataclass(frozen=True)
class Forced:
    """What the decoder predicts of texts, each token from the true tokens before it (teacher forcing).

    Attributes:
        right: `(texts,)`, number of tokens that the model finds likeliest.
        tokens: `(texts,)`, number of tokens, ends included.
        log_likelihood: `(texts,)`, log p(x|z), nats.
    """

    right: Int[Tensor, " texts"]
    tokens: Int[Tensor, " texts"]
    log_likelihood: Float[Tensor, " texts"]

    @property
    def accuracy(self) -> float:
        """The share of tokens that are right."""
        return int(self.right.sum()) / int(self.tokens.sum()) if len(self.tokens) else 0.0

    @property
    def exact(self) -> float:
        """The share of texts with all tokens right.

        Greedy free-running decoding from the same z then gives the same tokens, by induction over the positions; so
        this never exceeds `Reconstruction.exact`, except for rounding and for sets of allowed symbols.
        """
        return int((self.right == self.tokens).sum()) / len(self.tokens) if len(self.tokens) else 0.0


def teacher_forced(
    codec: Codec,
    texts: AnyTexts,
    *points: Float[Tensor, "texts latent"],
    batch_size: int = INFERENCE_BATCH,
) -> list[Forced]:
    """Predict every token of each text from its latent point and the true tokens before it.

    A set of allowed symbols counts as right when the likeliest symbol is one of them.

    Args:
        codec: the model.
        texts: what is predicted.
        *points: one or several choices of z, one row per text: the posterior means, samples, another text's.
        batch_size: texts per pass.

    Returns:
        The predictions for each choice of z.

    Raises:
        InputError: a text cannot be encoded.
    """
    right = torch.zeros(len(points), len(texts), dtype=torch.long)
    tokens_each = torch.zeros(len(texts), dtype=torch.long)
    likelihood = torch.zeros(len(points), len(texts))
    with evaluating(codec.model):
        for rows, tokens, known in codec.told_batches(texts, batch_size):
            there = present(tokens)
            tokens_each[rows] = there.sum(1).cpu()
            for number, z in enumerate(points):
                logits = codec.model.decoder(codec.model.points(z[rows].to(tokens.device), known), tokens)
                likeliest = logits.argmax(-1)
                if tokens.dim() == 3:  # sets of allowed symbols
                    hits = tokens.gather(2, likeliest.unsqueeze(2)).squeeze(2) > 0
                else:
                    hits = likeliest == tokens
                right[number, rows] = (hits & there).sum(1).cpu()
                likelihood[number, rows] = log_likelihood(logits, tokens).float().cpu()
    return [Forced(r, tokens_each, total) for r, total in zip(right, likelihood, strict=True)]


def token_accuracy(codec: Codec, texts: AnyTexts, batch_size: int = INFERENCE_BATCH) -> float:
    """Return the share of tokens (ends included) that the model finds likeliest, z at the posterior mean.

    Each token is predicted from the true tokens before it (teacher forcing).

    Raises:
        InputError: a text cannot be encoded.
    """
    read = codec.tokenize(texts)
    return teacher_forced(codec, read, codec.encode(read, batch_size, refine=0), batch_size=batch_size)[0].accuracy


def sampled_reconstruction(
    codec: Codec, texts: AnyTexts, encodings: int = 10, decodings: int = 10, seed: int = 0
) -> Float[Tensor, " texts"]:
    """Return, for each text, the share of stochastic decodings of posterior samples that are the text itself.

    The protocol of Jin et al. 2018 (arXiv:1802.04364, section 3.1): 10 samples of q(z|x), each decoded 10 times by
    sampling every token (temperature 1); equal means the same canonical text, stereo included. It costs
    `encodings * decodings` decodings per text.

    Raises:
        InputError: a text cannot be encoded.
    """
    read = codec.tokenize(texts)
    z = codec.posterior(read, refine=0).rsample(encodings, PROTOCOL_ENCODINGS.generator(seed)).transpose(0, 1)
    shares = torch.zeros(len(read))
    for start in range(0, len(read), _PROTOCOL_TEXTS):
        part = z[start : start + _PROTOCOL_TEXTS]
        config = DecodeConfig("sample", seed=PROTOCOL_DECODINGS.seed(seed, start))
        each = encodings * decodings
        known = None if read.conditions is None else read.conditions[start : start + len(part)].repeat(each, 0)
        points = part.flatten(0, 1).repeat_interleave(decodings, 0)
        decoded = codec.generate(points, config, conditions=known).texts
        for row in range(len(part)):
            wanted = read.forms[start + row]
            shares[start + row] = decoded[row * each : (row + 1) * each].count(wanted) / each
    return shares
