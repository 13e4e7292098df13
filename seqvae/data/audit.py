"""Audit a dataset before training: duplicates, leaks, invalid texts, salts, charges, unseen tokens, lengths.

An audit reports what is wrong and stops at nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from seqvae.data.reasons import kind_of_reason
from seqvae.data.splits import Split
from seqvae.data.tokens.tokenized import tokenize
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
class Repeated:
    """Texts that are the same.

    Args:
        lines: of all of them.
        text: the first as given.
        differing: other columns in which they have different values, with these.
    """

    lines: tuple[int, ...]
    text: str
    differing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Beside:
    """What is known besides the texts.

    Args:
        why: why they belong to their domain.
        empty: lines without a text.
        unread: records that violate the format of the file.
        fields: the other columns of each text.
        other: texts that the audited ones must not repeat.
        other_name: their file.
        max_length: most tokens that a model takes; 0: no limit.
        model: name of the model whose tokenizer is given.
    """

    why: str = ""
    empty: tuple[int, ...] = ()
    unread: tuple[Finding, ...] = ()
    fields: Sequence[Mapping[str, str]] = ()
    other: Sequence[str] = ()
    other_name: str = ""
    max_length: int = 0
    model: str = ""


_NOTHING = Beside()


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
        why: why the texts belong to the domain; "" if it was given.
        empty: lines without a text.
        reasons: what is wrong with invalid texts, with the lines.
        repeated: the first groups of texts that are the same, with their lines and the values that differ.
        stereo: molecules, without duplicates, that differ from an earlier one in stereo alone.
        odd: molecules with metals, charges, isotopes, radicals, or stereo that is left open, with their lines.
        shared: texts that are in the other file too, with their lines.
        other_name: the other file.
        unusable: why a model cannot read texts, with their lines.
        model: the model's name.
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
    why: str = ""
    empty: tuple[int, ...] = ()
    reasons: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    repeated: tuple[Repeated, ...] = ()
    stereo: int = 0
    odd: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    shared: tuple[int, ...] = ()
    other_name: str = ""
    unusable: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    model: str = ""


def audit(
    texts: Sequence[str],
    kind: str,
    *,
    split: Split | None = None,
    tokenizer: Tokenizer | None = None,
    lines: Sequence[int] | None = None,
    examples: int = 5,
    beside: Beside = _NOTHING,
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
        beside: what is known besides the texts.

    Returns:
        The audit; invalid texts raise nothing.

    Raises:
        UsageError: if the kind is unknown.
    """
    if kind not in KINDS:
        raise UsageError(f"expected a kind among {', '.join(KINDS)}, got {kind!r}")
    domain, lines = domain_of(kind), lines or range(1, len(texts) + 1)
    forms: list[str | None] = []
    invalid: list[Finding] = []
    for line, text in zip(lines, texts, strict=True):
        try:
            forms.append(domain.normalize(text))
        except InputError as error:
            forms.append(None)
            invalid.append(Finding(line, text, str(error)))
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
    invalid = sorted([*invalid, *beside.unread], key=lambda one: one.line)
    reasons: dict[str, list[int]] = {}
    for one in invalid:
        reasons.setdefault(kind_of_reason(one.reason), []).append(one.line)
    commonest = sorted(reasons, key=lambda reason: -len(reasons[reason]))
    odd, stereo = _oddities(forms, lines) if domain.name == MOLECULES else ({}, 0)
    return Audit(
        domain=domain,
        texts=len(texts) + len(beside.unread) + len(beside.empty),
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
        why=beside.why,
        empty=beside.empty,
        reasons={reason: tuple(reasons[reason]) for reason in commonest},
        repeated=_repeated(texts, forms, keys, lines, beside.fields)[:examples],
        stereo=stereo,
        odd=odd,
        shared=_shared(forms, keys, lines, beside.other, domain),
        other_name=beside.other_name,
        unusable=_unusable(texts, forms, lines, tokenizer, beside.max_length),
        model=beside.model,
    )


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


def _repeated(
    texts: Sequence[str],
    forms: Sequence[str | None],
    keys: Mapping[str, str],
    lines: Sequence[int],
    fields: Sequence[Mapping[str, str]],
) -> tuple[Repeated, ...]:
    """Return the groups of equal texts, the largest first, with the columns in which they differ."""
    rows: dict[str, list[int]] = {}
    for row, form in enumerate(forms):
        if form is not None:
            rows.setdefault(keys[form], []).append(row)
    found = []
    for group in sorted((group for group in rows.values() if len(group) > 1), key=lambda one: -len(one)):
        columns = fields[group[0]] if fields else {}
        values = {title: tuple(dict.fromkeys(fields[row][title] for row in group)) for title in columns}
        differing = {title: cells for title, cells in values.items() if len(cells) > 1}
        found.append(Repeated(tuple(lines[row] for row in group), texts[group[0]], differing))
    return tuple(found)


def _oddities(forms: Sequence[str | None], lines: Sequence[int]) -> tuple[dict[str, tuple[int, ...]], int]:
    """Return the lines of molecules with something odd, and how many differ from earlier ones in stereo alone."""
    from seqvae.sequences.oddities import examined

    found: dict[str, list[int]] = {}
    distinct = {form: examined(form) for form in dict.fromkeys(forms) if form}  # each is read once, however often
    for form, line in zip(forms, lines, strict=True):
        for what in distinct[form][0] if form else ():
            found.setdefault(what, []).append(line)
    stereo = len(distinct) - len({connectivity for _, connectivity in distinct.values()})
    return {what: tuple(places) for what, places in found.items()}, stereo


def _shared(
    forms: Sequence[str | None], keys: Mapping[str, str], lines: Sequence[int], other: Sequence[str], domain: Domain
) -> tuple[int, ...]:
    """Return the lines of the texts that are among others."""
    if not other:
        return ()
    others = [form for text in other if (form := domain.canonical(text)) is not None]
    there = {domain.alphabet.representative(form) for form in others} if domain.alphabet else set(others)
    return tuple(line for form, line in zip(forms, lines, strict=True) if form is not None and keys[form] in there)


def _unusable(
    texts: Sequence[str],
    forms: Sequence[str | None],
    lines: Sequence[int],
    tokenizer: Tokenizer | None,
    max_length: int,
) -> dict[str, tuple[int, ...]]:
    """Return why a model cannot read valid texts, with their lines."""
    if tokenizer is None:
        return {}
    rows = [row for row, form in enumerate(forms) if form is not None]
    read = tokenize([texts[row] for row in rows], tokenizer, max_length, on_error="skip")
    found: dict[str, list[int]] = {}
    for one in read.rejected:
        if token := re.search(r"unknown token ('[^']*'|\"[^\"]*\")", one.reason):
            reason = f"unknown token {token[1]}"
        elif "the model takes at most" in one.reason:
            reason = f"longer than {max_length:,} tokens"
        else:
            reason = kind_of_reason(one.reason)
        found.setdefault(reason, []).append(lines[rows[one.row]])
    return {reason: tuple(places) for reason, places in found.items()}
