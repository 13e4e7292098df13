"""What texts are, from the texts alone; a file's name may say it too."""

import pytest

from seqvae.data.corpus import guess_kind
from seqvae.sequences.domain import DNA, LETTERS, MOLECULES, kind_of

SMILES = ["CCO", "c1ccccc1", "CC(=O)N"]
PROTEINS = ["GGHKMSVD", "MKVLAAGI", "KRHDSTNY"]


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["ACGT", "TTNA", "GATTACA"], DNA),
        (["acgu", " GGCA "], DNA),
        (["AC-GT", "ACCGT"], DNA),
        (SMILES, MOLECULES),
        ([*SMILES, "no molecule"], MOLECULES),
        (PROTEINS, LETTERS),
        (["GGHKMSVD", "KRHDSTNV"], LETTERS),  # every letter is a code of bases, and no text is bases alone
        (["ACGT", "TTAA", "hello"], LETTERS),
        (["CCC", "hello", "world"], LETTERS),
        ([], LETTERS),
    ],
)
def test_kinds(texts, kind):
    assert kind_of(texts) == kind


def test_the_first_hundred_texts_say_what_all_are():
    assert kind_of(["ACGT"] * 100 + ["hello"]) == DNA


@pytest.mark.parametrize(
    ("source", "texts", "tokenizer"),
    [
        ("a.txt", SMILES, "selfies"),
        ("a.txt", ["ACGT", "GGTA"], "dna"),
        ("a.txt", PROTEINS, "char"),
        ("a.smi.gz", ["hello"], "selfies"),
        ("a.GB", PROTEINS, "dna"),
    ],
)
def test_the_tokenizer_of_a_file(source, texts, tokenizer):
    assert guess_kind(source, texts) == tokenizer
