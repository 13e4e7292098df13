"""Whether a model that was just trained is of any use: too few steps, worse than counting, broken samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from seqvae.config import DecodeConfig, steps_of
from seqvae.data.tokens.tokenized import TokenizedTexts
from seqvae.evaluate.model.summary import Summary
from seqvae.evaluate.reference_sets import certain
from seqvae.evaluate.sequences.markov_baselines import best_pseudo, bits_per_base, models
from seqvae.sequences.integer_codes import letters
from seqvae.train.fit import Trained
from seqvae.train.prepare import Prepared
from seqvae.train.suited import advice, too_few_steps

_BROKEN = 0.2  # share of samples from which on they are said to be broken
_COUNTED_LETTERS = 2_000_000  # of the training sequences; counts of more are hardly better, and take minutes
_FEWEST_COUNTED, _FEWEST_HELD_OUT = 20, 5  # sequences: with fewer, a comparison says nothing
_VALIDATION = 10  # one sequence in ten chooses the pseudo-count


@dataclass(frozen=True)
class CountingBits:
    """Bits per letter of the best counting model on held-out sequences, and its name."""

    name: str
    bits: float


def shortcomings(trained: Trained, found: Summary | None, finetuned: bool = False) -> list[str]:
    """Return what makes a model useless, a line each with what to do about it; nothing if it is of use.

    Args:
        trained: what `train` returned, or `finetune` inside its result.
        found: the held-out metrics; None if nothing was held out.
        finetuned: whether training began with a trained model, which needs few steps.
    """
    prepared, domain, source = trained.prepared, trained.prepared.tokenizer.domain, trained.prepared.run.data.source
    noun, what_to_do = domain.noun, advice(domain, source)
    # One that validation stopped has had the steps that it could use.
    stopped = trained.progress.step < steps_of(prepared.run.training, len(prepared.train))
    lines = [] if finetuned or stopped else [too_few_steps(trained.progress.step, domain, source)]
    if found is not None:
        if prepared.tokenizer.molecular and not found.exact_reconstruction:
            lines.append(f"none of {found.texts:,} held-out {noun}s comes back from the latent space: {what_to_do}")
        counted = counting_bits(prepared)
        # A small KL weight buys reconstruction with bits: such a model is judged by its own objective as well.
        objective = found.distortion + prepared.run.objective.weight * found.rate
        own = objective * found.texts / found.characters / math.log(2)
        if counted is not None and min(found.bits_per_character, own) > counted.bits:
            lines.append(
                f"{found.bits_per_character:.3f} bits per {domain.unit} of held-out {noun}s, where counting letters "
                f"({counted.name}) needs {counted.bits:.3f}: the model has learned less than counts know; "
                f"{what_to_do}"
            )
        # A molecule that is none is drawn again: what is left of it after the usual draws is what a user gets.
        draws = DecodeConfig.tries if prepared.tokenizer.molecular else 1
        if found.validity <= 1 - _BROKEN ** (1 / draws):
            broken = 1 - found.validity
            what = "no molecules" if prepared.tokenizer.molecular else "empty"
            again = f", and {broken**draws:.0%} after {draws} draws" if draws > 1 else ""
            lines.append(f"{broken:.0%} of {found.samples:,} samples are {what}{again}: {what_to_do}")
    return [f"of little use: {line}" for line in lines if line]


def counting_bits(prepared: Prepared) -> CountingBits | None:
    """Return what the best single counting model needs for the held-out sequences, from those that were trained on.

    None for molecules and unknown alphabets, and where there are too few sequences to compare on.
    """
    alphabet = prepared.tokenizer.domain.alphabet
    if alphabet is None:
        return None
    held_out = prepared.held_out
    forms: Sequence[str] = held_out.forms if isinstance(held_out, TokenizedTexts) else held_out
    most = max(_FEWEST_COUNTED, _COUNTED_LETTERS // max(1, prepared.run.model.max_length))
    seen, asked = (certain(texts, alphabet) for texts in (list(islice(prepared.trained_on(), most)), forms[:most]))
    if len(seen) < _FEWEST_COUNTED or len(asked) < _FEWEST_HELD_OUT:
        return None
    choosing = seen[::_VALIDATION]
    counted = [text for place, text in enumerate(seen) if place % _VALIDATION]
    part, choose, whole, test = (letters(one, alphabet.letters) for one in (counted, choosing, seen, asked))
    alike = len({*whole.lengths.tolist(), *test.lengths.tolist()}) == 1
    found = [
        CountingBits(name, bits_per_base(model, whole, test, best_pseudo(model, part, choose)))
        for name, model in models(alike, letters=len(alphabet.letters)).items()
    ]
    return min(found, key=lambda one: one.bits)
