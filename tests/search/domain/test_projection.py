"""Designs that keep the protein of a coding sequence: synonymous codons alone, whoever proposes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvae import search
from seqvae.config import CampaignConfig, ConstraintConfig, OracleConfig, SearchConfig
from seqvae.errors import ConfigError
from seqvae.search.domain.constraints import constrained
from seqvae.search.domain.domain import molecules, texts_over
from seqvae.sequences.codons import CODONS, genetic_code, split_codons, translate

GENE = "ATGTTTAAACGTTGGTAA"  # M F K R W stop
KEPT = ConstraintConfig(like=GENE, same_protein=True)


def form_of(rules, like=GENE):
    return constrained(texts_over("ACGT", [like]), rules).canonical


def test_synonymous_codons_are_taken_and_others_are_not():
    form = form_of(KEPT)
    assert form(GENE) == GENE
    # F and R have other codons, K is not N, and the stop may be another one
    assert form("ATGTTCAATAGATGGTGA") == "ATGTTCAAAAGATGGTGA"
    assert form("TAATTTAAACGTTGGTAA") == GENE  # a stop in place of M
    assert form(GENE[:-3]) is None
    assert form_of(ConstraintConfig(like=GENE, same_protein=True, positions="4-6"))("ATGTTCAAGAGATGGTGA") == (
        "ATGTTCAAACGTTGGTAA"
    )
    # A codon of which only one base is free is taken where it is synonymous by itself: TGT is no R, CGA is one.
    ends = form_of(ConstraintConfig(like=GENE, same_protein=True, positions="10,12"))
    assert [ends(GENE[:9] + codon + GENE[12:])[9:12] for codon in ("AGA", "CGA", "TGT")] == ["AGA", "CGA", "CGT"]


@given(st.text("ACGT", min_size=len(GENE), max_size=len(GENE)))
def test_whatever_is_proposed_the_protein_stays(text):
    form = form_of(KEPT)
    found = form(text)
    assert translate(found) == translate(GENE)
    assert form(found) == found


@pytest.mark.parametrize("optimizer", ["ga", "string-ga", "auto"])
def test_a_search_finds_the_richest_of_all_genes_of_a_protein(optimizer, tmp_path):
    def gc(text):
        return float(text.count("G") + text.count("C"))

    code = genetic_code()
    best = sum(max(gc(one) for one in CODONS if code[one] == code[codon]) for codon in split_codons(GENE))
    config = SearchConfig("none", optimizer, "cpu", OracleConfig(budget=60), CampaignConfig(batch=10), KEPT)
    found = search.run(gc, tmp_path / "run", config, [GENE])
    assert found.best == best
    assert {translate(one.text) for one in found.top} == {translate(GENE)}


@pytest.mark.parametrize(
    ("rules", "kind", "words"),
    [
        ({"like": "CCO"}, molecules(), "same_protein: for sequences only"),
        ({"like": GENE[:-1]}, texts_over("ACGT", [GENE]), "is no coding sequence: expected whole codons, got 17 bases"),
        ({"like": "TAAATG"}, texts_over("ACGT", [GENE]), "got TAA as codon 1 of 2"),
        ({"like": "AUGUUU"}, texts_over("ACGU", ["AUGUUU"]), "same_protein: for DNA only: write T for U"),
    ],
)
def test_what_has_no_protein_is_refused(rules, kind, words):
    with pytest.raises(ConfigError, match=words):
        constrained(kind, ConstraintConfig(same_protein=True, **rules))


def test_rules_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigError, match="same_protein: expected the sequence too"):
        ConstraintConfig(same_protein=True)
    with pytest.raises(ConfigError, match="designs of the same protein keep their length"):
        ConstraintConfig(like=GENE, same_protein=True, indels=True)
