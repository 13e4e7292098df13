"""Cards are strict, samples need no network, and a download is whole and verified or leaves nothing behind."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import runpy
import subprocess
import sys
import threading
import zipfile

import numpy as np
import pytest

from seqvae.data.datasets import cards
from seqvae.data.datasets import registry as sources
from seqvae.data.datasets.cards import Wheel, find_card, list_cards, parse_card
from seqvae.data.datasets.download import download, download_wheel, sha256_of
from seqvae.data.datasets.registry import fetch, load_dataset
from seqvae.data.splits import duplicates_of
from seqvae.errors import ConfigError, DownloadError, InputError, RecordError, SeqVAEWarning, UsageError
from seqvae.runtime import package_data as places
from seqvae.runtime.package_data import cards_folder

NAMES = ["chembl", "digress-moses", "drug-like", "ecoli_165", "ecoli_50", "frattvae-moses", "frattvae-zinc"]
NAMES += ["gb1", "grum-zinc", "moses", "moses-jtnvae", "moses-sample", "mpsa", "mpsa-sample", "qm9", "yeast_1000"]
NAMES += ["zinc250k"]
HAS_PIP = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0


@pytest.fixture(autouse=True)
def no_environment(monkeypatch, tmp_path):
    monkeypatch.delenv("SEQVAE_DATA", raising=False)
    monkeypatch.setenv("SEQVAE_CACHE", str(tmp_path / "cache"))


def minimal(**changes):
    about = {k: k for k in ("name", "title", "licence", "citation", "homepage", "note")}
    return about | {"kind": "dna", "records": 1, "files": [{"name": "a.txt", "url": "file:///a.txt"}]} | changes


@pytest.fixture
def shelf(monkeypatch, tmp_path):
    """A temporary folder of cards; returns a function that adds a card."""
    folder = tmp_path / "cards"
    folder.mkdir()
    for module in (cards, sources):
        monkeypatch.setattr(module, "cards_folder", lambda: folder)

    def put(**changes):
        values = minimal(**changes)
        tables = {k: values.pop(k) for k in ("files", "wheel", "table") if k in values}
        lines = [f"{k} = {v!r}".replace("'", '"') for k, v in values.items()]
        for key, table in tables.items():
            for one in table if isinstance(table, list) else [table]:
                lines.append(f"[[{key}]]" if isinstance(table, list) else f"[{key}]")
                lines += [f"{k} = {v!r}".replace("'", '"') for k, v in one.items()]
        (folder / f"{values['name']}.toml").write_text("\n".join(lines))
        return values["name"]

    return put


# The cards of seqvae.


def test_all_cards_are_there_and_whole():
    found = list_cards()
    assert [card.name for card in found] == NAMES
    for card in found:
        assert card.licence
        assert "doi:" in card.citation
        assert card.homepage.startswith("https://")
        assert card.records > 0


@pytest.mark.parametrize("name", NAMES)
def test_every_source_is_pinned(name):
    card = find_card(name)
    published = [file for source in card.recipe.sources for file in source.files] if card.recipe else card.files
    assert len({file.name for file in published}) == len(published)
    for file in () if card.parts else published:
        if not file.sample:
            assert len(file.sha256) == 64
        if file.url:
            assert file.url.startswith("https://")
    if card.wheel:
        assert len(card.wheel.sha256) == 64
        assert card.wheel.file.startswith(card.wheel.requirement.replace("==", "-"))


@pytest.mark.parametrize("name", ["moses-sample", "mpsa-sample"])
def test_samples_load_without_a_network(name, monkeypatch):
    for function in ("download", "download_wheel"):
        monkeypatch.setattr(sources, function, None)
    data = load_dataset(name)
    assert len(data.texts) == len(data.labels) == data.card.records
    assert sum(path.stat().st_size for path in fetch(name).values()) < 700_000


def test_a_sample_that_is_said_to_be_distinct_is():
    data = load_dataset("moses-sample")
    assert data.card.distinct
    assert duplicates_of(data.texts, "smiles").count == 0


def test_the_dna_sample_has_values_and_its_published_split():
    data = load_dataset("mpsa-sample")
    assert set("".join(data.texts)) == set("ACGT")
    assert {len(t) for t in data.texts} == {9}
    assert np.isfinite(data.values["log10_psi"]).all()
    assert [len(side) for side in data.split] == [18469, 5936, 6078]
    with pytest.raises(InputError, match="dataset 'moses-sample' has no published split: make one"):
        _ = load_dataset("moses-sample").split


def test_cards_are_found_in_a_checkout_and_in_a_package(monkeypatch, tmp_path):
    assert (cards_folder() / "samples").is_dir()
    package = tmp_path / "seqvae"
    (package / "datasets").mkdir(parents=True)
    (package / "datasets" / "x.toml").touch()
    monkeypatch.setattr(places, "__file__", str(package / "runtime" / "package_data.py"))
    assert cards_folder() == package / "datasets"
    (package / "datasets" / "x.toml").unlink()
    with pytest.raises(ConfigError, match=r"the dataset cards are missing: .* install seqvae again"):
        cards_folder()


def test_a_name_that_is_nearly_right():
    with pytest.raises(UsageError, match="no dataset 'zinc250'; did you mean 'zinc250k'"):
        fetch("zinc250")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"files": []}, r"x\.toml: a card needs at least one \[\[files\]\] table"),
        ({"licens": "MIT"}, r"x\.toml: unknown key 'licens'; did you mean 'licence'"),
        ({"kind": "proteins"}, r"x\.toml: kind must be one of .*, dna, codon, rna, protein, char, got 'proteins'"),
        ({"records": "many"}, r"x\.toml: records must be a whole number, got 'many'"),
        ({"title": 3}, r"x\.toml: title must be text, got 3"),
        ({"files": [{"url": "file:///a"}]}, r"x\.toml: \[\[files\]\] 1: missing key 'name'"),
        ({"files": ["a"]}, r"x\.toml: \[\[files\]\] 1: expected a table, got 'a'"),
        ({"files": [{"name": "a"}]}, r"file 'a' needs exactly one of url, member and sample"),
        ({"files": [{"name": "a", "url": "u", "sample": "s"}]}, "needs exactly one of url"),
        ({"files": [{"name": "a", "member": "m"}]}, r"the card has no \[wheel\]"),
        ({"files": [{"name": "../a", "url": "u"}]}, r"'../a' must be a relative path without '\.\.'"),
        ({"files": [{"name": "a", "url": "u", "local": "b"}]}, r"local must be a list of strings, got 'b'"),
        ({"table": {"values": ["y"]}}, r"\[table\]: values must be a table, got \['y'\]"),
        ({"wheel": {"requirement": "a==1"}}, r"\[wheel\]: missing key 'file'"),
    ],
)
def test_a_card_is_read_strictly(changes, message):
    with pytest.raises(ConfigError, match=message):
        parse_card(minimal(**changes), "x.toml")


def test_a_missing_key_and_a_broken_card(shelf, tmp_path):
    values = minimal()
    del values["licence"]
    with pytest.raises(ConfigError, match=r"x\.toml: missing key 'licence'"):
        parse_card(values, "x.toml")
    shelf(name="a")
    path = tmp_path / "cards" / "a.toml"
    path.rename(path.with_name("b.toml"))
    with pytest.raises(ConfigError, match=r"b\.toml: the card's name is 'a', the file's 'b'"):
        list_cards()
    path.with_name("b.toml").write_text("name = ")
    with pytest.raises(ConfigError, match=r"b\.toml: not readable as TOML"):
        find_card("b")


# Addresses.

DATA = b"ACGT\nTTGA\n"
SUM = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def server():
    """A server that returns DATA, truncated DATA, or an error."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/gone":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(DATA) + (self.path == "/short")))
            self.end_headers()
            self.wfile.write(DATA)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_a_download_is_checked_and_whole(server, tmp_path):
    for url in (f"{server}/data", f"file://{_written(tmp_path / 'source', DATA)}"):
        target = tmp_path / "sub" / "a.txt"
        download(url, target, SUM)
        assert target.read_bytes() == DATA
        assert [p.name for p in target.parent.iterdir()] == ["a.txt"]


def _written(path, data):
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("path", "total", "message"),
    [
        ("/data", "0" * 64, f"/data: not the file the card describes: sha256 0+ expected, {SUM} found"),
        ("/short", SUM, "/short: 11 bytes announced, 10 received; try again"),
        ("/short", "", "/short: 11 bytes announced, 10 received; try again"),
        ("/gone", SUM, "/gone: the server answered 404 Not Found; without a network, .* SEQVAE_DATA"),
    ],
)
def test_a_broken_download_leaves_nothing(server, tmp_path, path, total, message):
    target = _written(tmp_path / "a.txt", b"older")
    with pytest.raises(DownloadError, match=message) as error:
        download(server + path, target, total)
    assert "\n" not in str(error.value)
    assert target.read_bytes() == b"older"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_no_server_no_file_and_no_room(tmp_path, monkeypatch):
    with pytest.raises(DownloadError, match=r"cannot be reached: .*refused"):
        download("http://127.0.0.1:9/x", tmp_path / "a", SUM)
    with pytest.raises(DownloadError, match="cannot be reached"):
        download(f"file://{tmp_path}/none", tmp_path / "a", SUM)
    _written(tmp_path / "source", DATA)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seqvae.runtime.files.os.fsync", full)
    with pytest.raises(DownloadError, match=r"could not be fetched into .*No space left on device"):
        download(f"file://{tmp_path}/source", tmp_path / "a", SUM)
    assert [p.name for p in tmp_path.iterdir()] == ["source"]


def test_an_unpinned_card_warns_with_the_sum(server, tmp_path):
    with pytest.warns(
        SeqVAEWarning, match=f"its card has no sha256, so the file was not verified; it has sha256 {SUM}"
    ):
        download(f"{server}/data", tmp_path / "a", "")


def test_fetch_uses_the_cache_and_mends_it(shelf, tmp_path, monkeypatch):
    source = _written(tmp_path / "source.txt", DATA)
    name = shelf(name="set", files=[{"name": "a.txt", "url": f"file://{source}", "sha256": SUM}])
    first = fetch(name)["a.txt"]
    assert first == tmp_path / "cache" / "datasets" / "set" / "a.txt"
    assert load_dataset(name).texts == ["ACGT", "TTGA"]
    first.write_bytes(b"damaged")
    assert fetch(name)["a.txt"].read_bytes() == DATA
    source.unlink()
    assert fetch(name)["a.txt"].read_bytes() == DATA  # from the cache
    first.unlink()
    with pytest.raises(DownloadError, match="cannot be reached"):
        fetch(name)


# The user's own folder.


@pytest.mark.parametrize("place", ["else/where.txt", "set/a.txt", "a.txt"])
def test_a_local_folder_comes_first(shelf, tmp_path, monkeypatch, place):
    name = shelf(
        name="set", files=[{"name": "a.txt", "url": "file:///none", "sha256": SUM, "local": ["else/where.txt"]}]
    )
    local = tmp_path / "mine"
    (local / place).parent.mkdir(parents=True)
    (local / place).write_text("AAAA\n")
    monkeypatch.setenv("SEQVAE_DATA", str(local))
    assert fetch(name) == {"a.txt": local / place}
    assert load_dataset(name).texts == ["AAAA"]


def test_a_local_folder_that_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("SEQVAE_DATA", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"SEQVAE_DATA must name a folder, .*none' is none"):
        fetch("moses-sample")


def test_the_card_s_local_names_read_other_packings(monkeypatch, tmp_path):
    for side, text in (("train", "CCO"), ("valid", "CC"), ("test", "C")):
        path = tmp_path / "zinc250k" / f"{side}.smi.gz"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(gzip.compress(text.encode()))
    path = tmp_path / "dna" / "ecoli_50" / "promoters.csv.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(b"sequence,expression\nacgu,1.5\nTT,\n"))
    monkeypatch.setenv("SEQVAE_DATA", str(tmp_path))
    data = load_dataset("zinc250k")
    assert data.texts == ["CCO", "CC", "C"]
    assert [side.tolist() for side in data.split] == [[0], [1], [2]]
    data = load_dataset("ecoli_50")
    assert data.texts == ["ACGT", "TT"]
    np.testing.assert_equal(data.values["expression"], [1.5, np.nan])


def test_a_cell_that_is_no_number(monkeypatch, tmp_path):
    (tmp_path / "ecoli_natural50bp_expr.csv").write_text("seq,expr\nAC,high\n")
    monkeypatch.setenv("SEQVAE_DATA", str(tmp_path))
    with pytest.raises(RecordError, match=r"expr\.csv:2: column 'expr' must hold a finite number, got 'high'"):
        load_dataset("ecoli_50")


# Wheels.


@pytest.fixture
def wheel(tmp_path):
    """A wheel of one member, in a folder of its own."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    path = folder / "fakeset-1.0-py3-none-any.whl"
    about = "Metadata-Version: 2.1\nName: fakeset\nVersion: 1.0\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("fakeset/data.csv.gz", gzip.compress(b"set,x,y\ntraining,acgu,1\ntest,TT,2\n", mtime=0))
        archive.writestr("fakeset-1.0.dist-info/METADATA", about)
        archive.writestr("fakeset-1.0.dist-info/WHEEL", tags)
        archive.writestr("fakeset-1.0.dist-info/RECORD", "")
    return path


def put_wheel_card(shelf, wheel, total="", member="fakeset/data.csv.gz"):
    return shelf(
        name="fake",
        files=[{"name": "data.csv.gz", "member": member}],
        wheel={"requirement": "fakeset==1.0", "file": wheel.name, "sha256": total or sha256_of(wheel)},
        table={"text": ["x"], "split": "set", "values.y": ["y"]},
    )


@pytest.fixture
def only_local_wheels(monkeypatch, wheel):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))


@pytest.mark.skipif(not HAS_PIP, reason="this Python has no pip")
def test_a_wheel_is_fetched_by_pip_and_unpacked(shelf, wheel, only_local_wheels, tmp_path):
    data = load_dataset(put_wheel_card(shelf, wheel))
    assert (data.texts, data.labels, data.values["y"].tolist()) == (["ACGT", "TT"], ["training", "test"], [1.0, 2.0])
    assert [p.name for p in (tmp_path / "cache" / "datasets" / "fake").iterdir()] == ["data.csv.gz"]


@pytest.mark.skipif(not HAS_PIP, reason="this Python has no pip")
def test_another_wheel_and_no_wheel(shelf, wheel, only_local_wheels, tmp_path):
    put_wheel_card(shelf, wheel, total="0" * 64)
    with pytest.raises(DownloadError, match=r"fakeset==1\.0 \(fakeset-1.0.*whl\): not the file the card describes"):
        fetch("fake")
    wheel.unlink()
    with pytest.raises(
        DownloadError, match=r"fakeset==1\.0: pip could not fetch it: No matching distribution"
    ) as error:
        fetch("fake")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "cache").exists()


def test_a_wheel_in_the_local_folder_needs_no_pip(shelf, wheel, monkeypatch):
    monkeypatch.setenv("SEQVAE_DATA", str(wheel.parent))
    monkeypatch.setattr("seqvae.data.datasets.download._pip_download", None)
    assert load_dataset(put_wheel_card(shelf, wheel)).texts == ["ACGT", "TT"]


def test_a_wheel_without_the_member_or_damaged(wheel, tmp_path):
    target = tmp_path / "out" / "a"
    about = Wheel("fakeset==1.0", wheel.name, sha256_of(wheel))
    with pytest.raises(DownloadError, match=r"fakeset-1.0.*whl: the wheel has no member .*nothing"):
        download_wheel(about, {"nothing": target}, wheel.parent)
    wheel.write_bytes(wheel.read_bytes()[:100])
    about = Wheel("fakeset==1.0", wheel.name, sha256_of(wheel))
    with pytest.raises(DownloadError, match="the wheel could not be unpacked: File is not a zip file"):
        download_wheel(about, {"fakeset/data.csv.gz": target}, wheel.parent)
    assert not target.exists()


def test_a_member_that_changed_is_refused(shelf, wheel, monkeypatch, tmp_path):
    monkeypatch.setenv("SEQVAE_DATA", str(wheel.parent))
    name = shelf(
        name="fake",
        files=[{"name": "data.csv.gz", "member": "fakeset/data.csv.gz", "sha256": "0" * 64}],
        wheel={"requirement": "fakeset==1.0", "file": wheel.name, "sha256": sha256_of(wheel)},
    )
    with pytest.raises(DownloadError, match=r"fakeset/data\.csv\.gz: not the file that the card 'fake' describes"):
        fetch(name)
    assert list((tmp_path / "cache" / "datasets" / "fake").iterdir()) == []


def test_a_python_without_pip(wheel, monkeypatch, tmp_path):
    monkeypatch.setattr("seqvae.data.datasets.download.sys.executable", str(_python_without_pip(tmp_path)))
    with pytest.raises(DownloadError, match=r"this Python has no pip \(`python -m ensurepip` adds it\)"):
        download_wheel(Wheel("fakeset==1.0", wheel.name, ""), {}, None)


def _python_without_pip(folder):
    script = folder / "python"
    script.write_text("#!/bin/sh\necho '/usr/bin/python: No module named pip' >&2\nexit 1\n")
    script.chmod(0o755)
    return script


# The script that made the samples.


def test_samples_are_made_byte_for_byte(tmp_path, monkeypatch):
    script = runpy.run_module("scripts.training.packaged.make_samples")
    data = load_dataset("mpsa-sample")
    path = tmp_path / "mpsa.csv.gz"
    for _ in range(2):
        script["write_gzipped"](path, script["mpsa_lines"](data))
    pretrained = cards_folder() / "samples" / "mpsa.csv.gz"
    with gzip.open(path) as made, gzip.open(pretrained) as kept:
        assert made.read() == kept.read()
    train = script["moses_lines"](_little_moses(monkeypatch, tmp_path))
    assert train == ["C", "CC", "CCC"]


def _little_moses(monkeypatch, folder):
    for name, rows in (("train", "C\nCC\nCCC"), ("test", "O"), ("test_scaffolds", "N")):
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(f"SMILES\n{rows}\n".encode()))
    monkeypatch.setenv("SEQVAE_DATA", str(folder))
    return load_dataset("moses")


def test_the_bar_shows_on_a_terminal_only(tmp_path, monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    download(f"file://{_written(tmp_path / 's', DATA)}", tmp_path / "a", SUM, progress=True)
    assert stream.getvalue() == ""
