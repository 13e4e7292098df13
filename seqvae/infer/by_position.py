"""What each token of a text costs a model, given those before it and what the model knows of the text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqvae.config import INFERENCE_BATCH, ScoreConfig
from seqvae.data.tokens.tokenized import AnyTexts, RejectedText
from seqvae.errors import UsageError
from seqvae.infer.likelihood import Progress, proposals
from seqvae.latent.codec import Codec, load
from seqvae.model.encoders import EOS
from seqvae.runtime.device import evaluating


@dataclass(frozen=True)
class Positions:
    """log p of each token of some texts, teacher-forced; nats.

    Attributes:
        forms: canonical form of each text that the model can read.
        rows: position of each among the texts given.
        tokens: of each text, its end included.
        log_p: of each of these, given the tokens before it and z, averaged over p(z|x): their sum is log p(x) plus
            KL(p(z|x) || p(z)), what the model knows of the text by z.
        rejected: the texts that it cannot read.
    """

    forms: list[str]
    rows: list[int]
    tokens: list[list[str]]
    log_p: list[NDArray[np.float64]]
    rejected: tuple[RejectedText, ...]


def positions(
    model: str | Path | Codec,
    texts: AnyTexts,
    config: ScoreConfig | None = None,
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
) -> Positions:
    """Return log p of every token of texts; arguments and errors as `score`.

    The average over the posterior p(z|x) is by self-normalised importance sampling.
    """
    codec = model if isinstance(model, Codec) else load(model, device=device)
    if codec.model.strands is not None:
        raise UsageError("expected a model of one strand: under both, letters have no order to be predicted in")
    config, read = (config or ScoreConfig()).settled(), codec.tokenize(texts, on_error="skip")
    found: dict[int, NDArray[np.float64]] = {}
    with evaluating(codec.model):
        for rows, tokens, known in codec.told_batches(read, batch_size):
            made = proposals(codec.model, tokens, config.samples, config.refine, config.seed, known)
            shares = made.log_weights.softmax(0)
            means = (shares.unsqueeze(-1) * made.positions).sum(0).cpu().numpy()
            found |= dict(zip(rows.tolist(), means, strict=True))
            if progress is not None:
                progress(len(found), len(read))
    tokenizer = codec.tokenizer
    named = [*tokenizer.tokens, *tokenizer.code_sets]
    tokens_of = [[named[token] for token in (*ids, EOS)] for ids in read.ids]
    log_p = [found[row][: len(tokens_of[row])] for row in range(len(read))]
    return Positions(read.forms, read.rows, tokens_of, log_p, read.rejected)
