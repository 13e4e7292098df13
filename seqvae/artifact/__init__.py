"""A trained model on disk, as JSON and safetensors with a version, never pickled; pretrained models by name."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)
