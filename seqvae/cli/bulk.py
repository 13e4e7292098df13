"""Shared by the verbs encode, decode and sample: a model that works in chunks as the flags say, and a progress bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from seqvae.cli.options import BulkOptions, ComputeOptions
from seqvae.cli.progress import Bars
from seqvae.data.files.writers import writer_for
from seqvae.latent.bulk import Bulk, BulkSettings
from seqvae.latent.codec import load


def in_bulk(model: str, out: str, spread: BulkOptions, compute: ComputeOptions, latent: bool = False) -> Bulk:
    """Load a model for work in chunks, as the flags say.

    Args:
        model: folder of a trained model, or the name of a pretrained one.
        out: output of the verb.
        spread: where the chunks are worked on.
        compute: device and batch size.
        latent: whether the output holds latent vectors.

    Raises:
        UsageError: the flags contradict each other, or the extension of the output is unknown.
        ArtifactError: there is no such model.
    """
    writer_for(out, latent)  # refuses a wrong extension before the model is loaded
    codec = load(model, device=compute.device)
    return Bulk(codec, BulkSettings(spread.config(), compute.batch_size, spread.parts(out)))


@contextmanager
def bar(compute: ComputeOptions, total: int | None = None) -> Iterator[Callable[[int], object]]:
    """Yield a function that advances a progress bar by a number of rows; `total` rows, where that is known."""
    with Bars(compute.quiet) as bars:
        done = 0

        def advance(rows: int) -> None:
            """Count rows that are done, and show them."""
            nonlocal done
            done += rows
            bars("done", done, total)

        yield advance
