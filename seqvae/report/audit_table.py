"""An audit of a dataset as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from seqvae.errors import LONGEST_SHOWN
from seqvae.sequences.domain import MOLECULES

if TYPE_CHECKING:
    from seqvae.data.audit import Audit, Finding

_LINES = 8  # line numbers named
_UNSEEN = 20  # unseen tokens named, the most frequent first


def audit_rows(audit: Audit) -> list[tuple[str, str, str]]:
    """Return what was looked for, how often it was found, and examples."""
    noun, unseen = audit.domain.noun, audit.unseen
    rows = [("domain", audit.domain.title, audit.why)] if audit.why else []
    rows += [(f"{noun}s", f"{audit.texts:,}", "")]
    rows += [("empty", f"{len(audit.empty):,}", _lines(audit.empty))] if audit.empty else []
    grouped = len(audit.reasons) < audit.invalid  # a reason that is of several
    rows.append(("invalid", f"{audit.invalid:,}", _examples(audit.invalid_examples[: 1 if grouped else None])))
    if grouped:
        rows += [(f"  {reason}", f"{len(lines):,}", _lines(lines)) for reason, lines in audit.reasons.items()]
    repeated = []  # each group of equal ones: where they stand, and in which columns they differ
    for one in audit.repeated:
        values = [
            f"{title}: {' | '.join(quoted_cell(cell) for cell in cells[:3])}" for title, cells in one.differing.items()
        ]
        differ = f" differ in {'; '.join(values)}" if values else ""
        repeated.append(f"{_lines(one.lines)}: {quoted_cell(one.text)}{differ}")
    rows.append(("duplicates", f"{audit.duplicates:,}", "; ".join(repeated)))
    if audit.stereo:
        rows.append(("stereo-isomers of an earlier one", f"{audit.stereo:,}", ""))
    if audit.domain.alphabet and audit.domain.alphabet.complements:
        rows.append(("reverse-complement duplicates", f"{audit.reverse_complements:,}", ""))
    if audit.domain.name == MOLECULES:
        rows.append(("salts and mixtures", f"{audit.salts:,}", _examples(audit.salt_examples)))
    rows += [(what, f"{len(lines):,}", _lines(lines)) for what, lines in audit.odd.items()]
    if audit.other_name:
        rows.append((f"{noun}s that are also in {audit.other_name}", f"{len(audit.shared):,}", _lines(audit.shared)))
    if audit.model:
        count = sum(map(len, audit.unusable.values()))
        rows.append((f"{noun}s that {audit.model} cannot read", f"{count:,}", ""))
        rows += [(f"  {reason}", f"{len(lines):,}", _lines(lines)) for reason, lines in audit.unusable.items()]
    rows += [(f"{split} {noun}s that are also in train", f"{count:,}", "") for split, count in audit.leaks.items()]
    if audit.leaks or unseen:
        named = [f"{token} ({count:,})" for token, count in list(unseen.items())[:_UNSEEN]]
        rows.append(("unseen tokens", f"{len(unseen):,}", ", ".join([*named, *["..."] * (len(unseen) > _UNSEEN)])))
    rows.append(("length in characters", "", _percentiles(audit.characters)))
    if audit.tokens:
        rows.append(("length in tokens", "", _percentiles(audit.tokens)))
    return rows


def _lines(lines: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, lines[:_LINES]))
    return f"line{'s' * (len(lines) > 1)} {shown}{', ...' * (len(lines) > _LINES)}" if lines else ""


def quoted_cell(text: str) -> str:
    """Return a text, of a long one its start."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def _examples(findings: tuple[Finding, ...]) -> str:
    return "; ".join(f"line {f.line}: {f.reason or quoted_cell(f.text)}" for f in findings)


def _percentiles(lengths: Mapping[int, int]) -> str:
    return ", ".join("longest" * (p == 100) + f"{p} %" * (p != 100) + f": {length:,}" for p, length in lengths.items())
