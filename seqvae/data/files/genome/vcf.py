"""VCF: variants of a reference, each as the window around it with the other allele in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from seqvae.data.files.genome.contigs import Contig, named_contig
from seqvae.data.files.open import open_lines
from seqvae.data.files.records import Flaw, Record
from seqvae.errors import InputError, UsageError
from seqvae.sequences.dna import IUPAC

REFERENCE = "reference"  # the field of the window as it is in the reference
_LONGEST_SHOWN = 12  # bases of an allele in a message


def read_vcf(source: Path | str, contigs: Mapping[str, Contig], width: int) -> Iterator[Record | Flaw]:
    """Yield a record for each alternative allele of a VCF file: its window, and as a field that of the reference.

    The window of the reference has the variant in its middle, or is moved to be within a linear sequence; where alleles
    are of different lengths, so are the windows. Other fields are the sequence, the position (from 1) and the alleles.

    Args:
        source: the file; genotypes and all columns from QUAL on are left out.
        contigs: the reference.
        width: bases of a window of the reference.

    Raises:
        InputError: the file cannot be read.
        UsageError: the width is below 1.
    """
    if width < 1:
        raise UsageError(f"expected windows of 1 base or more, got {width}")
    with open_lines(source) as lines:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            cells = text.split("\t")
            if len(cells) < 5 or not (cells[1].isascii() and cells[1].isdigit()):
                reason = (
                    "expected sequence, position, id, reference and alternatives, in columns with tabs between them"
                )
                yield Flaw(text, number, reason)
                continue
            contig, position, known, ref, alternatives = cells[:5]
            for alt in alternatives.split(","):
                name = known if known != "." else f"{contig}:{position}{ref}>{alt}"
                try:
                    before, after = _around(contigs, contig, int(position), ref.upper(), width)
                    if not alt or not set(alt.upper()) <= set("ACGTN"):
                        raise InputError(f"the alternative {_short(alt)} is no sequence of bases")
                except InputError as error:
                    yield Flaw(text, number, str(error), name)
                    continue
                fields = {"sequence": contig, "position": position, "ref": ref, "alt": alt}
                fields[REFERENCE] = before + ref.upper() + after
                yield Record(before + alt.upper() + after, name, number, fields)


def _around(contigs: Mapping[str, Contig], contig: str, position: int, ref: str, width: int) -> tuple[str, str]:
    """Return the bases of a window before and after a reference allele.

    Raises:
        InputError: there is no such sequence or position, the allele is not there, or there is no room for a window.
    """
    one, start = named_contig(contigs, contig), position - 1
    size, stop = len(one.letters), position - 1 + len(ref)
    there = one.letters[max(start, 0) : stop]
    if not 0 <= start < size or len(there) < len(ref):
        raise InputError(f"expected a position within {contig}, which has {size:,} bases, got {position:,}")
    if not all(base in "ACGTN" and (base == "N" or base in IUPAC[code]) for base, code in zip(ref, there, strict=True)):
        where = f"{contig}:{position:,}"
        raise InputError(
            f"the reference has {_short(there)} at {where}, the file {_short(ref)}: is it another assembly?"
        )
    if not len(ref) <= width <= size:
        raise InputError(
            f"expected a window of {len(ref):,} bases (the allele) to {size:,} (the sequence), got {width:,}"
        )
    first = start + len(ref) // 2 - width // 2
    if one.circular:
        window = one.cut(first % size, first % size + width)
        offset = start - first
    else:
        first = min(max(first, 0), size - width)
        window, offset = one.cut(first, first + width), start - first
    return window[:offset], window[offset + len(ref) :]


def _short(allele: str) -> str:
    return allele if len(allele) <= _LONGEST_SHOWN else f"{allele[:_LONGEST_SHOWN]}..."
