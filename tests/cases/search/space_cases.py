"""A small latent space of DNA that was really trained, for the tests of searches; made once."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

from run_cases import dna_file, small_run

import seqvae
from seqvae.search.memory.latent_space import Space
from seqvae.train.fit import train

LENGTH = 12


def dna(text):
    """The canonical form of a sequence."""
    return text if set(text) <= set("ACGT") and text else None


@functools.cache
def codec():
    with tempfile.TemporaryDirectory() as folder:
        source = dna_file(Path(folder), count=400, length=LENGTH)
        run = small_run(source, epochs=8, batch_size=16, learning_rate=2e-2)
        return seqvae.load(train(run, Path(folder) / "model", quiet=True).folder, "cpu")


def space(**settings):
    """A fresh space: nothing is remembered."""
    return Space(codec(), canonical=dna, **settings)
