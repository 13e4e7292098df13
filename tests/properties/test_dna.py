"""Properties of DNA: laws over all of them, exact values, and Biopython or a plain loop as a second opinion."""

import importlib.util
import itertools
import math
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvae.errors import InputError, SeqVAEError, UsageError
from seqvae.properties.dna.composition import listed, melting_temperature, named
from seqvae.sequences.dna import IUPAC, reverse_complement

JASPAR = ">MA0001.1 AGL3\nA [ 0 3 79 ]\nC [94 75 4 ]\nG [ 1 0 3 ]\nT [ 2 19 11 ]\n"
OTHER = ">MA0002.1 Box\nA [ 10 0 0 0 ]\nC [0 10 0 0]\nG [ 0 0 10 0 ]\nT [ 0 0 0 10 ]\n"
MEME = """MEME version 4

ALPHABET= ACGT

MOTIF boxA
letter-probability matrix: alength= 4 w= 3 nsites= 20 E= 0
 0.9 0.1 0.0 0.0
 0.0 0.0 0.5 0.5
 0.1 0.1 0.1 0.7
"""
TEXTS = st.lists(st.text("ACGT", min_size=1, max_size=40), min_size=1, max_size=6)
FOLDS = importlib.util.find_spec("RNA") is not None
PLAIN = [each.name.removeprefix("dna:") for each in listed()]
BOTH_STRANDS = ["gc", "tm", "homopolymer", "sites=EcoRI", "sites=BsaI", "sites=BsiYI", "motif"]
ALL = [*PLAIN, "kmer=TAWA", "distance=GATTACAGATTACA", "sites=EcoRI", "sites=BsaI", "motif"]


@pytest.fixture(scope="module")
def prop(tmp_path_factory):
    """Return a property by its name, the motif's file filled in."""
    file = tmp_path_factory.mktemp("motifs") / "two.jaspar"
    file.write_text(JASPAR + OTHER)

    def find(name):
        if name == "mfe" and not FOLDS:
            pytest.skip("ViennaRNA is not installed")
        return named(f"motif={file}#AGL3" if name == "motif" else name)

    return find


@pytest.mark.parametrize("name", ALL)
@given(texts=TEXTS)
def test_a_batch_is_its_texts_one_by_one(prop, name, texts):
    found = prop(name)
    values = found(texts)
    assert values.dtype == np.float64
    assert np.array_equal(values, [found([text])[0] for text in texts], equal_nan=True)
    assert np.array_equal(values, found([f" {text.lower().replace('t', 'u')} " for text in texts]), equal_nan=True)


@pytest.mark.parametrize("name", ALL)
def test_a_text_without_certain_bases_has_no_value(prop, name):
    found = prop(name)
    texts = ["GATTACA", "", "GATNACA", "CCO(", "GAT-ACA", "RRRR", "  ", "GATTACA"]
    values = found(texts)
    assert np.isfinite(values[[0, -1]]).all()
    assert values[0] == values[-1]
    assert np.isnan(values[1:-1]).all()
    assert found([]).shape == (0,)
    assert np.isnan(found(["N"])).all()


@pytest.mark.parametrize("name", ALL)
def test_a_property_says_what_it_is_and_travels_to_other_processes(prop, name):
    found = prop(name)
    assert found.name.startswith(f"dna:{name}")
    assert found.kind == "dna"
    assert len(found.about) > 10
    assert "\n" not in found.about
    assert pickle.loads(pickle.dumps(found))(["GATTACA"]) == found(["GATTACA"])


@pytest.mark.parametrize("name", BOTH_STRANDS)
@given(texts=TEXTS)
def test_the_other_strand_has_the_same_value(prop, name, texts):
    found = prop(name)
    others = [reverse_complement(text) for text in texts]
    assert np.allclose(found(texts), found(others), rtol=1e-12, equal_nan=True)


@given(TEXTS)
def test_gc_and_homopolymer_are_those_of_a_plain_count(texts):
    assert named("gc")(texts).tolist() == [(text.count("G") + text.count("C")) / len(text) for text in texts]
    runs = [max(len(list(run)) for _, run in itertools.groupby(text)) for text in texts]
    assert named("homopolymer")(texts).tolist() == runs


@given(TEXTS)
def test_gc_is_biopythons(texts):
    from Bio.SeqUtils import gc_fraction

    assert named("gc")(texts) == pytest.approx([gc_fraction(text) for text in texts])


def plain_melting(text):
    """Nearest neighbours by hand: table 1 of SantaLucia 1998 is that of Allawi & SantaLucia 1997."""
    pairs = {"AA": (-7.9, -22.2), "AT": (-7.2, -20.4), "TA": (-7.2, -21.3), "CA": (-8.5, -22.7), "GT": (-8.4, -22.4)}
    pairs |= {"CT": (-7.8, -21.0), "GA": (-8.2, -22.2), "CG": (-10.6, -27.2), "GC": (-9.8, -24.4), "GG": (-8.0, -19.9)}
    pairs |= {reverse_complement(pair): value for pair, value in pairs.items()}
    terms = [pairs[text[i : i + 2]] for i in range(len(text) - 1)]
    terms += [(0.1, -2.8) if end in "GC" else (2.3, 4.1) for end in (text[0], text[-1])]
    own = text == reverse_complement(text)
    heat, entropy = (sum(part) for part in zip(*terms, strict=True))
    entropy += (-1.4 if own else 0) + 0.368 * (len(text) - 1) * math.log(0.05)
    strands = 25e-9 if own else 12.5e-9
    return 1000 * heat / (entropy + 1.987 * math.log(strands)) - 273.15


@given(st.text("ACGT", min_size=2, max_size=60))
def test_melting_temperature_is_the_sum_over_neighbours(text):
    assert named("tm")([text])[0] == pytest.approx(plain_melting(text), abs=1e-6)


def test_melting_temperature_is_biopythons():
    from Bio.SeqUtils.MeltingTemp import Tm_NN

    texts = ["GATTACAGATTACAGATTACA", "CCCCGGGGCCCCGG", "ACGTTGCAAT"]
    assert named("tm")(texts).tolist() == [Tm_NN(text) for text in texts]
    palindrome = "GGAATTCC"
    assert melting_temperature(palindrome) == Tm_NN(palindrome, selfcomp=True) != Tm_NN(palindrome)
    assert np.isnan(named("tm")(["A"])).all()


@given(TEXTS, st.text(list(IUPAC), min_size=1, max_size=4))
def test_words_are_counted_as_by_a_plain_loop(texts, word):
    def plain(text):
        windows = [text[i : i + len(word)] for i in range(len(text) - len(word) + 1)]
        return sum(all(base in IUPAC[code] for base, code in zip(window, word, strict=True)) for window in windows)

    assert named(f"kmer={word}")(texts).tolist() == [plain(text) for text in texts]


def test_words_overlap_and_stand_on_this_strand():
    assert named("kmer=TATA")(["TATATATA", "ATATAT", "GGG"]).tolist() == [3, 1, 0]
    assert named("kmer=aac")(["AACGTT", "GTT"]).tolist() == [1, 0]
    assert named("kmer=UAU")(["TAT"]).tolist() == [1]


@given(
    st.lists(st.text("ACGT", min_size=1, max_size=12), min_size=1, max_size=4), st.text("ACGT", min_size=1, max_size=12)
)
def test_the_distance_is_levenshteins(texts, reference):
    assert named(f"distance={reference}")(texts).tolist() == [edits(text, reference) for text in texts]


def edits(left, right):
    """The whole table (Wagner & Fischer 1974)."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        last, row = row, [i]
        for j, b in enumerate(right, 1):
            row.append(min(row[-1] + 1, last[j] + 1, last[j - 1] + (a != b)))
    return row[-1]


@pytest.mark.parametrize("enzyme", ["EcoRI", "HinfI", "BsaI", "BsiYI", "AccI", "MboII", "BaeI", "TaqI", "SgrTI"])
def test_sites_are_biopythons(enzyme):
    from Bio import Restriction
    from Bio.Seq import Seq

    cutter = getattr(Restriction, enzyme)
    draws = np.random.default_rng(0)
    # Biopython counts cuts, and leaves out one beyond the end: the ends here have no site.
    texts = ["T" * 40 + "".join(draws.choice(list("ACGT"), 3000)) + "T" * 40 for _ in range(3)]
    texts += ["T" * 40 + cutter.site.replace("N", "A").replace("D", "G") + "T" * 40] * (
        set(cutter.site) <= set("ACGTND")
    )
    cuts = [len(cutter.search(Seq(text), linear=True)) for text in texts]
    assert sum(cuts) > 0
    assert named(f"sites={enzyme}")(texts).tolist() == [number / (2 if cutter.cut_twice() else 1) for number in cuts]


def test_every_enzyme_of_biopython_finds_its_own_sites():
    from Bio.Restriction.Restriction_Dictionary import rest_dict

    for enzyme, about in rest_dict.items():
        for site in about["site"].split("|"):  # one enzyme has two
            text = "".join(min(IUPAC[code]) for code in site)
            here, there = named(f"sites={enzyme}")([text, reverse_complement(text)]).tolist()
            assert here == there >= 1, enzyme


def test_sites_by_hand():
    assert named("sites=EcoRI")(["GAATTC", "GAATTCGAATTC", "GAATT"]).tolist() == [1, 2, 0]
    assert named("sites=HpyUM037X")(["TAGGAAG", "GTGGAAG", "CTTCCTA", "CTTCCAC", "GTGGAAC"]).tolist() == [1, 1, 1, 1, 0]
    assert named("sites=BsaI")(["GGTCTC", "GAGACC", "GGTCTCGAGACC"]).tolist() == [1, 1, 2]


def window_scores(counts, text):
    shares = (counts + 0.25) / (counts + 0.25).sum(1, keepdims=True)
    bits = np.log2(shares * 4)
    strands = [text, reverse_complement(text)]
    windows = [strand[i : i + len(bits)] for strand in strands for i in range(len(text) - len(bits) + 1)]
    return [sum(bits[i]["ACGT".index(base)] for i, base in enumerate(window)) for window in windows]


@given(texts=TEXTS)
def test_the_motif_score_is_that_of_the_best_window(prop, texts):
    counts = np.array([[0, 94, 1, 2], [3, 75, 0, 19], [79, 4, 3, 11]], float)
    wanted = [max(window_scores(counts, text), default=np.nan) for text in texts]
    assert np.allclose(prop("motif")(texts), wanted, atol=0.002, equal_nan=True)  # ours are integer thousandths


def test_motifs_of_jaspar_and_meme_files(tmp_path):
    two, one = tmp_path / "two.jaspar", tmp_path / "one.meme"
    two.write_text(JASPAR + OTHER)
    one.write_text(MEME)
    by_name, by_identifier = named(f"motif={two}#Box"), named(f"motif={two}#MA0002.1")
    texts = ["ACGT", "TTACGTTT", "CCCCC"]
    assert by_name(texts).tolist() == by_identifier(texts).tolist()
    assert by_name(["ACGT"])[0] == pytest.approx(4 * np.log2(10.25 / 11 * 4), abs=0.002)
    assert named(f"motif={one}")(["AGT"]).tolist() == named(f"motif={one}#boxA")(["ACT"]).tolist()
    assert by_name.about.endswith("(two.jaspar)")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("#AGL4", "expected the name of exactly one of its 2 motifs, got 'AGL4'; did you mean 'AGL3'?"),
        ("", "expected the name of exactly one of its 2 motifs, got ''; known: AGL3, Box, MA0001.1, MA0002.1"),
    ],
)
def test_a_motif_that_is_not_there(tmp_path, name, words):
    file = tmp_path / "two.jaspar"
    file.write_text(JASPAR + OTHER)
    with pytest.raises(InputError) as caught:
        named(f"motif={file}{name}")
    assert str(caught.value) == f"{file}: {words}"
    file.write_text(JASPAR + JASPAR)
    with pytest.raises(InputError, match="exactly one of its 2 motifs, got 'AGL3'"):
        named(f"motif={file}#AGL3")


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        ("gcc", "unknown property 'dna:gcc'; did you mean 'gc'?"),
        ("", "unknown property 'dna:'; known: distance, gc, homopolymer, kmer, mfe, motif, sites, tm"),
        ("gc=1", "dna:gc=1: dna:gc takes no value; write dna:gc"),
        ("kmer", "dna:kmer: expected a value, such as dna:kmer=TATA"),
        ("sites=", "dna:sites=: expected a value, such as dna:sites=EcoRI"),
        (
            "kmer=TAXA",
            "dna:kmer: expected DNA (A, C, G, T or an IUPAC code R, Y, S, W, K, M, B, D, H, V, N), got 'X' at col",
        ),
        ("distance=ACN", "dna:distance: expected a reference of A, C, G, T only, got 'ACN'"),
        ("distance=?", "dna:distance: expected DNA"),
        ("sites=ecori", "dna:sites: unknown restriction enzyme 'ecori'; did you mean 'EcoRI'?"),
        ("sites=zzzzzzzz", "unknown restriction enzyme 'zzzzzzzz'; expected a name of REBASE, such as EcoRI"),
    ],
)
def test_a_wrong_name(rest, words):
    with pytest.raises(UsageError) as caught:
        named(rest)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_of_motifs_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none.jaspar: cannot read motifs"):
        named(f"motif={tmp_path / 'none.jaspar'}#AGL3")


def test_folding_without_viennarna_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "RNA", None)
    with pytest.raises(SeqVAEError, match=r"dna:mfe needs ViennaRNA: install it with pip install 'seqvae\[rna\]'"):
        named("mfe")(["ACGT"])
    assert np.isnan(named("mfe")(["", "NNN"])).all()


@pytest.mark.skipif(not FOLDS, reason="ViennaRNA is not installed")
def test_folding_energies():
    """A hairpin of four pairs and a tetraloop; without pairs the energy is 0."""
    assert named("mfe")(["GGGGAAAACCCC", "GGGGTTTTCCCC", "AAAAAAAA", "A"]).tolist() == [-5.4, -5.9, 0.0, 0.0]
