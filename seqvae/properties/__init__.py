"""Properties of molecules and sequences, published benchmarks, external programs, and joined scores.

seqvae.properties.get("pmo:deco_hop")(["CCO", "c1ccccc1"])  # float64, (batch,)
seqvae.properties.score(["qed", "logp"], ["CCO"])  # one column per property
seqvae.properties.Columns(["qed", "tasks.toml"])(["CCO"])  # what `seqvae properties score` writes
seqvae.properties.scoring_of("tasks.toml")(["CCO"])  # many terms, one score
seqvae.properties.scan(["ACGTTGACAAA"], "motifs.jaspar")  # sites of motifs, with p-values
"""

from seqvae.properties.columns import Columns
from seqvae.properties.dna.sites import Sites, scan
from seqvae.properties.property import Property
from seqvae.properties.registry import forms, get, listed, score
from seqvae.properties.scoring import Scoring, Term, read_scoring, scoring_of
from seqvae.runtime.lazy import parts_of

__all__ = [
    "Columns",
    "Property",
    "Scoring",
    "Sites",
    "Term",
    "forms",
    "get",
    "listed",
    "read_scoring",
    "scan",
    "score",
    "scoring_of",
]

__getattr__, __dir__ = parts_of(__name__)
