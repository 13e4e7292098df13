"""The folder of `seqvae evaluate --out`: tables as JSON, the samples of a model, and the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqvae.data.files.chunks import Results
from seqvae.data.files.writers import write, write_text
from seqvae.report.evaluation_page import evaluation_page
from seqvae.runtime.lock import one_writer
from seqvae.sequences.domain import DOMAINS

if TYPE_CHECKING:
    from seqvae.evaluate.evaluation import Evaluation

METRICS, ALL_METRICS, PAGE = "metrics.json", "figures.json", "report.html"
_SAMPLES = "samples"
# Files that not every evaluation writes.
_NOT_ALWAYS = (METRICS, *dict.fromkeys(f"{_SAMPLES}{domain.written}" for domain in DOMAINS.values()))


def write_evaluation(folder: str | Path, found: Evaluation) -> None:
    """Write the tables and, last, the page: once it exists, all other files are complete and of this evaluation.

    Args:
        folder: created if missing. metrics.json holds one number per metric of the samples, figures.json everything.
        found: what `seqvae.evaluate.run` returned.

    Raises:
        UsageError: another process writes there.
        OSError: the disk refuses.
    """
    folder = Path(folder).expanduser()
    page = evaluation_page(found)
    with one_writer(folder, "an evaluation"):
        (folder / PAGE).unlink(missing_ok=True)  # of an earlier evaluation, whose tables are replaced now
        files = [ALL_METRICS, PAGE]
        values = found.to_dict()
        if found.model:
            files.append(f"{_SAMPLES}{DOMAINS[found.splits.kind].written}")
            write(str(folder / files[-1]), Results(found.samples))
        if found.generation is not None:
            files.append(METRICS)
            write_text(folder / METRICS, _json(values["metrics"]))
        # What an earlier evaluation lists as its files and this one neither writes nor has read is removed.
        try:
            older = json.loads((folder / ALL_METRICS).read_bytes())["files"]
            stale = [name for name in _NOT_ALWAYS if name in older and name not in files]
        except (OSError, ValueError, LookupError, TypeError):
            stale = []  # there is none, or a file of that name is the user's own
        given = (found.source, found.splits.name, found.splits.train_name)
        read = {Path(name).expanduser().resolve() for name in given}
        for name in stale:
            if (folder / name).resolve() not in read:
                (folder / name).unlink(missing_ok=True)
        write_text(folder / ALL_METRICS, _json({**values, "files": sorted(files)}))
        write_text(folder / PAGE, page)


def _json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=1, allow_nan=False) + "\n"
