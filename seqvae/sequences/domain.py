"""Domains: molecules, DNA, RNA, proteins, or texts over an alphabet of their own; one row each.

Everything that needs to know what kind of text it has asks here. What depends on the domain elsewhere (the moves of a
search, the metrics of samples) is looked up by the domain's name. A new alphabet is a row here; its tokenizer, moves,
splits and metrics follow from its letters.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from seqvae.errors import InputError
from seqvae.sequences.alphabet import GAP, Alphabet
from seqvae.sequences.dna import DNA_ALPHABET, RNA_ALPHABET
from seqvae.sequences.protein import PROTEIN_ALPHABET

MOLECULES, DNA, RNA, PROTEIN, LETTERS = "molecules", "dna", "rna", "protein", "letters"
CODON = "codon"  # kind of tokenizer: coding sequences of DNA, whose tokens are codons


@final
@dataclass(frozen=True, eq=False)
class Domain:
    """One kind of text.

    Attributes:
        name: its name in properties and in files on disk.
        title: its name for users: `molecules as SMILES`, `DNA`.
        noun: the word for one text: `molecule`, `sequence`, `text`.
        tokenizers: the kinds of tokenizers for it, the default first.
        normalize: returns the canonical form of a text; raises `InputError`.
        same: returns a key that equal texts share, the same for both strands of DNA; raises `InputError`.
        endings: of files that hold only this domain.
        written: ending of the files that its texts are written to.
        alphabet: of its sequences; None if it has no known alphabet.
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
        """Return the canonical form of a text; None for one that does not belong to the domain."""
        try:
            return self.normalize(text)
        except InputError:
            return None


def _molecule(text: str) -> str:
    from seqvae.sequences.molecules import canonical_smiles  # loads RDKit, which naming a domain does not need

    return canonical_smiles(text)


def _sequences(name: str, alphabet: Alphabet, endings: tuple[str, ...] = (), others: tuple[str, ...] = ()) -> Domain:
    """Return the domain of sequences over an alphabet; its first tokenizer has the domain's name."""

    def same(text: str) -> str:
        """Return the lesser of the two strands, or the sequence itself; gaps are allowed."""
        return alphabet.representative(alphabet.normalize(text, allow_gap=True))

    kinds = (name, *others)
    return Domain(name, alphabet.title, "sequence", kinds, alphabet.normalize, same, endings, ".fasta", alphabet)


_ROWS = (
    Domain(
        MOLECULES,
        "molecules as SMILES",
        "molecule",
        ("smiles", "selfies"),
        _molecule,
        _molecule,
        (".smi", ".smiles", ".ism", ".cxsmiles", ".sdf", ".sd", ".mol", ".mdl"),
        ".smi",
    ),
    _sequences(DNA, DNA_ALPHABET, (".gb", ".gbk", ".gbff", ".genbank", ".fna", ".ffn"), (CODON,)),
    _sequences(RNA, RNA_ALPHABET, (".frn",)),
    _sequences(PROTEIN, PROTEIN_ALPHABET, (".faa", ".gp", ".gpff")),
    Domain(LETTERS, "texts over letters of their own", "text", ("char",), str, str, (), ".txt"),
)
DOMAINS: Mapping[str, Domain] = {row.name: row for row in _ROWS}
"""All domains, by name."""

KINDS: tuple[str, ...] = tuple(kind for row in _ROWS for kind in row.tokenizers)
"""The kinds of tokenizers; dataset cards and audits name domains by them too."""

_OF_KIND = {kind: row for row in _ROWS for kind in row.tokenizers}


def domain_of(kind: str) -> Domain:
    """Return the domain of a kind of tokenizer: molecules for `selfies` and for `smiles`."""
    return _OF_KIND[kind]


# The domain is told from the letters of a sample. Real data has bad records and reads of N only, so shares decide.
_LOOKED_AT, _LONGEST = 200, 10_000  # texts sampled at random, and characters of each
_SEQUENCE_FILES = (
    ".fasta",
    ".fa",
    ".fas",
    ".fsa",
    ".mpfa",
    ".fastq",
    ".fq",
    ".a2m",
    ".a3m",
    ".afa",
    ".sto",
    ".sth",
    ".stk",
    ".stockholm",
)  # sequences over any alphabet, never SMILES
_NUCLEIC = f"{DNA_ALPHABET.letters}U{''.join(DNA_ALPHABET.codes)}{GAP}"


@final
@dataclass(frozen=True)
class Detected:
    """A domain, and why texts are taken to belong to it.

    Attributes:
        domain: the domain.
        why: the reason, for users.
    """

    domain: Domain
    why: str


def detect(texts: Sequence[str], source: str = "") -> Domain:
    """Return the domain of texts; as `detected`."""
    return detected(texts, source).domain


def detected(texts: Sequence[str], source: str = "", title: str = "") -> Detected:
    """Return the domain of texts, judged by their file's ending, their column's title and a sample of them.

    The ending decides if it belongs to one domain (`.smi`, `.gb`, `.faa`); FASTA holds sequences over some alphabet.
    So does a title that names SMILES or SELFIES, however many of them are broken. Otherwise the first that fits is
    taken:

    * DNA or RNA, if at least 90 % of the letters are bases, IUPAC codes or gaps, and at least 75 % are A, C, G, T, U
      or N; RNA if U outnumbers T. Outside FASTA, at least 5 % of the bases must not be C, or most texts must not be
      valid SMILES: otherwise they may be chains of carbon and nitrogen (`CCC`, `CCN`);
    * molecules, if most texts are SMILES or SELFIES;
    * protein or any other alphabet, if at least 95 % of the letters are its own, or X, or stops; outside FASTA at
      least eight different letters must occur, so that words over few letters are not taken for proteins. A protein
      of A, C, G and T only is taken for DNA: use the ending `.faa`, or name the kind of tokenizer;
    * letters.

    Args:
        texts: as read; invalid ones raise nothing.
        source: the file's name, or "".
        title: of the column that they stood in, or "".
    """
    name = re.sub(r"\.(?:gz|bz2|xz)$", "", source.lower())
    for row in _ROWS:
        if row.endings and name.endswith(row.endings):
            return Detected(row, f"by the ending of {source}")
    if any(word in title.lower() for word in ("smiles", "selfies")):
        return Detected(DOMAINS[MOLECULES], f"by the title of the column {title!r}")
    places = random.Random(0).sample(range(len(texts)), min(len(texts), _LOOKED_AT))
    sample = [texts[place][:_LONGEST].strip() for place in places]
    fasta = name.endswith(_SEQUENCE_FILES)
    letters = Counter("".join(sample).upper())
    bases = sum(letters[base] for base in "ACGTU")
    if _share(letters, "ACGTUN") >= 0.75 and _share(letters, _NUCLEIC) >= 0.9:
        chains = bases - letters["C"] < 0.05 * bases or not bases
        if fasta or not chains or not _are_molecules(sample):
            row = DOMAINS[RNA if letters["U"] > letters["T"] else DNA]
            return Detected(row, f"{_share(letters, 'ACGTUN'):.1%} of the letters are A, C, G, T, U or N")
    if not fasta and _are_molecules(sample):
        return Detected(DOMAINS[MOLECULES], "most of them are SMILES or SELFIES")
    for row in _ROWS:
        if row.alphabet is None or row.name in (DNA, RNA):
            continue
        own, codes = row.alphabet.letters, row.alphabet.codes
        for_any = [code for code, allowed in codes.items() if len(allowed) == len(own)]  # X of proteins
        varied = sum(letters[letter] > 0 for letter in own) >= min(8, len(own))
        share = _share(letters, "".join((own, *for_any, row.alphabet.end)))
        if (fasta or varied) and share >= 0.95:
            return Detected(row, f"{share:.1%} of the letters are those of a {row.name}")
    return Detected(DOMAINS[LETTERS], "they are neither molecules nor sequences over a known alphabet")


def _share(counts: Counter[str], letters: str) -> float:
    """Return the share of some letters among all; 0 if there are none."""
    return sum(counts[letter] for letter in letters) / max(counts.total(), 1)


def _are_molecules(texts: Sequence[str]) -> bool:
    """Return whether most texts are SMILES, or most are SELFIES."""
    from seqvae.sequences.molecules import is_valid, written_in_selfies

    return 2 * sum(map(is_valid, texts)) > len(texts) or written_in_selfies(texts)
