"""Properties of DNA: composition, melting temperature, motifs, k-mers, restriction sites, distance, folding as RNA.

Each reads a sequence as `normalize_dna` does (any case, U as T). A text has no value, NaN, if it is no DNA, contains an
ambiguity code, or the property says so. All but melting temperatures and restriction sites are properties of RNA too.
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
from seqvae.properties.dna.motifs import best_scores, read_motif
from seqvae.properties.property import Property
from seqvae.sequences.dna import BASES, DNA_ALPHABET, IUPAC, normalize_dna, reverse_complement
from seqvae.sequences.domain import DNA, RNA
from seqvae.sequences.integer_codes import Letters, dna_letters

SODIUM, STRAND = 50.0, 25.0
"""Of melting temperatures: sodium in mM and each strand in nM, Biopython's defaults."""

_Compute = Callable[[list[str]], ArrayLike]


def gc_content(found: Letters) -> NDArray[np.float64]:
    """Return each DNA sequence's share of G and C among its unambiguous bases, `(sequences,)`; NaN if it has none."""
    certain = _sums(found, found.codes >= 0)
    strong = _sums(found, (found.codes == found.alphabet.index("C")) | (found.codes == found.alphabet.index("G")))
    with np.errstate(invalid="ignore"):
        return strong / certain


def longest_runs(found: Letters) -> NDArray[np.int64]:
    """Return the length of each sequence's longest homopolymer, `(sequences,)`."""
    codes = found.codes
    changes = np.flatnonzero(np.diff(codes)) + 1  # a gap follows each sequence, so no run spans two
    begins = np.concatenate([[0], changes])
    runs = np.diff(np.concatenate([begins, [len(codes)]]))
    real = codes[begins] >= 0
    longest = np.zeros(len(found), np.int64)
    np.maximum.at(longest, found.rows[begins[real]], runs[real])
    return longest


def _sums(found: Letters, marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    return np.add.reduceat(marks, found.starts, dtype=np.int64)


def melting_temperature(sequence: str) -> float:
    """Return the temperature in °C at which half of the double strands have separated.

    Nearest neighbours as Biopython's `Tm_NN` computes them: its table `DNA_NN3` (Allawi & SantaLucia 1997,
    doi:10.1021/bi962590c), 50 mM of sodium by its salt correction 5 (SantaLucia 1998, doi:10.1073/pnas.95.4.1460),
    25 nM of each strand; a sequence that is its own reverse complement counts as such (`selfcomp`).

    Args:
        sequence: bases A, C, G, T only; NaN for fewer than two, which have no neighbours.
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
    """Return the number of occurrences of a k-mer, overlapping ones included, on the given strand only.

    Args:
        sequence: bases A, C, G, T.
        word: bases and IUPAC codes; a code matches any base that it allows.

    >>> count_word("TATATATG", "TATA"), count_word("TATATATG", "TATR")
    (2, 3)
    """
    return len(re.findall(f"(?={_pattern(word)})", sequence))


def count_sites(sequence: str, site: str) -> int:
    """Return the number of positions of a recognition site, on either strand.

    A palindromic site occurs on both strands at the same position and counts once.

    Args:
        sequence: bases A, C, G, T.
        site: bases and IUPAC codes; the sites of an enzyme with several are separated by `|`.

    >>> count_sites("GAATTCGAGACC", "GAATTC"), count_sites("GAATTCGAGACC", "GGTCTC")
    (1, 1)
    """
    words = [word for each in site.split("|") for word in (each, reverse_complement(each))]
    return len(re.findall(f"(?={'|'.join(map(_pattern, words))})", sequence))


def _pattern(word: str) -> str:
    return "".join(f"[{''.join(sorted(IUPAC[code]))}]" for code in word)


def folding_energy(sequence: str) -> float:
    """Return the minimum free energy in kcal/mol of the RNA of this sequence (T read as U) at 37 °C: 0 or below.

    Computed by ViennaRNA and rounded to its two decimals (Lorenz et al. 2011, doi:10.1186/1748-7188-6-26).

    Raises:
        SeqVAEError: ViennaRNA is not installed.
    """
    try:
        import RNA
    except ImportError as error:
        raise SeqVAEError("dna:mfe needs ViennaRNA: install it with pip install 'seqvae[rna]'") from error
    return round(float(RNA.fold(sequence.replace("T", "U"))[1]), 2)


def values_of_bases(compute: _Compute, texts: Sequence[str], width: int = 0) -> NDArray[np.float64]:
    """Return the value of each DNA text, `(texts,)` float64.

    Args:
        compute: returns the values of sequences of bases A, C, G, T.
        texts: in any form; NaN for one that is no DNA or has an ambiguity code.
        width: NaN for sequences of any other length; 0: all lengths.
    """
    forms = [DNA_ALPHABET.certain(text) for text in texts]
    known = {row: form for row, form in enumerate(forms) if form is not None and len(form) == (width or len(form))}
    values = np.full(len(texts), np.nan)
    if known:
        values[list(known)] = compute(list(known.values()))
    return values


# Named functions, so that a property can be sent to another process.
def _each(function: Callable[[str], float], sequences: list[str]) -> list[float]:
    return [function(sequence) for sequence in sequences]


def _coded(function: Callable[[Letters], ArrayLike], sequences: list[str]) -> ArrayLike:
    return function(dna_letters(sequences))


def _distances(reference: str, sequences: list[str]) -> list[int]:
    from rapidfuzz.distance import Levenshtein

    return [Levenshtein.distance(sequence, reference) for sequence in sequences]


_OF_DNA_ALONE = ("tm", "sites")  # parameters of DNA's double strand; enzymes that cut it
_PLAIN: dict[str, tuple[_Compute, str]] = {
    "gc": (partial(_coded, gc_content), "share of G and C among the bases, 0 to 1"),
    "tm": (
        partial(_each, melting_temperature),
        f"melting temperature, °C: nearest neighbours (Allawi & SantaLucia 1997), {SODIUM:g} mM Na+, "
        f"{STRAND:g} nM of each strand; none for one base",
    ),
    "homopolymer": (partial(_coded, longest_runs), "length of the longest run of one base"),
    "mfe": (
        partial(_each, folding_energy),
        "minimum free energy of the RNA's fold at 37 °C, kcal/mol (ViennaRNA, Lorenz et al. 2011; seqvae[rna])",
    ),
}


FORMS = (
    ("dna:kmer=WORD", DNA, "occurrences of a k-mer, overlapping ones included; IUPAC codes allowed"),
    ("dna:distance=SEQUENCE", DNA, "edit distance to a reference sequence"),
    ("dna:sites=ENZYME", DNA, "recognition sites of a restriction enzyme, on either strand"),
    ("dna:motif=FILE#NAME", DNA, "bits of the best window under a motif of a JASPAR or MEME file, on either strand"),
)
_EXAMPLES = {"kmer": "TATA", "distance": "ACGTACGT", "sites": "EcoRI", "motif": "FILE#NAME"}


def listed() -> list[Property]:
    """Return the properties of DNA without parameters: `dna:gc`, `dna:tm`, `dna:homopolymer`, `dna:mfe`."""
    return [_property(name, compute, about) for name, (compute, about) in _PLAIN.items()]


def named(rest: str) -> Property:
    """Return a property of DNA by its name without the prefix `dna:`.

    Args:
        rest: one of `listed`, or `kmer=TATA` (IUPAC codes allowed), `distance=ACGT...` (edits to that sequence),
            `sites=EcoRI` (an enzyme), `motif=FILE#NAME` (a JASPAR or MEME file; the name is optional if the file
            has only one motif).

    Raises:
        UsageError: no property has that name, or its value is missing or invalid.
        InputError: the file of motifs cannot be read, or has no motif of that name.
    """
    word, equals, value = rest.partition("=")
    if word in _PLAIN and not equals:
        return next(each for each in listed() if each.name == f"dna:{word}")
    if word in _PLAIN:
        raise UsageError(f"dna:{rest}: dna:{word} takes no value; write dna:{word}")
    if word not in _EXAMPLES:
        raise UsageError(f"unknown property {f'dna:{word}'!r}{suggestion(word, (*_PLAIN, *_EXAMPLES))}")
    if not value:
        raise UsageError(f"dna:{rest}: expected a value, such as dna:{word}={_EXAMPLES[word]}")
    compute, about = _with_value(word, value)
    return _property(rest, compute, about)


def _property(rest: str, compute: _Compute, about: str) -> Property:
    also = () if rest.partition("=")[0] in _OF_DNA_ALONE else (RNA,)
    return Property(f"dna:{rest}", DNA, about, partial(values_of_bases, compute), also)


def _with_value(word: str, value: str) -> tuple[_Compute, str]:
    """Return the function and the description of a property with a value."""
    if word == "sites":
        return _enzyme(value)
    if word == "motif":
        path, _, name = value.rpartition("#") if "#" in value else (value, "", "")
        wanted = read_motif(path, name)
        about = f"score of the best window of motif {wanted.name}, bits over uniform bases, either strand"
        scores = partial(_coded, partial(best_scores, wanted=wanted))
        return scores, f"{about}; none if the sequence is shorter ({wanted.source})"
    try:
        sequence = normalize_dna(value)
    except InvalidSequenceError as error:
        raise UsageError(f"dna:{word}: {error}") from error
    if word == "kmer":
        about = f"occurrences of {sequence} in the sequence, overlapping ones included, on this strand"
        return partial(_each, partial(count_word, word=sequence)), about
    if not set(sequence) <= set(BASES):
        raise UsageError(f"dna:distance: expected a reference of A, C, G, T only, got {value!r}")
    return partial(_distances, sequence), f"fewest edits of a base to {sequence} (Levenshtein 1966)"


def _enzyme(value: str) -> tuple[_Compute, str]:
    from Bio.Restriction.Restriction_Dictionary import rest_dict  # takes a while to import

    if value not in rest_dict:
        folded = {name.lower(): name for name in rest_dict}
        near = difflib.get_close_matches(value.lower(), folded, n=1)
        hint = f"did you mean {folded[near[0]]!r}?" if near else "expected a name of REBASE, such as EcoRI"
        raise UsageError(f"dna:sites: unknown restriction enzyme {value!r}; {hint}")
    site = str(rest_dict[value]["site"])
    about = f"number of sites of {value} ({site}) on either strand (REBASE, by Biopython)"
    return partial(_each, partial(count_sites, site=site)), about
