"""Whether a folder may hold a new run, or holds one to resume; this module needs no torch."""

from __future__ import annotations

import os
from pathlib import Path

from seqvae.errors import UsageError
from seqvae.runtime.files import check_folder

RUN, PROVENANCE = "run.toml", "provenance.json"


def check_run_folder(out: Path, resume: bool = False) -> None:
    """Refuse to overwrite or mix runs, or a file in place of the folder.

    Raises:
        UsageError: the folder holds a run already, or, with `resume`, none.
        InputError: the folder cannot be written.
    """
    check_folder(out)
    there = (out / RUN).is_file()
    if resume and not there:
        raise UsageError(f"{out}: no run to resume (it has no {RUN}); train without --resume")
    if not resume and (there or (out / PROVENANCE).exists()) and not is_launched():
        raise UsageError(f"{out}: holds a run already; resume it by --resume, or choose another folder")


def is_launched() -> bool:
    """Tell whether a Lightning strategy launched this process as a copy of the first one."""
    return os.environ.get("LOCAL_RANK", "0") != "0"
