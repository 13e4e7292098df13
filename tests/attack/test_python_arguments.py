"""Public functions say in words what they expected: TypeError and ValueError under SeqVAEError."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from scripts.attack.model_folders import made
from seqvae.config import DecodeConfig, OracleConfig, SearchConfig, TurboConfig
from seqvae.config.checks import door
from seqvae.errors import ArgumentTypeError, InputError, SeqVAEError, UsageError
from seqvae.latent.codec import load
from seqvae.properties import get


@pytest.fixture(scope="module")
def codec(tmp_path_factory):
    return load(made(tmp_path_factory.mktemp("model") / "model", "dna gru gru diagonal normal mixture"))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda codec: codec.encode(None), "encode: texts: expected a list or TokenizedTexts, got None"),
        (lambda codec: codec.encode(b"CCO"), "expected a list or TokenizedTexts, got b'CCO' (bytes)"),
        (lambda codec: codec.encode("ACGT"), "expected a list of texts, got one text, 'ACGT': put it in a list"),
        (lambda codec: codec.encode({"a": 1}), "expected a list or TokenizedTexts"),
        (lambda codec: codec.encode(["ACGT"], batch_size=0.5), "batch_size: expected a whole number, got 0.5 (float)"),
        (lambda codec: codec.encode(["ACGT"], refine=[]), "refine: expected a whole number or text (str), got []"),
        (lambda codec: codec.sample("5"), "sample: count: expected a whole number, got '5' (str)"),
        (lambda codec: codec.sample(2, temperature=None), "temperature: expected a number, got None"),
        (lambda codec: codec.sample(True), "count: expected a whole number, got True (bool)"),
        (lambda codec: codec.sample(), "sample: missing a required argument: 'count'"),
        (lambda codec: codec.sample(2, temprature=1.0), "sample: got an unexpected keyword argument 'temprature'"),
        (lambda codec: codec.decode(np.zeros((1, 4)), config="greedy"), "config: expected DecodeConfig or None"),
        (lambda codec: codec.interpolate(["A"], "C"), "interpolate: first: expected text (str), got ['A'] (list)"),
        (lambda codec: OracleConfig(budget="5"), "OracleConfig: budget: expected a whole number, got '5' (str)"),
        (lambda codec: SearchConfig(oracle=5), "SearchConfig: oracle: expected OracleConfig, got 5 (int)"),
        (lambda codec: TurboConfig(regions=[1]), "TurboConfig: regions: expected a whole number, got [1] (list)"),
        (lambda codec: DecodeConfig(seed=None), "DecodeConfig: seed: expected a whole number, got None"),
        (lambda codec: get("dna:gc")(["A", None]), "expected a list of texts, got ['A', None] (list)"),
        (lambda codec: load("x" * 300), "load: name: expected text (str) or a path, got 'xxx"),
        (lambda codec: load(3), "load: name: expected text (str) or a path, got 3 (int)"),
    ],
)
def test_types_are_named(call, words, codec):
    with pytest.raises(ArgumentTypeError) as error:
        call(codec)
    assert words in str(error.value)
    assert isinstance(error.value, TypeError)
    assert isinstance(error.value, UsageError)


@pytest.mark.parametrize(
    "points",
    [
        "CCO", [[1.0], [1.0, 2.0]], [["a"] * 4], np.full((1, 4), np.nan), np.zeros((1, 4), complex),
        np.zeros((1, 4), "M8[s]"), torch.zeros(1, 4, dtype=torch.complex64), torch.zeros(1, 4).to_sparse(), np.zeros(4),
        [],
    ],
)  # fmt: skip
def test_points_that_are_none(points, codec):
    for call in (codec.decode, codec.predict, codec.log_prior, codec.decode_distribution):
        with pytest.raises((InputError, UsageError)):
            call(points)


@pytest.mark.parametrize("texts", [[None], ["ACGT", 3], [float("nan")], np.zeros((2, 3)), torch.zeros(2, 3), [[]]])
def test_texts_that_are_none_are_named_by_their_row(texts, codec):
    with pytest.raises(InputError, match=r"sequence \d is (no text|None|NaN)"):
        codec.encode(texts, refine=0)


@pytest.mark.parametrize("count", [np.int64(2), np.uint8(2), 2])
def test_numbers_of_numpy_are_numbers(count, codec):
    assert codec.sample(count, np.float32(1.0), seed=np.int32(1)) == codec.sample(2, 1.0, seed=1)
    assert OracleConfig(budget=count) == OracleConfig(budget=2)
    assert type(OracleConfig(budget=count).budget) is int


def test_texts_may_come_as_any_list(codec):
    first = codec.encode(["ACGT", "TTGCA"], refine=0)
    for texts in (
        ("ACGT", "TTGCA"),
        np.array(["ACGT", "TTGCA"]),
        iter(["ACGT", "TTGCA"]),
        {"ACGT": 1, "TTGCA": 2}.keys(),
    ):
        assert torch.equal(codec.encode(texts, refine=0), first)


def test_a_door_leaves_what_it_does_not_know():
    @door
    def function(path: str | Path, texts: Sequence[str], other: Unknown = None, *more: int, **rest: int) -> object:  # noqa: F821
        return path, texts, other, more, rest

    assert function("a", ["b"], 1, 2, x="y") == ("a", ["b"], 1, (2,), {"x": "y"})
    with pytest.raises(SeqVAEError):
        function("a", 1)
