"""What the verbs encode, decode and sample share: chunks in, one file out, a bar meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from seqvae.cli.options import BulkOptions, ComputeOptions
from seqvae.data.files.chunks import Results
from seqvae.data.files.writers import write_pieces, writer_for
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


def write_bulk(
    bulk: Bulk,
    out: str,
    pieces: Iterable[Results],
    compute: ComputeOptions,
    total: int | None = None,
    latent: bool = False,
) -> int:
    """Write pieces as they come, and delete what was kept in order to go on; return the number of rows.

    Args:
        bulk: the work that the pieces come from.
        out: the file, or `-`.
        pieces: the results.
        compute: whether to show a bar (on a terminal).
        total: rows to come, where that is known.
        latent: whether the pieces hold latent vectors.
    """
    count = 0

    def counted() -> Iterator[Results]:
        nonlocal count
        for results in _with_bar(pieces, total, compute):
            count += len(results.texts)
            yield results

    write_pieces(out, counted(), latent, bulk.settings.parts)
    bulk.finish()
    return count


def _with_bar(pieces: Iterable[Results], total: int | None, compute: ComputeOptions) -> Iterator[Results]:
    from tqdm import tqdm

    # disable=None shows the bar on a terminal only
    with tqdm(total=total, unit="text", disable=True if compute.quiet else None) as bar:
        for results in pieces:
            yield results
            bar.update(len(results.texts))
