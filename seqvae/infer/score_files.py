"""From a file to a table of scores, with the names and columns of the file: the verb score."""

from __future__ import annotations

from dataclasses import replace

from seqvae.config import INFERENCE_BATCH, ScoreConfig
from seqvae.data.files.carried import Carried
from seqvae.data.files.chunks import Results
from seqvae.data.files.readers import ReadSettings, ReadSummary, read_records
from seqvae.data.files.records import Record
from seqvae.data.files.writers import write_pieces
from seqvae.infer.likelihood import Progress
from seqvae.infer.scoring import Scores, score
from seqvae.latent.codec import Codec


def score_file(
    codec: Codec,
    source: str,
    out: str,
    config: ScoreConfig | None = None,
    settings: ReadSettings | None = None,
    batch_size: int = INFERENCE_BATCH,
    progress: Progress | None = None,
) -> tuple[Scores, ReadSummary]:
    """Score the records of a file, and write them with all their columns; those that the model cannot read as well.

    Args:
        codec: the model.
        source: path, or `-` for standard input.
        out: .csv, .tsv, .parquet or .npz, or `-` for a CSV table on standard output.
        config: how much work it is.
        settings: how the source is read.
        batch_size: texts at a time.
        progress: is told how many texts are done, and of how many.

    Raises:
        InputError: the source cannot be read, or holds no record.
        UsageError: as `writer_for`.
    """
    records, summary = read_records(source, replace(settings or ReadSettings(), all=True))
    found = score(codec, [record.text for record in records], config, batch_size=batch_size, progress=progress)
    write_pieces(out, [table_of(records, found)], scores=True)
    return found, summary


def table_of(records: list[Record], found: Scores) -> Results:
    """Return records with their columns and their scores as a table."""
    carried = Carried(found.columns).of(records)
    own = {name: values if isinstance(values, list) else values.tolist() for name, values in found.columns.items()}
    return Results([record.text for record in records], {**carried, **own})
