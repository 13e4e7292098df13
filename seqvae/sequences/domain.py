"""What texts are: molecules, DNA, or sequences over letters of their own."""

from __future__ import annotations

from collections.abc import Sequence

from seqvae.sequences.dna import BASES, GAP, dna_or_none

MOLECULES, DNA, LETTERS = "molecules", "dna", "letters"
_LOOKED_AT = 100  # texts that say what all are


def kind_of(texts: Sequence[str]) -> str:
    """Return what texts can be read as: `dna`, `molecules`, or `letters` where they are neither.

    They are DNA where all are bases, their codes and gaps, and most of them bases alone, since the letters of some
    proteins are codes too; and molecules where most are some.
    """
    from seqvae.sequences.molecules import canonical_or_none  # RDKit: what only names a kind does without

    sample = texts[:_LOOKED_AT]
    coded = [dna_or_none(text, allow_gap=True) for text in sample]
    plain = sum(form is not None and set(form) <= {*BASES, GAP} for form in coded)
    if all(coded) and len(sample) < 2 * plain:
        return DNA
    molecules = sum(canonical_or_none(text) is not None for text in sample)
    return MOLECULES if len(sample) < 2 * molecules else LETTERS
