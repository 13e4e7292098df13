"""The folder of `seqvae diagnose --out`: all metrics as JSON, and the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from seqvae.data.files.writers import write_text
from seqvae.report.diagnosis_page import diagnosis_page
from seqvae.runtime.lock import one_writer

if TYPE_CHECKING:
    from seqvae.evaluate.diagnosis.record import Diagnosis

DIAGNOSIS_METRICS_FILE, PAGE = "diagnosis.json", "diagnosis.html"


def write_diagnosis(folder: str | Path, found: Diagnosis) -> None:
    """Write the metrics and, last, the page: once it exists, the metrics are complete and of this diagnosis.

    Args:
        folder: created if missing.
        found: what `seqvae.evaluate.diagnose` returned.

    Raises:
        UsageError: another process writes there.
        OSError: the disk refuses.
    """
    folder = Path(folder).expanduser()
    page = diagnosis_page(found)
    with one_writer(folder, "a diagnosis"):
        (folder / PAGE).unlink(missing_ok=True)  # of an earlier diagnosis, whose metrics are replaced now
        write_text(folder / DIAGNOSIS_METRICS_FILE, json.dumps(found.to_dict(), indent=1, allow_nan=False) + "\n")
        write_text(folder / PAGE, page)
