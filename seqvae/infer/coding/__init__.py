"""Lossless coding: files of molecules or sequences in about the bits that a model gives them."""

from seqvae.runtime.lazy import parts_of

_HOME = "api"
_OFFERED = ("CompressSettings", "Compressed", "Container", "compress", "decompress")
__getattr__, __dir__ = parts_of(__name__, dict.fromkeys(_OFFERED, _HOME))
