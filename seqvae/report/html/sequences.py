"""Biological sequences as text, in blocks of ten with a colour a letter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from seqvae.report.html.letters import CLASSES

_BLOCK = 10


def sequence_text(sequences: Sequence[str], captions: Sequence[str] | None = None, unit: str = "base") -> str:
    """Return sequences one under the other.

    Args:
        sequences: what to show.
        captions: one for each, as plain text; None for none.
        unit: what a letter is, `base` or `residue`: it decides the colours.
    """
    labels = captions if captions is not None else [""] * len(sequences)
    return "\n".join(
        _sequence(text, label, CLASSES.get(unit, {})) for text, label in zip(sequences, labels, strict=True)
    )


def _sequence(text: str, caption: str, classes: Mapping[str, str]) -> str:
    blocks = [text[start : start + _BLOCK] for start in range(0, len(text), _BLOCK)]
    letters = "".join(f"<span>{''.join(_letter(letter, classes) for letter in block)}</span>" for block in blocks)
    label = f"<small>{escape(caption)}</small>" if caption else ""
    return f'<div class="sequence">{label}{letters}</div>'


def _letter(letter: str, classes: Mapping[str, str]) -> str:
    shown = classes.get(letter.upper())
    return f'<b class="{shown}">{letter}</b>' if shown else f"<i>{escape(letter)}</i>"
