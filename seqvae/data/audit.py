"""Look a dataset over before training on it: duplicates, leaks, invalid texts, salts, unseen tokens, lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqvae.data.splits import Split
from seqvae.errors import InputError, UsageError
from seqvae.sequences.domain import KINDS, MOLECULES, Domain, domain_of
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.sequences.tokenizers.tokenizer import PERCENTILES, Tokenizer

_SALT_SEPARATOR = "."  # in SMILES, between parts of a molecule that no bond joins


@dataclass(frozen=True)
class Finding:
    """One text that an audit points at.

    Args:
        line: its line in the file, or its number from 1.
        text: the text as given.
        reason: what is wrong; "" where the heading says it.
    """

    line: int
    text: str
    reason: str = ""


@dataclass(frozen=True)
class Audit:
    """What an audit found. Counts are of texts; "the same" means equal in canonical form.

    Args:
        domain: what the texts are.
        texts: texts looked at.
        invalid: texts that are no molecule or no sequence; nothing below counts them.
        invalid_examples: the first of them.
        duplicates: texts that are the same as an earlier one.
        reverse_complements: DNA and RNA only: texts, duplicates aside, whose reverse complement came earlier.
        leaks: for each held-out side, its texts that are in the training data too (for DNA and RNA on either strand).
        salts: molecules of several parts.
        salt_examples: the first of them.
        unseen: tokens of the held-out texts that the training texts lack (or that the tokenizer given lacks, in all
            texts), with counts.
        characters: percentile → length of the canonical texts in characters.
        tokens: percentile → length in tokens; empty where no tokenizer was given.
    """

    domain: Domain
    texts: int
    invalid: int
    invalid_examples: tuple[Finding, ...]
    duplicates: int
    reverse_complements: int
    leaks: Mapping[str, int]
    salts: int
    salt_examples: tuple[Finding, ...]
    unseen: Mapping[str, int]
    characters: Mapping[int, int]
    tokens: Mapping[int, int]


def audit(
    texts: Sequence[str],
    kind: str,
    *,
    split: Split | None = None,
    tokenizer: Tokenizer | None = None,
    lines: Sequence[int] | None = None,
    examples: int = 5,
) -> Audit:
    """Look texts over.

    Args:
        texts: SMILES, sequences or other text.
        kind: of tokenizer: what the texts are, such as "smiles" or "dna"; those of "char" are equal letter by letter.
        split: where given, leaks are counted; without a tokenizer, also what the training data does not cover.
        tokenizer: fitted; where given, it is asked what it does not cover.
        lines: line of each text in its file, for the examples; by default its number from 1.
        examples: how many examples to keep of each kind.

    Returns:
        What was found; nothing is raised for a bad text.

    Raises:
        UsageError: if the kind is unknown.
    """
    if kind not in KINDS:
        raise UsageError(f"an audit is of kind {', '.join(KINDS)}, got {kind!r}")
    domain = domain_of(kind)
    forms, invalid = _canonical(texts, domain, lines or range(1, len(texts) + 1))
    valid = [form for form in forms if form is not None]
    keys = {form: domain.alphabet.representative(form) if domain.alphabet else form for form in set(valid)}
    salts = _salts(texts, forms, lines) if domain.name == MOLECULES else []
    unseen, tokens = _coverage(forms, kind, split, tokenizer)
    return Audit(
        domain=domain,
        texts=len(texts),
        invalid=len(invalid),
        invalid_examples=tuple(invalid[:examples]),
        duplicates=len(valid) - len(keys),
        reverse_complements=len(keys) - len(set(keys.values())),
        leaks=_leaks(forms, keys, split) if split else {},
        salts=len(salts),
        salt_examples=tuple(salts[:examples]),
        unseen=unseen,
        characters=_percentiles([len(form) for form in valid]),
        tokens=tokens,
    )


def _canonical(texts: Sequence[str], domain: Domain, lines: Sequence[int]) -> tuple[list[str | None], list[Finding]]:
    """Canonical form of each text, None where it is invalid; and the invalid ones."""
    forms: list[str | None] = []
    invalid: list[Finding] = []
    for line, text in zip(lines, texts, strict=True):
        try:
            forms.append(domain.normalize(text))
        except InputError as error:
            forms.append(None)
            invalid.append(Finding(line, text, str(error)))
    return forms, invalid


def _salts(texts: Sequence[str], forms: Sequence[str | None], lines: Sequence[int] | None) -> list[Finding]:
    found = [i for i, form in enumerate(forms) if form is not None and _SALT_SEPARATOR in form]
    return [Finding(lines[i] if lines else i + 1, texts[i]) for i in found]


def _leaks(forms: Sequence[str | None], keys: Mapping[str, str], split: Split) -> dict[str, int]:
    train = set(_keys_on(split.train.tolist(), forms, keys))
    held_out = {"valid": split.valid, "test": split.test}
    return {name: sum(key in train for key in _keys_on(side.tolist(), forms, keys)) for name, side in held_out.items()}


def _keys_on(side: Sequence[int], forms: Sequence[str | None], keys: Mapping[str, str]) -> list[str]:
    return [keys[form] for i in side if (form := forms[i]) is not None]


def _coverage(
    forms: Sequence[str | None], kind: str, split: Split | None, tokenizer: Tokenizer | None
) -> tuple[dict[str, int], dict[int, int]]:
    """Unseen tokens, and percentiles of the length in tokens."""
    if tokenizer is not None:
        coverage = tokenizer.coverage(form for form in forms if form is not None)
        return coverage.unseen, coverage.length_percentiles
    if split is None:
        return {}, {}
    train = [form for i in split.train.tolist() if (form := forms[i]) is not None]
    if not train:
        return {}, {}
    fitted = build_tokenizer(kind).fit(train)
    held_out = np.concatenate([split.valid, split.test]).tolist()
    return fitted.coverage(form for i in held_out if (form := forms[i]) is not None).unseen, {}


def _percentiles(lengths: Sequence[int]) -> dict[int, int]:
    if not lengths:
        return {}
    return {p: int(np.percentile(lengths, p, method="higher")) for p in PERCENTILES}
