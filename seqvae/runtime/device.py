"""Devices, generators, and precision of matrix products; the caller's state is left as found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import torch

from seqvae.errors import UsageError


def resolve_device(name: str = "auto") -> torch.device:
    """Return the device of that name; `auto` is the first CUDA device, or the CPU where there is none.

    Raises:
        UsageError: an unknown name, or `cuda` on a machine without one.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name != "cpu" and not name.startswith("cuda"):
        raise UsageError(f"unknown device {name!r}: expected auto, cpu or cuda")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise UsageError("device cuda: this machine has no CUDA device that torch can use; take --device cpu")
    return torch.device(name)


def generator(seed: int, *purpose: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a fresh generator of random numbers; global state is not touched.

    Args:
        seed: the seed of the run.
        *purpose: numbers that name what the draws are for (a stream, a step, a rank), so that one seed gives
            independent streams and a resumed run finds the numbers of any step without those before it.
        device: where the numbers are drawn.
    """
    return torch.Generator(device=device).manual_seed(derived_seed(seed, *purpose))


def derived_seed(seed: int, *purpose: int) -> int:
    """Return a 63-bit seed that depends on all the numbers given; raises UsageError for a negative seed."""
    if seed < 0:
        raise UsageError(f"seed: expected a number from 0, got {seed}")
    return int(np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)[0] >> 1)


def seed_global(seed: int, device: torch.device | str) -> None:
    """Seed the global generator that dropout draws from on a device: one of `resolve_device`.

    `torch.manual_seed` does so too, and prepares the same for every kind of accelerator that there may be, which costs
    a twentieth of a small model's step.
    """
    torch.default_generator.manual_seed(seed)
    if torch.device(device).type == "cuda":
        torch.cuda.manual_seed(seed)


@contextmanager
def fast_matmul(enabled: bool = True) -> Iterator[None]:
    """Let float32 matrix products on the CPU take oneDNN's fastest kernels while the context lasts.

    For training only, and for products of zeros and ones: PyTorch multiplies float32 matrices on the CPU with MKL
    unless a lower internal precision is allowed. Then oneDNN does, twice as fast on processors that MKL does not
    favour; on processors with bf16 units it rounds the factors to bf16 (products are still summed in float32).
    """
    before = torch.get_float32_matmul_precision()
    if enabled:
        torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def exact_products(device: torch.device | str = "cpu") -> Iterator[None]:
    """Let no matrix product round its factors while the context lasts, whatever processor and settings there are.

    Everything that is encoded, decoded, reported, stored or compared is computed in here, so that it is the same on
    every processor except for the order of summation. On a GPU this turns TF32 off; on a CPU where they lose no digits
    it takes the kernels of `fast_matmul`.
    """
    on_cpu = torch.device(device).type == "cpu"
    before, tf32 = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("medium" if on_cpu and _fast_is_exact() else "highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
        torch.backends.cudnn.allow_tf32 = tf32


# oneDNN chooses bf16 kernels by shape: rows, inner and columns of a decoding step, a batch and a large batch.
_TRIED = ((1, 1024, 1024), (64, 64, 64), (512, 512, 512))


@cache
def _fast_is_exact() -> bool:
    """Test whether fast products round their factors: bf16 keeps 8 of 24 bits."""
    rng = generator(0)
    with fast_matmul():
        for rows, inner, columns in _TRIED:
            left, right = torch.rand(rows, inner, generator=rng), torch.rand(inner, columns, generator=rng)
            exact = left.double() @ right.double()
            if not torch.allclose((left @ right).double(), exact, rtol=1e-5, atol=0):
                return False
    return True


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Evaluate a module: no gradients, exact products, and its former mode afterwards."""
    training = [part for part in module.modules() if part.training]  # to look is quicker than to set
    if training:
        module.eval()
    device = next((value.device for value in module.parameters()), torch.device("cpu"))
    try:
        with torch.no_grad(), exact_products(device):
            yield
    finally:
        for part in training:
            part.training = True


@contextmanager
def one_thread(device: torch.device) -> Iterator[None]:
    """Compute on one core, where the device is the CPU: sums do not depend on how many there are, which others use."""
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def preserved_rng(device: torch.device) -> Iterator[None]:
    """Restore torch's global random state afterwards, of the CPU and of the device."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
