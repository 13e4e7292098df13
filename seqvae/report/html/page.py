"""One self-contained HTML page: inline style, no script, nothing downloaded; light and dark, any screen width."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from seqvae.report.html.style import CSS

_ROWS = 20  # of a table that are shown at once
_FLAG = re.compile(r"(?<![^\s(])--[a-z][a-z-]*")


@dataclass(frozen=True)
class Section:
    """A section of a page.

    Attributes:
        title: its heading, as plain text.
        blocks: its content, each block a piece of HTML, in order.
    """

    title: str
    blocks: tuple[str, ...]


def page(title: str, sections: Sequence[Section], lead: str = "", footer: str = "") -> str:
    """Return a complete HTML document.

    Args:
        title: heading of the page, as plain text.
        sections: its parts, in order.
        lead: a sentence below the heading, as plain text.
        footer: a line at the end, as plain text.
    """
    parts = []
    for number, section in enumerate(sections, 1):
        blocks = "\n".join(section.blocks)
        parts.append(f'<section id="section-{number}">\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>')
    body = "\n".join(parts)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>{CSS}</style>
</head>
<body>
<header><h1>{escape(title)}</h1>{paragraph(lead) if lead else ""}</header>
<main>
{body}
</main>
<footer>{escape(footer)}</footer>
</body>
</html>
"""


def paragraph(text: str) -> str:
    """Return a paragraph of plain text; no line ends within a flag of a command line."""
    kept = _FLAG.sub(r'<span class="flag">\g<0></span>', escape(text))
    return f"<p>{kept}</p>"


def glossary(terms: Sequence[tuple[str, str]]) -> Section:
    """Return a section that says what each term of a page means."""
    return Section("What the words mean", (table(("term", "meaning"), terms),))


def more(title: str, block: str) -> str:
    """Return a block of HTML that opens on a click on its title, which is plain text."""
    return f"<details><summary>{escape(title)}</summary>\n{block}\n</details>"


def code(text: str) -> str:
    """Return commands or file content, unchanged."""
    return f"<pre><code>{escape(text)}</code></pre>"


def table(header: Sequence[str], rows: Sequence[Sequence[object]], strong: int | None = None) -> str:
    """Return a table; numbers and the titles above them are aligned to the right.

    Args:
        header: title of each column, with the unit where there is one.
        rows: cells; a float is shown with three significant digits, None as an empty cell, anything else as its text;
            what is beyond the twentieth row opens on a click.
        strong: column in bold; None for none.
    """
    numbers = {i for row in rows for i, value in enumerate(row) if _is_number(value)}
    head = "".join(f"<th{_kinds(i in numbers, i == strong)}>{escape(title)}</th>" for i, title in enumerate(header))
    cells = [
        [
            f"<td{_kinds(_is_number(value), i == strong)}>{'' if value is None else shown(value)}</td>"
            for i, value in enumerate(row)
        ]
        for row in rows
    ]
    lines = [f"<tr>{''.join(row)}</tr>" for row in cells]
    first = _table(head, lines[:_ROWS])
    rest = lines[_ROWS:]
    return first if not rest else first + more(f"{len(rest):,} more rows", _table(head, rest))


def _table(head: str, lines: Sequence[str]) -> str:
    body = "\n".join(lines)
    return f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>'


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _kinds(number: bool, strong: bool) -> str:
    names = " ".join(name for name, holds in (("number", number), ("strong", strong)) if holds)
    return f' class="{names}"' if names else ""


def shown(value: object) -> str:
    """Return a value as HTML text: floats with three significant digits, integers with thousands separators.

    >>> shown(0.123456), shown(20000), shown("a < b")
    ('0.123', '20,000', 'a &lt; b')
    """
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1_000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return escape(str(value))
