"""How well texts come back from their latent points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqvae.config import INFERENCE_BATCH
from seqvae.device import evaluating
from seqvae.latent.codec import Codec
from seqvae.model.encoders import present


@dataclass(frozen=True)
class Reconstruction:
    """Texts beside what came back, greedy from the posterior mean, free-running.

    Attributes:
        texts: in canonical form.
        decoded: what came back.
    """

    texts: list[str]
    decoded: list[str]

    @property
    def exact(self) -> float:
        """Share of texts that came back as the same canonical text."""
        return sum(a == b for a, b in zip(self.texts, self.decoded, strict=True)) / len(self.texts)


def reconstruct(codec: Codec, texts: Sequence[str], batch_size: int = INFERENCE_BATCH) -> Reconstruction:
    """Encode texts to their posterior means and decode these greedily, each token from those decoded before it.

    Raises:
        InputError: a text cannot be encoded.
    """
    wanted = [codec.normalize(text) for text in texts]
    return Reconstruction(wanted, codec.decode(codec.encode(texts, batch_size), batch_size=batch_size))


def token_accuracy(codec: Codec, texts: Sequence[str], batch_size: int = INFERENCE_BATCH) -> float:
    """Return the share of tokens (ends included) that the model finds likeliest, z at the posterior mean.

    Each token is predicted from the true tokens before it (teacher forcing). A set of allowed symbols counts as right
    when the likeliest symbol is one of them.

    Raises:
        InputError: a text cannot be encoded.
    """
    right = total = 0
    with evaluating(codec.model):
        for _, tokens in codec.batches(texts, batch_size):
            likeliest = codec.model.decoder(codec.model.posterior(tokens).mean, tokens).argmax(-1)
            if tokens.dim() == 2:
                agreed = likeliest == tokens
            else:
                agreed = tokens.gather(2, likeliest.unsqueeze(2)).squeeze(2) > 0
            mask = present(tokens)
            right, total = right + int((agreed & mask).sum()), total + int(mask.sum())
    return right / total if total else 0.0
