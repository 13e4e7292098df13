"""Biological sequences as text, in blocks of ten with a colour a base."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_BLOCK = 10
_BASES = {"A": "a", "C": "c", "G": "g", "T": "t", "U": "t"}


def sequence_text(sequences: Sequence[str], captions: Sequence[str] | None = None) -> str:
    """Return sequences one under the other.

    Args:
        sequences: what to show.
        captions: one for each, as plain text; None for none.
    """
    labels = captions if captions is not None else [""] * len(sequences)
    return "\n".join(_sequence(text, label) for text, label in zip(sequences, labels, strict=True))


def _sequence(text: str, caption: str) -> str:
    blocks = [text[start : start + _BLOCK] for start in range(0, len(text), _BLOCK)]
    letters = "".join(f"<span>{''.join(_letter(letter) for letter in block)}</span>" for block in blocks)
    label = f"<small>{escape(caption)}</small>" if caption else ""
    return f'<div class="sequence">{label}{letters}</div>'


def _letter(letter: str) -> str:
    base = _BASES.get(letter.upper())
    return f'<b class="{base}">{letter}</b>' if base else f"<i>{escape(letter)}</i>"
