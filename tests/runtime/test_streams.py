"""The table of random streams: one number each, all places named, and no two draws alike."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import seqvae
from seqvae.errors import UsageError
from seqvae.runtime import streams
from seqvae.runtime.streams import Stream

TABLE = {name: value for name, value in vars(streams).items() if isinstance(value, Stream)}


def test_no_two_streams_share_a_number():
    numbers = [stream.number for stream in TABLE.values()]
    assert len(set(numbers)) == len(numbers) > 25


def test_no_two_draws_of_any_streams_have_one_seed():
    places = {name: [(0,) * len(s.places), (1,) * len(s.places)] if s.places else [()] for name, s in TABLE.items()}
    seeds = [stream.seed(5, *at) for name, stream in TABLE.items() for at in places[name]]
    assert len(set(seeds)) == len(seeds)


@pytest.mark.parametrize(("stream", "at"), [(Stream(1, ("step",)), ()), (Stream(1), (0,))])
def test_all_places_must_be_given(stream, at):
    for call in (stream.seed, stream.generator):
        with pytest.raises(UsageError, match=r"numbers .*, got"):
            call(0, *at)


def test_a_seed_is_not_negative():
    with pytest.raises(UsageError, match="seed: expected a number from 0, got -1"):
        Stream(1).seed(-1)


def test_the_numbers_of_a_stream_are_what_they_always_were():
    """By hand: the first 64 bits of numpy's SeedSequence([7, 1, 3, 0]), shifted by one, seed torch."""
    seed = int(np.random.SeedSequence([7, 1, 3, 0]).generate_state(1, np.uint64)[0] >> 1)
    assert streams.TRAINING_NOISE.seed(7, 3, 0) == seed
    expected = torch.rand(3, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(torch.rand(3, generator=streams.TRAINING_NOISE.generator(7, 3, 0)), expected)


def test_every_stream_has_one_user():
    package = Path(seqvae.__file__).parent
    sources = {path: path.read_text("utf-8") for path in package.rglob("*.py") if path.name != "streams.py"}
    for name in TABLE:
        users = [path for path, text in sources.items() if re.search(rf"\b{name}\.", text)]
        assert len(users) == 1, f"{name} is used by {users}"
