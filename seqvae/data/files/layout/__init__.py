"""How a table or a list of texts is laid out: told from its first lines and its titles."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)
