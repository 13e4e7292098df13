"""How generated molecules or sequences compare with real ones: one call for both."""

from __future__ import annotations

from collections.abc import Sequence

from seqvae.config.checks import door
from seqvae.errors import InputError, UsageError
from seqvae.evaluate.records import Generation, GenerationSettings, References
from seqvae.sequences.domain import DNA, DOMAINS, LETTERS, MOLECULES, RNA, detect

KINDS = tuple(name for name, domain in DOMAINS.items() if domain.alphabet or name == MOLECULES)
"""The domains whose samples can be compared with real ones."""

_FEWEST = 2  # samples: a single one has no distribution


@door
def generation(
    samples: Sequence[str], references: References, settings: GenerationSettings | None = None
) -> Generation:
    """Compare samples with real molecules or sequences.

    Args:
        samples: as generated; invalid ones count against the model and are left out of all else.
        references: what they are compared with, and of which kind.
        settings: how the work is done.

    Raises:
        InputError: fewer than two samples, none valid, an empty reference, or samples and reference of different kinds.
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
    """Check that there is enough to compare, and that samples and references are of the kind asked for.

    Raises:
        InputError: fewer than two samples, an empty reference, or texts of another kind.
        UsageError: there is no such kind.
    """
    if references.kind not in KINDS:
        raise UsageError(f"unknown kind of texts {references.kind!r}: expected {', '.join(KINDS)}")
    if len(samples) < _FEWEST:
        what = "no sample" if not samples else "1 sample"
        raise InputError(
            f"expected at least 2 samples, one per line, got {what}: a distribution needs more, give 1,000"
        )
    for name, texts in (("reference", references.test), ("scaffold reference", references.test_scaffolds)):
        if len(texts) < _FEWEST and (texts or name == "reference"):
            noun = DOMAINS[references.kind].noun
            raise InputError(f"expected at least 2 {noun}s in the {name}, got {len(texts)}: give a larger one")
    splits = {"samples": samples, "reference": references.test, "training set": references.training}
    wanted = DOMAINS[references.kind]
    for name, texts in splits.items():
        found = detect(texts)
        # Bad samples look like no domain at all, and DNA reads RNA, and the other way round.
        if found is wanted or found.name == LETTERS or {found.name, wanted.name} == {DNA, RNA}:
            continue
        if found.name == MOLECULES and 2 * sum(wanted.canonical(text) is not None for text in texts) > len(texts):
            continue  # chains of C and N are both molecules and DNA
        shown = repr(texts[0] if len(texts[0]) <= 40 else texts[0][:37] + "...")
        raise InputError(
            f"the {name} look{'' if name == 'samples' else 's'} like {found.title}, expected {wanted.title} "
            f"(the first: {shown}): give samples and a reference of one kind"
        )
