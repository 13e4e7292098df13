"""How good generated texts are beside real ones: one call for molecules and for sequences."""

from __future__ import annotations

from collections.abc import Sequence

from seqvae.errors import InputError, UsageError
from seqvae.evaluate.records import Generation, GenerationSettings, References
from seqvae.sequences.domain import DNA, DOMAINS, LETTERS, MOLECULES, RNA, Domain, detect

KINDS = tuple(name for name, domain in DOMAINS.items() if domain.alphabet or name == MOLECULES)
"""The domains whose samples can be compared with real texts."""

_FEWEST = 2  # samples: of one alone there is no distribution


def generation(
    samples: Sequence[str], references: References, settings: GenerationSettings | None = None
) -> Generation:
    """Compare samples with real texts.

    Args:
        samples: as generated; invalid ones count against the model and are left out of the rest.
        references: what they are compared with; says of which kind the texts are.
        settings: how the work is done.

    Raises:
        InputError: fewer than two samples, none valid, an empty reference, or samples and reference of two kinds.
        UsageError: there is no such kind or device.
    """
    settings = settings or GenerationSettings()
    check_texts(samples, references)
    if references.kind == MOLECULES:
        from seqvae.evaluate.molecules.moses import molecule_metrics

        return molecule_metrics(samples, references, settings)
    from seqvae.evaluate.sequences.metrics import sequence_metrics

    return sequence_metrics(samples, references, settings)


def check_texts(samples: Sequence[str], references: References) -> None:
    """Check that there is something to compare, and that both sides are of the kind asked for.

    Raises:
        InputError: fewer than two samples, an empty reference, or texts of the other kind.
        UsageError: there is no such kind.
    """
    if references.kind not in KINDS:
        raise UsageError(f"unknown kind of texts {references.kind!r}: expected {', '.join(KINDS)}")
    if len(samples) < _FEWEST:
        what = "no sample" if not samples else "1 sample"
        raise InputError(f"expected at least 2 samples, one a line, got {what}: a distribution needs more, give 1,000")
    for name, texts in (("reference", references.test), ("scaffold reference", references.test_scaffolds)):
        if len(texts) < _FEWEST and (texts or name == "reference"):
            raise InputError(f"expected at least 2 texts in the {name}, got {len(texts)}: give a larger one")
    splits = {"samples": samples, "reference": references.test, "training texts": references.training}
    wanted = DOMAINS[references.kind]
    for name, texts in splits.items():
        if other := _mismatch(texts, wanted):
            raise InputError(
                f"the {name} look{'s' if name == 'reference' else ''} like {other.title}, expected {wanted.title} "
                f"(first text: {_shortened(texts[0])}): give samples and a reference of one kind"
            )


def _mismatch(texts: Sequence[str], wanted: Domain) -> Domain | None:
    """Return the domain of texts that are not of the one wanted; None where they are, or are of none (bad samples)."""
    found = detect(texts)
    if found is wanted or found.name == LETTERS or {found.name, wanted.name} == {DNA, RNA}:  # one reads the other
        return None
    if found.name == MOLECULES and 2 * sum(wanted.canonical(text) is not None for text in texts) > len(texts):
        return None  # chains of C and N are molecules and DNA
    return found


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
