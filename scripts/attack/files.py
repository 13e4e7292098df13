"""Damage files of every kind that a verb reads, and read them: no traceback, one line where something is refused.

    python -m scripts.attack.files

Each input is a small sound file in which bytes, lines, cells or the whole are damaged; the verb that reads it then has
to end well or to refuse in one line. Two things must never end well: a damaged container that unpacks to another file,
and a compressed file that comes back as another.
"""

from __future__ import annotations

import gzip
import io
import random
import shutil
import zipfile
from collections.abc import Callable, Mapping
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from scripts.attack.harness import (
    DONE,
    TRACEBACK,
    Counts,
    command,
    outcome,
    run_main,
    totals,
    within,
)
from scripts.attack.model_folders import made
from seqvae.infer.coding.api import compress

NAME = "attack_files"
# What a piece of a file is replaced by.
PIECES = (
    *(b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\n", b"\n\n", b"\t", b",", b";", b'"', b"'", b"\x1b[3m"),
    *(b">", b"@", b"$$$$\n", b"//\n", b"M  END\n", b"=1+1", b"nan", b"1e999", b"-1", b"9" * 400, b"1_0", b"|&1:1|"),
    *(b"C" * 3000, b"C(" * 200, b"[" * 300, b"%99", b"[2H]", b"[U]", b"*", b"N" * 500, b"\xc3\xa9", b"1,5"),
)  # fmt: skip
MOLECULES = ("CCO", "c1ccccc1O", "CC(=O)N", "C[C@H](N)C(=O)O", "[Na+].[Cl-]", "CCCl")
SEQUENCES = ("ACGT", "TTGCA", "GGGTTT", "ACGNT", "CATG", "GATTACA")
_GENBANK = """LOCUS       {name}                  {size} bp    DNA     linear   SYN 01-JAN-2000
DEFINITION  made.
ACCESSION   {name}
FEATURES             Location/Qualifiers
     source          1..{size}
ORIGIN
        1 {text}
//
"""
_RUN = '[data]\nsource = "{0}"\n[tokenizer]\nkind = "dna"\n[model]\nlatent = 2\nencoder_width = 4\n'
_TERMS = 'join = "geometric"\n[[term]]\nproperty = "qed"\nweight = 2.0\n[[term]]\nproperty = "logp"\n'
_TERMS += 'transform = "window"\nlow = 1.0\nhigh = 3.5\n'
_SEARCH = '[oracle]\nbudget = 6\n[campaign]\nbatch = 3\ninitial = 3\n[optimizer]\nname = "string-ga"\n'


@dataclass(frozen=True)
class Settings:
    """How much is tried.

    Attributes:
        inputs: damaged files of each kind; of those that a search reads, a tenth.
        seed: of all damages.
        minutes: after which no more is tried; 0: no limit.
        only: kinds; none: all.
    """

    inputs: int = 5000
    seed: int = 0
    minutes: float = 0.0
    only: tuple[str, ...] = ()


SMALL = Settings(inputs=8)


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: of the file.
        data: of the sound file.
        verbs: command lines that read it, one of which is taken; `{}` is the file.
        every: only one in so many is tried, since the verb takes long.
    """

    name: str
    data: bytes
    verbs: tuple[str, ...]
    every: int = 1


def kinds(place: Path) -> dict[str, Kind]:
    """Return sound files of every kind, and the verbs that read them; models are made in a folder."""
    dna = made(place / "dna", "dna gru gru diagonal normal none")
    molecules, dna_out = f"{place}/out.csv", f"--out {place}/out.csv"
    (place / "start.smi").write_text("\n".join(MOLECULES) + "\n")
    (place / "d.txt").write_text("\n".join(SEQUENCES) + "\n")
    compress(str(dna), str(place / "d.txt"), place / "d.svc")
    read = (
        "data audit {}",
        f"properties score mw {{}} --out {molecules} --on-error skip --quiet",
        f"data standardize {{}} --out {molecules} --on-error skip --quiet",
        f"properties score mw {{}} --out {molecules} --quiet",
    )
    of_dna = (
        "data audit {}",
        f"properties score dna:gc {{}} {dna_out} --on-error skip --quiet",
        f"encode {dna} {{}} {dna_out} --quiet --on-error skip --refine 0",
        f"score {dna} {{}} {dna_out} --quiet --on-error skip --samples 2",
    )
    rows = [f"{smiles},m{number},{number}.5" for number, smiles in enumerate(MOLECULES)]
    table = "\n".join(["smiles,name,score", *rows]) + "\n"
    z = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    decode = (f"decode {dna} {{}} --out {place}/out.txt --quiet",)
    return {
        "smi": Kind("a.smi", "".join(f"{one} m{i}\n" for i, one in enumerate(MOLECULES)).encode(), read),
        "csv": Kind("a.csv", table.encode(), read),
        "csv.gz": Kind("a.csv.gz", gzip.compress(table.encode(), mtime=0), read),
        "tsv": Kind("a.tsv", table.replace(",", "\t").encode(), read),
        "sdf": Kind("a.sdf", _sdf(), read),
        "parquet": Kind("a.parquet", _parquet(), read),
        "xlsx": Kind("a.xlsx", _xlsx(rows), read),
        "txt": Kind("a.txt", ("\n".join(SEQUENCES) + "\n").encode(), of_dna),
        "fasta": Kind("a.fasta", "".join(f">s{i} x\n{one}\n" for i, one in enumerate(SEQUENCES)).encode(), of_dna),
        "fastq": Kind("a.fq", "".join(f"@s\n{one}\n+\n{'I' * len(one)}\n" for one in SEQUENCES).encode(), of_dna),
        "genbank": Kind("a.gb", _genbank(), of_dna),
        "latents csv": Kind("z.csv", b"z0,z1,z2,z3\n0,0,0,0\n1,-1,0.5,2\n", decode),
        "latents npz": Kind("z.npz", _saved(lambda file: np.savez(file, z=z)), decode),
        "latents npy": Kind("z.npy", _saved(lambda file: np.save(file, z)), decode),
        "container": Kind("c.svc", (place / "d.svc").read_bytes(), (f"decompress {{}} --out {place}/back.txt",)),
        "compressed": Kind("t.txt", (place / "d.txt").read_bytes(), (f"compress {dna} {{}} --out {place}/t.svc",)),
        "terms": Kind("t.toml", _TERMS.encode(), (f"properties score {{}} {place}/start.smi --out {molecules}",)),
        "run": Kind("r.toml", _RUN.format(place / "none.txt").encode(), (f"train --config {{}} --out {place}/run",)),
        "search": Kind("s.toml", _SEARCH.encode(), (_search("--config {}", place),), every=10),
        "measured": Kind("m.csv", table.encode(), (_search("--measured {}", place),), every=10),
    }


def _search(flags: str, place: Path) -> str:
    usual = "" if "config" in flags else " --optimizer string-ga --budget 4"
    start = f"optimize --objective qed --start {place}/start.smi"
    return f"{start} {flags}{usual} --quiet --minutes 0.01 --out {place}/search"


def _sdf() -> bytes:
    from rdkit import Chem

    return "".join(
        f"{Chem.MolToMolBlock(Chem.MolFromSmiles(one))}> <score>\n{place}\n\n$$$$\n"
        for place, one in enumerate(MOLECULES)
    ).encode()


def _parquet() -> bytes:
    import pyarrow
    import pyarrow.parquet

    file = io.BytesIO()
    columns = {"smiles": list(MOLECULES), "score": [float(place) for place in range(len(MOLECULES))]}
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def _xlsx(rows: list[str]) -> bytes:
    def cells(number: int, row: str) -> str:
        found = "".join(
            f'<c r="{"ABC"[place]}{number}" t="inlineStr"><is><t>{cell}</t></is></c>'
            for place, cell in enumerate(row.split(","))
        )
        return f'<row r="{number}">{found}</row>'

    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    body = "".join(cells(number, row) for number, row in enumerate(["smiles,name,score", *rows], 1))
    file, sheet = io.BytesIO(), '<sheet name="a" sheetId="1" r:id="r1"/>'
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{sheet}</sheets></workbook>',
        )
        target = '<Relationship Id="r1" Type="x/worksheet" Target="worksheets/sheet1.xml"/>'
        book.writestr("xl/_rels/workbook.xml.rels", f'<Relationships xmlns="{package}">{target}</Relationships>')
        book.writestr(
            "xl/worksheets/sheet1.xml", f'<worksheet xmlns="{main}"><sheetData>{body}</sheetData></worksheet>'
        )
    return file.getvalue()


def _genbank() -> bytes:
    named = ((f"S{place}", one.lower()) for place, one in enumerate(SEQUENCES))
    return "".join(_GENBANK.format(name=name, size=len(text), text=text) for name, text in named).encode()


def _saved(save: Callable[[io.BytesIO], None]) -> bytes:
    file = io.BytesIO()
    save(file)
    return file.getvalue()


def damage(data: bytes, rng: random.Random) -> bytes:
    """Return a damaged copy: pieces replaced, cut or doubled, lines moved; packed data also damaged within."""
    if data[:2] == b"\x1f\x8b" and rng.random() < 0.5:
        return gzip.compress(damage(gzip.decompress(data), rng), mtime=0)
    if data[:2] == b"PK" and rng.random() < 0.7:
        return _damaged_zip(data, rng)
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        place, size = rng.randrange(len(data) + 1), rng.choice([0, 1, 1, 4, 30])
        kind = rng.random()
        if kind < 0.55:
            data = data[:place] + rng.choice(PIECES) + data[place + size :]
        elif kind < 0.7:
            data = data[:place] + rng.randbytes(max(size, 1)) + data[place + max(size, 1) :]
        elif kind < 0.8:
            data = data[:place]
        elif kind < 0.9:
            lines = data.splitlines(keepends=True) or [b""]
            rng.shuffle(lines) if rng.random() < 0.3 else lines.insert(rng.randrange(len(lines) + 1), rng.choice(lines))
            data = b"".join(lines)
        elif kind < 0.97:
            data = data[:place] + data[max(0, place - 40) : place] * rng.choice([2, 50]) + data[place:]
        else:
            data = rng.choice([b"", b"\n", data[::-1], data * 2, data.decode("latin-1").encode("utf-16")])
    return data


def _damaged_zip(data: bytes, rng: random.Random) -> bytes:
    """Return an archive one of whose files is damaged, its checksums right."""
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        files = {name: book.read(name) for name in book.namelist()}
    name = rng.choice(sorted(files))
    if rng.random() < 0.1:
        del files[name]
    else:
        files[name] = damage(files[name], rng)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as book:
        for one, content in files.items():
            book.writestr(one, content)
    return file.getvalue()


def attack(settings: Settings) -> dict[str, Any]:
    """Damage and read; return the counts by kind of file."""
    with TemporaryDirectory() as folder, chdir(folder):
        place = Path(folder)
        found = {name: kind for name, kind in kinds(place).items() if name in (settings.only or (name,))}
        parts = {name: Counts() for name in found}
        for number in within(settings.inputs, settings.minutes):
            for name, kind in found.items():
                if number % kind.every:
                    continue
                rng = random.Random(f"{settings.seed} {name} {number}")
                path = place / kind.name
                path.write_bytes(damage(kind.data, rng))
                verb = rng.choice(kind.verbs).format(path).split()
                became, said = outcome(command(verb))
                if became == DONE and (wrong := _wrong(name, place, found)):
                    became, said = TRACEBACK, wrong
                parts[name].add(became, f"{name} {number}: {' '.join(verb[:2])}", said)
                _cleared(place)
    return totals(parts)


def _wrong(name: str, place: Path, found: Mapping[str, Kind]) -> str:
    """Return what is wrong though the verb ended well; "" for nothing."""
    if name == "container" and (place / "back.txt").read_bytes() != (place / "d.txt").read_bytes():
        return "a damaged container unpacked to another file"
    if name == "compressed":
        packed = f"decompress {place}/t.svc --out {place}/back.txt --quiet"
        became, said = outcome(command(packed.split()))
        if became != DONE:
            return f"what was compressed does not come back: {said}"
        if (place / "back.txt").read_bytes() != (place / found[name].name).read_bytes():
            return "what was compressed comes back as another file"
    return ""


def _cleared(place: Path) -> None:
    for name in ("search", "run"):
        shutil.rmtree(place / name, ignore_errors=True)
    for one in place.glob("*.rejected.csv"):
        one.unlink()


if __name__ == "__main__":
    run_main(NAME, __doc__ or "", attack, Settings(), SMALL)
