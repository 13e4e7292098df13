"""Sequence logos as SVG files of their own: of many sequences, and of what matters in one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqvae.errors import InputError, UsageError
from seqvae.evaluate.sequences.logo import Logo, difference_logo, logo
from seqvae.report.html.letters import drawable
from seqvae.report.html.logo import axis_top, logo_plot
from seqvae.report.html.style import standing_alone

if TYPE_CHECKING:
    from seqvae.infer.substitutions import Mutations
    from seqvae.sequences.domain import Domain

_SHOWN = 20  # letters of a sequence without a name


def sequences_logo(texts: Sequence[str], domain: Domain, title: str) -> tuple[str, Logo]:
    """Return the logo of the sequences that have the most common length, and what it shows; SVG.

    Args:
        texts: as they were read; codes such as N are not counted.
        domain: of the texts.
        title: what they are.

    Raises:
        InputError: fewer than half of them have one length, or one cannot be read.
        UsageError: they are no sequences of DNA, RNA or proteins.
    """
    made = logo([domain.normalize(text) for text in texts], letters_of(domain))
    if made is None:
        raise InputError(
            f"a logo needs sequences of one length, fewer than half of {len(texts):,} have the commonest one: align "
            "them, or cut windows of one length (seqvae data windows)"
        )
    return standing_alone(logo_plot(made, title, axis_top([made]))), made


def change_logo(before: Sequence[str], after: Sequence[str], domain: Domain, title: str) -> str:
    """Return the logo of what sets two sets of sequences apart, as `difference_logo`; SVG.

    Args:
        before: sequences; what is more frequent in them hangs below the axis.
        after: sequences; what is more frequent in them stands above it.
        domain: of both.
        title: what is compared.

    Raises:
        InputError: fewer than half of all have one length, or none of a set has it.
        UsageError: they are no sequences of DNA, RNA or proteins.
    """
    first, second = ([domain.normalize(text) for text in texts] for texts in (before, after))
    made = difference_logo(first, second, letters_of(domain))
    if made is None:
        raise InputError(
            f"a logo needs sequences of one length, fewer than half of {len(before) + len(after):,} have the commonest "
            "one: give rows of one length"
        )
    return standing_alone(logo_plot(made, title, axis_top([made])))


def letters_of(domain: Domain) -> str:
    """Return the letters of which a logo of a domain is made; raises UsageError where none can be drawn."""
    if domain.alphabet is None or not drawable(domain.alphabet.letters):
        raise UsageError(f"a logo is of DNA, RNA or proteins, got {domain.title}")
    return domain.alphabet.letters


def check_drawable(letters: Sequence[str]) -> None:
    """Refuse what a model exchanges if no logo of it can be drawn: other letters than those of sequences, and codons.

    Raises:
        UsageError: as said.
    """
    if not drawable(letters):
        raise UsageError("a logo is of the letters of DNA, RNA or proteins: write a table (.csv) or a page (.html)")


def importance_logo(found: Mutations, name: str = "") -> str:
    """Return a sequence as a logo: how much each of its letters matters to log p; SVG.

    The height of a letter is what log p loses, in bits, on average over all other letters there; where it gains, there
    is nothing.

    Args:
        found: what every substitution of one sequence does.
        name: of the sequence.

    Raises:
        InputError: there is another number of sequences than one.
        UsageError: they are not over the letters of DNA, RNA or proteins.
    """
    if len(found.forms) != 1:
        raise InputError(f"a logo of what matters is of one sequence, got {len(found.forms):,} that the model can read")
    check_drawable(found.letters)
    form, bits = found.forms[0], np.maximum(found.importance[0], 0.0) / math.log(2)
    heights = np.stack([bits * (np.array(list(form)) == letter) for letter in found.letters], axis=1)
    made = Logo("".join(found.letters), heights, 1, 0)
    shown = name or (form if len(form) <= _SHOWN else f"{form[:_SHOWN]}...")
    title = f"{shown}: what log p loses by another letter, on average"
    return standing_alone(logo_plot(made, title, axis_top([made])))
