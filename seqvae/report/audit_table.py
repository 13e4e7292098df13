"""An audit of a dataset as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seqvae.sequences.domain import MOLECULES

if TYPE_CHECKING:
    from seqvae.data.audit import Audit, Finding

_UNSEEN = 20  # unseen tokens named, the most frequent first


def audit_rows(audit: Audit) -> list[tuple[str, str, str]]:
    """Return what was looked for, how often it was found, and examples."""
    noun, unseen = audit.domain.noun, audit.unseen
    rows = [
        (f"{noun}s", f"{audit.texts:,}", ""),
        ("invalid", f"{audit.invalid:,}", _examples(audit.invalid_examples)),
        ("duplicates", f"{audit.duplicates:,}", ""),
    ]
    if audit.domain.alphabet and audit.domain.alphabet.complements:
        rows.append(("reverse-complement duplicates", f"{audit.reverse_complements:,}", ""))
    if audit.domain.name == MOLECULES:
        rows.append(("salts and mixtures", f"{audit.salts:,}", _examples(audit.salt_examples)))
    rows += [(f"{split} {noun}s that are also in train", f"{count:,}", "") for split, count in audit.leaks.items()]
    if audit.leaks or unseen:
        named = [f"{token} ({count:,})" for token, count in list(unseen.items())[:_UNSEEN]]
        rows.append(("unseen tokens", f"{len(unseen):,}", ", ".join([*named, *["..."] * (len(unseen) > _UNSEEN)])))
    rows.append(("length in characters", "", _percentiles(audit.characters)))
    if audit.tokens:
        rows.append(("length in tokens", "", _percentiles(audit.tokens)))
    return rows


def _examples(findings: tuple[Finding, ...]) -> str:
    return "; ".join(f"line {f.line}: {f.reason or f.text}" for f in findings)


def _percentiles(lengths: Mapping[int, int]) -> str:
    return ", ".join("longest" * (p == 100) + f"{p} %" * (p != 100) + f": {length:,}" for p, length in lengths.items())
