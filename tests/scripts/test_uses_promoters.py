"""DNA that is no promoter: shuffled, coding, and from elsewhere."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np

from scripts.benchmarks.uses.promoters import auroc, coding, shuffled, windows
from seqvae.sequences.dna import reverse_complement


def test_a_shuffled_sequence_has_the_same_pairs_and_each_such_sequence_is_as_likely():
    text, rng = "AACAGATA", np.random.default_rng(0)
    pairs = Counter(pairwise(text))
    every = {"".join(one) for one in permutations(text) if one[0] == text[0] and Counter(pairwise(one)) == pairs}
    drawn = Counter(shuffled(text, rng) for _ in range(3_000))
    assert set(drawn) == every
    expected = 3_000 / len(every)
    assert all(abs(count - expected) < 5 * np.sqrt(expected) for count in drawn.values())


def test_a_long_shuffled_sequence_keeps_its_pairs():
    rng = np.random.default_rng(1)
    text = "".join(rng.choice(list("ACGT"), 165))
    other = shuffled(text, rng)
    assert other != text
    assert Counter(pairwise(other)) == Counter(pairwise(text))


def test_coding_sequence_comes_from_long_frames_of_both_strands():
    rng = np.random.default_rng(0)
    long, other = "ATG" + "GCT" * 210 + "TAA", "ATG" + "CTG" * 220 + "TGA"
    short = "ATG" + "GGC" * 100 + "TAG"
    found = coding(f"TTTT{long}CCTT{reverse_complement(other)}AAAA{short}", 100, 10, rng)
    assert len(found) == 2
    assert {any(piece in one for piece in found) for one in (long, other)} == {True}
    assert not any(piece in short for piece in found)


def test_windows_have_the_length_and_no_unknown_letter():
    found = windows(["ACGT" * 10, "ACG", "N" * 40], 20, 5, np.random.default_rng(0))
    assert len(found) == 1
    assert found[0] in "ACGT" * 10


def test_the_area_under_the_curve_counts_pairs():
    # Of six pairs the one from outside is higher in four and equal in one: 4.5 / 6.
    assert auroc(np.array([1.0, 2.0, 4.0]), np.array([2.0, 5.0])) == 4.5 / 6
