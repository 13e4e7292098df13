"""Figures of a model on texts it has not seen: reconstruction, bounds, samples, diagnostics.

`seqvae.evaluate.compare(samples, references)` compares samples with real texts. The name is that of the function;
what else its module holds is imported from `seqvae.evaluate.compare` as from any module.
"""

from seqvae.evaluate.compare import generation
from seqvae.evaluate.records import Generation, GenerationSettings, References

__all__ = ["Generation", "GenerationSettings", "References", "generation"]
