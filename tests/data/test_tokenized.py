"""Laws of texts that are read once, over every tokenizer: ids and errors are those of encoding."""

from __future__ import annotations

import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_cases import CASES, several

from seqvae.data.tokens.pack import pack
from seqvae.data.tokens.tokenized import tokenize
from seqvae.errors import InputError, InvalidSequenceError, SeqVAEWarning, TooLongError, UnknownTokenError, UsageError
from seqvae.sequences.tokenizers.registry import build_tokenizer

BAD = {"dna": ("ACGT!", "AC-GT"), "dna-gap": ("ACGT!", "AC.T"), "smiles": ("C1CC", "[Og]"), "selfies": ("C1CC", "[Og]")}
BAD |= {"rna": ("ACGU!", "AC-GU"), "protein": ("MKV!", "MK-V"), "codon": ("ATGGC", "ATGTAAGCT")}
BAD |= {"char": ("\U0001f600", "\U0001f601"), **{f"subword-{kind}": bad for kind, bad in BAD.items()}}
BAD["subword-char"] = BAD["char"]


def refusal(call):
    """Return the type and the words of the error."""
    with pytest.raises(InputError) as caught:
        call()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_what_is_read_is_what_encoding_gives(name):
    @settings(max_examples=15, deadline=None)
    @given(several(CASES[name]))
    def law(texts):
        tokenizer = CASES[name].fitted(*texts)
        read = tokenize(texts, tokenizer)
        assert read.ids == tokenizer.encode_batch(texts)
        assert read.forms == [tokenizer.normalize(text) for text in texts]
        assert (len(read), read.given, read.rows, read.rejected) == (len(texts), len(texts), [*range(len(texts))], ())
        for text, form in zip(texts, read.forms, strict=True):
            assert tokenizer.split(form) == tokenizer.symbols(text) == tokenizer.read(text).symbols
            assert tokenizer.normalize_or_none(text) == form

    law()


@pytest.mark.parametrize("name", CASES)
def test_a_text_that_cannot_be_read_stops_or_is_listed_with_the_words_of_its_error(name):
    tokenizer, good = CASES[name].fitted(), CASES[name].corpus
    bad = BAD[name]
    texts = [good[0], bad[0], *good[1:3], bad[1]]
    found = tokenize(texts, tokenizer, on_error="skip")
    assert found.rows == [0, 2, 3]
    assert found.ids == tokenizer.encode_batch(good[:3])
    assert [one.row for one in found.rejected] == [1, 4]
    for one in found.rejected:
        expected = refusal(lambda text=texts[one.row]: tokenizer.encode(text))
        assert one.reason == expected[1]
        assert one.form == tokenizer.normalize_or_none(texts[one.row])
        kind, message = refusal(lambda text=texts[one.row]: tokenize([good[0], text], tokenizer))
        assert (kind, message) == (expected[0], f"{tokenizer.domain.noun} 2 of 2: {expected[1]}")
    assert tokenize([], tokenizer).forms == tokenize(bad, tokenizer, on_error="skip").forms == []


def test_stop_tells_first_of_what_is_no_text_then_of_unknown_tokens_then_of_length():
    tokenizer = build_tokenizer("dna")
    assert refusal(lambda: tokenize(["ACGTA", "AC!", "A?"], tokenizer, 4))[0] is InvalidSequenceError
    with pytest.raises(TooLongError, match="'acgta' has 5 tokens, the model takes at most 4: leave it out, or train"):
        tokenize(["A", "acgta", "ACGTAC"], tokenizer, 4)
    letters = build_tokenizer("char").fit(["abc"])
    with pytest.raises(UnknownTokenError, match="unknown token 'd' at column 2 of 'ad'"):
        tokenize(["abcabc", "ad"], letters, 4)
    with pytest.raises(UsageError, match='on_error must be "stop" or "skip", got \'drop\''):
        tokenize(["A"], tokenizer, on_error="drop")


def test_texts_read_already_are_measured_and_not_read(monkeypatch):
    tokenizer = build_tokenizer("dna")
    read = tokenize(["acgta", "X", "AC", "ACG"], tokenizer, on_error="skip")
    monkeypatch.setattr(type(tokenizer), "normalize", None)
    monkeypatch.setattr(type(tokenizer), "split", None)
    assert tokenize(read, tokenizer, 5) is tokenize(read, build_tokenizer("dna")) is read
    short = tokenize(read, tokenizer, 4, on_error="skip")
    assert (short.forms, short.rows, [one.row for one in short.rejected]) == (["AC", "ACG"], [2, 3], [0, 1])
    assert (short.rejected[0].form, short.rejected[1].form) == ("ACGTA", None)
    assert short.given == 4
    first = short.first(3)
    assert (first.forms, first.rows, first.given) == (["AC"], [2], 3)
    assert (short.take([1, 0]).forms, short.take([1]).rows, short.take([1]).given) == (["ACG", "AC"], [3], 1)
    with pytest.raises(TooLongError, match="'ACGTA' has 5 tokens"):
        tokenize(read, tokenizer, 4)
    with pytest.raises(UsageError, match="were read by a different tokenizer: give them as strings"):
        tokenize(read, build_tokenizer("dna", allow_gap=True))


def test_dropped_tokens_are_told_once(recwarn):
    tokenizer = build_tokenizer("char", on_unknown="drop").fit(["abc"])
    read = tokenize(["axb", "yxc"], tokenizer)
    assert (read.forms, read.ids) == (["axb", "yxc"], tokenizer.encode_batch(["ab", "c"]))
    assert [str(one.message) for one in recwarn] == ["dropped 3 unknown tokens: 'x' (2), 'y' (1)"]
    assert tokenizer.dropped == {"x": 2, "y": 1}


@pytest.mark.parametrize("name", CASES)
def test_packed_texts_are_those_read(tmp_path, name):
    tokenizer, good = CASES[name].fitted(), CASES[name].corpus
    texts = [BAD[name][0], *good[:4], BAD[name][1]]
    expected = tokenize(texts, tokenizer, on_error="skip")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)
        for _ in range(2):  # packed, then found in the cache
            packed = pack(texts, tokenizer, tmp_path, on_error="skip", forms=True)
            found = packed.tokenized()
            assert (found.forms, found.ids, found.rows) == (expected.forms, expected.ids, expected.rows)
            assert [(one.row, one.form) for one in found.rejected] == [(one.row, one.form) for one in expected.rejected]
        with pytest.raises(UsageError, match="without their canonical forms: pack them with forms=True"):
            pack(texts, tokenizer, tmp_path, on_error="skip").tokenized()


@given(st.text(max_size=8))
def test_reading_never_raises_for_a_text(text):
    for kind in ("dna", "smiles", "selfies", "char"):
        read = build_tokenizer(kind).read(text)
        assert (read.error is None) or not read.symbols
        assert (read.form is None) <= (read.error is not None)
