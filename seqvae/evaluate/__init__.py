"""Figures of a model on texts it has not seen: reconstruction, bounds, samples, diagnostics.

`seqvae.evaluate.generation(samples, references)` compares samples with real texts. The name is that of the function;
what else its module holds is imported from `seqvae.evaluate.generation` as from any module.
"""

from seqvae.evaluate.comparison import Generation, GenerationSettings, References
from seqvae.evaluate.generation import generation

__all__ = ["Generation", "GenerationSettings", "References", "generation"]
