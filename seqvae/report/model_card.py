"""Model cards as text for a terminal."""

from __future__ import annotations

import textwrap
from pathlib import Path

from seqvae.artifact.pretrained import RENAMED, ModelCard, list_models, models_folder, size_of

_WIDTH = 100  # columns: wider prose is hard to read
_STRANGERS = (
    "a model folder holds JSON, TOML and tensors, is checked when it is loaded, and runs nothing; the folder of a "
    "search and a TOML file of terms may name programs and functions, and are to be trusted before they are run"
)


def former_names() -> list[str]:
    """Return a line for each former name of a pretrained model."""
    return [f"{old} is the former name of {new}, and goes on working" for old, new in RENAMED.items()]


def list_rows() -> list[tuple[str, ...]]:
    """Return a table of the pretrained models, titles first."""
    rows: list[tuple[str, ...]] = [("name", "kind", "data", "parameters", "size", "metrics", "licence")]
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
        ("parameters", f"{card.parameters:,}, {shown_size(size_of(folder))} in total"),
        ("settings", ", ".join(f"{name} {value}" for name, value in card.settings.items())),
        ("licence", card.licence),
        ("intended use", card.use),
        ("from strangers", _STRANGERS),
    ]
    lines = [_wrapped(f"{card.name}: {card.title}", "")]
    lines += [_wrapped(value, f"{name:21}") for name, value in facts if value]
    lines += ["limits", *(_wrapped(limit, "  - ") for limit in card.limits)]
    for table in card.tables:
        shown = [
            (
                name,
                f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value,
                unit,
            )
            for name, value, unit in table.rows
        ]
        wide, right = (max((len(row[column]) for row in shown), default=0) for column in (0, 1))
        lines += ["", _wrapped(table.title, "")]
        lines += [f"  {name:{wide}}  {value:>{right}}  {unit}".rstrip() for name, value, unit in shown]
    return "\n".join(lines)


def _wrapped(text: str, label: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=label, subsequent_indent=" " * len(label))
