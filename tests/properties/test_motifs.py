"""Motifs: thresholds against all possible windows, scans against Biopython, and reading of files."""

import itertools

import numpy as np
import pytest
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st

from seqvae.errors import InputError
from seqvae.properties.dna import motifs as our_motifs
from seqvae.properties.dna.motifs import HIT_RATE, PROMOTER_BOXES, count_hits, motif, read_motifs, score_threshold
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
