"""What notebooks show of results, by a stand-in for IPython, and data frames, by a stand-in for pandas."""

from __future__ import annotations

import sys
from html import unescape
from importlib import import_module
from types import SimpleNamespace

import pytest

from seqvae.errors import UsageError
from seqvae.report import notebook
from seqvae.search.lead_analogs import Analog, Analogs
from seqvae.search.results import Results
from seqvae.search.storage.ledger import OK, Entry

FOUND = Analogs("CCO", (Analog("CCN", 0.5, -9.0, -1.0, "substituent"),), 10, {"too large": 3})


@pytest.fixture
def shown(monkeypatch):
    """The functions that IPython was given, by the class."""
    functions = {}
    formatter = SimpleNamespace(
        for_type_by_name=lambda module, name, function: functions.__setitem__((module, name), function)
    )
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters={"text/html": formatter}))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    notebook.install()
    return functions


def test_every_class_and_page_is_there(shown):
    assert set(shown) == set(notebook.PAGES)
    for (module, name), (place, function) in notebook.PAGES.items():
        assert isinstance(getattr(import_module(module), name), type)
        assert callable(getattr(import_module(place), function))


def test_a_result_is_shown_by_its_page(shown):
    framed = shown["seqvae.search.lead_analogs", "Analogs"](FOUND)
    assert framed.startswith("<iframe srcdoc=")
    assert "CCN" in unescape(framed)
    assert framed.count('"') == framed.replace("srcdoc", "").count('"')  # one attribute holds all of the page
    assert unescape(framed).count("<!doctype html>") == 1


def test_a_search_shows_its_best_designs(shown):
    entry = Entry(0, 0, "CCO", "CCO", OK, (0.4,), proposer="ga")
    html = unescape(shown["seqvae.search.results", "Results"](Results(1, 1, 0.4, 0.4, 0.4, [entry], {OK: 1})))
    assert "1 calls, best 0.4" in html
    assert "<svg" in html


def test_without_a_notebook_nothing_happens(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    notebook.install()


def test_a_data_frame_has_the_columns(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=dict))
    frame = FOUND.to_frame()
    assert frame["text"] == ["CCN"]
    assert frame["proposer"] == ["substituent"]
    entry = Entry(0, 0, "CCO", "CCO", OK, (0.4, 0.7), proposer="ga")
    frame = Results(1, 1, 0.4, 0.4, 0.4, [entry], {OK: 1}).to_frame()
    assert frame == {"text": ["CCO"], "score 1": [0.4], "score 2": [0.7], "proposer": ["ga"]}
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UsageError, match=r"seqvae\[frames\]"):
        FOUND.to_frame()
