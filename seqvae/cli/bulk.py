"""What the verbs encode, decode and sample share: a model that works in chunks as the flags say, and a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from seqvae.cli.options import BulkOptions, ComputeOptions
from seqvae.data.files.writers import writer_for
from seqvae.latent.bulk import Bulk, BulkSettings
from seqvae.latent.codec import load


def in_bulk(model: str, out: str, spread: BulkOptions, compute: ComputeOptions, latent: bool = False) -> Bulk:
    """Return chunked work with a model as the flags say; `latent` where the file is to hold latent vectors.

    Raises:
        UsageError: the flags do not go together, or files of that ending are not written.
        ArtifactError: there is no such model.
    """
    writer_for(out, latent)  # what cannot be written is said before the model is loaded
    codec = load(model, device=compute.device)
    return Bulk(codec, BulkSettings(spread.config(), compute.batch_size, spread.parts(out)))


@contextmanager
def bar(compute: ComputeOptions, total: int | None = None) -> Iterator[Callable[[int], object]]:
    """Yield what is told of rows that are done, and shows them on a terminal; `total` where that is known."""
    from tqdm import tqdm

    # disable=None shows the bar on a terminal only
    with tqdm(total=total, unit="text", disable=True if compute.quiet else None) as shown:
        yield shown.update
