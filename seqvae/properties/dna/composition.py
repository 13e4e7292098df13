"""Properties of DNA: composition, melting temperature, motifs, words, restriction sites, distance, folding as RNA.

Each reads a text as `normalize_dna` does (any case, U as T). A text has no value, NaN, where it is no DNA, where a base
is not certain (an IUPAC ambiguity code), or where the property says so. All but melting temperatures and restriction
sites are properties of RNA as well.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from seqvae.config import suggestion
from seqvae.errors import InvalidSequenceError, SeqVAEError, UsageError
from seqvae.properties.dna.motifs import Motif, best_scores, read_motif
from seqvae.properties.property import Property
from seqvae.sequences.dna import BASES, IUPAC, normalize_dna, reverse_complement
from seqvae.sequences.domain import DNA, RNA
from seqvae.sequences.integer_codes import Letters, dna_letters

SODIUM, STRAND = 50.0, 25.0
"""Of melting temperatures: millimoles of sodium and nanomoles of each strand a litre, Biopython's own."""

_CERTAIN = re.compile(f"[{BASES}]+")
_Compute = Callable[[list[str]], ArrayLike]


def gc_content(found: Letters) -> NDArray[np.float64]:
    """Return each DNA sequence's share of G and C among its certain bases, `(sequences,)`; NaN where it has none."""
    certain = _sums(found, found.codes >= 0)
    strong = _sums(found, (found.codes == found.alphabet.index("C")) | (found.codes == found.alphabet.index("G")))
    with np.errstate(invalid="ignore"):
        return strong / certain


def longest_runs(found: Letters) -> NDArray[np.int64]:
    """Return the length of each sequence's longest homopolymer, `(sequences,)`: one letter again and again."""
    codes = found.codes
    changes = np.flatnonzero(np.diff(codes)) + 1  # a gap follows each sequence, so no run crosses into the next
    begins = np.concatenate([[0], changes])
    runs = np.diff(np.concatenate([begins, [len(codes)]]))
    real = codes[begins] >= 0
    longest = np.zeros(len(found), np.int64)
    np.maximum.at(longest, found.rows[begins[real]], runs[real])
    return longest


def _sums(found: Letters, marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.add.reduceat(marks, found.starts, dtype=np.int64)


def melting_temperature(sequence: str) -> float:
    """Return the temperature in °C at which half of the double strands have come apart.

    Nearest neighbours as Biopython's `Tm_NN` computes them: its table `DNA_NN3` (Allawi & SantaLucia 1997,
    doi:10.1021/bi962590c), 50 mM of sodium by its salt correction 5 (SantaLucia 1998, doi:10.1073/pnas.95.4.1460),
    25 nM of each strand; a sequence that is its own reverse complement counts as such (`selfcomp`).

    Args:
        sequence: bases A, C, G, T alone; NaN for fewer than two, which have no neighbours.
    """
    from Bio.SeqUtils import MeltingTemp  # takes a while to import

    if len(sequence) < 2:
        return float("nan")
    own = reverse_complement(sequence) == sequence
    table = MeltingTemp.DNA_NN3
    return float(
        MeltingTemp.Tm_NN(sequence, nn_table=table, dnac1=STRAND, dnac2=STRAND, selfcomp=own, Na=SODIUM, saltcorr=5)
    )


def count_word(sequence: str, word: str) -> int:
    """Return at how many places a word begins, overlaps included, on the given strand alone.

    Args:
        sequence: bases A, C, G, T.
        word: bases and IUPAC codes; a code stands for any base that it allows.

    >>> count_word("TATATATG", "TATA"), count_word("TATATATG", "TATR")
    (2, 3)
    """
    return len(re.findall(f"(?={_pattern(word)})", sequence))


def count_sites(sequence: str, site: str) -> int:
    """Return at how many places a recognition site begins, on either strand.

    A palindromic site stands on both strands at the same place and counts once.

    Args:
        sequence: bases A, C, G, T.
        site: bases and IUPAC codes; an enzyme with several sites has them side by side, divided by `|`.

    >>> count_sites("GAATTCGAGACC", "GAATTC"), count_sites("GAATTCGAGACC", "GGTCTC")
    (1, 1)
    """
    words = [word for each in site.split("|") for word in (each, reverse_complement(each))]
    return len(re.findall(f"(?={'|'.join(map(_pattern, words))})", sequence))


def _pattern(word: str) -> str:
    return "".join(f"[{''.join(sorted(IUPAC[code]))}]" for code in word)


def folding_energy(sequence: str) -> float:
    """Return the minimum free energy in kcal/mol of the RNA of this sequence (T read as U) at 37 °C: 0 or below.

    ViennaRNA's, to its own hundredth (Lorenz et al. 2011, doi:10.1186/1748-7188-6-26).

    Raises:
        SeqVAEError: ViennaRNA is not installed.
    """
    try:
        import RNA
    except ImportError as error:
        raise SeqVAEError("dna:mfe needs ViennaRNA: install it with pip install 'seqvae[rna]'") from error
    return round(float(RNA.fold(sequence.replace("T", "U"))[1]), 2)


def _values(compute: _Compute, texts: Sequence[str]) -> NDArray[np.float64]:
    """Return the value of each text, NaN where it is no DNA or a base is not certain."""
    known = [(row, sequence) for row, text in enumerate(texts) if (sequence := _bases(text))]
    values = np.full(len(texts), np.nan)
    if known:
        values[[row for row, _ in known]] = compute([sequence for _, sequence in known])
    return values


def _bases(text: str) -> str:
    """Return a text in canonical form, or nothing where it is not made of certain bases."""
    try:
        sequence = normalize_dna(text)
    except InvalidSequenceError:
        return ""
    return sequence if _CERTAIN.fullmatch(sequence) else ""


def _each(function: Callable[[str], float], sequences: list[str]) -> list[float]:
    return [function(sequence) for sequence in sequences]


def _gc(sequences: list[str]) -> NDArray[np.float64]:
    return gc_content(dna_letters(sequences))


def _homopolymer(sequences: list[str]) -> NDArray[np.int64]:
    return longest_runs(dna_letters(sequences))


def _words(word: str, sequences: list[str]) -> list[int]:
    return [count_word(sequence, word) for sequence in sequences]


def _sites(site: str, sequences: list[str]) -> list[int]:
    return [count_sites(sequence, site) for sequence in sequences]


def _distances(reference: str, sequences: list[str]) -> list[int]:
    from rapidfuzz.distance import Levenshtein

    return [Levenshtein.distance(sequence, reference) for sequence in sequences]


def _motif_scores(wanted: Motif, sequences: list[str]) -> NDArray[np.float64]:
    scores = np.full(len(sequences), np.nan)
    rows = [row for row, sequence in enumerate(sequences) if len(sequence) >= wanted.width]
    if rows:
        scores[rows] = best_scores(dna_letters([sequences[row] for row in rows]), wanted)
    return scores


_OF_DNA_ALONE = ("tm", "sites")  # parameters of DNA's double strand; enzymes that cut it
_PLAIN: dict[str, tuple[_Compute, str]] = {
    "gc": (_gc, "share of G and C among the bases, 0 to 1"),
    "tm": (
        partial(_each, melting_temperature),
        f"melting temperature, °C: nearest neighbours (Allawi & SantaLucia 1997), {SODIUM:g} mM Na+, "
        f"{STRAND:g} nM of each strand; none for one base",
    ),
    "homopolymer": (_homopolymer, "length of the longest run of one base"),
    "mfe": (
        partial(_each, folding_energy),
        "minimum free energy of the RNA's fold at 37 °C, kcal/mol (ViennaRNA, Lorenz et al. 2011; seqvae[rna])",
    ),
}


FORMS = (
    ("dna:kmer=WORD", DNA, "how often a word occurs, overlaps counted; IUPAC codes allowed"),
    ("dna:distance=SEQUENCE", DNA, "edits to a reference sequence"),
    ("dna:sites=ENZYME", DNA, "recognition sites of a restriction enzyme, on either strand"),
    ("dna:motif=FILE#NAME", DNA, "bits of the best window under a motif of a JASPAR or MEME file, on either strand"),
)


def listed() -> list[Property]:
    """Return the properties of DNA that need no parameter: `dna:gc`, `dna:tm`, `dna:homopolymer`, `dna:mfe`."""
    return [_property(name, compute, about) for name, (compute, about) in _PLAIN.items()]


def named(rest: str) -> Property:
    """Return the property of DNA of a name, without its first word.

    Args:
        rest: one of `listed`, or `kmer=TATA` (IUPAC codes allowed), `distance=ACGT...` (edits to that sequence),
            `sites=EcoRI` (an enzyme), `motif=FILE#NAME` (a JASPAR or MEME file; the name may be left out where the
            file holds one motif).

    Raises:
        UsageError: no property has that name, or its value is missing or of no use.
        InputError: the file of motifs cannot be read, or has no motif of that name.
    """
    word, equals, value = rest.partition("=")
    if word in _PLAIN and not equals:
        return next(each for each in listed() if each.name == f"dna:{word}")
    if word in _PLAIN:
        raise UsageError(f"dna:{rest}: dna:{word} takes no value; write dna:{word}")
    if word not in _WITH_VALUE:
        known = (*_PLAIN, *_WITH_VALUE)
        raise UsageError(f"unknown property {f'dna:{word}'!r}{suggestion(word, known)}")
    make, example = _WITH_VALUE[word]
    if not value:
        raise UsageError(f"dna:{rest}: expected a value, such as dna:{word}={example}")
    compute, about = make(value)
    return _property(rest, compute, about)


def _property(rest: str, compute: _Compute, about: str) -> Property:
    also = () if rest.partition("=")[0] in _OF_DNA_ALONE else (RNA,)
    return Property(f"dna:{rest}", DNA, about, partial(_values, compute), also)


def _kmer(value: str) -> tuple[_Compute, str]:
    word = _sequence("kmer", value)
    return partial(_words, word), f"how often {word} stands in the sequence, overlaps included, on this strand"


def _distance(value: str) -> tuple[_Compute, str]:
    reference = _sequence("distance", value)
    if not _CERTAIN.fullmatch(reference):
        raise UsageError(f"dna:distance: expected a reference of A, C, G, T alone, got {value!r}")
    return partial(_distances, reference), f"fewest edits of a base to {reference} (Levenshtein 1966)"


def _sequence(word: str, value: str) -> str:
    try:
        return normalize_dna(value)
    except InvalidSequenceError as error:
        raise UsageError(f"dna:{word}: {error}") from error


def _enzyme(value: str) -> tuple[_Compute, str]:
    from Bio.Restriction.Restriction_Dictionary import rest_dict  # takes a while to import

    if value not in rest_dict:
        folded = {name.lower(): name for name in rest_dict}
        near = difflib.get_close_matches(value.lower(), folded, n=1)
        hint = f"did you mean {folded[near[0]]!r}?" if near else "expected a name of REBASE, such as EcoRI"
        raise UsageError(f"dna:sites: unknown restriction enzyme {value!r}; {hint}")
    site = str(rest_dict[value]["site"])
    return partial(_sites, site), f"number of sites of {value} ({site}) on either strand (REBASE, by Biopython)"


def _motif(value: str) -> tuple[_Compute, str]:
    path, _, name = value.rpartition("#") if "#" in value else (value, "", "")
    wanted = read_motif(path, name)
    about = f"score of the best window of motif {wanted.name}, bits over uniform bases, either strand"
    return partial(_motif_scores, wanted), f"{about}; none where it does not fit ({wanted.source})"


_WITH_VALUE: dict[str, tuple[Callable[[str], tuple[_Compute, str]], str]] = {
    "kmer": (_kmer, "TATA"),
    "distance": (_distance, "ACGTACGT"),
    "sites": (_enzyme, "EcoRI"),
    "motif": (_motif, "FILE#NAME"),
}
