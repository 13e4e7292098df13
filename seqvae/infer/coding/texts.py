"""Between the texts of a file and token ids, exactly as they are written."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from seqvae.data.tokens.tokenized import ids_or_errors
from seqvae.errors import InputError, SeqVAEWarning
from seqvae.infer.coding.blocks import Text
from seqvae.latent.codec import Codec
from seqvae.sequences.tokenizers.selfies import SelfiesTokenizer
from seqvae.sequences.tokenizers.subword import SubwordTokenizer
from seqvae.sequences.tokenizers.tokenizer import Tokenizer


def ids_of(codec: Codec, texts: Sequence[bytes]) -> list[Text]:
    """Return the token ids of each text; None for one that would not come back from them byte for byte.

    A text is split as it stands, and not brought into canonical form first: another spelling of a molecule is coded
    too, in more bits.
    """
    tokenizer = codec.tokenizer
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)  # tokens that are dropped do not come back, which is seen below
        symbols: list[list[str]] = []
        for text in texts:
            try:
                symbols.append(tokenizer.split(text.decode("ascii")))
            except (InputError, UnicodeDecodeError):
                symbols.append([])
        found = ids_or_errors(symbols, tokenizer)
    rows: list[Text] = []
    for text, one, ids in zip(texts, symbols, found, strict=True):
        known = ids if one and isinstance(ids, list) else []
        fits = 0 < len(known) <= codec.max_length and max(known) < tokenizer.vocab_size  # ambiguity codes lie beyond
        rows.append(known if fits and text_of(tokenizer, known) == text else None)
    return rows


def text_of(tokenizer: Tokenizer, ids: Sequence[int]) -> bytes:
    """Return the text of token ids: their symbols as they are, without RDKit, of which another version might differ.

    SELFIES have to be translated to SMILES.
    """
    base = tokenizer.base if isinstance(tokenizer, SubwordTokenizer) else tokenizer
    if isinstance(base, SelfiesTokenizer):
        return tokenizer.decode(ids).encode()
    return "".join(tokenizer.symbols_of(ids)).encode()
