"""Coding sequences: the genetic code against Biopython, frames and stops, codons as tokens."""

import itertools
import re
from collections import Counter

import pytest
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from seqvae.errors import InvalidSequenceError, UsageError
from seqvae.sequences.codons import CODONS, genetic_code, normalize_coding, synonyms, translate
from seqvae.sequences.domain import DNA, domain_of
from seqvae.sequences.tokenizers.registry import build_tokenizer, tokenizer_from_dict

SENSE = [codon for codon in CODONS if genetic_code()[codon] != "*"]


def test_the_code_is_the_standard_one():
    assert len(set(CODONS)) == 64
    assert list(CODONS) == ["".join(one) for one in itertools.product("ACGT", repeat=3)]
    assert all(str(Seq(codon).translate()) == genetic_code()[codon] for codon in CODONS)
    # 3 stops, and 6 codons of leucine, serine and arginine; methionine and tryptophan have one.
    counts = Counter(genetic_code().values())
    assert [counts[letter] for letter in "*LSRMWA"] == [3, 6, 6, 6, 1, 1, 4]
    assert synonyms()["TAA"] == ("TAG", "TGA")
    assert all(
        set(synonyms()[codon]) | {codon} == set(synonyms()[other]) | {other}
        for codon in CODONS
        for other in synonyms()[codon]
    )


@given(codons=st.lists(st.sampled_from(SENSE), min_size=1, max_size=20), stop=st.sampled_from(["", "TAA", "TGA"]))
def test_translations_are_biopythons(codons, stop):
    sequence = "".join(codons) + stop
    assert normalize_coding(sequence.lower().replace("t", "u")) == sequence
    assert translate(sequence) == str(Seq(sequence).translate())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ATGGC", "expected whole codons, got 5 bases, which is no multiple of 3, in 'ATGGC'"),
        (
            "ATGTAAGCT",
            "expected no stop before the last codon, got TAA as codon 2 of 3 in 'ATGTAAGCT': is it in frame?",
        ),
        ("ATGNNN", "expected codons of A, C, G and T, got 'N' at column 4 of 'ATGNNN'"),
        ("ATG!CT", "expected DNA"),
        ("", "expected at least one base"),
    ],
)
def test_what_is_no_coding_sequence_is_refused_with_the_place(text, said):
    with pytest.raises(InvalidSequenceError, match=re.escape(said)):
        normalize_coding(text)


def test_codons_are_tokens():
    tokenizer = build_tokenizer("codon")
    assert tokenizer.domain is domain_of(DNA)
    assert tokenizer.vocab_size == 67
    assert tokenizer.encode("auggcutaa") == [3 + CODONS.index(codon) for codon in ("ATG", "GCT", "TAA")]
    assert tokenizer.decode(tokenizer.encode("ATGGCTTAA")) == "ATGGCTTAA"
    assert tokenizer_from_dict(tokenizer.to_dict()).tokens == tokenizer.tokens
    with pytest.raises(UsageError, match="allow_gap is for tokenizers of kind dna, rna, protein, got 'codon'"):
        build_tokenizer("codon", allow_gap=True)
