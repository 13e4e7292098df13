from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest
from text_cases import DRUGS

from seqvae.errors import ConfigError, SeqVAEWarning
from seqvae.sequences.tokenizers import subword
from seqvae.sequences.tokenizers.char import CharTokenizer
from seqvae.sequences.tokenizers.letters import AlphabetTokenizer
from seqvae.sequences.tokenizers.registry import build_tokenizer
from seqvae.sequences.tokenizers.subword import SubwordTokenizer

MOLECULES = sorted(DRUGS.values())


def promoters(n: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices("ACGT", k=20)) + "TATAAT" + "".join(draw.choices("ACGTN", k=10)) for _ in range(n)]


@pytest.mark.parametrize("kind", ["smiles", "selfies"])
@pytest.mark.parametrize("size", [110, 128, 150])
def test_vocabulary_size_is_reached_and_shortens(kind, size):
    tokenizer = build_tokenizer(kind, size).fit(MOLECULES)
    assert tokenizer.vocab_size == len(tokenizer.tokens) == size
    assert isinstance(tokenizer, SubwordTokenizer)
    assert tokenizer.tokens[: tokenizer.base.vocab_size] == tokenizer.base.tokens
    for text in MOLECULES:
        symbols = tokenizer.symbols(text)
        ids = tokenizer.ids(symbols)
        assert len(ids) <= len(symbols)
        assert "".join(tokenizer.tokens[i] for i in ids) == "".join(symbols)


def test_more_merges_never_lengthen_the_corpus():
    lengths = [
        sum(map(len, build_tokenizer("selfies", size).fit(MOLECULES).encode_batch(MOLECULES)))
        for size in (90, 120, 150)
    ]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[-1] < lengths[0]


def test_vocabulary_is_the_same_in_another_process():
    here = build_tokenizer("selfies", 150).fit(MOLECULES).to_dict()
    script = (
        "import json, sys\n"
        "from seqvae.sequences.tokenizers.registry import build_tokenizer\n"
        "print(json.dumps(build_tokenizer('selfies', 150).fit(json.load(sys.stdin)).to_dict()))\n"
    )
    for seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            input=json.dumps(MOLECULES[::-1]),
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "TOKENIZERS_PARALLELISM": "false"},
        )
        assert json.loads(done.stdout) == here


def test_the_most_frequent_pair_is_merged_first():
    tokenizer = SubwordTokenizer(CharTokenizer(), 6).fit(["abab", "abc", "cab"])
    assert tokenizer.tokens[3:] == ("a", "b", "c")
    tokenizer = SubwordTokenizer(CharTokenizer(), 7).fit(["abab", "abc", "cab"])
    assert tokenizer.tokens[3:] == ("a", "b", "c", "ab")
    assert tokenizer.encode("abcab") == [6, 5, 6]


def test_codes_are_never_merged():
    tokenizer = SubwordTokenizer(AlphabetTokenizer("dna"), 24).fit(promoters(200))
    assert tokenizer.vocab_size == 24
    assert not any("N" in token for token in tokenizer.tokens)
    ids = tokenizer.encode("TATAATNNTATAAT")
    assert ids.count(tokenizer.vocab_size + list(tokenizer.code_sets).index("N")) == 2
    assert len(ids) < 14
    assert tokenizer.decode(ids) == "TATAATNNTATAAT"


def test_too_small_a_vocabulary_says_what_is_needed():
    with pytest.raises(ConfigError) as caught:
        build_tokenizer("char", 5).fit(["abc"])
    assert str(caught.value) == (
        "expected vocab_size of at least 6, got 5: the texts have 3 base symbols, and each remains a token"
    )


def test_too_few_repeats_are_reported():
    with pytest.warns(SeqVAEWarning, match="too few repeated pairs: 7 tokens, fewer than the 50 requested"):
        tokenizer = build_tokenizer("char", 50).fit(["abc", "ab"])
    assert tokenizer.vocab_size == 7


def test_many_texts_are_sampled_but_all_symbols_are_kept(monkeypatch):
    monkeypatch.setattr(subword, "_MOST_TEXTS", 50)
    texts = [*promoters(300), "A-C"]
    tokenizer = build_tokenizer("dna", 20, allow_gap=True).fit(texts)
    assert tokenizer.to_dict() == build_tokenizer("dna", 20, allow_gap=True).fit(texts).to_dict()
    assert tokenizer.vocab_size == 20
    rare = build_tokenizer("char", 20).fit([*texts[:300], "xyz", *texts[:300]])
    assert {"x", "y", "z"} <= set(rare.tokens)


def test_more_symbols_than_the_first_private_use_area():
    many = "".join(chr(0x4E00 + i) for i in range(7000))
    with pytest.warns(SeqVAEWarning, match="too few repeated pairs"):
        tokenizer = build_tokenizer("char", 8000).fit([many, many[-3:]])
    assert tokenizer.decode(tokenizer.encode(many)) == many
    assert many[-3:] in tokenizer.tokens


def test_batches_encoded_in_parts_are_whole(monkeypatch):
    tokenizer = build_tokenizer("dna", 20).fit(promoters(100))
    lists = [tokenizer.symbols(text) for text in promoters(11)]
    whole = tokenizer.ids_batch(lists)
    monkeypatch.setattr(subword, "_AT_ONCE", 3)
    assert tokenizer.ids_batch(lists) == whole
    assert tokenizer.ids_batch([]) == []
