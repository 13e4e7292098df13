"""Audit a dataset before training: duplicates, leaks, invalid texts, salts, unseen tokens, lengths."""

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
    """One text reported by an audit.

    Args:
        line: its line in the file, or its number from 1.
        text: the text as given.
        reason: what is wrong; "" if the heading says it.
    """

    line: int
    text: str
    reason: str = ""


@dataclass(frozen=True)
class Audit:
    """The result of an audit. Counts are of texts; texts are the same if their canonical forms are equal.

    Args:
        domain: of the texts.
        texts: texts examined.
        invalid: texts that are no valid molecule or sequence; the counts below leave them out.
        invalid_examples: the first of them.
        duplicates: texts that are the same as an earlier one.
        reverse_complements: DNA and RNA only: texts, without duplicates, whose reverse complement came earlier.
        leaks: for each held-out split, its texts that are in the training data too (for DNA and RNA on either strand).
        salts: molecules of several components.
        salt_examples: the first of them.
        unseen: tokens of the held-out texts that the training texts lack (or, given a tokenizer, tokens of all texts
            that it lacks), with counts.
        characters: percentile → length of the canonical texts in characters.
        tokens: percentile → length in tokens; empty without a tokenizer.
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
    """Audit texts.

    Args:
        texts: SMILES, sequences or other texts.
        kind: kind of tokenizer, which gives the domain, such as "smiles" or "dna"; texts of "char" have no canonical
            form.
        split: if given, leaks are counted, and without a tokenizer also the held-out tokens that training data lacks.
        tokenizer: fitted; if given, the tokens that it lacks are counted.
        lines: line of each text in its file, for the examples; by default its number from 1.
        examples: number of examples to keep of each kind.

    Returns:
        The audit; invalid texts raise nothing.

    Raises:
        UsageError: if the kind is unknown.
    """
    if kind not in KINDS:
        raise UsageError(f"expected a kind among {', '.join(KINDS)}, got {kind!r}")
    domain, lines = domain_of(kind), lines or range(1, len(texts) + 1)
    forms, invalid = _canonical(texts, domain, lines)
    valid = [form for form in forms if form is not None]
    keys = {form: domain.alphabet.representative(form) if domain.alphabet else form for form in set(valid)}
    several = [row for row, form in enumerate(forms) if domain.name == MOLECULES and _SALT_SEPARATOR in (form or "")]
    leaks: dict[str, int] = {}
    if split is not None:
        train = set(_keys_of(split.train.tolist(), forms, keys))
        for name, rows in {"valid": split.valid, "test": split.test}.items():
            leaks[name] = sum(key in train for key in _keys_of(rows.tolist(), forms, keys))
    lengths = [len(form) for form in valid]
    unseen, tokens = _coverage(forms, kind, split, tokenizer)
    return Audit(
        domain=domain,
        texts=len(texts),
        invalid=len(invalid),
        invalid_examples=tuple(invalid[:examples]),
        duplicates=len(valid) - len(keys),
        reverse_complements=len(keys) - len(set(keys.values())),
        leaks=leaks,
        salts=len(several),
        salt_examples=tuple(Finding(lines[row], texts[row]) for row in several[:examples]),
        unseen=unseen,
        characters={p: int(np.percentile(lengths, p, method="higher")) for p in PERCENTILES} if lengths else {},
        tokens=tokens,
    )


def _canonical(texts: Sequence[str], domain: Domain, lines: Sequence[int]) -> tuple[list[str | None], list[Finding]]:
    """Return the canonical form of each text, None if it is invalid, and the invalid texts."""
    forms: list[str | None] = []
    invalid: list[Finding] = []
    for line, text in zip(lines, texts, strict=True):
        try:
            forms.append(domain.normalize(text))
        except InputError as error:
            forms.append(None)
            invalid.append(Finding(line, text, str(error)))
    return forms, invalid


def _keys_of(rows: Sequence[int], forms: Sequence[str | None], keys: Mapping[str, str]) -> list[str]:
    return [keys[form] for row in rows if (form := forms[row]) is not None]


def _coverage(
    forms: Sequence[str | None], kind: str, split: Split | None, tokenizer: Tokenizer | None
) -> tuple[dict[str, int], dict[int, int]]:
    """Return the unseen tokens, and percentiles of the length in tokens."""
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
