"""Domains of texts, detected from a sample of them or from their file's name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvae.errors import InputError
from seqvae.sequences.domain import (
    DNA,
    DOMAINS,
    KINDS,
    LETTERS,
    MOLECULES,
    PROTEIN,
    RNA,
    detect,
    domain_of,
)
from seqvae.sequences.protein import AMINO_ACIDS
from seqvae.sequences.tokenizers.registry import build_tokenizer

SMILES = ["CCO", "c1ccccc1", "CC(=O)N"]
PROTEINS = ["GGHKMSVD", "MKVLAAGI", "KRHDSTNY"]


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (["ACGT", "TTNA", "GATTACA"], DNA),
        (["AC-GT", "ACCGT"], DNA),
        (["acgt", " GGCA "], DNA),
        (["ACGTNNKACG", "ACGTNNKTTG"], DNA),  # reads and degenerate oligos: no text has bases only
        (["NNNNACGT"] * 4, DNA),
        ([f"AG{'N' * 30}TT", f"CT{'N' * 30}GA"], DNA),
        ([*["GATTACAGATTACA"] * 186, *["no sequence"] * 13], DNA),
        (["AAAA", "GGGG"], DNA),
        (["acgu", " GGCA "], RNA),
        (["GAUUNACA"], RNA),
        (SMILES, MOLECULES),
        ([*SMILES, "no molecule"], MOLECULES),
        (["CCC", "CCN"], MOLECULES),  # chains of atoms, hardly ever DNA
        (["[C][C][O]", "[C][=O]"], MOLECULES),
        (["[C][C@@H1][Branch1][C][O][N]", "[O]"], MOLECULES),
        (PROTEINS, PROTEIN),
        (["GGHKMSVD", "KRHDSTNV"], PROTEIN),  # every letter is a code of bases, and few are bases
        (["MKXXXXVLAAGIWFDEFQRSTYKLMN", "MKB*"], PROTEIN),
        (["ABAB", "BABA"], LETTERS),
        (["ACGT", "TTAA", "hello"], LETTERS),
        (["CCC", "hello", "world"], LETTERS),
        (["the quick brown fox", "jumps over the lazy dog"], LETTERS),
        ([], LETTERS),
        ([""], LETTERS),
    ],
)
def test_texts_say_what_they_are(texts, name):
    assert detect(texts).name == name
    assert detect(texts * 300).name == name


@pytest.mark.parametrize(
    ("source", "texts", "name"),
    [
        ("a.smi.gz", ["hello"], MOLECULES),
        ("a.GB", PROTEINS, DNA),
        ("a.fasta", ["CCC"], DNA),  # no FASTA holds SMILES
        ("a.txt", ["CCC"], MOLECULES),
        ("a.fa", ["KLKL", "KLLK"], PROTEIN),  # of few letters
        ("a.txt", ["KLKL", "KLLK"], LETTERS),
        ("a.faa", ["GATTACA"], PROTEIN),
        ("a.fasta", ["GATTACA"], DNA),
        ("a.fna", ["GATTACA"], DNA),
    ],
)
def test_a_file_s_ending_decides_what_texts_leave_open(source, texts, name):
    assert detect(texts, source).name == name


@given(st.sampled_from(sorted(DOMAINS)), st.data())
def test_normalize_is_idempotent_and_equal_texts_have_one_key(name, data):
    domain = DOMAINS[name]
    alphabet = "CNO" if domain.alphabet is None else domain.alphabet.letters + "".join(domain.alphabet.codes)
    text = data.draw(st.text(alphabet=alphabet, min_size=1, max_size=30))
    form = domain.normalize(text)
    assert domain.canonical(form) == domain.normalize(form) == form
    assert domain.same(form) == domain.same(text)
    if domain.alphabet:
        assert domain.canonical(text.lower()) == form
        assert domain.same(domain.alphabet.representative(form)) == domain.same(form)
        if domain.alphabet.complements:
            assert domain.same(domain.alphabet.reverse_complement(form)) == domain.same(form)


@pytest.mark.parametrize("name", [RNA, PROTEIN])
def test_what_is_no_sequence_has_no_form(name):
    assert DOMAINS[name].canonical("AC1") is None
    with pytest.raises(InputError, match=f"expected {DOMAINS[name].title} .*got '1' at column 3 of 'AC1'"):
        DOMAINS[name].normalize("AC1")


def test_rna_is_dna_with_u():
    rna = DOMAINS[RNA].alphabet
    assert rna.normalize("acgtN") == "ACGUN"
    assert rna.reverse_complement("AACUN") == "NAGUU"
    assert rna.codes["Y"] == {"C", "U"}


def test_proteins_have_twenty_letters_and_codes_of_them():
    protein = DOMAINS[PROTEIN].alphabet
    assert len(set(AMINO_ACIDS)) == 20
    assert protein.normalize("mkuob*") == "MKXXB"
    assert DOMAINS[PROTEIN].canonical("MK*L") is None  # a stop within the sequence
    assert (protein.codes["B"], protein.codes["X"]) == ({"D", "N"}, set(AMINO_ACIDS))
    assert protein.certain("mkl") == "MKL"
    assert protein.certain("MKX") is None


@pytest.mark.parametrize("kind", KINDS)
def test_each_tokenizer_knows_its_domain_under_subwords_too(kind):
    assert build_tokenizer(kind).domain is build_tokenizer(kind, 50).domain is domain_of(kind)
