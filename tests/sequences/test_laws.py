"""Laws that every tokenizer obeys."""

from __future__ import annotations

import json
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from text_cases import CASES, several

from seqvae.errors import (
    InputError,
    SeqVAEWarning,
    TooLongError,
)
from seqvae.sequences.tokenizers.registry import load_tokenizer, tokenizer_from_dict
from seqvae.sequences.tokenizers.tokenizer import BOS, EOS, PAD, SPECIALS

every_tokenizer = pytest.mark.parametrize("name", CASES)
# Each example fits a tokenizer, and there are fourteen tokenizers.
few = settings(max_examples=20)


# Laws


@every_tokenizer
@few
@given(data=st.data())
def test_decode_undoes_encode(name, data):
    text = data.draw(CASES[name].texts)
    tokenizer = CASES[name].fitted(text)
    assert tokenizer.decode(tokenizer.encode(text)) == tokenizer.normalize(text)


@every_tokenizer
@few
@given(data=st.data())
def test_normalize_is_idempotent_and_symbols_see_the_canonical_form(name, data):
    text = data.draw(CASES[name].texts)
    tokenizer = CASES[name].make()
    once = tokenizer.normalize(text)
    if once:
        assert tokenizer.normalize(once) == once
        assert tokenizer.symbols(once) == tokenizer.symbols(text)
    assert tokenizer.join(tokenizer.symbols(text)) == once


@every_tokenizer
@few
@given(data=st.data())
def test_one_hot_and_back(name, data):
    texts = data.draw(several(CASES[name]))
    tokenizer = CASES[name].fitted(*texts)
    array = tokenizer.one_hot(texts)
    lengths = [len(ids) for ids in tokenizer.encode_batch(texts)]
    assert array.shape == (len(texts), max(lengths) + 1, tokenizer.vocab_size)
    assert array.dtype == np.float32
    np.testing.assert_allclose(array.sum(axis=2), 1.0, atol=1e-6)
    for row, length in zip(array, lengths, strict=True):
        assert row[length, EOS] == 1.0
        assert (row[length + 1 :, PAD] == 1.0).all()
    assert tokenizer.from_one_hot(array) == [tokenizer.normalize(text) for text in texts]
    longer = tokenizer.one_hot(texts, length=max(lengths) + 4)
    assert tokenizer.from_one_hot(longer) == [tokenizer.normalize(text) for text in texts]


@every_tokenizer
@few
@given(data=st.data())
def test_batches_are_rows(name, data):
    texts = data.draw(several(CASES[name]))
    tokenizer = CASES[name].fitted(*texts)
    lists = [tokenizer.symbols(text) for text in texts]
    assert tokenizer.ids_batch(lists) == [tokenizer.ids(symbols) for symbols in lists]
    assert tokenizer.encode_batch(texts) == [tokenizer.encode(text) for text in texts]
    ids = tokenizer.encode_batch(texts)
    assert tokenizer.decode_batch(ids) == [tokenizer.decode(row) for row in ids]
    assert [tokenizer.symbols_of(row) for row in ids] == lists


@every_tokenizer
@few
@given(data=st.data())
def test_ids_start_after_the_marks_and_marks_are_passed_over(name, data):
    text = data.draw(CASES[name].texts)
    tokenizer = CASES[name].fitted(text)
    ids = tokenizer.encode(text)
    assert all(len(SPECIALS) <= i < tokenizer.n_ids for i in ids)
    assert tokenizer.tokens[:3] == SPECIALS
    padded = np.array([BOS, PAD, *ids, EOS, PAD, EOS, *ids])
    assert tokenizer.decode(padded) == tokenizer.normalize(text)


@every_tokenizer
@few
@given(data=st.data())
def test_json_pickle_and_copy_give_the_same_ids(name, data):
    text = data.draw(CASES[name].texts)
    tokenizer = CASES[name].fitted(text)
    record = json.loads(json.dumps(tokenizer.to_dict()))
    for other in (tokenizer_from_dict(record), pickle.loads(pickle.dumps(tokenizer))):
        assert type(other) is type(tokenizer)
        assert other.to_dict() == record
        assert other.tokens == tokenizer.tokens
        assert other.encode(text) == tokenizer.encode(text)
        assert other.on_unknown == tokenizer.on_unknown


@every_tokenizer
def test_file_and_back(name, tmp_path):
    case = CASES[name]
    tokenizer = case.fitted()
    tokenizer.save(tmp_path / "tokenizer.json")
    other = load_tokenizer(tmp_path / "tokenizer.json")
    assert type(other) is type(tokenizer)
    assert other.to_dict() == tokenizer.to_dict()
    assert other.encode_batch(case.corpus) == tokenizer.encode_batch(case.corpus)
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


@every_tokenizer
def test_unfitted_tokenizers_travel_too(name):
    tokenizer = CASES[name].make()
    assert tokenizer_from_dict(tokenizer.to_dict()).to_dict() == tokenizer.to_dict()


@every_tokenizer
@few
@given(data=st.data())
def test_fit_depends_on_the_set_of_symbols_not_on_order_or_passes(name, data):
    case = CASES[name]
    order = data.draw(st.permutations(case.split_corpus))
    tokenizer = case.make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)
        assert tokenizer.fit_symbols(iter(order)) is tokenizer
    assert tokenizer.to_dict() == case.fitted().to_dict()


@every_tokenizer
def test_fit_is_fit_symbols_of_symbols(name):
    case = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SeqVAEWarning)
        assert case.make().fit(iter(case.corpus)).to_dict() == case.fitted().to_dict()


@every_tokenizer
def test_id_table_is_identity_then_codes(name):
    tokenizer = CASES[name].fitted()
    table = tokenizer.id_table()
    assert table.shape == (tokenizer.n_ids, tokenizer.vocab_size)
    np.testing.assert_array_equal(table[: tokenizer.vocab_size], np.eye(tokenizer.vocab_size))
    np.testing.assert_allclose(table.sum(axis=1), 1.0, atol=1e-6)
    alphabet = tokenizer.domain.alphabet
    codes = alphabet.codes if alphabet and "codon" not in name else ()  # a codon with a code in it is refused
    assert tokenizer.n_ids - tokenizer.vocab_size == len(codes)
    for i, (code, allowed) in enumerate(tokenizer.code_sets.items(), start=tokenizer.vocab_size):
        assert {tokenizer.tokens[j] for j in np.flatnonzero(table[i])} == set(allowed) == alphabet.codes[code]


@every_tokenizer
@few
@given(data=st.data())
def test_coverage_of_what_was_fitted_is_whole(name, data):
    texts = data.draw(several(CASES[name]))
    tokenizer = CASES[name].fitted(*texts)
    covered = tokenizer.coverage(iter(texts))
    lengths = sorted(len(ids) for ids in tokenizer.encode_batch(texts))
    assert (covered.texts, covered.covered_texts, covered.invalid_texts) == (len(texts), len(texts), 0)
    assert covered.tokens == covered.covered_tokens == sum(len(tokenizer.symbols(text)) for text in texts)
    assert covered.text_share == covered.token_share == 1.0
    assert covered.unseen == {}
    assert covered.length_percentiles[100] == lengths[-1]
    assert set(covered.length_percentiles.values()) <= set(lengths)


@every_tokenizer
def test_molecular_is_about_the_base(name):
    assert CASES[name].make().molecular == name.removeprefix("subword-").startswith(("smiles", "selfies"))


@every_tokenizer
def test_id_out_of_the_vocabulary_is_named(name):
    tokenizer = CASES[name].fitted()
    for bad in (tokenizer.n_ids, -1):
        with pytest.raises(InputError) as caught:
            tokenizer.decode([3, bad])
        assert str(caught.value) == (
            f"expected token ids from 0 to {tokenizer.n_ids - 1}, got {bad}: are they another tokenizer's?"
        )


@every_tokenizer
def test_array_of_another_width_is_refused(name):
    tokenizer = CASES[name].fitted()
    with pytest.raises(InputError, match=r"expected an array \(batch, length, \d+\), got the shape \(2, 3\)"):
        tokenizer.from_one_hot(np.zeros((2, 3)))
    assert tokenizer.from_one_hot(np.zeros((2, 0, tokenizer.vocab_size))) == ["", ""]


@every_tokenizer
def test_too_short_a_length_names_the_text(name):
    case = CASES[name]
    tokenizer = case.fitted()
    longest = max(len(ids) for ids in tokenizer.encode_batch(case.corpus))
    with pytest.raises(TooLongError, match=rf"^\w+ \d+ has {longest + 1} tokens with its end token, more than"):
        tokenizer.one_hot(case.corpus, length=longest)
