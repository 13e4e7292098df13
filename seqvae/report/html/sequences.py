"""Biological sequences as text, in blocks of ten, with a colour per letter."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from seqvae.report.html.letters import CLASSES

_BLOCK = 10


def sequence_text(sequences: Sequence[str], captions: Sequence[str] | None = None, unit: str = "base") -> str:
    """Return sequences, one below the other.

    Args:
        sequences: to show.
        captions: one for each, as plain text; None for none.
        unit: what a letter is called, `base` or `residue`, which decides the colours.
    """
    labels = captions if captions is not None else [""] * len(sequences)
    classes, rows = CLASSES.get(unit, {}), []
    for text, label in zip(sequences, labels, strict=True):
        letters = [
            f'<b class="{classes[letter.upper()]}">{letter}</b>'
            if letter.upper() in classes
            else f"<i>{escape(letter)}</i>"
            for letter in text
        ]
        blocks = ["".join(letters[start : start + _BLOCK]) for start in range(0, len(letters), _BLOCK)]
        caption = f"<small>{escape(label)}</small>" if label else ""
        rows.append(f'<div class="sequence">{caption}{"".join(f"<span>{block}</span>" for block in blocks)}</div>')
    return "\n".join(rows)
