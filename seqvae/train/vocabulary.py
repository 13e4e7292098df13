"""The symbols that new texts need in addition to those of a fitted tokenizer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from seqvae.data.tokens.pack import pack
from seqvae.errors import SeqVAEWarning
from seqvae.sequences.tokenizers.extend import extended
from seqvae.sequences.tokenizers.tokenizer import Tokenizer


def covering(texts: Sequence[str], tokenizer: Tokenizer, progress: bool = True) -> Tokenizer:
    """Return the tokenizer, extended by the base symbols of these texts that it does not know.

    Texts that are no molecules or sequences are ignored here; packing reports them.

    Args:
        texts: training texts.
        tokenizer: a fitted one; it is not changed.
        progress: show a progress bar.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)  # about unknown tokens, which are added
        packed = pack(texts, tokenizer, progress=progress, on_error="skip")
    unseen = dict.fromkeys(packed.dropped)
    for position, _, _ in packed.rejected:
        unseen |= dict.fromkeys(tokenizer.unseen(tokenizer.read(texts[position]).symbols))
    return extended(tokenizer, sorted(unseen))
