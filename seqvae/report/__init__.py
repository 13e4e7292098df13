"""Pages for users: self-contained HTML with inline drawings and plots. No numbers are computed here."""

from seqvae.runtime.lazy import parts_of

__getattr__, __dir__ = parts_of(__name__)
