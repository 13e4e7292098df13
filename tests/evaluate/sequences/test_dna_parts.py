"""Words of letters, the classifier and edit distances, against plain loops, scipy and scikit-learn."""

from collections import Counter
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import roc_auc_score

from seqvae.errors import InputError, UsageError
from seqvae.evaluate.sequences.classifier import FOLDS, area_under_curve, discriminability
from seqvae.evaluate.sequences.kmers import jensen_shannon, kmer_numbers, kmer_shares, spectrum
from seqvae.evaluate.sequences.metrics import nearest_edits
from seqvae.properties.dna.composition import gc_content, longest_runs
from seqvae.sequences.integer_codes import dna_letters, letters

TEXTS = st.lists(st.text("ACGTN", min_size=1, max_size=30), min_size=1, max_size=6)
SHARES = st.lists(st.integers(0, 9), min_size=4, max_size=4).filter(any)


def words(text, width):
    found = [text[i : i + width] for i in range(len(text) - width + 1)]
    return Counter(word for word in found if set(word) <= set("ACGT"))


@given(TEXTS, st.integers(1, 4))
def test_words_are_those_of_a_plain_loop(texts, width):
    every = ["".join(word) for word in product("ACGT", repeat=width)]
    counted = [words(text, width) for text in texts]
    numbers = kmer_numbers(dna_letters(texts), width)
    total = sum(counted, Counter())
    assert Counter(every[n] for n in numbers[numbers >= 0]) == total
    shares = kmer_shares(dna_letters(texts), (width,))
    wanted = [[c[word] / max(sum(c.values()), 1) for word in every] for c in counted]
    assert np.allclose(shares, wanted)
    if total:
        assert np.allclose(spectrum(dna_letters(texts), width), [total[word] / sum(total.values()) for word in every])
    else:
        with pytest.raises(InputError, match=f"no sequence has {width} letters in a row without ambiguity codes"):
            spectrum(dna_letters(texts), width)


@given(TEXTS)
def test_runs_and_gc_are_those_of_a_plain_loop(texts):
    found = dna_letters(texts)
    runs = [max((len(list(run)) for base, run in groupby(text) if base != "N"), default=0) for text in texts]
    assert longest_runs(found).tolist() == runs
    certain = [[base for base in text if base != "N"] for text in texts]
    wanted = [sum(b in "GC" for b in bases) / len(bases) if bases else np.nan for bases in certain]
    assert np.allclose(gc_content(found), wanted, equal_nan=True)


@given(SHARES, SHARES)
def test_jensen_shannon_is_scipys_symmetric_and_between_0_and_1(left, right):
    p, q = (np.array(side) / sum(side) for side in (left, right))
    found = jensen_shannon(p, q)
    assert found == pytest.approx(jensenshannon(p, q, base=2) ** 2, abs=1e-9)
    assert found == pytest.approx(jensen_shannon(q, p))
    assert 0 <= found <= 1 + 1e-12
    assert jensen_shannon(p, p) == 0


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ([], "at least one"),
        ("ACGT", "list of sequences"),
        (["ACGT", ""], "sequence 2 of 2 is empty"),
        (["A\nC"], r"'\\n' at column 2"),
        (["ACGT", "ACé"], "sequence 2 has 'é' at column 3"),
        (["AC→T"], "'→' at column 3"),
    ],
)
def test_what_is_no_sequence_is_refused(texts, words):
    with pytest.raises(InputError, match=words):
        letters(texts)


def test_an_ambiguity_code_is_refused_where_it_has_no_meaning():
    assert dna_letters(["ACGN"]).codes.tolist() == [0, 1, 2, -1, -1]
    with pytest.raises(InputError, match="'N' at column 4, expected one of ACGT"):
        letters(["ACGN"])


@pytest.mark.parametrize("width", [0, 13])
def test_words_too_short_or_too_long_are_refused(width):
    with pytest.raises(UsageError, match="1 to 12 letters"):
        kmer_numbers(dna_letters(["ACGT"]), width)


@given(st.lists(st.integers(0, 5), min_size=1), st.lists(st.integers(0, 5), min_size=1))
def test_the_area_under_the_curve_is_scikit_learns(positive, negative):
    labels = [1] * len(positive) + [0] * len(negative)
    wanted = roc_auc_score(labels, positive + negative)
    assert area_under_curve(np.array(positive, float), np.array(negative, float)) == pytest.approx(wanted)


def random_dna(count, length, seed, gc=0.5):
    rng = np.random.default_rng(seed)
    chances = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return ["".join(row) for row in rng.choice(list("ACGT"), (count, length), p=chances)]


def test_two_halves_of_the_same_data_cannot_be_told_apart():
    texts = random_dna(1200, 60, 0)
    found = discriminability(texts[::2], texts[1::2], bootstrap=200)
    assert found.auc == pytest.approx(0.5, abs=0.05)
    assert found.interval[0] < 0.5 < found.interval[1]
    assert found.sequences == 600


def test_another_composition_is_told_apart_and_order_does_not_matter():
    real, other = random_dna(200, 60, 0), random_dna(200, 60, 1, gc=0.65)
    found = discriminability(real, other, bootstrap=50)
    assert found.auc > 0.9
    assert found.interval[0] <= found.auc <= found.interval[1]
    assert discriminability(real[::-1], other[::-1], bootstrap=50) == found


def test_too_few_sequences_for_the_folds_are_an_error():
    with pytest.raises(InputError, match=f"at least {FOLDS} real"):
        discriminability(["ACGT"] * 4, ["ACGT"] * 9)


def plain_distance(left, right):
    """Wagner & Fischer's table."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        above, row = row, [i]
        for j, b in enumerate(right, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


@settings(max_examples=50)
@given(
    st.lists(st.text("ACGT", max_size=12), min_size=1, max_size=4), st.lists(st.text("ACGT"), min_size=1, max_size=4)
)
def test_nearest_edits_are_those_of_the_plain_table(texts, pool):
    wanted = [min(plain_distance(text, other) for other in pool) for text in texts]
    assert nearest_edits(texts, pool, workers=1).tolist() == wanted


def test_nearest_edits_go_in_pieces_and_need_a_pool(monkeypatch):
    texts = random_dna(20, 10, 0)
    whole = nearest_edits(texts, texts[:7], workers=1)
    monkeypatch.setattr("seqvae.evaluate.sequences.metrics._CELLS", 15)
    assert nearest_edits(texts, texts[:7], workers=1).tolist() == whole.tolist()
    assert (whole[:7] == 0).all()
    with pytest.raises(InputError, match="got none"):
        nearest_edits(texts, [])
