"""Fréchet ChemNet distance (FCD): how far apart two sets of molecules are in the activations of a network.

Preuer et al., J. Chem. Inf. Model. 58 (2018) 1736, doi:10.1021/acs.jcim.8b00234. The network, ChemNet, is that of the
package `fcd_torch`, whose wheel contains the weights; only that file is used, and no code in it is run. A Gaussian is
fitted to the last layer's activations of each set, and the Fréchet distance of the two is taken.

The network's input is the same as in `fcd_torch`, quirks included: canonical SMILES up to the first dot, cut at
349 symbols, an unknown symbol as `X`.
"""

from __future__ import annotations

import functools
import importlib.util
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from seqvae.errors import ArtifactError, InputError
from seqvae.runtime.device import resolve_device
from seqvae.sequences.molecules import canonical_or_none

Progress = Callable[[int], object]  # called with the number of molecules done since the last call

# What ChemNet was trained on: its input channels in order (fcd_torch/utils.py, MIT licence).
_SYMBOLS = [*"CNOHF", "Cl", "P", "B", "Br", "S", "I", "Si", *"#()+-12345678=[]@cnosX."]
_NUMBERS = {symbol: number for number, symbol in enumerate(_SYMBOLS)}
_UNKNOWN, _END = _NUMBERS["X"], _NUMBERS["."]
_SYMBOL = re.compile(r".[ril]|.")  # a letter r, i or l always belongs to the character before it
_LENGTH = 350  # positions of the input, the end symbol included
_BATCH = 512  # a multiple of what fills one core; 512 x 88 x 2048 floats of gates are 370 MB
_FEWEST = 2  # a covariance needs two molecules


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution fitted to the activations of a set of molecules.

    Attributes:
        mean: float64 `(512,)`.
        covariance: float64 `(512, 512)`, unbiased.
        count: molecules it was fitted to.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]
    count: int


class ChemNet(nn.Module):
    """The layers of ChemNet up to its last recurrent one."""

    WIDTH = 512

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(len(_SYMBOLS), 32, 4, stride=2, bias=False)
        self.second = nn.Conv1d(32, 32, 4, stride=2, bias=False)
        self.backward_pass = nn.LSTM(32, 128, batch_first=True)
        self.forward_pass = nn.LSTM(128, self.WIDTH, batch_first=True)

    def forward(self, symbols: Int64[Tensor, "batch length"]) -> Float[Tensor, "batch width"]:
        """Return the activations `(batch, 512)` of symbol numbers `(batch, 350)`, padded with -1."""
        one_hot = functional.one_hot(symbols + 1, len(_SYMBOLS) + 1)[..., 1:].transpose(1, 2)
        # fcd_torch divides by the number of channels, and so do published values.
        values = functional.selu(self.first(functional.pad(one_hot.float() / len(_SYMBOLS), (1, 1))))
        values = functional.selu(self.second(functional.pad(values, (1, 2)))).transpose(1, 2)
        values = self.backward_pass(values.flip(1))[0]
        return self.forward_pass(values.flip(1))[1][0][0]


def symbol_numbers(smiles: str) -> list[int]:
    """Return the numbers of a SMILES' symbols and of the end symbol.

    >>> symbol_numbers("CCl")
    [0, 5, 34]
    """
    symbols = _SYMBOL.findall(smiles.partition(".")[0])[: _LENGTH - 1]
    return [*(_NUMBERS.get(symbol, _UNKNOWN) for symbol in symbols), _END]


@functools.cache
def _network(device: str) -> ChemNet:
    """ChemNet with its weights on a device, read once per process."""
    package = importlib.util.find_spec("fcd_torch")
    path = Path(package.origin or "").with_name("ChemNet_v0.13_pretrained.pt") if package else None
    if path is None or not path.is_file():
        raise ArtifactError("the weights of ChemNet are missing: install the package fcd_torch (again)")
    network = ChemNet()
    parts = (network.first, network.second, network.backward_pass, network.forward_pass)
    with torch.no_grad():
        # Tensors and names only: no code in the file is run.
        for part, (_, (weights, _, _)) in zip(parts, torch.load(path, weights_only=True), strict=True):
            part.load_state_dict(weights)
    return network.eval().requires_grad_(False).to(device)


def activation_batches(
    texts: Sequence[str], device: str = "auto", progress: Progress | None = None
) -> Iterator[NDArray[np.float32]]:
    """Yield ChemNet's activations, a batch at a time.

    Args:
        texts: canonical SMILES.
        device: `auto`, `cpu` or `cuda`.
        progress: called after each batch with the number of molecules in it.

    Yields:
        float32 `(batch, 512)`.
    """
    place = resolve_device(device)
    network = _network(str(place))
    for start in range(0, len(texts), _BATCH):
        batch = [symbol_numbers(text) for text in texts[start : start + _BATCH]]
        padded = torch.tensor([[*numbers, *[-1] * (_LENGTH - len(numbers))] for numbers in batch])
        # TF32 would round the factors of cuDNN's products to 10 bits.
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False, deterministic=True):
            found = network(padded.to(place)).cpu().numpy()
        yield found
        if progress is not None:
            progress(len(batch))


def fit_gaussian(
    texts: Sequence[str] | Mapping[str, int], device: str = "auto", progress: Progress | None = None
) -> Gaussian:
    """Fit a Gaussian to the activations of molecules.

    The order of the molecules does not change the result, not even its last digit.

    Args:
        texts: canonical SMILES, or how often each of them occurs.
        device: `auto`, `cpu` or `cuda`.
        progress: called after each batch with the number of distinct molecules in it.

    Raises:
        InputError: fewer than two molecules.
    """
    counts = Counter(texts)
    if counts.total() < _FEWEST:
        raise InputError(f"the Fréchet ChemNet distance needs at least 2 molecules in each set, got {counts.total()}")
    distinct = sorted(counts)
    total, start = 0.0, 0
    mean, scatter = np.zeros(ChemNet.WIDTH), np.zeros((ChemNet.WIDTH, ChemNet.WIDTH))
    for found in activation_batches(distinct, device, progress):
        batch = found.astype(np.float64)
        weights = np.asarray([counts[text] for text in distinct[start : start + len(batch)]], np.float64)
        start += len(batch)
        # Means and scatters of two parts are merged exactly: Chan, Golub & LeVeque, Am. Stat. 37 (1983) 242.
        added = weights.sum()
        batch_mean = weights @ batch / added
        centred, step = batch - batch_mean, batch_mean - mean
        scatter += (centred.T * weights) @ centred + np.outer(step, step) * (total * added / (total + added))
        total += added
        mean += step * (added / total)
    return Gaussian(mean, scatter / (total - 1), int(total))


def frechet(first: Gaussian, second: Gaussian) -> float:
    """Return the Fréchet distance of two Gaussians, |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    Dowson & Landau, J. Multivariate Anal. 12 (1982) 450. The eigenvalues of (C1 C2)^(1/2) are the singular values of
    C1^(1/2) C2^(1/2): real, and accurate to the last digits even where a covariance is singular.
    """
    mixed = np.linalg.svd(_root(first.covariance) @ _root(second.covariance), compute_uv=False).sum()
    step = first.mean - second.mean
    distance = step @ step + np.trace(first.covariance) + np.trace(second.covariance) - 2 * mixed
    return max(0.0, float(distance))


def _root(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(values.clip(0))) @ vectors.T


def frechet_distance(samples: Sequence[str], reference: Sequence[str], device: str = "auto") -> float:
    """Return the Fréchet ChemNet distance between two sets of molecules.

    Args:
        samples: SMILES in any form; those that RDKit cannot read are left out.
        reference: the same; fit it once with `fit_gaussian`, and use `frechet`, to compare several samples with it.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        InputError: fewer than two molecules in one of the sets.
    """
    splits = (fit_gaussian([c for c in map(canonical_or_none, texts) if c], device) for texts in (samples, reference))
    return frechet(*splits)
