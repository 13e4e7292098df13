"""The sequences that windows are cut out of: linear ones, and circles, where a window may span the origin."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

from seqvae.data.files.readers import ReadSettings, read_records
from seqvae.data.files.records import Flaw, Record
from seqvae.errors import InputError, UsageError
from seqvae.sequences.dna import normalize_dna, reverse_complement


@final
@dataclass(frozen=True, slots=True)
class Contig:
    """A sequence of DNA.

    Attributes:
        name: in its file.
        letters: bases and IUPAC codes.
        circular: whether its end is followed by its first base, as in plasmids and most genomes of bacteria.
    """

    name: str
    letters: str
    circular: bool = False

    def cut(self, start: int, stop: int) -> str:
        """Return the bases of a window; in a circle it may end beyond the last base, and go on at the first.

        Args:
            start: first base, from 0.
            stop: the base after the last one.

        Raises:
            InputError: it is empty, or not within the sequence.
        """
        size = len(self.letters)
        where = f"window {self.name}:{start:,}-{stop:,}"
        if not 0 <= start < stop:
            raise InputError(f"{where}: expected a start from 0 on and an end after it")
        if self.circular:
            if start >= size or stop - start > size:
                raise InputError(
                    f"{where}: expected a start below {size:,}, and at most {size:,} bases, of this circle"
                )
            return self.letters[start:stop] + self.letters[: max(stop - size, 0)]
        if stop > size:
            raise InputError(
                f"{where}: the sequence has {size:,} bases, and is linear; if it is a circle, give --circular"
            )
        return self.letters[start:stop]


@final
@dataclass(frozen=True, slots=True)
class Window:
    """A part of a sequence.

    Attributes:
        contig: name of the sequence.
        start: first base, from 0.
        stop: the base after the last one.
        strand: `+`, or `-` for the reverse complement.
        name: of the window; "" for none.
        line: of its file, from 1.
    """

    contig: str
    start: int
    stop: int
    strand: str = "+"
    name: str = ""
    line: int = 0


def read_contigs(source: Path | str, settings: ReadSettings | None = None, circular: bool = False) -> dict[str, Contig]:
    """Read the sequences that windows are cut out of, by name.

    Args:
        source: file of DNA (FASTA or GenBank, say), or `-`.
        settings: how it is read.
        circular: all are circles; otherwise those of GenBank are whose LOCUS line says so.

    Raises:
        InputError: as `read_records`, or two sequences have one name.
    """
    records, _ = read_records(source, settings, normalize_dna)
    found: dict[str, Contig] = {}
    for record in records:
        if record.name in found:
            raise InputError(
                f"{source}:{record.line}: expected a name of its own for each sequence, got {record.name!r}"
            )
        found[record.name] = Contig(record.name, record.text, circular or record.circular)
    return found


def named_contig(contigs: Mapping[str, Contig], name: str) -> Contig:
    """Return a sequence by its name; raises InputError where there is none, with the nearest name."""
    if name in contigs:
        return contigs[name]
    near = difflib.get_close_matches(name, contigs, n=1, cutoff=0.4)
    known = f"; did you mean {near[0]!r}?" if near else f"; the first is {next(iter(contigs), '')!r}"
    raise InputError(f"there is no sequence {name!r}{known}")


def windows_of(contigs: Mapping[str, Contig], wanted: Iterable[Window | Flaw]) -> Iterator[Record | Flaw]:
    """Yield the bases of windows, those of `-` as reverse complements; one that cannot be cut out is a flaw.

    A window without a name is called as bedtools does: `chr1:100-150(-)`, start from 0. Fields are the sequence, the
    window's first and last base, from 1, and its strand.
    """
    for one in wanted:
        if isinstance(one, Flaw):
            yield one
            continue
        name = one.name or f"{one.contig}:{one.start}-{one.stop}({one.strand})"
        try:
            bases = named_contig(contigs, one.contig).cut(one.start, one.stop)
        except InputError as error:
            yield Flaw(name, one.line, str(error), one.name)
            continue
        fields = {"sequence": one.contig, "start": f"{one.start + 1}", "end": f"{one.stop}", "strand": one.strand}
        yield Record(reverse_complement(bases) if one.strand == "-" else bases, name, one.line, fields)


def tiles(contigs: Mapping[str, Contig], width: int, step: int) -> Iterator[Window]:
    """Yield windows of one width, one after the other; of circles also those that span the origin.

    Args:
        contigs: the sequences; of one that is shorter than a window there are none.
        width: bases of a window.
        step: bases from the start of one to the start of the next.

    Raises:
        InputError: no sequence is as long as a window.
        UsageError: the width or the step is below 1.
    """
    if width < 1 or step < 1:
        raise UsageError(f"expected windows of 1 base or more, and a step of 1 or more, got {width} and {step}")
    longest = max((len(one.letters) for one in contigs.values()), default=0)
    if longest < width:
        raise InputError(f"expected a sequence as long as a window of {width:,} bases, the longest has {longest:,}")
    for one in contigs.values():
        size = len(one.letters)
        last = size if one.circular and size >= width else size - width + 1
        for number, start in enumerate(range(0, last, step), 1):
            yield Window(one.name, start, start + width, line=number)
