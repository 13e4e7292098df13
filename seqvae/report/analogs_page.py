"""The page of a lead's analogs: drawn, the likeliest first, and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from seqvae.report.html.molecules import molecule_grid
from seqvae.report.html.page import Section, glossary, page, paragraph, table
from seqvae.report.html.sequences import sequence_text
from seqvae.search.lead_analogs import EXCHANGE, LATENT, MOVE, Analogs
from seqvae.sequences.molecules import is_valid

_DRAWN = 60
_WORDS = (
    ("similarity", "to the lead: of molecules Tanimoto by ECFP4, 2,048 bits; of sequences 1 - edit distance / length"),
    ("log likelihood", "the model's lower bound on log p(x), nats: higher for what is more like its training data"),
    ("score", "by which the analogs are ranked: log-probability of the change and 0.15 of the log likelihood, nats"),
    (EXCHANGE, "one or two substituents exchanged, by how often each stands on such an atom"),
    (MOVE, "one or two small changes of the molecular graph, or of letters"),
    (LATENT, "a sample of the lead's posterior in latent space"),
)


def analogs_page(found: Analogs) -> str:
    """Return the page of a lead's analogs."""
    rows = found.found
    titles = ("analog", "similarity", "log likelihood", "score", "proposer")
    cells = [
        [one.text, f"{one.similarity:.2f}", f"{one.log_likelihood:.1f}", f"{one.score:.2f}", one.proposer]
        for one in rows
    ]
    shown = rows[:_DRAWN]
    captions = [f"{row}. similarity {one.similarity:.2f}, {one.proposer}" for row, one in enumerate(shown, 1)]
    about = "Drawn as the lead lies; what the lead does not have is marked."
    title = f"The {len(shown)} likeliest of {len(rows):,}" if len(shown) < len(rows) else f"{len(rows):,} analogs"
    sections = [
        Section("The lead", (_drawn([found.lead], ["lead"], found.lead),)),
        Section(title, (paragraph(about), _drawn([one.text for one in shown], captions, found.lead))),
        Section("As a table", (table(titles, cells),)),
        glossary(_WORDS),
    ]
    return page("Analogs", sections, f"{found.described}.")


def _drawn(texts: Sequence[str], captions: Sequence[str], lead: str) -> str:
    if all(map(is_valid, (lead, *texts))):
        return molecule_grid(texts, captions, lead)
    return sequence_text(texts, captions, reference="" if texts == [lead] else lead)
