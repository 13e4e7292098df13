"""Settings that the packed data decide: how long a training is, in what batches, and what lengths the model writes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from seqvae.config import (
    DEFAULT_MODEL,
    FROM_SCRATCH,
    ModelConfig,
    ObjectiveConfig,
    RunConfig,
    sized,
    steps_of,
    told_length,
    weighted,
)
from seqvae.config.sizes import FAMILY, FAMILY_PARTS, FEW_SEQUENCES, RATE_ON_COUNTS, Length, sizes_of
from seqvae.data.family import Family
from seqvae.data.tokens.pack import PackedData
from seqvae.errors import ConfigError, InputError
from seqvae.sequences.domain import MOLECULES, Domain
from seqvae.sequences.tokenizers.codons import CodonTokenizer
from seqvae.sequences.tokenizers.subword import SubwordTokenizer
from seqvae.sequences.tokenizers.tokenizer import Tokenizer

# Of a training from scratch: after 20 to 40 of them, models of DNA were no better than uniform letters; after some
# hundred, one of 300 splice sites was better than counting. A training that stops early by itself may take fewer.
FEWEST_STEPS = 300


def suited(
    run: RunConfig,
    train: PackedData,
    valid: PackedData | None,
    length: Length,
    say: Callable[[str], object] | None = None,
    family: Family | None = None,
) -> RunConfig:
    """Return the settings with those chosen that are left to the data.

    Args:
        run: settings.
        train: packed training texts.
        valid: packed validation texts, if there are any.
        length: of a training from scratch, or of a fine-tuning.
        say: is told, a line at a time, what was chosen, and what cannot come out well.
        family: what the alignment is that the texts are rows of, if they are aligned.

    Raises:
        InputError: a text is longer than `max_length`, or they are to be of one length and are not.
        ConfigError: counts are wanted of other texts than sequences.
    """
    new_family = family is not None and length is FROM_SCRATCH  # a fine-tuning keeps the parts that there are
    model = _with_lengths(_of_family(run.model) if new_family else run.model, train, valid, run.data.source)
    count, domain = len(train.store), train.tokenizer.domain
    # by another KL weight z is to say what letters stand where
    model = _with_counts(model, count if run.objective.beta == -1.0 else FEW_SEQUENCES, train.tokenizer)
    training = sized(run.training, count, valid is not None, FAMILY if new_family else length)
    worth = count if family is None else max(1, int(family.effective))
    objective = weighted(run.objective, worth if domain.alphabet else 0)
    unasked = run.objective.beta == -1.0 and objective.warmup == ObjectiveConfig().warmup
    if objective.schedule == "auto":
        objective = replace(objective, schedule="constant" if model.counts == "added" and unasked else "linear")
    if training.learning_rate == -1.0:
        rate = RATE_ON_COUNTS if model.counts == "added" else training.highest_rate
        training = replace(training, learning_rate=rate)
    if say is not None:
        if line := told_length(run.training, training, count, domain.noun):
            say(line)
        if model.lengths == "fixed":
            unit = "codons" if isinstance(train.tokenizer, CodonTokenizer) else "letters"
            say(
                f"all {domain.noun}s have {model.max_length:,} {unit}: the model will write no others "
                "(--lengths free: of any length)"
            )
        if model.counts == "added" != run.model.counts:
            slower = f"; learning rate {training.learning_rate:g}" if run.training.learning_rate == -1.0 else ""
            few = f"{count:,} sequences are too few to learn them"
            say(f"the decoder stands on counts: {few} (--counts none: without){slower}")
        if model.decoder != run.model.decoder:
            sizes = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in FAMILY_PARTS.items())
            say(f"networks of aligned sequences: {sizes} (any of these flags: all as given)")
        elif model.decoder_width != run.model.decoder_width:
            sizes = ", ".join(f"{name.replace('_', ' ')} {getattr(model, name)}" for name in sizes_of(0))
            say(f"smaller networks: {sizes} (any of these flags: all as given)")
        if objective.beta == 1.0 != run.objective.beta:
            first = " from the first step on" if objective.schedule == "constant" != run.objective.schedule else ""
            say(f"KL weight (--beta) 1{first}: {count:,} sequences are too few to be reconstructed; 0.1 favours that")
        if length is FROM_SCRATCH and (line := too_few_steps(steps_of(training, count), domain, run.data.source)):
            say(line)
    return replace(run, model=model, training=training, objective=objective)


def too_few_steps(steps: int, domain: Domain, source: str) -> str:
    """Return in one line that so many optimiser steps from scratch are too few; empty if they may do."""
    if steps >= FEWEST_STEPS:
        return ""
    few = f"{steps:,} optimiser {'step is' if steps == 1 else 'steps are'} too few to learn much"
    return f"{few}, take {FEWEST_STEPS} at least: {advice(domain, source)}"


def advice(domain: Domain, source: str) -> str:
    """Return what a user can do about a model that has learned too little of the texts of `source`."""
    if domain.name == MOLECULES:
        return f"more --epochs, a smaller --batch-size, or a pretrained model: seqvae finetune {DEFAULT_MODEL} {source}"
    return "more --epochs, a smaller --batch-size, or more sequences"


def _of_family(model: ModelConfig) -> ModelConfig:
    """Return a model's settings with the parts and sizes of aligned sequences, if all are the default ones."""
    blank = ModelConfig()
    if any(getattr(model, name) != getattr(blank, name) for name in (*FAMILY_PARTS, "counts")):
        return model
    return replace(model, counts="none", **FAMILY_PARTS)  # type: ignore[arg-type]


def _with_counts(model: ModelConfig, count: int, tokenizer: Tokenizer) -> ModelConfig:
    """Return a model's settings with `counts` as the data have them, and the sizes if all are the default ones."""
    letters = tokenizer.domain.alphabet is not None and not isinstance(tokenizer, SubwordTokenizer | CodonTokenizer)
    if model.counts == "auto":
        if not letters or count >= FEW_SEQUENCES:
            return replace(model, counts="none")
        blank, sizes = ModelConfig(), sizes_of(count)
        untouched = all(getattr(model, name) == getattr(blank, name) for name in sizes)
        return replace(model, counts="added", **(sizes if untouched else {}))  # type: ignore[arg-type]
    if model.counts == "added" and not letters:
        raise ConfigError("model.counts: letters of DNA, RNA or proteins are counted, one by one; leave it auto")
    return model


def _with_lengths(model: ModelConfig, train: PackedData, valid: PackedData | None, source: str) -> ModelConfig:
    """Return a model's settings with `max_length` and `lengths` as the data have them; raises as `suited`."""
    stores = [packed.store for packed in (train, valid) if packed]
    longest = max(store.max_length for store in stores)
    if 0 < model.max_length < longest:
        raise InputError(
            f"{source}: the longest text has {longest} tokens, model.max_length is {model.max_length}; "
            "raise it, or leave it 0 to take the longest"
        )
    # Sequences of as many letters may have fewer tokens where these are merged.
    letters = not train.tokenizer.molecular and not isinstance(train.tokenizer, SubwordTokenizer)
    alike = letters and all(int(store.lengths.min()) == longest for store in stores)
    if alike and model.max_length in (0, longest):
        ends = "certain" if model.ends == "auto" else model.ends
        return replace(model, max_length=longest, lengths="free" if model.lengths == "free" else "fixed", ends=ends)
    if model.lengths == "fixed":
        raise InputError(
            f"{source}: model.lengths is fixed, which needs sequences that all have one length, in tokens that are "
            "letters, and no other model.max_length; leave it auto"
        )
    return replace(model, max_length=model.max_length or longest, lengths="free")
