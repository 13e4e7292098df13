"""The same metrics over every alphabet: laws, and values that are known by hand."""

import math
import re

import numpy as np
import pytest

from seqvae.errors import InputError, UsageError
from seqvae.evaluate.compare import KINDS, check_texts, generation
from seqvae.evaluate.evaluation import Evaluation
from seqvae.evaluate.records import GenerationSettings, References
from seqvae.evaluate.reference_sets import Splits
from seqvae.evaluate.sequences.logo import difference_logo, logo
from seqvae.evaluate.sequences.markov_baselines import counted_bits
from seqvae.evaluate.sequences.metrics import sequence_metrics
from seqvae.report.evaluation_page import evaluation_page
from seqvae.report.html.letters import drawable
from seqvae.report.html.logo import axis_top, logo_plot
from seqvae.sequences.domain import DNA, DOMAINS, LETTERS, MOLECULES, PROTEIN, RNA

QUICK = GenerationSettings(bootstrap=20, workers=1)
ALPHABETS = {name: domain.alphabet for name, domain in DOMAINS.items() if domain.alphabet}
every_alphabet = pytest.mark.parametrize("kind", ALPHABETS)


def drawn(kind, count=60, length=24, seed=0):
    letters = list(ALPHABETS[kind].letters)
    return ["".join(row) for row in np.random.default_rng(seed).choice(letters, (count, length))]


@every_alphabet
def test_the_reference_against_itself_has_no_distance(kind):
    test = drawn(kind)
    found = generation(test, References(kind, test, training=drawn(kind, seed=1)), QUICK)
    assert found.kind == kind
    distances = [name for name in found.metrics if name.endswith("_wasserstein") or name.startswith("kmer_js")]
    assert len(distances) >= 5
    assert [found.metrics[name] for name in distances] == [0.0] * len(distances)
    assert found.metrics["valid"] == found.metrics["novelty"] == 1
    assert ("gc_mean" in found.metrics) == (kind in (DNA, RNA))


@every_alphabet
def test_a_copy_of_a_training_sequence_has_no_edits(kind):
    train = drawn(kind)
    found = sequence_metrics(
        [*train[:30], "not a sequence!"], References(kind, drawn(kind, seed=1), training=train), QUICK
    )
    assert found.metrics["nearest_edits_mean"] == found.metrics["novelty"] == 0
    assert found.metrics["valid"] == pytest.approx(30 / 31)


def test_rna_has_the_metrics_of_the_same_dna():
    dna, other = drawn(DNA), drawn(DNA, seed=1)
    as_rna = [text.replace("T", "U") for text in dna]
    found = generation(as_rna, References(RNA, [text.replace("T", "U") for text in other]), QUICK)
    assert found.metrics == generation(dna, References(DNA, other), QUICK).metrics
    assert found.examples[0] == as_rna[0]


def test_a_classifier_tells_proteins_of_another_composition():
    few = ["".join(row) for row in np.random.default_rng(3).choice(list("ADEKLM"), (60, 24))]
    found = sequence_metrics(few, References(PROTEIN, drawn(PROTEIN)), QUICK)
    assert found.metrics["discriminability"] > 0.95


@every_alphabet
def test_counting_uniform_letters_costs_the_log_of_the_alphabet(kind):
    letters = ALPHABETS[kind].letters
    found = counted_bits([letters] * 50, [letters[::-1]], alphabet=letters)
    assert found["unigram (Markov order 0)"].bits == pytest.approx(math.log2(len(letters)))
    orders = [int(name.split()[-1].rstrip(")")) for name in found if "Markov" in name]
    assert max(orders) == {4: 7, 20: 3}[len(letters)]


@every_alphabet
def test_a_position_with_one_letter_tells_all_bits_and_is_drawn(kind):
    letters = ALPHABETS[kind].letters
    found = logo([letters] * 1000, letters)
    size = len(letters)
    assert found.heights.sum(1) == pytest.approx(math.log2(size) - (size - 1) / (2000 * math.log(2)))
    assert drawable(letters)
    assert logo_plot(found, "all letters", 5.0).count("<path") == size
    assert not drawable("ab")


def test_what_sets_two_sets_apart_by_hand():
    """First position: A against C, a whole bit; second: the same; third: half A, half C against C alone."""
    first, second = ["AGA", "AGC"], ["CGC", "CGC"]
    found = difference_logo(first, second)
    # the entropy of (1/4, 3/4) is .8112781 bits, that of the halves 1 and 0: .8112781 - .5
    expected = [[-0.5, 0.5, 0, 0], [0, 0, 0, 0], [-0.3112781 / 2, 0.3112781 / 2, 0, 0]]
    assert found.heights == pytest.approx(np.array(expected), abs=1e-6)
    assert difference_logo(second, first).heights == pytest.approx(-found.heights)
    assert (found.sequences, found.left_out) == (4, 0)
    assert axis_top([found]) == 0.5


def test_letters_that_become_rarer_hang_from_the_axis():
    svg = logo_plot(difference_logo(["AA"] * 3, ["AC"] * 3), "title", 0.5)
    heights = [float(one) for one in re.findall(r'<path transform="translate\([\d.]+ ([\d.]+)\)', svg)]
    axis = float(re.search(r'y1="([\d.]+)"[^>]*/><text[^>]*>0</text>', svg)[1])
    assert sorted(heights) == pytest.approx([axis - 48, axis])
    assert ">-0.5</text>" in svg


def test_sets_without_a_common_length_have_no_difference():
    assert difference_logo(["ACGT", "ACG"], ["AC", "A"]) is None
    assert difference_logo(["ACGT"] * 5, ["AC"]) is None
    assert difference_logo([], ["AC"]) is None
    assert not difference_logo(["NN"], ["AC"]).heights.any()


def test_the_page_speaks_of_residues():
    test = drawn(PROTEIN)
    found = generation(test, References(PROTEIN, test, training=drawn(PROTEIN, seed=1)), QUICK)
    page = evaluation_page(Evaluation("a", Splits("b", PROTEIN, test), test, found))
    assert "length, mean (residues)" in page
    assert "edits per residue" in page
    assert not re.search(r"\bbases?\b", page.split("<body", 1)[1])


@pytest.mark.parametrize(
    ("kind", "samples", "words"),
    [
        (PROTEIN, ["CC(=O)O", "c1ccccc1"], "look like molecules as SMILES, expected protein"),
        (PROTEIN, ["ACGTTTGA", "GATTACA"], "look like DNA, expected protein"),
        (DNA, ["MKVLADEFGHI", "MKPQRSTVWY"], "look like protein, expected DNA"),
        (MOLECULES, ["MKVLADEFGHI", "MKPQRSTVWY"], "look like protein, expected molecules as SMILES"),
    ],
)
def test_samples_of_another_domain_are_refused(kind, samples, words):
    reference = ["CCO", "CCN(C)C"] if kind == MOLECULES else drawn(kind)
    with pytest.raises(InputError, match=f"the samples {words}"):
        check_texts(samples, References(kind, reference))


def test_what_can_be_read_in_two_ways_is_taken_as_the_reference_is():
    check_texts(["CCC", "CCN"], References(DNA, drawn(DNA)))
    check_texts(["acgu", "gguu"], References(DNA, drawn(DNA)))
    check_texts(["hello", "x!"], References(PROTEIN, drawn(PROTEIN)))  # bad samples count against the model


def test_letters_of_no_known_alphabet_have_no_metrics():
    assert LETTERS not in KINDS
    with pytest.raises(UsageError, match="unknown kind of texts 'letters'"):
        check_texts(["a", "b"], References(LETTERS, ["a", "b"]))
