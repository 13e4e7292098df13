"""An audit of a dataset as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from seqvae.sequences.domain import MOLECULES

if TYPE_CHECKING:
    from seqvae.data.audit import Audit, Finding

_UNSEEN = 20  # unseen tokens named, the most frequent first


def audit_rows(audit: Audit) -> list[tuple[str, str, str]]:
    """Return what was looked for, how often it was found, and examples."""
    return list(_rows(audit))


def _rows(audit: Audit) -> Iterator[tuple[str, str, str]]:
    yield "texts", f"{audit.texts:,}", ""
    yield "invalid", f"{audit.invalid:,}", _examples(audit.invalid_examples)
    yield "duplicates", f"{audit.duplicates:,}", ""
    if audit.domain.alphabet and audit.domain.alphabet.complements:
        yield "reverse-complement duplicates", f"{audit.reverse_complements:,}", ""
    if audit.domain.name == MOLECULES:
        yield "salts and mixtures", f"{audit.salts:,}", _examples(audit.salt_examples)
    for side, count in audit.leaks.items():
        yield f"{side} texts that are in train too", f"{count:,}", ""
    if audit.leaks or audit.unseen:
        yield "unseen tokens", f"{len(audit.unseen):,}", _counts(audit.unseen)
    yield "length in characters", "", _percentiles(audit.characters)
    if audit.tokens:
        yield "length in tokens", "", _percentiles(audit.tokens)


def _examples(findings: tuple[Finding, ...]) -> str:
    return "; ".join(f"line {f.line}: {f.reason or f.text}" for f in findings)


def _counts(tokens: Mapping[str, int]) -> str:
    named = [f"{token} ({count:,})" for token, count in list(tokens.items())[:_UNSEEN]]
    return ", ".join(named) + (", ..." if len(tokens) > _UNSEEN else "")


def _percentiles(lengths: Mapping[int, int]) -> str:
    return ", ".join("longest" * (p == 100) + f"{p} %" * (p != 100) + f": {length:,}" for p, length in lengths.items())
