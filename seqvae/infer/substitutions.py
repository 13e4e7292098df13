"""What every single substitution of a sequence does to log p(x), and what alleles within windows of a genome do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seqvae.config import INFERENCE_BATCH, ScoreConfig
from seqvae.data.tokens.tokenized import AnyTexts, RejectedText, TokenizedTexts
from seqvae.errors import UsageError
from seqvae.infer.likelihood import Progress, weigh
from seqvae.latent.codec import Codec, load
from seqvae.sequences.codons import CODONS
from seqvae.sequences.tokenizers.codons import of_codons


@dataclass(frozen=True)
class Mutations:
    """Single substitutions of some sequences; nats.

    A position is a letter, or, of a model of codons, a codon, and so is what it may have.

    Attributes:
        letters: that each position may have; of a model of codons all 64 codons.
        forms: canonical form of each sequence that the model can read.
        rows: position of each among the sequences given.
        log_p: of each.
        delta: of each `(length, letters)`, log p of the sequence with that letter there minus its own; 0 at its own.
        error: the same of the standard errors of these differences, from above: both share the noise.
        rejected: the sequences that the model cannot read.
    """

    letters: Sequence[str]
    forms: list[str]
    rows: list[int]
    log_p: NDArray[np.float64]
    delta: list[NDArray[np.float64]]
    error: list[NDArray[np.float64]]
    rejected: tuple[RejectedText, ...]

    @property
    def positions(self) -> list[list[str]]:
        """Of each sequence what stands at each position: its letters, or its codons."""
        return [_parts(form, self.letters) for form in self.forms]

    @property
    def of_codons(self) -> bool:
        """Whether codons are exchanged, not letters."""
        return self.letters == CODONS

    @property
    def importance(self) -> list[NDArray[np.float64]]:
        """Of each sequence `(length,)`: what log p loses on average by another letter there, nats; negative: gains."""
        return [-delta.sum(1) / (len(self.letters) - 1) for delta in self.delta]


def _parts(form: str, letters: Sequence[str]) -> list[str]:
    width = len(letters[0])
    return [form[start : start + width] for start in range(0, len(form), width)]


def mutations(
    model: str | Path | Codec,
    texts: AnyTexts,
    config: ScoreConfig | None = None,
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
) -> Mutations:
    """Return what every single substitution does to log p; arguments and errors as `score`.

    Every variant is weighed by points of its own posterior (as DeepSequence does by its bound: Riesselman et al. 2018,
    doi:10.1038/s41592-018-0138-4); all share one noise, so that most of the error cancels in the difference.

    Of a model of codons a substitution is one codon for another, in frame: a stop before the end, which no sequence
    that the model reads has, is weighed like any other.

    Raises:
        UsageError: a model of molecules, of which a letter is no part that can be exchanged.
    """
    codec = model if isinstance(model, Codec) else load(model, device=device)
    letters, read = letters_of(codec), codec.tokenize(texts, on_error="skip")
    config = (config or ScoreConfig()).settled()
    variants = [
        "".join((*parts[:place], letter, *parts[place + 1 :]))
        for parts in (_parts(form, letters) for form in read.forms)
        for place in range(len(parts))
        for letter in letters
    ]
    distinct = list(dict.fromkeys([*read.forms, *variants]))
    log_p, error = np.zeros(0), np.zeros(0)
    if distinct:
        tokenizer = codec.tokenizer
        if of_codons(tokenizer):  # by its tokens also what has a stop before the end, which reading refuses
            ids = tokenizer.ids_batch([tokenizer.split(form) for form in distinct])
            many = TokenizedTexts(tokenizer, distinct, ids, list(range(len(distinct))))
        else:
            many = codec.tokenize(distinct)
        found = weigh(codec, many, config.samples, config.refine, config.seed, batch_size, progress)
        log_p, error = found.log_p.numpy(), found.error.numpy()
    place_of = {form: place for place, form in enumerate(distinct)}
    own = np.array([place_of[form] for form in read.forms], np.int64)
    deltas, errors, start = [], [], 0
    for form, target in zip(read.forms, own, strict=True):
        stop = start + len(_parts(form, letters)) * len(letters)
        places = np.array([place_of[variant] for variant in variants[start:stop]]).reshape(-1, len(letters))
        deltas.append(log_p[places] - log_p[target])
        errors.append(np.where(places == target, 0.0, np.hypot(error[places], error[target])))
        start = stop
    return Mutations(letters, read.forms, read.rows, log_p[own], deltas, errors, read.rejected)


@dataclass(frozen=True)
class Alleles:
    """Windows of a reference with other alleles in them; nats, a row for each, NaN where there is a reason.

    Attributes:
        delta_log_p: log p of the window with the alternative allele minus that of the window of the reference.
        error: its standard error, from above: both share the noise.
        log_p: of the alternative.
        log_p_reference: of the reference.
        reasons: why one of the two has no log p; "" where both have.
    """

    delta_log_p: NDArray[np.float64]
    error: NDArray[np.float64]
    log_p: NDArray[np.float64]
    log_p_reference: NDArray[np.float64]
    reasons: list[str]


def alleles(
    model: str | Path | Codec,
    texts: Sequence[str],
    references: Sequence[str],
    config: ScoreConfig | None = None,
    device: str = "auto",
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
) -> Alleles:
    """Return what alleles do to log p of the windows that they stand in; other arguments and errors as `score`.

    Args:
        model: its folder, the name of a pretrained model, or a loaded one.
        texts: windows with alternative alleles.
        references: the same windows with those of the reference.
        config: how much work it is.
        device: `auto`, `cpu` or `cuda`; a loaded model stays where it is.
        batch_size: windows at a time.
        progress: is told how many distinct windows are done, and of how many.

    Raises:
        UsageError: another number of references than of windows.
    """
    if len(texts) != len(references):
        raise UsageError(f"expected a reference for each of {len(texts):,} windows, got {len(references):,}")
    codec = model if isinstance(model, Codec) else load(model, device=device)
    config = (config or ScoreConfig()).settled()
    distinct = list(dict.fromkeys([*references, *texts]))
    read = codec.tokenize(distinct, on_error="skip")
    why = {distinct[one.row]: f"the model cannot read it: {one.reason}" for one in read.rejected}
    if codec.model.decoder.fixed_length:
        for row, form in zip(read.rows, read.forms, strict=True):
            if len(form) != codec.max_length:
                why[distinct[row]] = f"the model has sequences of {codec.max_length:,} letters alone, got {len(form):,}"
    kept = [place for place, row in enumerate(read.rows) if distinct[row] not in why]
    log_p, error = np.full(len(distinct), np.nan), np.full(len(distinct), np.nan)
    if kept:
        rows = [read.rows[place] for place in kept]
        found = weigh(codec, read.take(kept), config.samples, config.refine, config.seed, batch_size, progress)
        log_p[rows], error[rows] = found.log_p.numpy(), found.error.numpy()
    place_of = {text: place for place, text in enumerate(distinct)}
    own, beside = ([place_of[text] for text in some] for some in (texts, references))
    return Alleles(
        delta_log_p=log_p[own] - log_p[beside],
        error=np.where(np.equal(own, beside), 0.0, np.hypot(error[own], error[beside])),
        log_p=log_p[own],
        log_p_reference=log_p[beside],
        reasons=[why.get(text) or why.get(other, "") for text, other in zip(texts, references, strict=True)],
    )


def letters_of(codec: Codec) -> Sequence[str]:
    """Return the letters that a position of a model's sequences may have; of a model of codons, the codons.

    Raises:
        UsageError: it is a model of molecules.
    """
    tokenizer = codec.tokenizer
    if tokenizer.molecular:
        raise UsageError(
            "expected a model of sequences: a letter of a SMILES cannot be exchanged by itself; score the molecules "
            "that you have in mind"
        )
    if of_codons(tokenizer):
        return CODONS
    if tokenizer.domain.alphabet is not None:
        return tokenizer.domain.alphabet.letters
    symbols = {symbol for token in range(3, tokenizer.vocab_size) for symbol in tokenizer.symbols_of([token])}
    return "".join(sorted(symbol for symbol in symbols if len(symbol) == 1))
