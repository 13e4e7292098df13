"""Tokenizers one by one: unknown tokens, rules of their own, damaged records."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import selfies
from text_cases import CASES

from seqvae.errors import (
    ArtifactError,
    ConfigError,
    InputError,
    InvalidMoleculeError,
    InvalidSequenceError,
    NewerFormatError,
    SeqVAEWarning,
    UnknownTokenError,
    UsageError,
)
from seqvae.sequences.molecules import smiles_to_selfies
from seqvae.sequences.tokenizers.char import CharTokenizer
from seqvae.sequences.tokenizers.letters import AlphabetTokenizer
from seqvae.sequences.tokenizers.registry import build_tokenizer, load_tokenizer, tokenizer_from_dict
from seqvae.sequences.tokenizers.selfies import SelfiesTokenizer
from seqvae.sequences.tokenizers.smiles import SmilesTokenizer
from seqvae.sequences.tokenizers.subword import SubwordTokenizer
from seqvae.sequences.tokenizers.tokenizer import SPECIALS

every_tokenizer = pytest.mark.parametrize("name", CASES)


# Unknown tokens


UNKNOWN = {  # fitted on, text with an unseen token, the token, its column, the text without it
    "smiles": ("CCO", "OCCS", "S", 4, "CCO"),
    "selfies": ("CCO", "C=CO", "[=C]", 4, "CO"),
    "char": ("ACGU", "ACXU", "X", 3, "ACU"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("size", [0, 8])
def test_unknown_token_is_named_with_text_and_column(kind, size):
    known, text, token, column, _ = UNKNOWN[kind]
    tokenizer = build_tokenizer(kind, size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)
        tokenizer.fit([known, known])
    for call in (lambda: tokenizer.encode(text), lambda: tokenizer.encode_batch([known, text])):
        with pytest.raises(UnknownTokenError) as caught:
            call()
        assert (caught.value.text, caught.value.token, caught.value.column) == (text, token, column)
        assert str(caught.value).startswith(f"unknown token {token!r} at column {column} of {text!r}: ")
    with pytest.raises(UnknownTokenError) as caught:
        tokenizer.ids_batch([tokenizer.symbols(known), tokenizer.symbols(text)])
    assert caught.value.text == "".join(tokenizer.symbols(text))


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("size", [0, 8])
def test_unknown_tokens_dropped_are_counted_and_reported_once(kind, size):
    known, text, token, _, left = UNKNOWN[kind]
    tokenizer = build_tokenizer(kind, size, on_unknown="drop")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)
        tokenizer.fit([known, known])
    with pytest.warns(SeqVAEWarning) as caught:
        ids = tokenizer.encode_batch([text, known, text])
    assert [str(warning.message) for warning in caught] == [f"dropped 2 unknown tokens: {token!r} (2)"]
    assert tokenizer.dropped == Counter({token: 2})
    assert tokenizer.decode_batch(ids) == [left, known, left]


def test_coverage_counts_what_is_missing():
    tokenizer = CharTokenizer().fit(["ACGU"])
    covered = tokenizer.coverage(["ACGU", "AXXY", "A"])
    assert (covered.texts, covered.covered_texts, covered.tokens, covered.covered_tokens) == (3, 2, 9, 6)
    assert covered.text_share == pytest.approx(2 / 3)
    assert covered.token_share == pytest.approx(6 / 9)
    assert list(covered.unseen.items()) == [("X", 2), ("Y", 1)]
    assert covered.length_percentiles == {50: 4, 90: 4, 95: 4, 99: 4, 100: 4}
    assert not tokenizer.dropped


@pytest.mark.parametrize("kind", ["smiles", "selfies", "dna"])
def test_coverage_counts_what_is_invalid(kind):
    tokenizer = build_tokenizer(kind).fit(["CC", "GCCG"] if kind == "dna" else ["CC"])
    covered = tokenizer.coverage(["CC", "C(", "", "C C"])
    assert (covered.texts, covered.invalid_texts, covered.covered_texts, covered.text_share) == (4, 3, 1, 0.25)
    assert covered.token_share == 1.0
    nothing = tokenizer.coverage([])
    assert (nothing.text_share, nothing.token_share, nothing.length_percentiles) == (1.0, 1.0, {})


# Before and without fitting


@every_tokenizer
def test_unfitted_says_so(name):
    tokenizer = CASES[name].make()
    if name == "codon":
        assert tokenizer.decode(tokenizer.encode("auggcu")) == "ATGGCT"
        return
    if name in ("dna", "dna-gap", "rna", "protein"):
        assert tokenizer.decode(tokenizer.encode("acgu")) == {"rna": "ACGU", "protein": "ACGX"}.get(name, "ACGT")
        return
    with pytest.raises(UsageError, match=r"has no (vocabulary|merges) yet: call fit\(texts\) first"):
        tokenizer.encode(CASES[name].corpus[0])


@pytest.mark.parametrize("kind", ["smiles", "selfies", "char"])
def test_fit_on_nothing_says_so(kind):
    with pytest.raises(InputError, match=r"expected at least one \w+ to fit the tokenizer on, got none"):
        build_tokenizer(kind).fit([])


# Rules of each


def test_smiles_tokens_are_atoms_bonds_and_marks():
    text = "C[C@H](Br)c1ccc([N+](=O)[O-])cc1Cl"
    assert SmilesTokenizer().symbols(text) == [
        *("C", "[C@H]", "(", "Br", ")", "c", "1", "c", "c", "c", "(", "[N+]", "(", "=", "O", ")", "[O-]", ")"),
        *("c", "c", "1", "Cl"),
    ]


def test_smiles_that_are_no_molecule_come_back_as_they_stand():
    tokenizer = SmilesTokenizer().fit(["C(C)(C)(C)C"])
    ids = [tokenizer.tokens.index(symbol) for symbol in "C(C"]
    assert tokenizer.decode(ids) == "C(C"


def test_selfies_are_no_text_for_the_selfies_tokenizer():
    # As SMILES, [C][C] is two bare carbon atoms: it must not become ethane.
    tokenizer = SelfiesTokenizer()
    assert tokenizer.normalize("[C][C]") == "[C][C]" != tokenizer.normalize("CC")
    with pytest.raises(InvalidMoleculeError, match="this is SELFIES; convert it first"):
        tokenizer.symbols(smiles_to_selfies("c1ccccc1"))


@pytest.fixture
def hypervalent():
    selfies.set_semantic_constraints("hypervalent")
    yield
    selfies.set_semantic_constraints("default")


def test_selfies_under_other_constraints_are_refused(hypervalent):
    tokenizer = SelfiesTokenizer().fit(["CC(=O)OI(OC(C)=O)c1ccccc1"])
    assert tokenizer.decode(tokenizer.encode("CC(=O)OI(OC(C)=O)c1ccccc1")) == "CC(=O)OI(OC(C)=O)c1ccccc1"
    record = tokenizer.to_dict()
    selfies.set_semantic_constraints("default")
    in_force = selfies.get_semantic_constraints()
    for call in (lambda: tokenizer_from_dict(record), lambda: tokenizer.symbols("C"), lambda: tokenizer.decode([3])):
        with pytest.raises(UsageError) as caught:
            call()
        words = str(caught.value)
        assert "(Br 7 there and 1 here, Cl 7 there and 1 here, I 7 there and 1 here, N 5 there and 3 here)" in words
        assert f"call selfies.set_semantic_constraints({record['constraints']!r}) first" in words
    assert selfies.get_semantic_constraints() == in_force
    selfies.set_semantic_constraints(record["constraints"])
    assert tokenizer_from_dict(record).to_dict() == record


def test_selfies_record_names_versions_and_constraints():
    record = SelfiesTokenizer().fit(["CC"]).to_dict()
    assert set(record["versions"]) == {"rdkit", "selfies"}
    assert record["constraints"] == selfies.get_semantic_constraints()


def test_dna_ids_are_fixed():
    tokenizer = AlphabetTokenizer("dna")
    assert tokenizer.tokens == (*SPECIALS, "A", "C", "G", "T")
    assert tokenizer.encode("aCgU") == [3, 4, 5, 6]
    assert tokenizer.encode("RYSWKMBDHVN") == list(range(7, 18))
    assert AlphabetTokenizer("dna", allow_gap=True).encode("A-R") == [3, 7, 8]
    assert tokenizer.fit(["A"]).tokens == AlphabetTokenizer("dna").tokens


@pytest.mark.parametrize("size", [0, 12])
def test_dna_gap_only_where_asked_for(size):
    with pytest.raises(InvalidSequenceError, match="gap '-' at column 2 of 'A-C': gaps are refused"):
        build_tokenizer("dna", size).symbols("A-C")
    assert build_tokenizer("dna", size, allow_gap=True).symbols("a-c") == ["A", "-", "C"]


def test_dna_code_is_a_uniform_row_and_back():
    tokenizer = AlphabetTokenizer("dna")
    array = tokenizer.one_hot(["AR"])
    np.testing.assert_array_equal(array[0, 1], [0, 0, 0, 0.5, 0, 0.5, 0])
    assert tokenizer.from_one_hot(array) == ["AR"]
    array[0, 1] = [0, 0, 0, 0.4, 0, 0.6, 0]  # A model's own probabilities, not a code.
    assert tokenizer.from_one_hot(array) == ["AG"]


# Building and reading


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: build_tokenizer("selfie"), UsageError, "got 'selfie'; did you mean 'selfies'?"),
        (
            lambda: build_tokenizer("subword", 100),
            UsageError,
            "expected a tokenizer of kind smiles, selfies, dna, codon, rna, protein, char",
        ),
        (
            lambda: build_tokenizer("char", allow_gap=True),
            UsageError,
            "allow_gap is for tokenizers of kind dna, rna, protein, got",
        ),
        (lambda: build_tokenizer("dna", -1), ConfigError, "expected vocab_size 0 (no subwords) or above, got -1"),
        (lambda: build_tokenizer("dna", 3), ConfigError, "expected vocab_size above 3, the number of special tokens"),
        (lambda: build_tokenizer("dna", on_unknown="skip"), UsageError, 'on_unknown to be "error" or "drop", got'),
    ],
)
def test_wrong_calls_say_what_was_expected(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


def _subword_record(**changes):
    return {**build_tokenizer("char", 30).fit(["abcabcabcabc" * 4]).to_dict(), **changes}


@pytest.mark.filterwarnings("ignore:too few repeated pairs")
@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda: {}, ArtifactError, "expected the field 'format' in a tokenizer's record, found only []"),
        (lambda: {"format": 1}, ArtifactError, "expected the field 'kind'"),
        (
            lambda: {"format": 2, "kind": "char"},
            NewerFormatError,
            "has format 2, this seqvae reads up to 1: pip install",
        ),
        (lambda: {"format": True}, ArtifactError, "expected int in the tokenizer's field 'format', got True"),
        (
            lambda: {"format": 1, "kind": "os"},
            ArtifactError,
            "expected a tokenizer of kind dna, rna, protein, smiles,",
        ),
        (lambda: {**CharTokenizer().to_dict(), "tokens": ["a", "a"]}, ArtifactError, "different non-empty strings"),
        (
            lambda: {**CharTokenizer().to_dict(), "tokens": "ab"},
            ArtifactError,
            "expected list in the tokenizer's field",
        ),
        (lambda: _subword_record(merges=[[3, 99]]), ArtifactError, "two earlier token ids in merge 1"),
        (lambda: _subword_record(merges=[[3, 4], [3]]), ArtifactError, "two earlier token ids in merge 2"),
        (
            lambda: _subword_record(base=_subword_record()),
            ArtifactError,
            "expected a base tokenizer under the subwords",
        ),
    ],
)
def test_damaged_records_say_what_was_expected(change, error, words):
    with pytest.raises(error) as caught:
        tokenizer_from_dict(change())
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read the tokenizer '{path}': No such file or directory"),
        (b"", "the tokenizer '{path}' is damaged or not JSON: Expecting value"),
        (b"\xff\xfe\x00\x01", "the tokenizer '{path}' is damaged or not JSON: "),
        (b'{"format": 1, "ki', "the tokenizer '{path}' is damaged or not JSON: "),
        (b"[1, 2]", "expected one JSON object in '{path}', got list"),
    ],
)
def test_damaged_files_say_so(content, words, tmp_path):
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        load_tokenizer(path)
    assert str(caught.value).startswith(words.format(path=path))
    assert len(str(caught.value).splitlines()) == 1


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "tokenizer.json"
    CharTokenizer().fit(["old"]).save(path)
    before = path.read_bytes()

    def full(self, *_, **__):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        CharTokenizer().fit(["new"]).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


# Imports


def test_no_module_of_sequences_imports_torch_and_the_registry_imports_no_chemistry():
    light = (
        "dna",
        "protein",
        "domain",
        "tokenizers.registry",
        "tokenizers.tokenizer",
        "tokenizers.letters",
        "tokenizers.char",
    )
    all_of_them = (*light, "molecules", "tokenizers.smiles", "tokenizers.selfies", "tokenizers.subword")
    script = (
        f"import sys, {', '.join(f'seqvae.sequences.{name}' for name in light)}\n"
        "assert not {'rdkit', 'selfies', 'tokenizers', 'torch'} & set(sys.modules)\n"
        f"import {', '.join(f'seqvae.sequences.{name}' for name in all_of_them)}\n"
        "assert not {'torch', 'lightning', 'pytorch_lightning'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    assert isinstance(build_tokenizer("dna", 12), SubwordTokenizer)
