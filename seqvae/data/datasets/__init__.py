"""Named datasets: their cards, where their files lie, and how they are fetched and read."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)
