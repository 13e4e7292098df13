"""Whether the decoder listens to z: what texts cost from their own z, from another text's, and from the prior's."""

from __future__ import annotations

from dataclasses import dataclass

from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.evaluate.diagnosis.likelihood import standard_error
from seqvae.evaluate.model.diagnostics import other_rows
from seqvae.evaluate.model.reconstruction import teacher_forced
from seqvae.latent.codec import Codec
from seqvae.model.posteriors import Posterior
from seqvae.runtime.streams import DIAGNOSIS_OTHERS


@dataclass(frozen=True)
class DecoderUse:
    """Metrics of the decoder's use of z, nats per text. `DIAGNOSIS_METRICS` has their titles.

    Both gains are 0 for a decoder that ignores z; `_error` is their standard error, paired by text.
    """

    gain_over_shuffled: float
    gain_over_shuffled_error: float
    gain_over_prior: float
    gain_over_prior_error: float
    token_accuracy: float


def decoder_use(codec: Codec, texts: TokenizedTexts, posterior: Posterior, seed: int = 0) -> DecoderUse:
    """Return the metrics of texts, at least two: -log p(x|z) from other z minus that from their own.

    Args:
        codec: the model.
        texts: read by it.
        posterior: q(z|x) of these texts, on the CPU.
        seed: of the draws.
    """
    rng = DIAGNOSIS_OTHERS.generator(seed)
    z = posterior.rsample(1, rng)[0]
    drawn = codec.prior().sample(len(texts), rng).detach().float()
    own, other, prior = teacher_forced(codec, texts, z, z[other_rows(len(texts), rng)], drawn)
    shuffled, unknown = (own.log_likelihood - one.log_likelihood for one in (other, prior))
    return DecoderUse(
        gain_over_shuffled=shuffled.double().mean().item(),
        gain_over_shuffled_error=standard_error(shuffled),
        gain_over_prior=unknown.double().mean().item(),
        gain_over_prior_error=standard_error(unknown),
        token_accuracy=own.accuracy,
    )
