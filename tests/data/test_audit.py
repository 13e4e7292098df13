"""Audits count the defects that were put into the data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvae.data.audit import Finding, audit
from seqvae.data.datasets.registry import load_dataset
from seqvae.data.reasons import kind_of_reason
from seqvae.data.splits import Split, group_split, groups_of
from seqvae.errors import UsageError
from seqvae.sequences.tokenizers.registry import build_tokenizer


def split_of(train, valid, test):
    return Split(*(np.asarray(side, np.int64) for side in (train, valid, test)))


def test_molecules():
    texts = ["CCO", "OCC", "C1CC", "[Na+].[Cl-]", "c1ccccc1", "", "CCN"]
    found = audit(texts, "smiles", lines=[2, 4, 6, 8, 10, 12, 14], examples=1)
    assert (found.texts, found.invalid, found.duplicates, found.salts) == (7, 2, 1, 1)
    assert (found.invalid_examples[0].line, found.invalid_examples[0].text) == (6, "C1CC")
    assert "C1CC" in found.invalid_examples[0].reason
    assert found.salt_examples == (Finding(8, "[Na+].[Cl-]"),)
    assert found.characters[100] == len("[Cl-].[Na+]")
    assert (found.reverse_complements, found.leaks, found.unseen, found.tokens) == (0, {}, {}, {})


def test_dna_and_leaks_on_either_strand():
    texts = ["AACC", "GGTT", "aacc", "ACGT", "TTTT", "AAAA", "XX"]
    found = audit(texts, "dna", split=split_of([0, 4], [1, 3], [2, 5, 6]))
    assert (found.invalid, found.duplicates, found.reverse_complements) == (1, 1, 2)
    assert found.leaks == {"valid": 1, "test": 2}
    assert found.salts == 0


def test_unseen_tokens_of_the_held_out_texts():
    texts = ["CCO", "CCN", "CCBr", "BrCC", "C1CC"]
    found = audit(texts, "smiles", split=split_of([0, 1], [2, 4], [3]))
    assert found.unseen == {"Br": 2}
    given_one = build_tokenizer("smiles").fit(["CCO"])
    found = audit(texts, "smiles", tokenizer=given_one)
    assert found.unseen == {"Br": 2, "N": 1}
    assert found.tokens[100] == 3


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet="ACGT", min_size=1, max_size=4), max_size=40), st.integers(0, 9))
def test_a_sequence_split_never_leaks(texts, seed):
    split = group_split(groups_of(texts, "dedup", "dna"), 0.3, 0.3, seed)
    found = audit(texts, "dna", split=split)
    assert found.leaks == {"valid": 0, "test": 0}
    assert found.duplicates == len(texts) - len(set(texts))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=4), max_size=20))
def test_other_text_is_compared_letter_by_letter(texts):
    found = audit(texts, "char")
    assert (found.invalid, found.duplicates) == (0, len(texts) - len(set(texts)))
    assert found.characters.get(100, 0) == max(map(len, texts), default=0)


def test_the_shipped_sample_is_clean():
    data = load_dataset("mpsa-sample")
    found = audit(data.texts, "dna", split=data.split)
    assert (found.texts, found.invalid, found.duplicates, found.unseen) == (30483, 0, 0, {})
    assert found.characters == {50: 9, 90: 9, 95: 9, 99: 9, 100: 9}


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("expected a molecule as SMILES, got 'C1CC': unclosed ring; correct it or leave it out", "unclosed ring"),
        (
            "expected DNA (A, C or an IUPAC code R), got '!' at column 3 of 'AC!': correct it",
            "the letter '!' is not of DNA",
        ),
        (
            "RDKit cannot read this molecule: Atom line too short: '  1' on line 8",
            "RDKit cannot read this molecule: Atom line too short",
        ),
    ],
)
def test_reasons_are_grouped_by_what_is_wrong(reason, kind):
    assert kind_of_reason(reason) == kind


def test_an_unknown_kind():
    with pytest.raises(UsageError, match=r"expected a kind among .*, dna, codon, rna, protein, char, got 'proteins'"):
        audit(["A"], "proteins")
    assert audit([], "dna").texts == 0
