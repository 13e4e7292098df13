"""Model cards as text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from pathlib import Path

from seqvae.artifact.pretrained import CardTable, ModelCard, list_models, models_folder, size_of

_WIDTH = 100  # columns: prose that is any wider is hard to read


def list_rows() -> list[tuple[str, ...]]:
    """Return a table of the shipped models, its titles first."""
    rows: list[tuple[str, ...]] = [("name", "kind", "data", "parameters", "size", "figures", "licence")]
    for card in list_models():
        size = shown_size(size_of(models_folder() / card.name))
        rows.append((card.name, card.kind, card.data, f"{card.parameters:,}", size, card.headline, card.licence))
    return rows


def shown_size(count: int) -> str:
    """Return a number of bytes in kB or MB.

    >>> shown_size(12_345), shown_size(4_321_000)
    ('12 kB', '4.3 MB')
    """
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def card_text(card: ModelCard, folder: Path) -> str:
    """Return a model card as text.

    Args:
        card: the card.
        folder: the model's folder, for its size.
    """
    facts = [
        ("kind", card.kind),
        ("data", f"{card.data}: {card.data_title}"),
        ("licence of the data", card.data_licence),
        ("citation", card.citation),
        ("split", card.split),
        ("training", card.training),
        ("parameters", f"{card.parameters:,}, {shown_size(size_of(folder))} with all that belongs to them"),
        ("settings", ", ".join(f"{name} {value}" for name, value in card.settings.items())),
        ("licence", card.licence),
        ("intended use", card.use),
    ]
    parts = [_wrapped(f"{card.name}: {card.title}", ""), _facts(facts), "limits", _listed(card.limits)]
    return "\n".join([*parts, *(f"\n{_table(table)}" for table in card.tables)])


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    return "\n".join(_wrapped(value, f"{name:21}") for name, value in facts if value)


def _listed(items: Iterable[str]) -> str:
    return "\n".join(_wrapped(item, "  - ") for item in items)


def _wrapped(text: str, label: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=label, subsequent_indent=" " * len(label))


def _table(table: CardTable) -> str:
    names, values = [row[0] for row in table.rows], [_shown(row[1]) for row in table.rows]
    wide, right = max(map(len, names), default=0), max(map(len, values), default=0)
    rows = [
        f"  {name:{wide}}  {value:>{right}}  {row[2]}"
        for name, value, row in zip(names, values, table.rows, strict=True)
    ]
    return "\n".join([_wrapped(table.title, ""), *(row.rstrip() for row in rows)])


def _shown(value: float | str) -> str:
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
