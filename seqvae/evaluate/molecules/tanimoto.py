"""Tanimoto similarities of many fingerprints at once: nearest neighbours, and diversity within a set.

Fingerprints come as packed bits, `(molecules, bits / 8)`. The numbers of shared bits of all pairs of two blocks are one
product of two 0/1 matrices, exact in the arithmetic used (float32 on the CPU, float16 with wider sums on a GPU for
fingerprints of up to 2,048 bits). The similarity of two fingerprints without any bit is 1.

SNN and IntDiv are defined by MOSES (Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor

from seqvae.properties.tanimoto import tanimoto_of_sizes
from seqvae.runtime.device import exact_products, fast_matmul, resolve_device

Progress = Callable[[int, int], object]

_ROWS = 2048  # of a block on the CPU: 2048 x 2048 floats stay in its cache between product and maximum
_ROWS_GPU = 16384
_EXACT_IN_HALF = 2048  # float16 holds every whole number up to this one


def nearest_similarity(
    samples: UInt8[np.ndarray, "samples bytes"],
    reference: UInt8[np.ndarray, "reference bytes"],
    device: str = "auto",
    progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Return each sample's largest Tanimoto similarity to the reference, float64 `(samples,)`.

    The reference is grouped by number of bits: among fingerprints with the same number, the most similar is the one
    that shares most bits, so only one similarity per sample and number is ever computed.
    """
    place = resolve_device(device)
    bits, size, done = popcounts(reference), _rows(place), 0
    groups = [np.flatnonzero(bits == count) for count in np.unique(bits)]
    runs = [group[start : start + size] for group in groups for start in range(0, len(group), size)]
    best = torch.zeros(len(samples), dtype=torch.float64, device=place)
    sizes = torch.from_numpy(popcounts(samples)).to(place)
    with torch.inference_mode():
        blocks = [_unpacked(samples[start : start + size], place) for start in range(0, len(samples), size)]
        for rows in runs:
            theirs = _unpacked(reference[rows], place)
            shared = torch.cat([_shared(block, theirs).amax(1) for block in blocks]) if blocks else best[:0]
            best = torch.maximum(best, tanimoto_of_sizes(shared.double(), sizes, int(bits[rows[0]])))
            done += len(rows)
            if progress is not None:
                progress(done, len(reference))
    return best.cpu().numpy()


def mean_similarities(
    fingerprints: UInt8[np.ndarray, "molecules bytes"],
    weights: Float[np.ndarray, " molecules"],
    device: str = "auto",
    progress: Progress | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each molecule's mean similarity, and mean squared similarity, to the whole set, itself included.

    Args:
        fingerprints: of distinct molecules.
        weights: how often each of them occurs.
        device: `auto`, `cpu` or `cuda`.
        progress: called with the number of molecules done and of all molecules.

    Returns:
        Two arrays, float64 `(molecules,)`.
    """
    place = resolve_device(device)
    sums = torch.zeros(2, len(fingerprints), dtype=torch.float64, device=place)
    counts = torch.from_numpy(popcounts(fingerprints)).to(place).float()
    often = torch.from_numpy(np.asarray(weights, np.float32)).to(place)
    starts = range(0, len(fingerprints), _rows(place))
    with torch.inference_mode(), exact_products(place):
        blocks = [_unpacked(fingerprints[start : start + starts.step], place) for start in starts]
        for i, first in enumerate(blocks):
            mine = slice(starts[i], starts[i] + len(first))
            for j in range(i, len(blocks)):  # the table is symmetric: half of it is enough
                theirs = slice(starts[j], starts[j] + len(blocks[j]))
                similar = tanimoto_of_sizes(_shared(first, blocks[j]).float(), counts[mine, None], counts[theirs])
                for power in range(2):
                    sums[power, mine] += (similar @ often[theirs]).double()
                    if j > i:
                        sums[power, theirs] += (often[mine] @ similar).double()
                    similar = similar.square_()
            if progress is not None:
                progress(mine.stop, len(fingerprints))
    mean, squared = (sums / often.double().sum()).cpu().numpy()
    return mean, squared


def nearest_other_similarity(
    fingerprints: UInt8[np.ndarray, "molecules bytes"], device: str = "auto"
) -> NDArray[np.float64]:
    """Return each molecule's largest similarity to any other of the set, float64 `(molecules,)`; 0 for a single one."""
    place = resolve_device(device)
    best = torch.zeros(len(fingerprints), dtype=torch.float64, device=place)
    counts = torch.from_numpy(popcounts(fingerprints)).to(place).float()
    size = _rows(place)
    with torch.inference_mode():
        blocks = [_unpacked(fingerprints[start : start + size], place) for start in range(0, len(fingerprints), size)]
        for i, mine in enumerate(blocks):
            rows = slice(i * size, i * size + len(mine))
            for j, theirs in enumerate(blocks):
                columns = slice(j * size, j * size + len(theirs))
                similar = tanimoto_of_sizes(_shared(mine, theirs).float(), counts[rows, None], counts[columns])
                if i == j:
                    similar.fill_diagonal_(0)
                best[rows] = torch.maximum(best[rows], similar.amax(1).double())
    return best.cpu().numpy()


def internal_diversity(
    mean: Float[np.ndarray, " molecules"],
    squared: Float[np.ndarray, " molecules"],
    weights: Float[np.ndarray, " molecules"],
) -> tuple[float, float]:
    """Return IntDiv and IntDiv2 from what `mean_similarities` returns.

    IntDiv is 1 minus the mean similarity of all pairs; IntDiv2 is 1 minus the mean over the molecules of the root mean
    square of their similarities to all. A molecule paired with itself counts, as in MOSES.
    """
    return 1 - float(np.average(mean, weights=weights)), 1 - float(np.average(np.sqrt(squared), weights=weights))


def popcounts(packed: UInt8[np.ndarray, "molecules bytes"]) -> NDArray[np.int64]:
    """Return the number of bits that are set in each fingerprint."""
    return _BITS_OF_BYTE[packed].sum(1)


_BITS_OF_BYTE = np.asarray([value.bit_count() for value in range(256)], np.int64)


def _rows(place: torch.device) -> int:
    return _ROWS if place.type == "cpu" else _ROWS_GPU


def _unpacked(packed: NDArray[np.uint8], place: torch.device) -> Tensor:
    """Return a 0/1 matrix `(molecules, bits)` in the type whose products are fast and exact on the device."""
    kind = torch.float32 if place.type == "cpu" or packed.shape[1] * 8 > _EXACT_IN_HALF else torch.float16
    moved = torch.from_numpy(np.ascontiguousarray(packed)).to(place)
    masks = torch.tensor([1 << bit for bit in range(8)], dtype=torch.uint8, device=place)
    return (moved.unsqueeze(2) & masks).ne(0).flatten(1).to(kind)


def _shared(left: Tensor, right: Tensor) -> Tensor:
    """Return the number of bits that each pair shares: zeros and ones are whole numbers in any arithmetic."""
    with fast_matmul():
        return left @ right.T
