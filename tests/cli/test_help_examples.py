"""Every example in the help of a verb is one that the verb takes."""

from __future__ import annotations

import re
import shlex
from importlib import import_module

import pytest
from cyclopts import App

from seqvae.cli import STDIO
from seqvae.cli.main import _VERBS, build_app


def epilogues(app, chain=()):
    """The text below the help of a verb and of each of its subcommands."""
    yield chain, app.help_epilogue or ""
    for name in app:
        if not name.startswith("-") and isinstance(part := app[name], App):
            yield from epilogues(part, (*chain, name))


def examples():
    app = build_app()
    for verb in _VERBS:
        for chain, text in epilogues(app[verb], (verb,)):
            for line in re.findall(r"^ {4}(?:.*\| )?(seqvae .*)$", text, re.MULTILINE):
                yield pytest.param(line, id=f"{' '.join(chain)}: {line[:60]}")


@pytest.mark.parametrize("line", [*examples()])
def test_an_example_can_be_typed(line):
    command = re.split(r" [>|<] ?| +# ", line)[0]
    words = [STDIO if word == "-" else word for word in shlex.split(command)[1:]]
    build_app().parse_args(words, exit_on_error=False, print_error=False)


def test_there_are_examples():
    assert len(list(examples())) > 40
    assert import_module("seqvae.cli.verbs.infer.impute").app.help_epilogue
