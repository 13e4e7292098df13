"""Windows of genomes: by BED, one after the other, of circles, and with the alleles of a VCF file."""

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqvae.cli.main import main
from seqvae.data.files.genome.bed import read_bed
from seqvae.data.files.genome.contigs import Contig, read_contigs, tiles, windows_of
from seqvae.data.files.genome.vcf import REFERENCE, read_vcf
from seqvae.data.files.records import Flaw, Record
from seqvae.errors import InputError, UsageError
from seqvae.sequences.dna import reverse_complement

CHR1, RING = "ACGTTGCAAC", "GATTACA"
CONTIGS = {"chr1": Contig("chr1", CHR1), "ring": Contig("ring", RING, circular=True)}
GENBANK = """LOCUS       {name}                   7 bp    DNA     {topology} SYN 01-JAN-2020
DEFINITION  a plasmid.
ACCESSION   {name}
VERSION     {name}.1
ORIGIN
        1 gattaca
//
"""


@given(start=st.integers(0, 6), size=st.integers(1, 7))
def test_a_window_of_a_circle_is_one_of_its_sequence_twice(start, size):
    assert CONTIGS["ring"].cut(start, start + size) == (RING + RING)[start : start + size]


@pytest.mark.parametrize(
    ("name", "start", "stop", "said"),
    [
        ("chr1", 8, 12, "window chr1:8-12: the sequence has 10 bases, and is linear; if it is a circle, give --circul"),
        ("chr1", 4, 4, "expected a start from 0 on and an end after it"),
        ("ring", 7, 9, "expected a start below 7, and at most 7 bases, of this circle"),
        ("ring", 3, 11, "expected a start below 7, and at most 7 bases, of this circle"),
    ],
)
def test_windows_out_of_range_are_named(name, start, stop, said):
    with pytest.raises(InputError, match=said):
        CONTIGS[name].cut(start, stop)


def test_bed_windows_have_strands_and_names(tmp_path):
    path = tmp_path / "in.bed.gz"
    lines = ["# made by hand", "track name=x", "chr1\t0\t4", "chr1\t2\t6\tbox\t0\t-", "ring 5 9 . 0 +", ""]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    found = list(windows_of(CONTIGS, read_bed(path)))
    assert [(one.name, one.text, one.line) for one in found] == [
        ("chr1:0-4(+)", "ACGT", 3),
        ("box", reverse_complement("GTTG"), 4),
        ("ring:5-9(+)", "CAGA", 5),
    ]
    assert found[1].fields == {"sequence": "chr1", "start": "3", "end": "6", "strand": "-"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("chr1\t5", "expected sequence, start and end, in columns"),
        ("chr1\tx\t9", "expected whole numbers from 0 on as start and end, got 'x' and '9'"),
        ("chr1\t1\t9\tn\t0\t*", "expected + or - or . as strand, in the sixth column, got '*'"),
        ("chr2\t1\t9", "there is no sequence 'chr2'; did you mean 'chr1'?"),
        ("chr1\t1\t99", "window chr1:1-99: the sequence has 10 bases"),
    ],
)
def test_wrong_lines_of_bed_are_flaws_with_their_line(tmp_path, line, said):
    path = tmp_path / "in.bed"
    path.write_text(f"chr1\t0\t4\n{line}\n")
    first, second = windows_of(CONTIGS, read_bed(path))
    assert isinstance(first, Record)
    assert isinstance(second, Flaw)
    assert (second.line, said in second.reason) == (2, True)


def test_tiles_wrap_around_circles_alone():
    found = [(one.contig, one.start) for one in tiles(CONTIGS, 5, 3)]
    assert found == [("chr1", 0), ("chr1", 3), ("ring", 0), ("ring", 3), ("ring", 6)]
    with pytest.raises(InputError, match="expected a sequence as long as a window of 11 bases, the longest has 10"):
        list(tiles(CONTIGS, 11, 1))
    with pytest.raises(UsageError, match="expected windows of 1 base or more"):
        list(tiles(CONTIGS, 5, 0))


def test_genbank_says_which_sequences_are_circles(tmp_path):
    path = tmp_path / "in.gb"
    rows = [("ROUND", "circular"), ("LINE", "linear  ")]
    path.write_text("".join(GENBANK.format(name=name, topology=topology) for name, topology in rows))
    assert {one.name: one.circular for one in read_contigs(path).values()} == {"ROUND.1": True, "LINE.1": False}
    assert all(one.circular for one in read_contigs(path, circular=True).values())
    (tmp_path / "two.fasta").write_text(">a\nACGT\n>a\nAC\n")
    with pytest.raises(InputError, match=r"two.fasta:3: expected a name of its own for each sequence, got 'a'"):
        read_contigs(tmp_path / "two.fasta")


def alleles_of(tmp_path, *lines, width=5):
    path = tmp_path / "in.vcf"
    path.write_text("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\n" + "".join(f"{one}\n" for one in lines))
    return list(read_vcf(path, CONTIGS, width))


def test_alleles_stand_in_the_middle_of_their_window(tmp_path):
    found = alleles_of(
        tmp_path, "chr1\t5\trs1\tt\tA,C\t.", "chr1\t1\t.\tA\tG", "chr1\t10\t.\tC\tCTT", "ring\t1\t.\tGA\tG"
    )
    assert [(one.name, one.fields[REFERENCE], one.text) for one in found] == [
        ("rs1", "GTTGC", "GTAGC"),
        ("rs1", "GTTGC", "GTCGC"),
        ("chr1:1A>G", "ACGTT", "GCGTT"),
        ("chr1:10C>CTT", "GCAAC", "GCAACTT"),
        ("ring:1GA>G", "AGATT", "AGTT"),
    ]
    assert {key: found[0].fields[key] for key in ("sequence", "position", "ref", "alt")} == {
        "sequence": "chr1",
        "position": "5",
        "ref": "t",
        "alt": "A",
    }


@given(position=st.integers(1, 10), width=st.integers(1, 10))
def test_the_window_of_the_reference_holds_the_variant_wherever_it_is(tmp_path_factory, position, width):
    tmp_path, ref = tmp_path_factory.mktemp("vcf"), CHR1[position - 1]
    (found,) = alleles_of(tmp_path, f"chr1\t{position}\t.\t{ref}\tN", width=width)
    assert found.fields[REFERENCE] in CHR1
    assert len(found.text) == len(found.fields[REFERENCE]) == width
    changed = [place for place, base in enumerate(found.text) if base == "N"]
    assert [found.fields[REFERENCE][place] for place in changed] == [ref]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("chr1 5 . T A", "expected sequence, position, id, reference and alternatives, in columns with tabs"),
        ("chr1\t5\t.\tG\tA", "the reference has T at chr1:5, the file G: is it another assembly?"),
        ("chr1\t5\t.\tT\t<DEL>", "the alternative <DEL> is no sequence of bases"),
        ("chr1\t5\t.\tT\t.", "the alternative . is no sequence of bases"),
        ("chr1\t11\t.\tT\tA", "expected a position within chr1, which has 10 bases, got 11"),
        ("chr1\t0\t.\tT\tA", "expected a position within chr1, which has 10 bases, got 0"),
        ("chr3\t5\t.\tT\tA", "there is no sequence 'chr3'; did you mean 'chr1'?"),
        ("chr1\t2\t.\tCGTTGC\tC", "expected a window of 6 bases (the allele) to 10 (the sequence), got 5"),
    ],
)
def test_wrong_lines_of_vcf_are_flaws_with_their_line(tmp_path, line, said):
    (found,) = alleles_of(tmp_path, line)
    assert isinstance(found, Flaw)
    assert said in found.reason
    assert found.line == 3


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("in.fasta").write_text(f">chr1 one\n{CHR1}\n>chr2\n{RING.lower()}\n")
    Path("in.bed").write_text("chr1\t2\t6\tbox\t0\t-\nchr2\t5\t9\n")


def test_the_verb_writes_windows(here, capsys):
    assert main(["data", "windows", "in.fasta", "--bed", "in.bed", "--circular", "--out", "out.csv"]) == 0
    assert "2 windows of 2 sequences, 2 of them circles: out.csv" in capsys.readouterr().err
    rows = list(csv.DictReader(Path("out.csv").read_text().splitlines()))
    assert rows[0] == {"text": "CAAC", "name": "box", "sequence": "chr1", "start": "3", "end": "6", "strand": "-"}
    assert rows[1]["text"] == "CAGA"
    assert main(["data", "windows", "in.fasta", "--width", "5", "--out", "out.fasta"]) == 0
    assert Path("out.fasta").read_text() == ">chr1:0-5(+)\nACGTT\n>chr1:5-10(+)\nGCAAC\n>chr2:0-5(+)\nGATTA\n"
    assert main(["data", "windows", "in.fasta", "--bed", "in.bed", "--on-error", "skip", "--out", "out.txt"]) == 0
    assert "1 rejected (see out.txt.rejected.csv)" in capsys.readouterr().err
    assert Path("out.txt").read_text() == "CAAC\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("in.fasta", "expected a file of windows (--bed), or their --width and --step"),
        ("in.fasta --bed in.bed --width 5", "expected a file of windows (--bed), or their --width and --step"),
        ("in.fasta --bed in.bed", "in.bed:2: window chr2:5-9: the sequence has 7 bases, and is linear"),
        ("in.fasta --bed none.bed", "none.bed"),
        ("in.fasta --width -3", "expected windows of 1 base or more"),
        ("in.fasta --width 50", "expected a sequence as long as a window of 50 bases, the longest has 10"),
    ],
)
def test_wrong_calls_are_one_line_and_leave_nothing(here, capsys, words, said):
    assert main(["data", "windows", *words.split(), "--out", "out.fasta"]) in (1, 2)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not Path("out.fasta").exists()
