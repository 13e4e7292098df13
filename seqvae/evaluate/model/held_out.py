"""Held-out texts as a model reads them."""

from __future__ import annotations

from seqvae.data.tokens.tokenized import AnyTexts, TokenizedTexts
from seqvae.errors import InputError
from seqvae.latent.codec import Codec


def encodable(codec: Codec, texts: AnyTexts) -> TokenizedTexts:
    """Return the texts as the model encodes them, with a list of those that it cannot encode.

    Raises:
        InputError: it can encode none of them; the message says why for the first.
    """
    read = codec.tokenize(texts, on_error="skip")
    if not len(read):
        noun = codec.tokenizer.domain.noun
        reason = read.rejected[0].reason if read.rejected else f"there are no {noun}s"
        raise InputError(f"none of the {read.given} {noun}s can be encoded by this model: {reason}")
    return read
