"""Motifs: thresholds against all possible windows, scans against Biopython, and reading of files."""

import itertools

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvae.errors import InputError, UsageError
from seqvae.infer.familiarity import false_discovery_rates
from seqvae.properties.dna import motifs as our_motifs
from seqvae.properties.dna.motifs import HIT_RATE, PROMOTER_BOXES, count_hits, motif, read_motifs, score_threshold
from seqvae.properties.dna.sites import scan
from seqvae.sequences.dna import reverse_complement

JASPAR = ">MA0001.1 AGL3\nA [ 0 3 79 ]\nC [94 75 4 ]\nG [ 1 0 3 ]\nT [ 2 19 11 ]\n"
MEME = """MEME version 4

ALPHABET= ACGT

MOTIF boxA
letter-probability matrix: alength= 4 w= 3 nsites= 20 E= 0
 0.9 0.1 0.0 0.0
 0.0 0.0 0.5 0.5
 0.1 0.1 0.1 0.7
"""
DNA = st.text("ACGT", min_size=1, max_size=40)


def brute_hits(text, wanted):
    """Window by window, base by base."""
    strands = [text, reverse_complement(text)] if wanted.both_strands else [text]
    windows = [strand[i : i + wanted.width] for strand in strands for i in range(len(strand) - wanted.width + 1)]
    scores = [sum(wanted.scores[i]["ACGT".index(base)] for i, base in enumerate(window)) for window in windows]
    return sum(int(score) >= wanted.threshold for score in scores)


@pytest.mark.parametrize("box", PROMOTER_BOXES, ids=lambda box: box.name)
@pytest.mark.parametrize("rate", [HIT_RATE, 0.02])
def test_the_threshold_is_the_lowest_that_keeps_to_the_hit_rate(box, rate):
    sums = np.array([sum(row[i] for row, i in zip(box.scores, word, strict=True)) for word in words(box.width)])
    threshold = score_threshold(box.scores, rate)
    assert (sums >= threshold).mean() <= rate
    below = sums[sums < threshold].max()
    assert (sums >= below).mean() > rate


def words(width):
    return itertools.product(range(4), repeat=width)


def test_the_best_window_is_a_hit_even_where_it_is_likelier_than_asked():
    narrow = motif("narrow", [[9, 0, 0, 0], [0, 9, 0, 0]])
    assert count_hits(["ACAC", "GTGT"], narrow).tolist() == [2, 0]


def test_the_promoter_boxes_are_counts_of_112_promoters_and_hit_their_consensus():

    for counts in (our_motifs._MINUS_10, our_motifs._MINUS_35):
        assert np.array(counts).sum(1).tolist() == [112] * 6
    assert [count_hits(["TATAAT", "TTGACA", "TTGACATATAAT"], box).tolist() for box in PROMOTER_BOXES] == [
        [1, 0, 1],
        [0, 1, 1],
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(DNA, min_size=1, max_size=5), st.integers(0, 10_000), st.booleans())
def test_hits_are_those_of_a_plain_loop(texts, seed, both):
    counts = np.random.default_rng(seed).integers(0, 20, (3, 4))
    wanted = motif("random", counts, both_strands=both, hit_rate=0.1)
    assert count_hits(texts, wanted).tolist() == [brute_hits(text, wanted) for text in texts]


def test_scores_are_biopythons():
    from Bio import motifs

    box = PROMOTER_BOXES[0]
    counts = {base: [row[i] for row in our_motifs._MINUS_10] for i, base in enumerate("ACGT")}
    theirs = motifs.Motif(alphabet="ACGT", counts=counts).counts.normalize(pseudocounts=0.25).log_odds()
    text = "GATTATAATCCTTGACATACGT"
    ours = [sum(box.scores[i]["ACGT".index(b)] for i, b in enumerate(text[p : p + 6])) / 1000 for p in range(17)]
    assert np.allclose(ours, theirs.calculate(Seq(text)), atol=6 * 0.0005 + 1e-4)


@given(DNA)
def test_both_strands_of_a_sequence_and_its_reverse_complement_agree(text):
    wanted = motif("asymmetric", [[9, 0, 0, 0], [0, 9, 1, 0], [3, 0, 0, 6]], both_strands=True, hit_rate=0.05)
    first, second = count_hits([text, reverse_complement(text)], wanted).tolist()
    assert first == second


def test_a_window_with_an_ambiguity_code_is_no_hit():
    assert count_hits(["TATAAT", "TATAAN", "NNNNNN"], PROMOTER_BOXES[0]).tolist() == [1, 0, 0]


@pytest.mark.parametrize(("content", "name", "width"), [(JASPAR, "AGL3", 3), (MEME, "boxA", 3)])
def test_motif_files_are_read(tmp_path, content, name, width):
    file = tmp_path / "motifs.txt"
    file.write_text(content, "utf-8")
    (found,) = read_motifs(file)
    assert (found.name, found.width, found.both_strands, found.source) == (name, width, True, "motifs.txt")
    best = "".join("ACGT"[row.argmax()] for row in found.scores)
    assert count_hits([best], found)[0] >= 1


@pytest.mark.parametrize("content", ["", "hello\n", ">x\nA [ 1 2\nC [3]\n", "MEME version 4\n"])
def test_other_files_are_an_error_that_names_them(tmp_path, content):
    file = tmp_path / "bad.txt"
    file.write_text(content, "utf-8")
    with pytest.raises(InputError, match=r"bad\.txt.*JASPAR or minimal MEME"):
        read_motifs(file)
    with pytest.raises(InputError, match=r"absent: cannot read motifs: No such file or directory$"):
        read_motifs(tmp_path / "absent")


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ([[1, 2, 3]], r"shape \(width, 4\)"),
        ([], "shape"),
        ([[1, 2, 3, -1]], "from 0 on"),
        ([[1, 2, 3, np.nan]], "0 on"),
    ],
)
def test_impossible_counts_are_refused(counts, words):
    with pytest.raises(InputError, match=words):
        motif("bad", counts)


def test_no_sequences_and_no_dna_are_refused():
    with pytest.raises(InputError, match="at least one"):
        count_hits([], PROMOTER_BOXES[0])
    with pytest.raises(InputError, match="sequence 2 has 'X' at column 3"):
        count_hits(["ACGT", "ACXT"], PROMOTER_BOXES[0])


def brute_sites(texts, wanted, shares, threshold):
    """Every window of every sequence on both strands, its p by adding up all words of that width."""
    every = [
        (sum(wanted.scores[i][letter] for i, letter in enumerate(word)), np.prod([shares[i] for i in word]))
        for word in words(wanted.width)
    ]
    reverse = [
        (sum(wanted.scores[::-1, ::-1][i][letter] for i, letter in enumerate(word)), np.prod([shares[i] for i in word]))
        for word in words(wanted.width)
    ]
    found = []
    for row, text in enumerate(texts):
        for start in range(len(text) - wanted.width + 1):
            window = text[start : start + wanted.width]
            for sign, read, chances in (("+", window, every), ("-", reverse_complement(window), reverse)):
                if "N" not in window:
                    score = sum(wanted.scores[i]["ACGT".index(base)] for i, base in enumerate(read))
                    p = sum(share for value, share in chances if value >= score)
                    found.append((row, start + 1, sign, read, score / 1000, p))
    rates = false_discovery_rates(np.array([p for *_, p in found]))
    return [(*one, rate) for one, rate in zip(found, rates, strict=True) if one[-1] <= threshold * (1 + 1e-9)]


@pytest.mark.parametrize("background", ["uniform", "sequences"])
@pytest.mark.parametrize("threshold", [0.1, 0.5])
def test_sites_are_those_of_all_windows_with_exact_chances(threshold, background):
    rng = np.random.default_rng(3)
    texts = ["".join(rng.choice(list("ACGT"), size, p=[0.4, 0.1, 0.2, 0.3])) for size in (3, 40, 25)]
    texts[1] = f"{texts[1][:20]}N{texts[1][20:]}"
    wanted = motif("box", [[9, 1, 0, 2], [0, 7, 3, 0], [1, 1, 1, 9], [5, 5, 0, 0]], both_strands=True)
    found = scan(texts, [wanted], threshold, background)
    strong = sum(text.count("G") + text.count("C") for text in texts) / 68
    shares = [0.25] * 4 if background == "uniform" else [(1 - strong) / 2, strong / 2, strong / 2, (1 - strong) / 2]
    expected = brute_sites(texts, wanted, shares, threshold)
    got = zip(found.rows, found.starts, found.strands, found.windows, strict=True)
    assert list(got) == [one[:4] for one in expected]
    assert expected
    for place, values in ((4, found.scores), (5, found.p), (6, found.q)):
        assert values == pytest.approx([one[place] for one in expected], rel=1e-9)
    assert [end - start for start, end in zip(found.starts, found.ends, strict=True)] == [3] * len(expected)
    assert found.tested == {"box": 2 * (34 + 22)}  # 38 windows of the second sequence, four of which have the N


def test_one_site_by_hand():
    # The best of 16 words of two letters, at the end of the sequence: p = 1/16, one of two windows, q = 1/8.
    narrow = motif("narrow", [[9, 0, 0, 0], [0, 9, 0, 0]])
    found = scan(["TAC"], [narrow], 0.1)
    assert (found.starts, found.ends, found.strands, found.windows) == ([2], [3], ["+"], ["AC"])
    assert (found.p, found.q, found.tested) == ([1 / 16], [1 / 8], {"narrow": 2})
    assert found.scores == pytest.approx([2 * np.log2(4 * 9.25 / 10)], abs=0.002)
    assert scan(["gta"], [motif("narrow", [[9, 0, 0, 0], [0, 9, 0, 0]], True)], 0.1).windows == ["AC"]


def test_wrong_scans_say_what_was_expected(tmp_path):
    narrow = motif("narrow", [[9, 0, 0, 0]])
    for words_given, said in (
        ({"threshold": 0.0}, "threshold: expected a chance above 0 and up to 1, got 0"),
        ({"background": "yeast"}, "background: expected one of uniform, sequences, got 'yeast'"),
    ):
        with pytest.raises(UsageError, match=said):
            scan(["ACGT"], [narrow], **words_given)
    with pytest.raises(InputError, match="cannot read motifs"):
        scan(["ACGT"], tmp_path / "none.jaspar")
    with pytest.raises(InputError, match="expected DNA"):
        scan(["ACGT", "MKV!"], [narrow])
