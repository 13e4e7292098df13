"""Heat maps of what a model says of each position of molecules and sequences."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from seqvae import __version__
from seqvae.report.html.page import Section, page, paragraph
from seqvae.sequences.codons import effect_of, genetic_code

if TYPE_CHECKING:
    from seqvae.infer.by_position import Positions
    from seqvae.infer.substitutions import Mutations

MOST_SHOWN = 100  # rows of a page: a browser shows these at once
_SATURATED = 4.0  # nats at which a colour is full: a token of probability .02, or one that is 55 times less likely

_SIGNS = {"synonymous": "=", "nonsense": "*"}  # in the cells of codons


def positions_page(found: Positions, names: Sequence[str], model: str) -> str:
    """Return a page with a row of coloured tokens for each text, red where the model did not expect one.

    Args:
        found: log p of each token.
        names: of each text, in the order of `found.forms`; may be empty.
        model: its name.
    """
    rows = []
    for number in range(min(len(found.forms), MOST_SHOWN)):
        cells = []
        for place, (token, value) in enumerate(zip(found.tokens[number], found.log_p[number], strict=True), 1):
            title, style = escape(f"{place}: {token}, log p {value:.2f}"), f"{_colour(-float(value))};margin:0"
            cells.append(f'<span class="sequence" style="{style}" title="{title}">{escape(token)}</span>')
        rows.append(f"{_caption(names, number, found.forms[number])}<div>{''.join(cells)}</div>")
    about = (
        "Each token is the redder, the less likely it is given the tokens before it and the latent point: full red is "
        f"{_SATURATED:g} nats or more, a probability of .02."
    )
    return _page(f"log p by position: {model}", "Tokens", about, rows, len(found.forms))


def mutations_page(found: Mutations, names: Sequence[str], model: str) -> str:
    """Return a page with a table of letters, or codons, by positions for each sequence.

    Args:
        found: what every substitution does.
        names: of each sequence, in the order of `found.forms`; may be empty.
        model: its name.
    """
    blocks = [
        f"{_caption(names, number, found.forms[number])}{_matrix(found, number)}"
        for number in range(min(len(found.forms), MOST_SHOWN))
    ]
    what, own = ("codons", "codon") if found.of_codons else ("letters", "letter")
    about = (
        f"Rows are {what}, columns positions: red where a {own} makes the sequence less likely, blue where likelier; "
        f"full at {_SATURATED:g} nats; a dot is the {own} that stands there."
    )
    if found.of_codons:
        about += (
            " Beside each codon stands its amino acid; = is a synonymous codon, * a stop in place of an amino acid."
        )
    return _page(f"Every single substitution: {model}", "Change of log p", about, blocks, len(found.forms))


def _page(title: str, heading: str, about: str, blocks: list[str], count: int) -> str:
    more = f" The first {len(blocks)} of {count:,}." if len(blocks) < count else ""
    return page(title, [Section(heading, (paragraph(about + more), *blocks))], footer=f"seqvae {__version__}")


def _caption(names: Sequence[str], number: int, form: str) -> str:
    name = names[number] if names else ""
    return f'<p class="sequence"><small>{escape(name or form)}</small></p>'


def _matrix(found: Mutations, number: int) -> str:
    """Return a row of cells for each letter or codon, a column for each position of a sequence."""
    parts, delta = found.positions[number], found.delta[number]
    head = "".join(f"<th>{escape(part)}</th>" for part in parts)
    rows = []
    for column, letter in enumerate(found.letters):
        cells = []
        for place, value in enumerate(delta[:, column]):
            effect = effect_of(parts[place], letter) if found.of_codons else ""
            title = f"{place + 1}: {escape(parts[place])} to {escape(letter)}, {value:+.2f}"
            title, sign = f"{title}, {effect}" if effect else title, _SIGNS.get(effect, "&nbsp;")
            shown = f'<td title="{title}" style="{_colour(-float(value))}">{sign}</td>'
            cells.append("<td>·</td>" if parts[place] == letter else shown)
        name = f"{letter} {genetic_code()[letter]}" if found.of_codons else letter
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    return f'<div class="wide"><table class="sequence"><tr><th></th>{head}</tr>{"".join(rows)}</table></div>'


def _colour(cost: float) -> str:
    """Return a background: red for a cost, blue for a gain."""
    share = min(abs(cost) / _SATURATED, 1.0)
    colour = "207,31,31" if cost > 0 else "35,66,216"
    return f"background:rgba({colour},{share:.2f})"
