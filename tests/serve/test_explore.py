"""The web application: it answers what it should, on the loopback address, to whoever knows the token, and no more."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from map_cases import SMILES, dna_map, save_small, small_map

from seqvae.cli.main import main
from seqvae.errors import UsageError
from seqvae.evaluate.maps.explorer import Explorer
from seqvae.serve import server
from seqvae.serve.application import check_installed
from seqvae.serve.requests import LARGEST

pytest.importorskip("starlette")
pytest.importorskip("uvicorn")
PAGE = "<!doctype html><title>map</title>"


class Served:
    """A running server and its address."""

    def __init__(self, explorer, page=PAGE):
        self.stop, ready, told = threading.Event(), threading.Event(), []
        listener = server.listening(0)

        def tell(address):
            told.append(address)
            ready.set()

        self.thread = threading.Thread(target=server.serve, args=(explorer, page, listener, tell, self.stop))
        self.thread.start()
        assert ready.wait(20)
        self.address = told[0]
        self.port, self.token = int(self.address.split(":")[2].split("/")[0]), self.address.split("/")[3]

    def ask(self, path, body=None, method="POST", **headers):
        sent = {"Host": f"127.0.0.1:{self.port}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        link.request(method, path, body, {name: value for name, value in sent.items() if value is not None})
        reply = link.getresponse()
        data = reply.read()
        link.close()
        return reply.status, data, reply.headers

    def api(self, what, **fields):
        status, data, _ = self.ask(f"/{self.token}/api/{what}", json.dumps(fields))
        return status, json.loads(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


@pytest.fixture(scope="module")
def served():
    with Served(Explorer(*small_map())) as found:
        yield found


def test_the_page_is_there_for_its_address_alone(served):
    status, data, headers = served.ask(f"/{served.token}/", method="GET")
    assert (status, data.decode()) == (200, PAGE)
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    for path in ("/", "/x/", f"/{served.token[:-1]}/", f"/{served.token}/../etc/passwd", "/favicon.ico", "/%2e%2e/"):
        assert served.ask(path, method="GET")[0] in (404, 405)


def test_another_host_origin_or_kind_of_body_is_refused(served):
    path = f"/{served.token}/api/find"
    body = json.dumps({"query": "CCO"})
    assert served.ask(path, body)[0] == 200
    assert served.ask(path, body, Host=f"localhost:{served.port}")[0] == 200
    for host in ("evil.example", f"evil.example:{served.port}", "127.0.0.1:1", ""):
        assert served.ask(path, body, Host=host)[0] in (400, 421)
        assert served.ask(f"/{served.token}/", method="GET", Host=host)[0] in (400, 421)
    assert served.ask(path, body, Origin="http://evil.example")[0] == 403
    assert served.ask(path, body, Origin=f"http://127.0.0.1:{served.port}")[0] == 200
    assert served.ask(path, body, Content_Type="text/plain")[0] == 415
    assert served.ask(f"/{'x' * 24}/api/find", body)[0] == 404
    assert served.ask(path, method="GET")[0] == 405


def test_too_large_a_request_is_refused(served):
    assert served.ask(f"/{served.token}/api/place", b" " * (LARGEST + 1))[0] == 413


WRONG = [
    ("at", {"x": 1}, "y: expected a finite number"),
    ("at", {"x": True, "y": 0}, "x: expected a finite number"),
    ("at", {"x": 1e300, "y": 0}, "x: expected a finite number"),
    ("near", {"row": 16}, "row: expected a whole number from 0 to 15"),
    ("near", {"row": 1.5}, "row: expected a whole number"),
    ("path", {"first": [0], "last": [99], "steps": 5}, "last: expected rows from 0 to 15"),
    ("path", {"first": [0], "last": [1], "steps": 5000}, "steps: expected a whole number from 2 to 50"),
    ("path", {"first": "0", "last": [1], "steps": 5}, "first: expected 1 to 1 rows"),
    ("analogs", {"text": "C" * 3000, "number": 5}, "text: expected a text of 1 to 2,000 characters"),
    ("analogs", {"text": "CCO", "number": 10**6}, "number: expected a whole number from 1 to 200"),
    ("place", {"texts": "\n".join(["C"] * 1001)}, "1,000 lines at most"),
    ("between", {"with": [], "without": [1], "text": "CCO", "strengths": [1]}, "with: expected 1 to"),
    (
        "between",
        {"with": [0], "without": [1], "text": "CCO", "strengths": [None]},
        "strengths: expected a finite number",
    ),
    ("objective", {"name": "os:getpid"}, "only functions that --objective named"),
    ("objective", {"name": "qedd"}, "did you mean 'qed'"),
    ("find", {"query": ""}, "query: expected a text"),
    ("find", {"query": "smarts:("}, "expected a pattern as SMARTS"),
    ("nothing", {}, "unknown request 'nothing'"),
    ("logo", {"rows": [0, 1]}, "sequences over a known alphabet"),
]


@pytest.mark.parametrize(("what", "fields", "words"), WRONG, ids=[f"{one[0]}-{row}" for row, one in enumerate(WRONG)])
def test_each_field_has_a_type_and_a_limit(served, what, fields, words):
    status, found = served.api(what, **fields)
    assert status == 400
    assert words in found["error"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000])
def test_what_is_no_object_of_json_is_refused(served, body):
    status, data, _ = served.ask(f"/{served.token}/api/at", body)
    assert status == 400
    assert "JSON" in json.loads(data)["error"]


def test_it_answers_what_the_explorer_does(served):
    explorer = Explorer(*small_map())
    x, y = (float(value) for value in explorer.map.places[2])
    status, one = served.api("at", x=x, y=y)
    expected = json.loads(json.dumps(explorer.at(x, y)))
    assert status == 200
    drawing = one.pop("drawing")
    assert drawing.startswith("<svg") or not one["valid"]
    assert one == expected
    assert served.api("find", query="OCC")[1] == {"rows": [0]}
    assert [row["text"] for row in served.api("path", first=[0], last=[1], steps=5)[1]["rows"]] == [
        row["text"] for row in explorer.path([0.0], [1.0], 5)
    ]
    placed = served.api("place", texts=f"{SMILES[0]} mine <b>\nnonsense\n")[1]
    assert [row["name"] for row in placed["rows"]] == ["mine <b>"]
    assert len(served.api("objective", name="logp")[1]["values"]) == 64 * 64
    moved = served.api("between", **{"with": [0, 1], "without": [2], "text": "CCO", "strengths": [0, 1]})[1]
    assert [row["strength"] for row in moved["rows"]] == [0.0, 1.0]


def test_sequences_have_a_logo():
    codec, found = dna_map(grid=0, draws=0)
    same = [row for row, form in enumerate(found.forms) if len(form) == len(found.forms[0])]
    with Served(Explorer(codec, found)) as one:
        status, answer = one.api("logo", rows=same)
    assert status == 200
    assert answer["svg"].startswith("<svg")


def test_a_taken_port_is_a_clear_error(capsys):
    with server.listening(0) as first:
        port = first.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} is taken by another program"):
            server.listening(port)
        assert main(["explore", "zinc-smiles", "--port", str(port)]) == 2
    assert "is taken" in capsys.readouterr().err
    with pytest.raises(UsageError, match="from 0"):
        server.listening(70_000)


def test_it_listens_on_the_loopback_address_alone():
    with server.listening(0) as found:
        assert found.getsockname()[0] == "127.0.0.1"
        with socket.socket(socket.AF_INET6 if socket.has_ipv6 else socket.AF_INET) as other, pytest.raises(OSError):
            other.connect(("::1", found.getsockname()[1]))


def test_what_to_install_is_said(monkeypatch):
    for name in ("starlette", "starlette.applications", "uvicorn"):
        monkeypatch.setitem(sys.modules, name, None)
    with server.listening(0) as found, pytest.raises(UsageError, match=r"pip install 'seqvae\[explore\]'"):
        server.serve(Explorer(*small_map(grid=0, draws=0)), PAGE, found, print)
    with pytest.raises(UsageError, match=r"pip install 'seqvae\[explore\]'"):
        check_installed()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_quietly(tmp_path, number):
    save_small(tmp_path / "model")
    (tmp_path / "in.smi").write_text("\n".join(SMILES) + "\n")
    words = ["-m", "seqvae", "explore", "./model", "in.smi", "--port", "0", "--grid", "0", "--draws", "0"]
    with subprocess.Popen([sys.executable, *words, "--samples", "0"], cwd=tmp_path, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as process:  # fmt: skip
        lines = iter(process.stderr.readline, "")
        said = next(line for line in lines if line.startswith("open http://127.0.0.1:"))
        assert len(said.split("/")[3]) >= 24
        time.sleep(0.3)
        process.send_signal(number)
        assert process.wait(30) == 0
        assert "Traceback" not in process.stderr.read()
