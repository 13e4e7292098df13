"""How good generated texts are beside real ones: one call for molecules and for DNA."""

from __future__ import annotations

from collections.abc import Sequence

from seqvae.errors import InputError, UsageError
from seqvae.evaluate.records import Generation, GenerationSettings, References
from seqvae.sequences.dna import IUPAC
from seqvae.sequences.molecules import is_valid

KINDS = ("molecules", "dna")

_FEWEST = 2  # samples: of one alone there is no distribution
_LOOKED_AT = 100  # texts that tell the kind
_DNA_LETTERS = {*IUPAC, *map(str.lower, IUPAC), "U", "u", "-"}


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
    if references.kind == "molecules":
        from seqvae.evaluate.molecules.moses import molecule_metrics

        return molecule_metrics(samples, references, settings)
    from seqvae.evaluate.dna.metrics import dna_metrics

    return dna_metrics(samples, references, settings)


def check_texts(samples: Sequence[str], references: References) -> None:
    """Check that there is something to compare, and that both sides are of the kind asked for.

    Raises:
        InputError: fewer than two samples, an empty reference, or texts of the other kind.
        UsageError: there is no such kind.
    """
    if references.kind not in KINDS:
        raise UsageError(f"unknown kind of texts {references.kind!r}: expected {' or '.join(KINDS)}")
    if len(samples) < _FEWEST:
        what = "no sample" if not samples else "1 sample"
        raise InputError(f"expected at least 2 samples, one a line, got {what}: a distribution needs more, give 1,000")
    for name, texts in (("reference", references.test), ("scaffold reference", references.test_scaffolds)):
        if len(texts) < _FEWEST and (texts or name == "reference"):
            raise InputError(f"expected at least 2 texts in the {name}, got {len(texts)}: give a larger one")
    splits = {"samples": samples, "reference": references.test, "training texts": references.training}
    found = {name: looks_like(texts) for name, texts in splits.items()}
    for name, kind in found.items():
        if kind and kind != references.kind:
            raise InputError(
                f"the {name} look{'s' if name == 'reference' else ''} like {_shown(kind)}, expected "
                f"{_shown(references.kind)} (first text: {_shortened(splits[name][0])}): "
                "give samples and a reference of one kind"
            )


def looks_like(texts: Sequence[str]) -> str:
    """Return `molecules` or `dna` for what most of the first texts can only be, and an empty text if unclear.

    A run of C and N alone is both; texts that are neither (say, invalid samples) decide nothing.

    >>> looks_like(["CC(=O)O", "c1ccccc1"]), looks_like(["ACGT", "GATTACA"]), looks_like(["CCC", "x!"])
    ('molecules', 'dna', '')
    """
    dna = molecules = 0
    for text in texts[:_LOOKED_AT]:
        letters, valid = bool(text) and set(text) <= _DNA_LETTERS, is_valid(text)
        dna += letters and not valid
        molecules += valid and not letters
    if max(dna, molecules) * 2 <= min(len(texts), _LOOKED_AT):
        return ""
    return "dna" if dna > molecules else "molecules"


def _shown(kind: str) -> str:
    return {"molecules": "molecules as SMILES", "dna": "DNA"}[kind]


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")
