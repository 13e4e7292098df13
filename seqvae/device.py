"""Where tensors live, at which precision, and how the caller's state is left as found."""

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
        seed: the one seed of the work.
        *purpose: numbers that name what the draws are for (a stream, a step, a rank), so that one seed gives
        independent
            streams and a resumed run finds the numbers of any step without the ones before.
        device: where the numbers are made.
    """
    return torch.Generator(device=device).manual_seed(derived_seed(seed, *purpose))


def derived_seed(seed: int, *purpose: int) -> int:
    """Return a 63-bit seed that depends on all the numbers given; raises UsageError where the seed is negative."""
    if seed < 0:
        raise UsageError(f"seed: expected a number from 0, got {seed}")
    return int(np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def fast_matmul(enabled: bool = True) -> Iterator[None]:
    """Let float32 matrix products on the CPU take oneDNN's fastest kernels while the context lasts.

    PyTorch multiplies float32 matrices on the CPU with MKL unless a lower internal precision is allowed; then oneDNN
    does it, twice as fast on processors that MKL does not favour. Only where the processor has bf16 matrix units may
    oneDNN round the factors to bf16 (products are still summed in float32).
    """
    before = torch.get_float32_matmul_precision()
    if enabled:
        torch.set_float32_matmul_precision("medium")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def exact_matmul(device: torch.device) -> Iterator[None]:
    """Let float32 matrix products take `fast_matmul` on a CPU that loses no digits by it; a GPU would, by TF32."""
    with fast_matmul(device.type == "cpu" and _fast_is_exact()):
        yield


@cache
def _fast_is_exact() -> bool:
    """Tell, by trying it, whether fast products round no factors: bf16 keeps 8 bits of the 24."""
    left, right = (torch.rand(64, 64, generator=generator(0, side)) for side in range(2))
    with fast_matmul():
        error = (left @ right - left.double() @ right.double()).abs().max()
    return bool(error < 1e-4)  # of sums near 16: float32 errs by some 1e-6, bf16 factors by some 1e-2


@contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Put a module in evaluation mode, without gradients, and give it back in the mode it was in."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(was_training)


@contextmanager
def preserved_rng(device: torch.device) -> Iterator[None]:
    """Give torch's global random numbers back as they were found, of the CPU and of the device."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        yield
