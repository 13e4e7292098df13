from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvae.errors import InvalidSequenceError
from seqvae.sequences import dna as alphabet
from seqvae.sequences.dna import AMBIGUITY, BASES, IUPAC, code_of, complement, normalize_dna, reverse_complement

dna = st.text(alphabet="ACGT" + "".join(AMBIGUITY) + "-")
any_case = st.text(alphabet="ACGTacgt" + "".join(AMBIGUITY) + "".join(AMBIGUITY).lower() + "-")


def test_doctests():
    assert doctest.testmod(alphabet).failed == 0


def test_iupac_has_every_non_empty_set_of_bases_once():
    assert len(IUPAC) == 15 == len(set(IUPAC.values()))
    assert list(AMBIGUITY) == list("RYSWKMBDHVN")
    assert set(BASES) | set(AMBIGUITY) == set(IUPAC)


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("A", "A"),
        ("C", "C"),
        ("G", "G"),
        ("T", "T"),
        ("R", "AG"),
        ("Y", "CT"),
        ("S", "CG"),
        ("W", "AT"),
        ("K", "GT"),
        ("M", "AC"),
        ("B", "CGT"),
        ("D", "AGT"),
        ("H", "ACT"),
        ("V", "ACG"),
        ("N", "ACGT"),
    ],
)
def test_iupac_table(code, allowed):
    assert IUPAC[code] == frozenset(allowed)
    assert code_of(allowed) == code


@given(any_case)
def test_reverse_complement_is_an_involution(text):
    assert reverse_complement(reverse_complement(text)) == text
    assert complement(complement(text)) == text


@given(dna, dna)
def test_reverse_complement_turns_concatenation_around(left, right):
    assert reverse_complement(left + right) == reverse_complement(right) + reverse_complement(left)


@given(st.sampled_from(sorted(IUPAC)))
def test_complement_of_a_code_allows_the_complements_of_its_bases(code):
    assert IUPAC[complement(code)] == {complement(base) for base in IUPAC[code]}


def test_complement_agrees_with_biopython():
    from Bio.Seq import complement as theirs

    text = "".join(IUPAC) + "".join(IUPAC).lower()
    assert complement(text) == theirs(text)


@given(st.text(alphabet="ACGTUacgtu" + "".join(AMBIGUITY), min_size=1))
def test_normalize_is_idempotent_and_upper_case(text):
    once = normalize_dna(text)
    assert normalize_dna(once) == once == text.upper().replace("U", "T")


@given(st.text(min_size=1))
def test_normalize_gives_dna_or_names_the_column(text):
    try:
        assert set(normalize_dna(text)) <= set(IUPAC)
    except InvalidSequenceError as error:
        assert "column" in str(error) or "empty" in str(error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ACXT", "got 'X' at column 3 of 'ACXT'"),
        ("acgtß", "got 'ß' at column 5 of 'acgtß'"),
        ("AC GT", "got ' ' at column 3 of 'AC GT'"),
        (" \n", "expected at least one base, got an empty sequence, ' \\n'"),
        (
            "A-C",
            "gap '-' at column 2 of 'A-C': gaps are refused; remove them, or name an alignment as such (.afa, .a2m, "
            ".sto; --format afa; tokenizer option allow_gap)",
        ),
    ],
)
def test_what_is_no_dna_says_where(text, words):
    with pytest.raises(InvalidSequenceError) as caught:
        normalize_dna(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_gap_where_asked_for():
    assert normalize_dna("a-c", allow_gap=True) == "A-C"


def test_complement_refuses_rna_and_letters():
    with pytest.raises(InvalidSequenceError, match="got 'U' at column 2"):
        complement("AU")
    with pytest.raises(InvalidSequenceError, match="expected a set of one to four"):
        code_of("")
