"""Readers: records of every format, plain or packed; every flaw is one line with file, line and reason."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import re
import zipfile

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem

from seqvae.data.files.formats import ALIGNMENTS, ENDINGS, FORMATS, format_of
from seqvae.data.files.readers import ReadSettings, RecordReader, read_records
from seqvae.errors import InputError, ReadingNote, RecordError, UsageError
from seqvae.sequences.molecules import canonical_smiles

SMILES = ["CCO", "Oc1ccccc1", "C[C@H](N)C(=O)O"]
DNA = ["ACGT", "TTGACA", "NNNN"]
ALIGNED_DNA = ["ACGTA", "TT-CA", "AC--N"]


def sdf(texts):
    blocks = (f"{Chem.MolToMolBlock(Chem.MolFromSmiles(t))}>  <logp>\n{i}\n\n" for i, t in enumerate(texts))
    return "$$$$\n".join([*blocks, ""])


def genbank(text, name):
    return f"""LOCUS       {name}                     {len(text)} bp    DNA     linear   UNK 01-JAN-1980
DEFINITION  .
ACCESSION   {name}
VERSION     {name}
FEATURES             Location/Qualifiers
ORIGIN
        1 {text.lower()}
//
"""


def parquet(texts, title="smiles"):
    buffer = io.BytesIO()
    table = pyarrow.table({"n": list(range(len(texts))), title: list(texts)})
    pyarrow.parquet.write_table(table, buffer, row_group_size=2)
    return buffer.getvalue()


def workbook(rows):
    """The bytes of a workbook: strings that are shared, strings that are inline, and numbers."""
    words = sorted({cell for row in rows for cell in row if isinstance(cell, str) and len(cell) > 3})

    def cell(value, place):
        at = f'r="{chr(65 + place[1])}{place[0]}"'
        if value in words:
            return f'<c {at} t="s"><v>{words.index(value)}</v></c>'
        if isinstance(value, str):
            return f'<c {at} t="inlineStr"><is><t>{value}</t></is></c>'
        return f"<c {at}><v>{value}</v></c>" if value is not None else ""

    body = "".join(
        f'<row r="{r}">{"".join(cell(value, (r, c)) for c, value in enumerate(row))}</row>'
        for r, row in enumerate(rows, 1)
    )
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/sharedStrings.xml", f"<sst {space}>{''.join(f'<si><t>{w}</t></si>' for w in words)}</sst>")
        book.writestr("xl/worksheets/sheet1.xml", f"<worksheet {space}><sheetData>{body}</sheetData></worksheet>")
    return buffer.getvalue()


def content(kind, texts):
    """The bytes of a file with these texts, in a format."""
    return {
        "txt": lambda: "\n".join(texts),
        "smi": lambda: "".join(f"{t} name-{i}\n" for i, t in enumerate(texts)),
        "csv": lambda: "id,smiles\n" + "".join(f'{i},"{t}"\n' for i, t in enumerate(texts)),
        "tsv": lambda: "id\tsmiles\r\n" + "".join(f"{i}\t{t}\r\n" for i, t in enumerate(texts)),
        "parquet": lambda: parquet(texts),
        "sdf": lambda: sdf(texts),
        "xlsx": lambda: workbook([("id", "smiles"), *((i, t) for i, t in enumerate(texts))]),
        "fasta": lambda: "".join(f">s{i} described\n{t[:2]}\n{t[2:]}\n" for i, t in enumerate(texts)),
        "fastq": lambda: "".join(f"@s{i}\n{t}\n+\n{'I' * len(t)}\n" for i, t in enumerate(texts)),
        "gb": lambda: "".join(genbank(t, f"G{i}") for i, t in enumerate(texts)),
        "a2m": lambda: "".join(f">s{i} described\n{t[:2]}\n{t[2:]}\n" for i, t in enumerate(texts)),
        "sto": lambda: "# STOCKHOLM 1.0\n" + "".join(f"s{i} {t}\n" for i, t in enumerate(texts)) + "//\n",
    }[ENDINGS[kind]]()


def as_bytes(value):
    return value if isinstance(value, bytes) else value.encode()


def example(kind):
    texts = DNA if ENDINGS[kind] in ("fasta", "fastq", "gb") else SMILES
    texts = ALIGNED_DNA if ENDINGS[kind] in ALIGNMENTS else texts
    return texts, as_bytes(content(kind, texts))


def texts_of(source, **options):
    return [r.text for r in read_records(source, ReadSettings(**options))[0]]


PACKED = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("packed", PACKED)
def test_every_format_plain_and_packed(tmp_path, kind, packed):
    texts, data = example(kind)
    path = tmp_path / f"x.{kind}{packed}"
    path.write_bytes(PACKED[packed](data))
    records, summary = read_records(path)
    assert [r.text for r in records] == texts
    assert [r.line for r in records] == sorted({r.line for r in records})
    assert (summary.kept, summary.rejected, summary.reject_file) == (len(texts), 0, None)


def test_qualities_of_another_length_are_named(tmp_path):
    path = tmp_path / "x.fastq"
    path.write_text("@a\nACGT\n+\nIII\n", "utf-8")
    with pytest.raises(RecordError, match="4 letters and 3 qualities: is the file cut off"):
        read_records(path)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("packed", PACKED)
def test_every_format_from_standard_input(monkeypatch, kind, packed):
    texts, data = example(kind)
    stream = io.BytesIO(PACKED[packed](data))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(stream))
    assert texts_of("-", format=kind) == texts


def test_standard_input_is_one_text_a_line_unless_told(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"CCO\n\nCC x\n")))
    with pytest.warns(ReadingNote, match="<stdin>: each line a SMILES and its name"):
        records = read_records("-")[0]
    assert [(r.text, r.name) for r in records] == [("CCO", ""), ("CC", "x")]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), min_size=1))
def test_csv_gives_back_what_csv_wrote(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["smiles", "note"], *([text, "x"] for text in texts)])
    expected = [text.strip() for text in texts if text.strip()]
    if expected:
        reader = RecordReader(path, ReadSettings(on_error="skip", reject_file=path.with_name("r.csv")))
        assert [r.text for r in reader] == expected
        assert reader.summary.rejected == len(texts) - len(expected)


def test_names_and_kept_columns(tmp_path):
    (tmp_path / "a.smi").write_text("smiles name\nCCO ethanol, the usual\nCC\n")
    assert [(r.text, r.name, r.line) for r in RecordReader(tmp_path / "a.smi")] == [
        ("CCO", "ethanol, the usual", 2),
        ("CC", "", 3),
    ]
    (tmp_path / "a.csv").write_text("ID,SMILES,qed\n7,CCO,0.4\n")
    (record,) = RecordReader(tmp_path / "a.csv", ReadSettings(keep=("qed",)))
    assert (record.text, record.name, record.fields) == ("CCO", "7", {"qed": "0.4"})
    (tmp_path / "a.sdf").write_text(sdf(["CCO"]))
    (record,) = RecordReader(tmp_path / "a.sdf", ReadSettings(keep=("logp", "absent")))
    assert record.fields == {"logp": "0", "absent": ""}
    (tmp_path / "a.fa").write_text(">chr1 human\nAC\nGT\n>\nAA\n")
    assert [(r.text, r.name, r.line) for r in RecordReader(tmp_path / "a.fa")] == [("ACGT", "chr1", 1), ("AA", "", 4)]
    (tmp_path / "a.parquet").write_bytes(parquet(SMILES))
    assert [(r.line, r.fields) for r in RecordReader(tmp_path / "a.parquet", ReadSettings(keep=("n",)))] == [
        (i + 1, {"n": str(i)}) for i in range(3)
    ]


def test_a_byte_order_mark_and_windows_lines(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfsmiles\r\nCCO\r\n")
    assert texts_of(tmp_path / "a.csv") == ["CCO"]


@pytest.mark.parametrize(
    ("header", "column", "found"),
    [
        ("smiles,y", "", "smiles"),
        ("y,SEQ", "", "SEQ"),
        ("molecule", "", "molecule"),
        ("a,b", "b", "b"),
        ("smiles,seq", "seq", "seq"),
    ],
)
def test_the_column_is_found(tmp_path, header, column, found):
    names = header.split(",")
    (tmp_path / "a.csv").write_text(f"{header}\n{','.join(f'in-{n}' for n in names)}\n")
    assert texts_of(tmp_path / "a.csv", column=column) == [f"in-{found}"]


@pytest.mark.parametrize(
    ("header", "column", "message"),
    [
        ("smiles,y", "Smile", r"a\.csv: no column 'Smile'; the columns are smiles, y; did you mean 'smiles'\?"),
        ("smiles,y", "zzz", r"a\.csv: no column 'zzz'; the columns are smiles, y$"),
        ("a,b", "", r"a\.csv: name the column of the molecules or sequences, none is obvious among: a, b"),
        ("smiles,selfies", "", r"several are likely among: smiles, selfies"),
    ],
)
def test_a_wrong_column_lists_the_columns(tmp_path, header, column, message):
    (tmp_path / "a.csv").write_text(f"{header}\nx,y\n")
    with pytest.raises(InputError, match=message):
        texts_of(tmp_path / "a.csv", column=column)


BAD_FILES = {
    "empty.smi": (b"", r"empty\.smi: the file is empty"),
    "empty.smi.gz": (gzip.compress(b""), r"the file holds no records"),
    "blank.txt": (b"\n\n", r"the file holds no records"),
    "header.csv": (b"smiles\n", r"the file holds no records"),
    "binary.smi": (b"CCO\n\x00\x01\n", r"binary\.smi:2: expected text, but the file is binary: it has a NUL byte"),
    "bytes.csv": (b"smiles\nCC\xff\x02\n", r"bytes\.csv:2: .*it has the control character 0x02"),
    "cut.smi.gz": (gzip.compress(b"CCO\n" * 5000)[:-9], r"cut\.smi\.gz: the gzip stream is truncated"),
    "flipped.smi.gz": (gzip.compress(b"CCO\n")[:-8] + b"\0" * 8, r"the gzip stream is damaged"),
    "plain.smi.gz": (b"CCO\n", r"plain\.smi\.gz: not packed by gzip, although its name ends in \.gz"),
    "cut.smi.bz2": (bz2.compress(b"CCO\n" * 5000)[:-9], r"cut\.smi\.bz2: the bz2 stream is truncated"),
    "flipped.smi.bz2": (bz2.compress(b"CCO\n")[:-4] + b"\0" * 4, r"the bz2 stream is damaged"),
    "cut.smi.xz": (lzma.compress(b"CCO\n" * 5000)[:-9], r"cut\.smi\.xz: the xz stream is truncated"),
    "flipped.smi.xz": (lzma.compress(b"CCO\n")[:30] + b"\0" * 4, r"the xz stream is (damaged|truncated)"),
    "bad.parquet": (b"PAR1 nothing", r"bad\.parquet: not a readable parquet file"),
    "bad.fasta": (b"ACGT\n>a\nACGT\n", r"bad\.fasta:1: FASTA must begin with a line that starts with '>'"),
    "quote.csv": (b'smiles\n"' + b"C" * 200_000, r"quote\.csv: no usable record, .*: not a table: .*is a quote left"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_one_clear_error(tmp_path, name):
    data, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=message) as error:
        texts_of(tmp_path / name, on_error="skip")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("place", "value"), [(6, 99), (10, 77), (8, 1)])
def test_a_workbook_packed_in_an_unknown_way_is_one_clear_error(place, value, tmp_path):
    """A newer version of the format, an unknown method, and encryption, in the archive's index."""
    data = bytearray(workbook([["smiles"], ["CCO"]]))
    for header in re.finditer(rb"PK\x01\x02", bytes(data)):
        data[header.start() + place : header.start() + place + 2] = value.to_bytes(2, "little")
    (tmp_path / "a.xlsx").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.xlsx: not a readable \.xlsx workbook: .*; save the sheet as CSV"):
        texts_of(tmp_path / "a.xlsx")


@pytest.mark.parametrize("kind", [pyarrow.string(), pyarrow.large_string()])
def test_text_of_a_parquet_file_that_is_no_utf_8_is_read_as_cp1252_with_one_note(kind, tmp_path):
    sound = pyarrow.array([b"caf\xe9", None, "\u00e9t\u00e9".encode(), b"\x80\x81"], pyarrow.binary())
    wide = sound.cast(pyarrow.large_binary()) if kind == pyarrow.large_string() else sound
    names = pyarrow.Array.from_buffers(kind, 4, wide.buffers())
    table = pyarrow.table({"smiles": ["CCO", "CCN", "CCC", "CCF"], "name": names})
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    with pytest.warns(ReadingNote) as notes:
        found = [record.fields["name"] for record in RecordReader(tmp_path / "a.parquet", ReadSettings(keep=("name",)))]
    assert found == ["caf\u00e9", "", "\u00e9t\u00e9", "\u20ac\x81"]
    (said,) = [str(one.message) for one in notes if issubclass(one.category, ReadingNote)]
    assert said.endswith("a.parquet: 'caf\u00e9' is not UTF-8, read as cp1252 (Windows, Latin-1)")


def test_missing_files_folders_and_formats(tmp_path):
    with pytest.raises(UsageError, match=r"x\.zip: an archive: unpack it and give the file in it"):
        texts_of(tmp_path / "x.zip")
    with pytest.raises(InputError, match=r"none\.smi: cannot be read: No such file"):
        texts_of(tmp_path / "none.smi")
    (tmp_path / "folder.smi").mkdir()
    with pytest.raises(InputError, match=r"folder\.smi: cannot be read: Is a directory"):
        texts_of(tmp_path / "folder.smi")
    with pytest.raises(UsageError, match=r"unknown extension of .*x\.doc: expected one of txt, smi, csv"):
        RecordReader(tmp_path / "x.doc")
    with pytest.raises(UsageError, match="unknown extension of noext"):
        format_of("noext")
    with pytest.raises(UsageError, match="unknown format 'xml': expected one of"):
        RecordReader("-", ReadSettings(format="xml"))
    with pytest.raises(UsageError, match='on_error must be "stop" or "skip", got \'go\''):
        ReadSettings(on_error="go")


BAD_RECORDS = {
    "a.smi": (b"CCO\nC1CC x\nCC\n", 2, "C1CC", "C1CC"),
    "a.csv": (b"smiles,y\nCCO,1\nCC\n", 3, "CC", "2 columns expected as in the header, 1 found"),
    "b.csv": (b"smiles,y\nCCO,1\n,2\n", 3, "", "the column 'smiles' is empty here"),
    "open.csv": (b'smiles\nCCO\n"CC', 3, '"CC', "not a table: unexpected end of data; is a quote left open here?"),
    "swallows.csv": (b'smiles,y\n"CC,1\nCCO,2\n', 2, '"CC,1', "is a quote left open here?"),
    "a.fa": (b">a\nC\n>b\n>c\nC\n", 3, "b", "the record has no sequence"),
    "a.sdf": (sdf(["CCO"]).encode() + b"broken\n\n\nnothing\n$$$$\n", 15, "broken", "RDKit cannot read this molecule"),
    "a.parquet": (parquet(["C", None, "CC"]), 2, "", "the column 'smiles' is empty here"),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_bad_record_stops_or_is_set_aside(tmp_path, name):
    data, line, text, reason = BAD_RECORDS[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(RecordError, match=rf"{name}:{line}: ") as error:
        list(RecordReader(path, check=canonical_smiles))
    assert reason in str(error.value)
    records, summary = read_records(path, ReadSettings(on_error="skip"), canonical_smiles)
    assert records
    assert summary.rejected == 1
    assert summary.reject_file == tmp_path / f"{name}.rejected.csv"
    assert "1 rejected (see" in str(summary)
    header, row = csv.reader(summary.reject_file.read_text().splitlines())
    assert header == ["file", "line", "name", "text", "reason"]
    assert [*row[:2], row[3]] == [str(path), str(line), text]
    assert reason in row[4]


def test_genbank_without_sequence_and_damaged(tmp_path):
    path = tmp_path / "a.gb"
    path.write_text(genbank("ACGT", "G1") + "LOCUS       nothing\n//\n" + genbank("AAAA", "G2"))
    records, summary = read_records(path, ReadSettings(on_error="skip", reject_file=tmp_path / "r.csv"))
    assert [(r.text, r.name) for r in records] == [("ACGT", "G1"), ("AAAA", "G2")]
    assert summary.reject_file == tmp_path / "r.csv"
    assert summary.rejected == 1


def test_a_check_may_rewrite_the_text(tmp_path):
    (tmp_path / "a.smi").write_text("OCC ethanol\n")
    (record,) = RecordReader(tmp_path / "a.smi", check=canonical_smiles)
    assert (record.text, record.name, record.line) == ("CCO", "ethanol", 1)


def test_reading_streams(tmp_path):
    (tmp_path / "a.smi").write_text("CCO\n" * 3 + "bad bad\n")
    reader = iter(RecordReader(tmp_path / "a.smi", check=canonical_smiles))
    assert [next(reader).line for _ in range(3)] == [1, 2, 3]
    with pytest.raises(RecordError, match=r"a\.smi:4"):
        next(reader)


def test_all_bad_is_an_error_and_no_bad_writes_nothing(tmp_path):
    (tmp_path / "a.smi").write_text("x\ny\n")
    with pytest.raises(InputError, match=r"a\.smi: no usable record, all 2 were rejected"):
        read_records(tmp_path / "a.smi", ReadSettings(on_error="skip"), canonical_smiles)
    (tmp_path / "b.smi").write_text("C\n")
    read_records(tmp_path / "b.smi", ReadSettings(on_error="skip"), canonical_smiles)
    assert not (tmp_path / "b.smi.rejected.csv").exists()


def test_a_reject_file_that_cannot_be_written(tmp_path):
    (tmp_path / "a.smi").write_text("x\n")
    settings_ = ReadSettings(on_error="skip", reject_file=tmp_path / "none" / "r.csv")
    with pytest.raises(InputError, match=r"r\.csv: cannot write the reject file: No such file"):
        list(RecordReader(tmp_path / "a.smi", settings_, canonical_smiles))


def test_a_malformed_quote_spoils_its_own_row_alone(tmp_path):
    path = tmp_path / "quotes.csv"
    path.write_text(
        'smiles,note\nCCO,fine\nCCN,"open\nCCC,"two\nlines"\nCCF,"a"b\nCCCl,last\nC,"ends', encoding="utf-8"
    )
    records, summary = read_records(path, ReadSettings(on_error="skip", all=True))
    assert [(one.text, one.line, one.fields["note"]) for one in records] == [
        ("CCO", 2, "fine"),
        ("CCC", 4, "two\nlines"),
        ("CCCl", 7, "last"),
    ]
    assert summary.rejected == 3
    rejected = (tmp_path / "quotes.csv.rejected.csv").read_text().splitlines()
    assert [line.split(",")[1] for line in rejected[1:]] == ["3", "6", "8"]
    assert all("is a quote left open here?" in line for line in rejected[1:])
    with pytest.raises(RecordError, match=r"quotes\.csv:3: not a table: .*; is a quote left open here"):
        read_records(path)
