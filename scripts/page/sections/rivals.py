"""The section of BENCHMARKS.md on samples that the authors of other systems publish, beside ours."""

from __future__ import annotations

from scripts.page.tables import Values, table

# Column's title, metric, and how it is written.
_COLUMNS = (
    ("valid", "valid", "{:.4f}"),
    ("unique", "unique@10000", "{:.4f}"),
    ("novel", "Novelty", "{:.4f}"),
    ("FCD/Test", "FCD/Test", "{:.3f}"),
    ("SNN/Test", "SNN/Test", "{:.4f}"),
    ("Scaf/Test", "Scaf/Test", "{:.4f}"),
    ("Filters", "Filters", "{:.4f}"),
    ("KL of properties (GuacaMol)", "guacamol/KL", "{:.4f}"),
    ("radicals", "radicals", "{:.4f}"),
    ("rings above 8 atoms", "rings above 8 atoms", "{:.4f}"),
    ("anti-Bredt bonds", "anti-Bredt bonds", "{:.4f}"),
    ("four-membered heterocycles", "four-membered heterocycles", "{:.4f}"),
    ("unseen ring systems", "unseen ring systems", "{:.4f}"),
)


def section(result: Values, published: Values) -> str:
    """Return a table for each reference, all rows under one protocol."""
    settings, parts = result["settings"], []
    for reference, rows in result["figures"].items():
        parts.append(
            f"### {reference}\n\nEvery sample has {settings['molecules']:,} molecules, as published or as drawn, and "
            "is compared with the held-out molecules of the reference; the first row has as many training "
            "molecules. Several samples of a system: mean ± standard deviation.\n\n"
            + table(["samples", *(title for title, _, _ in _COLUMNS)], [_row(*item) for item in rows.items()])
        )
    return "\n".join(parts)


def _row(name: str, found: Values) -> list[str]:
    cells = []
    for _, key, form in _COLUMNS:
        value, spread = found["metrics"].get(key), found["deviations"].get(key)
        known = "–" if value is None else form.format(value)
        cells.append(known if spread is None else f"{known} ± {form.format(spread)}")
    return [name, *cells]
