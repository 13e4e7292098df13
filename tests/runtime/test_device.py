"""What is encoded, reported or compared does not depend on the processor, nor on the caller's precision."""

import json
import os
import subprocess
import sys
from pathlib import Path

import device_cases
import numpy as np
import pytest
import torch

from seqvae.runtime import device
from seqvae.runtime.device import evaluating, exact_products, fast_matmul, seed_global

# By the name that oneDNN has for them; a name above what the processor has changes nothing.
NARROWEST, WIDEST = "SSE41", "ALL"
# Averages over many texts or bits lose the rounding of each.
AVERAGES = {"mean similarity", "mean squared similarity", "nearest", "nearest other"}
# Values that a recurrence computes step by step. Against float64, float32 alone was measured to be off by up to 2e-6 in
# z, 4e-6 in refined points and 4e-5 nats in distortions of 36, in every order of summation that was tried (oneDNN's,
# MKL's, 30 permutations of the hidden units); between two instruction sets z has been seen to differ by 1.4e-5. With
# factors of 10 bits (TF32) the largest error in z is 2e-4, with factors of 7 bits (bf16) 6e-3.
ALLOWED, ALLOWED_OF_AVERAGES = 5e-5, 1e-5


def _values(instructions: str) -> dict[str, np.ndarray]:
    script = Path(device_cases.__file__)
    environment = {**os.environ, "ONEDNN_MAX_CPU_ISA": instructions}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    return {name: np.array(values) for name, values in json.loads(done.stdout).items()}


def test_results_are_the_same_under_the_widest_and_the_narrowest_instructions():
    narrow, wide = _values(NARROWEST), _values(WIDEST)
    for name, expected in narrow.items():
        allowed = ALLOWED_OF_AVERAGES if name in AVERAGES else ALLOWED
        np.testing.assert_allclose(wide[name], expected, rtol=1e-5, atol=allowed, err_msg=name)


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_products_are_exact_whatever_the_caller_set(precision):
    draw = torch.Generator().manual_seed(0)
    left, right = torch.rand(300, 512, generator=draw), torch.rand(512, 700, generator=draw)
    layer = torch.nn.Linear(512, 700, bias=False)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        with exact_products():
            error = (left @ right - left.double() @ right.double()).abs().max()
        assert torch.get_float32_matmul_precision() == precision
        with evaluating(layer):
            error_of_a_layer = (layer(left) - left.double() @ layer.weight.double().T).abs().max()
    finally:
        torch.set_float32_matmul_precision(before)
    assert max(error, error_of_a_layer) < 1e-3  # of sums near 128: float32 errs by 3e-5 to 2e-4, bf16 factors by .1


@pytest.mark.parametrize(
    ("place", "exact", "precision"), [("cpu", True, "medium"), ("cpu", False, "highest"), ("cuda", True, "highest")]
)
def test_fast_kernels_are_for_a_cpu_that_loses_no_digits_by_them(monkeypatch, place, exact, precision):
    monkeypatch.setattr(device, "_fast_is_exact", lambda: exact)
    tf32 = torch.backends.cudnn.allow_tf32
    with exact_products(place):
        assert torch.get_float32_matmul_precision() == precision
        assert not torch.backends.cudnn.allow_tf32
        with fast_matmul():
            assert torch.get_float32_matmul_precision() == "medium"
    assert torch.backends.cudnn.allow_tf32 == tf32


def test_the_global_generator_is_seeded_as_torch_does_it():
    torch.manual_seed(3)
    expected = torch.nn.functional.dropout(torch.ones(50))
    seed_global(3, "cpu")
    assert torch.equal(torch.nn.functional.dropout(torch.ones(50)), expected)
