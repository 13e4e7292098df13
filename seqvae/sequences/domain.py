"""What texts are: molecules, DNA, RNA, proteins, or texts over an alphabet of their own. One row for each.

Whatever asks "what kind of text is this" asks here. What a room does with a domain (the moves of a search, the metrics
of samples) it finds by the domain's name. A new alphabet is a row here; its tokenizer, moves, splits and metrics follow
from its letters.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from seqvae.errors import InputError
from seqvae.sequences.alphabet import GAP, Alphabet
from seqvae.sequences.dna import DNA_ALPHABET, RNA_ALPHABET
from seqvae.sequences.protein import PROTEIN_ALPHABET

MOLECULES, DNA, RNA, PROTEIN, LETTERS = "molecules", "dna", "rna", "protein", "letters"


@final
@dataclass(frozen=True, eq=False)
class Domain:
    """One kind of texts.

    Attributes:
        name: what properties and files on disk call it.
        title: what users read: `molecules as SMILES`, `DNA`.
        noun: what they call one text: `molecule`, `sequence`, `text`.
        tokenizers: the kinds of tokenizers for it, the usual one first.
        normalize: returns the canonical form of a text; raises `InputError`.
        same: returns what equal texts have in common, so that DNA is the same on either strand; raises `InputError`.
        endings: of files that hold nothing else.
        written: ending of the files that its texts are written to.
        alphabet: what sequences are written in; None: no letters of a known alphabet.
    """

    name: str
    title: str
    noun: str
    tokenizers: tuple[str, ...]
    normalize: Callable[[str], str]
    same: Callable[[str], str]
    endings: tuple[str, ...]
    written: str
    alphabet: Alphabet | None = None

    @property
    def unit(self) -> str:
        """What one letter of a text is: `base`, `residue`, `character`."""
        return self.alphabet.unit if self.alphabet else "character"

    def canonical(self, text: str) -> str | None:
        """Return the canonical form of a text; None for one that is none of the domain."""
        try:
            return self.normalize(text)
        except InputError:
            return None


def _molecule(text: str) -> str:
    from seqvae.sequences.molecules import canonical_smiles  # RDKit: what only names a domain does without

    return canonical_smiles(text)


def _sequences(name: str, alphabet: Alphabet, endings: tuple[str, ...] = ()) -> Domain:
    """Return the row of sequences over an alphabet; its tokenizer has the domain's name."""

    def same(text: str) -> str:
        return alphabet.representative(alphabet.normalize(text, allow_gap=True))

    return Domain(
        name, alphabet.title, "sequence", (name,), alphabet.normalize, same, endings, ".fasta", alphabet=alphabet
    )


_ROWS = (
    Domain(
        MOLECULES,
        "molecules as SMILES",
        "molecule",
        ("selfies", "smiles"),
        _molecule,
        _molecule,
        (".smi", ".sdf"),
        ".smi",
    ),
    _sequences(DNA, DNA_ALPHABET, (".gb", ".gbk", ".fna", ".ffn")),
    _sequences(RNA, RNA_ALPHABET, (".frn",)),
    _sequences(PROTEIN, PROTEIN_ALPHABET, (".faa",)),
    Domain(LETTERS, "texts over letters of their own", "text", ("char",), str, str, (), ".txt"),
)
DOMAINS: Mapping[str, Domain] = {row.name: row for row in _ROWS}
"""All domains, by name."""

KINDS: tuple[str, ...] = tuple(kind for row in _ROWS for kind in row.tokenizers)
"""The kinds of tokenizers, by which dataset cards and audits name domains too."""

_OF_KIND = {kind: row for row in _ROWS for kind in row.tokenizers}


def domain_of(kind: str) -> Domain:
    """Return the domain of a kind of tokenizer: molecules for `selfies` and for `smiles`."""
    return _OF_KIND[kind]


# What tells a domain from the letters of a sample. Real data has reads of N alone and bad records, so shares decide.
_LOOKED_AT, _LONGEST = 200, 10_000  # texts, at random, and characters of each
_SEQUENCE_FILES = (".fasta", ".fa")  # of any alphabet, never of SMILES
_NUCLEIC = f"{DNA_ALPHABET.letters}U{''.join(DNA_ALPHABET.codes)}{GAP}"


def detect(texts: Sequence[str], source: str = "") -> Domain:
    """Return the domain of texts, from the ending of their file and from a sample of them.

    A file's ending decides where it names one domain (`.smi`, `.gb`, `.faa`); FASTA holds sequences of some alphabet.
    Else the first that fits is taken:

    * DNA or RNA, where nine letters in ten are bases, IUPAC codes or gaps, and three in four A, C, G, T, U or N; RNA if
      there is more U than T. Outside FASTA what may be chains of carbon and nitrogen (`CCC`, `CCN`) is no DNA: one base
      in twenty at least is no C, or most texts are no SMILES;
    * molecules, where most texts are SMILES, or SELFIES;
    * protein, or any other alphabet, where 95 letters in 100 are its own, or X, or stops; outside FASTA of eight kinds
      at least, so that words over few letters stay what they are. A protein of A, C, G and T alone is taken for DNA:
      the ending `.faa`, or the kind of tokenizer that is asked for, says that it is none;
    * letters.

    Args:
        texts: as read; nothing is raised for a bad one.
        source: the file's name, or nothing.
    """
    name = source.lower().removesuffix(".gz")
    for row in _ROWS:
        if row.endings and name.endswith(row.endings):
            return row
    places = random.Random(0).sample(range(len(texts)), min(len(texts), _LOOKED_AT))
    sample = [texts[place][:_LONGEST].strip() for place in places]
    fasta = name.endswith(_SEQUENCE_FILES)
    letters = Counter("".join(sample).upper())
    bases = sum(letters[base] for base in "ACGTU")
    if _share(letters, "ACGTUN") >= 0.75 and _share(letters, _NUCLEIC) >= 0.9:
        chains = bases - letters["C"] < 0.05 * bases or not bases
        if fasta or not chains or not _are_molecules(sample):
            return DOMAINS[RNA if letters["U"] > letters["T"] else DNA]
    if not fasta and _are_molecules(sample):
        return DOMAINS[MOLECULES]
    for row in _ROWS:
        if row.alphabet and row.name not in (DNA, RNA) and _is_written_in(row.alphabet, letters, fasta):
            return row
    return DOMAINS[LETTERS]


def _share(counts: Counter[str], letters: str) -> float:
    """Return the share of some letters among all; none of no text."""
    return sum(counts[letter] for letter in letters) / max(counts.total(), 1)


def _is_written_in(alphabet: Alphabet, counts: Counter[str], fasta: bool) -> bool:
    """Return whether nearly all letters are the alphabet's, with codes for any letter and marks of an end."""
    open_codes = [code for code, allowed in alphabet.codes.items() if len(allowed) == len(alphabet.letters)]
    different = sum(counts[letter] > 0 for letter in alphabet.letters)
    share = _share(counts, "".join((alphabet.letters, *open_codes, alphabet.end)))
    return share >= 0.95 and (fasta or different >= min(8, len(alphabet.letters)))


def _are_molecules(texts: Sequence[str]) -> bool:
    """Return whether most texts are SMILES, or are SELFIES."""
    from seqvae.sequences.molecules import is_valid, written_in_selfies

    return 2 * sum(map(is_valid, texts)) > len(texts) or written_in_selfies(texts)
