"""Neutral and charged forms of amines and acids, and what is said where they meet."""

from __future__ import annotations

import pytest

from seqvae.sequences.protonation import form_of, form_of_tokens, told_apart

CHARGED = ["CC[NH+](C)C", "C[NH2+]Cc1ccccc1", "CN1CC[NH+](C)CC1", "O=C([O-])c1ccccc1"] * 5
NEUTRAL = ["CCN(C)C", "CNCc1ccccc1", "O=C(O)c1ccccc1", "C1CCNCC1"] * 5
NEITHER = ["CCO", "c1ccncc1", "CC(=O)Nc1ccccc1", "O=[N+]([O-])c1ccccc1"] * 5


@pytest.mark.parametrize(
    ("texts", "form"),
    [(CHARGED, "charged"), (NEUTRAL, "neutral"), (NEITHER, ""), (CHARGED + NEUTRAL, ""), (NEUTRAL[:5], ""), ([], "")],
)
def test_the_form_is_that_of_most_amines_and_acids(texts, form):
    assert form_of(texts) == form


def test_merged_tokens_tell_the_form_of_the_data_they_were_learned_from():
    from seqvae.artifact.folder import load_artifact
    from seqvae.artifact.pretrained import resolve

    names = {"zinc-smiles": "charged", "moses-smiles": "neutral"}
    assert {name: form_of_tokens(load_artifact(resolve(name)).tokenizer.tokens) for name in names} == names
    assert form_of_tokens(["<pad>", "C", "Cl", "[NH+]", "%10"]) == ""


def test_only_different_forms_are_worth_a_line():
    assert told_apart("a", "charged", "b", "charged") == told_apart("a", "", "b", "charged") == ""
    said = told_apart("these molecules", "neutral", "the reference molecules", "charged")
    assert "amines and acids in neutral forms, the reference molecules in charged ones" in said
    assert "seqvae data standardize" in said and "\n" not in said
