"""What must not depend on the processor's instruction set: printed as JSON by a process of its own."""

import json
import sys

import numpy as np
import torch

import seqvae
from seqvae.data.datasets.registry import load_dataset
from seqvae.evaluate.molecules.tanimoto import mean_similarities, nearest_other_similarity, nearest_similarity


def values() -> dict[str, list[float]]:
    """Encode, bound, decode, and compare fingerprints, under the loosest setting that a caller may have left."""
    torch.set_float32_matmul_precision("medium")
    codec = seqvae.load("zinc-smiles", device="cpu")
    texts = load_dataset("moses-sample").texts[:60]
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 256, (600, 128), dtype=np.uint8) & rng.integers(0, 256, (600, 128), dtype=np.uint8)
    z = codec.encode(texts, refine=0)
    bounds = codec.bounds(texts, seed=0)
    mean, squared = mean_similarities(bits, np.ones(len(bits)), "cpu")
    return {
        "z": z.flatten().tolist(),
        "std": codec.posterior(texts, refine=0).std.flatten().tolist(),
        "refined": codec.encode(texts[:8], refine=3).flatten().tolist(),
        "rate": bounds.rate.tolist(),
        "distortion": bounds.distortion.tolist(),
        "probabilities": codec.decode_distribution(z[:5]).flatten().tolist(),
        "mean similarity": mean.tolist(),
        "mean squared similarity": squared.tolist(),
        "nearest": nearest_similarity(bits[:50], bits[50:], "cpu").tolist(),
        "nearest other": nearest_other_similarity(bits[:100], "cpu").tolist(),
    }


if __name__ == "__main__":
    json.dump(values(), sys.stdout)
