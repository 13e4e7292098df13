"""What the content of a file says wins over its ending, and what was decided is said in one line."""

from __future__ import annotations

import gzip
import warnings

import pytest

from seqvae.cli.main import main
from seqvae.data.files.readers import ReadSettings, RecordReader, read_records
from seqvae.errors import InputError, ReadingNote, RecordError
from seqvae.sequences.molecules import canonical_smiles

ASPIRIN, ACETAMIDE = "CC(=O)Oc1ccccc1C(=O)O", "CC(=O)Nc1ccccc1"


def read(path, data, **options):
    """Return the records of a file, and the notes."""
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        records = read_records(path, ReadSettings(**{"all": True, **options}))[0]
    assert {one.category for one in caught} <= {ReadingNote}
    return records, [str(one.message).removeprefix(f"{path}: ") for one in caught]


# name, content, (text, name, fields) of the records, the note
LAYOUTS = {
    "a known header, blanks": (
        "x.txt",
        f"compound_id canonical_smiles\nA-1 {ASPIRIN}\nA-2 CCO\n",
        [(ASPIRIN, "A-1", {"compound_id": "A-1"}), ("CCO", "A-2", {"compound_id": "A-2"})],
        "columns separated by blanks, with a header, molecules or sequences from column 'canonical_smiles'",
    ),
    "a header behind a hash, tabs": (
        "x.txt",
        "#Smiles\tCount\nc1ccccc1\t6\nCC\t\n",
        [("c1ccccc1", "", {"Count": "6"}), ("CC", "", {"Count": ""})],
        "columns separated by tabs, with a header",
    ),
    "semicolons in .csv": (
        "x.csv",
        '"ChEMBL ID";"Smiles";"pIC50"\n"C1";"CCO";"5,5"\n',
        [("CCO", "C1", {"ChEMBL ID": "C1", "pIC50": "5,5"})],
        "columns separated by semicolons",
    ),
    "tabs in .csv": ("x.csv", "smiles\tn\nCCO\t1\n", [("CCO", "", {"n": "1"})], "columns separated by tabs"),
    "pipes in .tsv": ("x.tsv", "n|smiles\n1|CCO\n", [("CCO", "", {"n": "1"})], "columns separated by pipes"),
    "names of rows without a title, as R writes them": (
        "x.tsv",
        '"smiles"\t"v"\n"1"\t"CCO"\t3\n"2"\t"CCN"\t4\n',
        [("CCO", "1", {"name": "1", "v": "3"}), ("CCN", "2", {"name": "2", "v": "4"})],
        "the first column, which has no title, holds the names of the rows",
    ),
    "the same with commas, beside ids": (
        "x.csv",
        "id,smiles\n1,A-1,CCO\n2,A-2,CCN\n",
        [("CCO", "A-1", {"row": "1", "id": "A-1"}), ("CCN", "A-2", {"row": "2", "id": "A-2"})],
        "the first column, which has no title, holds the names of the rows",
    ),
    "the same with blanks": (
        "x.txt",
        '"smiles" "v"\n"1" "CCO" 3\n"2" "CCN" 4\n',
        [("CCO", "1", {"name": "1", "v": "3"}), ("CCN", "2", {"name": "2", "v": "4"})],
        "columns separated by blanks, with a header, the first column, which has no title, holds the names of the rows",
    ),
    "a title too few at the end": (
        "x.smi",
        "smiles\nCCO a\nCCN b\n",
        [("CCO", "a", {}), ("CCN", "b", {})],
        "",
    ),
    "quoted cells, blanks": ("x.smi", '"CCO" "a b"\n"CCN" c\n', [("CCO", "a b", {}), ("CCN", "c", {})], ""),
    "no header, one column": (
        "x.csv",
        "CCO\nCCN\n",
        [("CCO", "", {}), ("CCN", "", {})],
        "no header: the first line is a record",
    ),
    "no header, a wrong first record": (
        "x.csv",
        f"C1CC(=O)\n{ASPIRIN}\n",
        [("C1CC(=O)", "", {}), (ASPIRIN, "", {})],
        "no header: the first line is a record",
    ),
    "no header, names and numbers": (
        "x.csv",
        f"mol-1,{ASPIRIN},1.5\nmol-2,{ACETAMIDE},2.5\n",
        [
            (ASPIRIN, "mol-1", {"column_1": "mol-1", "column_3": "1.5"}),
            (ACETAMIDE, "mol-2", {"column_1": "mol-2", "column_3": "2.5"}),
        ],
        "no header: the first line is a record, molecules or sequences from column 2",
    ),
    "no header, sequences": (
        "x.csv",
        "GATTACA,1\nTTGACA,2\n",
        [("GATTACA", "", {"column_2": "1"}), ("TTGACA", "", {"column_2": "2"})],
        "no header: the first line is a record, molecules or sequences from column 1",
    ),
    "a header that says nothing": (
        "x.csv",
        f"entry,drawn as\n1,{ASPIRIN}\n2,CCO\n",
        [(ASPIRIN, "", {"entry": "1"}), ("CCO", "", {"entry": "2"})],
        "molecules or sequences from column 'drawn as'",
    ),
    "a header over sequences": ("x.csv", "tag,y\nGATTACA,1\n", [("GATTACA", "", {"y": "1"})], "column 'tag'"),
    "comments": ("x.csv", "# made today\nsmiles\nCCO\n", [("CCO", "", {})], "1 comment line left out"),
    "names after SMILES in .txt": (
        "x.txt",
        f"CCO the usual alcohol\n{ASPIRIN}\n",
        [("CCO", "the usual alcohol", {}), (ASPIRIN, "", {})],
        "each line a SMILES and its name",
    ),
    "ids before SMILES in .smi": (
        "x.smi",
        f"id-1 {ASPIRIN}\nid-2 CCO\n",
        [(ASPIRIN, "id-1", {"column_1": "id-1"}), ("CCO", "id-2", {"column_1": "id-2"})],
        "molecules or sequences from column 2",
    ),
    "SELFIES in a list": ("x.txt", "[C][C][O]\n[C][=O]\n", [("CCO", "", {}), ("C=O", "", {})], "SELFIES, read as"),
    "SELFIES under smiles": ("x.csv", "smiles\n[C][C][O]\n", [("CCO", "", {})], "SELFIES, read as molecules"),
    "FASTA in .txt": (
        "x.txt",
        ">s1 first\nACG TAC\nGT\n",
        [("ACGTACGT", "s1", {"description": "first"})],
        "read as FASTA, which it holds",
    ),
    "FASTQ in .fasta": ("x.fasta", "@r1\nACGT\n+\nIIII\n", [("ACGT", "r1", {"description": ""})], "read as FASTQ"),
    "words stay words": ("x.txt", "the cat, sat\na dog, ran\n", [("the cat, sat", "", {}), ("a dog, ran", "", {})], ""),
    "a title without case and blanks": (
        "x.csv",
        " Isomeric SMILES ,y\nCCO,1\n",
        [("CCO", "", {"y": "1"})],
        "molecules or sequences from column 'Isomeric SMILES'",
    ),
    "quotes within tabs": (
        "x.tsv",
        'smiles\tname\nCCO\t"early" lead\nCC\t5\'-"x\nC\t"two\nlines"\n',
        [("CCO", '"early" lead', None), ("CC", "5'-\"x", None), ("C", "two\nlines", None)],
        "",
    ),
    "titles that repeat": (
        "x.csv",
        "smiles,y,y,\nCCO,1,2,3\n",
        [("CCO", "", {"y": "1", "y.2": "2", "column_4": "3"})],
        "",
    ),
    "rows of separators alone": ("x.csv", "smiles,y\nCCO,1\n,\n", [("CCO", "", {"y": "1"})], ""),
}


@pytest.mark.parametrize("case", LAYOUTS)
def test_the_content_says_what_a_file_is(tmp_path, case):
    name, data, expected, note = LAYOUTS[case]
    records, notes = read(tmp_path / name, data)
    assert [(one.text, one.name) for one in records] == [row[:2] for row in expected]
    for one, (*_, fields) in zip(records, expected, strict=True):
        assert fields is None or dict(one.fields) == fields
    assert notes == [] if not note else (len(notes) == 1 and note in notes[0])


def test_two_columns_of_molecules_without_a_header_are_refused(tmp_path):
    data = f"{ASPIRIN}\tCCO\n{ACETAMIDE}\tCCN\n"
    with pytest.raises(InputError, match=r"no header, and several columns fit \(1, 2\), separated by tabs: name the"):
        read(tmp_path / "x.csv", data)
    records, _ = read(tmp_path / "x.csv", data, column="2")
    assert [one.text for one in records] == ["CCO", "CCN"]


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_every_end_of_line(tmp_path, end):
    for name, data in (
        ("x.smi", "CCO a\nCC b\n"),
        ("x.csv", "smiles,n\nCCO,a\nCC,b"),
        ("x.txt", "CCO\nCC\n"),
        ("x.fa", ">a\nCC\n>b\nGG\n"),
    ):
        assert len(read(tmp_path / name, data.replace("\n", end))[0]) == 2
    mixed, _ = read(tmp_path / "x.smi", "CCO a\rCC b\nCCC c\r\nC d")
    assert [(one.text, one.name, one.line) for one in mixed] == [
        ("CCO", "a", 1),
        ("CC", "b", 2),
        ("CCC", "c", 3),
        ("C", "d", 4),
    ]


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_every_encoding(tmp_path, encoding):
    data = "smiles,vendor\nCCO,M\u00fcller\nCC,Caf\u00e9\n".encode(encoding)
    for packed in (data, gzip.compress(data)):
        records, notes = read(tmp_path / "x.csv", packed)
        assert [one.fields["vendor"] for one in records] == ["M\u00fcller", "Caf\u00e9"]
        assert [one.text for one in records] == ["CCO", "CC"]
        assert len(notes) == (encoding in ("cp1252", "latin-1"))  # once, whatever the number of lines
        assert all("not UTF-8, read as cp1252" in one for one in notes)


def test_cells_may_be_long(tmp_path):
    plasmid = "ACGT" * 50_000
    records, _ = read(tmp_path / "x.csv", f"sequence,name\n{plasmid},p1\n")
    assert records[0].text == plasmid


def test_what_enhanced_stereo_leaves_open_is_read_without_stereo(tmp_path):
    data = "C[C@H](N)C(=O)O |&1:1| racemic\nC[C@H](N)C(=O)O |a:1| one\nC[C@H](N)CO |o1:1|\nC[CH2] |^1:1|\n"
    records, notes = read(tmp_path / "x.smi", data)
    assert [(one.text, one.name) for one in records] == [
        ("CC(N)C(=O)O", "racemic"),
        ("C[C@H](N)C(=O)O", "one"),
        ("CC(N)CO", ""),
        ("C[CH2]", ""),
    ]
    assert [one for one in notes if one.startswith("2 molecules have enhanced stereo")]


def test_a_cut_genbank_record_is_no_shorter_sequence(tmp_path):
    record = "LOCUS       T1  {} bp    DNA     linear   UNA 01-JAN-2020\nORIGIN\n        1 acgtacgta\n"
    with pytest.raises(RecordError, match="LOCUS says 20 letters, 9 found: cut off"):
        read(tmp_path / "x.gb", record.format(20) + "//\n")
    with pytest.raises(RecordError, match=r"the record has no end \(//\): is the file cut off"):
        read(tmp_path / "x.gb", record.format(9))
    assert [one.text for one in read(tmp_path / "x.gb", record.format(9) + "//\n")[0]] == ["ACGTACGTA"]


MOLFILE = """{}
     x

{:3d}{:3d}  0  0  0  0  0  0  0  0999 V2000
{}{}M  END
> <id>
A7

$$$$
"""


def molfile(title, atoms, bonds):
    rows = "".join(f"    0.0000    0.0000    0.0000 {atom}   0  0\n" for atom in atoms)
    return MOLFILE.format(title, len(atoms), len(bonds), rows, "".join(f"{a:3d}{b:3d}  1  0\n" for a, b in bonds))


def test_a_bad_sd_record_has_rdkits_reason_and_its_id(tmp_path):
    data = molfile("five", "CCCCCC", [(1, n) for n in range(2, 7)]) + molfile("", "CO", [(1, 2)])
    with pytest.raises(RecordError, match="Explicit valence for atom # 0 C, 5, is greater than permitted"):
        read(tmp_path / "x.sd", data)
    records, _ = read(tmp_path / "x.mol", data, on_error="skip", reject_file=tmp_path / "r.csv")
    assert [(one.text, one.name, one.fields) for one in records] == [("CO", "A7", {"id": "A7"})]
    assert (tmp_path / "r.csv").read_text().splitlines()[1].split(",")[1:4] == ["1", "five", "five"]


def test_a_giant_is_refused_before_rdkit_ends_the_process(tmp_path, capsys):
    (tmp_path / "x.smi").write_text("C" * 20_000 + "\nCCO\n")
    assert main(["properties", "score", "logp", str(tmp_path / "x.smi"), "-o", "-"]) == 0
    assert capsys.readouterr().out.splitlines()[2].startswith("CCO,")
    with pytest.raises(RecordError, match="6,000 atoms: molecules of more than 5,000 are not read"):
        read(tmp_path / "x.sdf", "big\n\n\n  0  0  0     0  0            999 V3000\nM  V30 COUNTS 6000 5999 0 0 0\n")


def test_nothing_usable_is_an_error_also_when_bad_records_are_skipped(tmp_path, capsys):
    (tmp_path / "x.csv").write_text("smiles,y\n,1\nNA,2\n")
    with pytest.raises(InputError, match=r"no usable record, all 2 were rejected \(see .*: the column 'smiles' is"):
        list(RecordReader(tmp_path / "x.csv", ReadSettings(on_error="skip")))
    (tmp_path / "y.csv").write_text("id,smiles\na,bad(\nb,None\n")
    assert main(["properties", "score", "qed", str(tmp_path / "y.csv")]) == 1
    printed = capsys.readouterr()
    assert printed.out == "text,id,qed\nbad(,a,\n,b,\n"
    assert "none of 2 records has a value of qed" in printed.err


def test_ragged_rows_do_not_hide_the_columns(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("smiles,v\nCCO,1\nCCN,2,more\nCCC\n")
    records, summary = read_records(path, ReadSettings(all=True, on_error="skip"))
    assert [(record.text, record.fields) for record in records] == [("CCO", {"v": "1"})]
    assert summary.rejected == 2


def test_two_columns_of_one_title_are_told_apart_by_number(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("smiles,v,smiles\nCCO,1,CCN\n")
    for column in ("", "smiles"):
        with pytest.raises(InputError, match="2 columns are called 'smiles': name one by its number, --column 1 or 3"):
            read_records(path, ReadSettings(column=column))
    assert read_records(path, ReadSettings(column="3"))[0][0].text == "CCN"


def test_inchi_and_reactions_are_named(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("InChI,v\nInChI=1S/CH4/h1H4,1\n")
    with pytest.raises(InputError, match="'InChI' is not read: convert InChI to SMILES first"):
        read_records(path)
    for text, reason in {
        "InChI=1S/CH4/h1H4": "an InChI",
        "CCO>>CC=O": "a reaction",
        "C>[Na]->[O]>O": "a reaction",
    }.items():
        with pytest.raises(InputError, match=f"this is {reason}"):
            canonical_smiles(text)
    assert canonical_smiles("[NH3]->[Fe]")  # a dative bond is none
