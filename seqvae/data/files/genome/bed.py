"""BED: windows of sequences by name, start (from 0), end, and, where there are six columns, strand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqvae.data.files.genome.contigs import Window
from seqvae.data.files.open import open_lines
from seqvae.data.files.records import Flaw

_NO_WINDOWS = ("#", "track", "browser")


def read_bed(source: Path | str) -> Iterator[Window | Flaw]:
    """Yield the windows of a BED file (sequence, start, end, name, score, strand; the last three may be missing).

    Raises:
        InputError: the file cannot be read.
    """
    with open_lines(source) as lines:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith(_NO_WINDOWS):
                continue
            cells = [cell.strip() for cell in text.split("\t")] if "\t" in text else text.split()
            if len(cells) < 3:
                yield Flaw(text, number, "expected sequence, start and end, in columns with tabs between them")
                continue
            contig, start, stop = cells[:3]
            name = cells[3] if len(cells) > 3 and cells[3] != "." else ""
            strand = cells[5] if len(cells) > 5 else "."
            if not (start.isascii() and start.isdigit() and stop.isascii() and stop.isdigit()):
                reason = f"expected whole numbers from 0 on as start and end, got {start!r} and {stop!r}"
                yield Flaw(text, number, reason, name)
            elif strand not in ("+", "-", "."):
                yield Flaw(text, number, f"expected + or - or . as strand, in the sixth column, got {strand!r}", name)
            else:
                yield Window(contig, int(start), int(stop), "-" if strand == "-" else "+", name, number)
