"""Biological sequences as an alignment: one monospaced table with a ruler, a colour per letter, changes marked."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import zip_longest

from seqvae.report.html.letters import CLASSES

_BLOCK, _LINE = 10, 60  # letters between two gaps, and in a line


def sequence_text(
    sequences: Sequence[str], captions: Sequence[str] | None = None, unit: str = "base", reference: str = ""
) -> str:
    """Return sequences, one below the other, in stretches of 60 letters under a ruler.

    Args:
        sequences: to show.
        captions: one for each, as plain text; None for none.
        unit: what a letter is called, `base` or `residue`, which decides the colours.
        reference: a sequence of which those of the same length are variants: where they differ is marked; it stands
            first. Empty: there is none.
    """
    labels = list(captions) if captions is not None else [""] * len(sequences)
    rows = list(zip(sequences, labels, strict=True))
    if reference:
        rows.insert(0, (reference, "reference"))
    longest = max((len(text) for text, _ in rows), default=0)
    classes = CLASSES.get(unit, {})
    lines = []
    for start in range(0, longest, _LINE):
        ends = range(start + _BLOCK, min(longest, start + _LINE) + 1, _BLOCK)  # above every tenth position its number
        ruler = "".join(f"<span><i>{number:>{_BLOCK}}</i></span>" for number in ends)
        lines.append(f'<tr class="ruler"><td>{ruler}</td><th></th></tr>')
        for text, label in rows:
            if start < max(1, len(text)):
                against = reference if len(text) == len(reference) else ""
                cells = _letters(text[start : start + _LINE], against[start : start + _LINE], classes)
                lines.append(f"<tr><td>{cells}</td><th>{escape(label)}</th></tr>")
    return f'<table class="sequence"><tbody>{"".join(lines)}</tbody></table>'


def _letters(text: str, reference: str, classes: dict[str, str]) -> str:
    """Return letters in blocks of ten; those that the reference does not have there are marked."""
    shown = []
    for letter, before in zip_longest(text, reference, fillvalue=""):
        names = [classes[letter.upper()]] if letter.upper() in classes else []
        names += ["changed"] if before and before != letter else []
        tag = f'b class="{" ".join(names)}"' if names else "i"
        shown.append(f"<{tag}>{escape(letter)}</{tag[0]}>")
    return "".join(f"<span>{''.join(shown[at : at + _BLOCK])}</span>" for at in range(0, len(shown), _BLOCK))
