"""String to number: properties of molecules and of sequences, and published benchmarks.

seqvae.properties.get("pmo:deco_hop")(["CCO", "c1ccccc1"])  # float64, (batch,)
seqvae.properties.score(["qed", "logp"], ["CCO"])  # a column a property
"""

from seqvae.properties.property import Property
from seqvae.properties.registry import forms, get, listed, score

__all__ = ["Property", "forms", "get", "listed", "score"]
