"""Latent points come as tensors, arrays or lists, and every function takes each."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from seqvae.errors import InputError
from seqvae.latent.arithmetic import apply, attribute_vector
from seqvae.latent.checks import points_of, tensors_of
from seqvae.latent.interpolate import linear, slerp
from seqvae.latent.neighbours import nearest
from seqvae.search.proposals import Candidate

ROWS = [[1.0, 2.0, 0.5], [0.25, -1.0, 3.0], [0.0, 0.5, -0.5]]
FORMS = {
    "tensor": torch.tensor(ROWS),
    "array": np.array(ROWS, np.float32),
    "lists": ROWS,
    "tensors in a list": [torch.tensor(row) for row in ROWS],
    "tracked by autograd": torch.tensor(ROWS, requires_grad=True),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_function_of_the_latent_space_takes_every_form(form):
    given, plain = FORMS[form], FORMS["tensor"]
    assert torch.equal(points_of(given, 3), plain)
    assert torch.equal(attribute_vector(given, given[:1]), attribute_vector(plain, plain[:1]))
    assert torch.equal(apply(given, given[0], 2.0), plain + 2 * plain[0])
    for path in (linear, slerp):
        assert torch.equal(path(given[0], given[1], 4), path(plain[0], plain[1], 4))
    found, known = nearest(given, given, 2), nearest(plain, plain, 2)
    assert torch.equal(found.indices, known.indices) and torch.equal(found.distances, known.distances)
    z = Candidate("CCO", z=given[0]).z
    assert isinstance(z, np.ndarray) and z.dtype == np.float32 and z.tolist() == ROWS[0]


def test_mixed_forms_take_the_highest_precision():
    fine, coarse = tensors_of(np.array(ROWS), torch.tensor(ROWS))
    assert fine.dtype == coarse.dtype == torch.float64
    assert [one.dtype for one in tensors_of([[1, 2]], np.ones((1, 2), int))] == [torch.float32] * 2
    assert slerp(np.array(ROWS[0]), ROWS[1], 3).dtype == torch.float64


@pytest.mark.parametrize("bad", [[[1.0], [2.0, 3.0]], [["CCO"]], "CCO"])
def test_what_is_no_array_of_numbers_is_named(bad):
    with pytest.raises(InputError, match="expected latent points, an array of numbers"):
        points_of(bad, 2)


def test_modules_are_there_when_they_are_asked_for():
    program = """
import sys
import seqvae
assert "torch" not in sys.modules and "rdkit" not in sys.modules
seqvae.sequences.tokenizers.smiles.SmilesTokenizer
seqvae.data.files.readers.read_records
assert "torch" not in sys.modules
seqvae.latent.neighbours.nearest, seqvae.latent.arithmetic.apply, seqvae.latent.interpolate.slerp
seqvae.search.results.auc_top, seqvae.evaluate.model.summary.Summary, seqvae.properties.molecules.alerts.MOSES
seqvae.model.decoders, seqvae.artifact.folder, seqvae.train.fit, seqvae.config.DecodeConfig, seqvae.errors.InputError
assert "neighbours" in dir(seqvae.latent) and "run" in dir(seqvae.search)
for package, name in ((seqvae, "latents"), (seqvae.latent, "neighbors"), (seqvae.search, "_run")):
    assert not hasattr(package, name), name
"""
    subprocess.run([sys.executable, "-c", program], check=True)
