"""`seqvae train`."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.flags import RUN, merged, refuse_idle, with_flags
from seqvae.cli.options import Place
from seqvae.config.toml import read_run, run_from_dict
from seqvae.runtime.progress import phase

app = App(
    name="train",
    help_epilogue="""
Examples:

    seqvae train zinc250k --out runs/zinc --epochs 6
    seqvae train molecules.smi --out runs/mine --config run.toml --beta 0.05
    seqvae train measured.csv --labels logP,active --classes active --condition --out runs/measured
    seqvae train genes.fasta --tokenizer codon --out runs/genes
    seqvae train --resume --out runs/zinc

Flags override the file of `--config`, and the file the defaults. The resolved settings are saved as `run.toml`. In the
end comes the verdict of `seqvae diagnose` from its cheap metrics: what the model is worth, and which setting to change.
""",
)


@app.default
@with_flags(RUN)
def train(
    source: Place = "",
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    config: Path | None = None,
    resume: bool = False,
    quiet: bool = False,
    **given: object,
) -> None:
    """Train a model on a dataset or a file.

    Args:
        source: name of a dataset (`seqvae data list`), a file, or `-` for standard input.
        out: folder of the model; it is created.
        config: TOML file with one table per group of settings below.
        resume: resume the stopped run in this folder.
        quiet: show no progress.
        **given: settings of a run whose flags were given.
    """
    values = merged(read_run(config) if config else {}, given, RUN)
    if source:
        values.setdefault("data", {})["source"] = source
    run = run_from_dict(values)
    refuse_idle(given, run.idle())
    # Before the libraries are imported that take seconds.
    from seqvae.data.datasets.cards import check_source
    from seqvae.train.run_folder import check_run_folder

    if run.data.source or not resume:
        check_source(run.data.source)
    check_run_folder(out, resume)

    with phase("loading PyTorch", quiet):
        from seqvae.cli.printing import to_stderr
        from seqvae.train.fit import train as fit

    named = [f"{section}.{key}" for section, part in values.items() for key in part]
    trained = fit(run, out, resume=resume, quiet=quiet, named=named, say=None if quiet else to_stderr)
    if os.environ.get("LOCAL_RANK", "0") != "0":
        return  # of several processes that train together, the first one reports
    from seqvae.cli.printing import print_metrics
    from seqvae.cli.verdict import give_verdict
    from seqvae.evaluate.trained import measure_trained

    noun = trained.prepared.tokenizer.domain.noun
    with phase(f"measuring the model on {len(trained.prepared.test_texts):,} held-out {noun}s", quiet):
        found = measure_trained(trained)
    if found:
        print_metrics(asdict(found))
    else:
        print("nothing was held out, so there are no held-out metrics: see --test-fraction", file=sys.stderr)
    give_verdict(trained, found, quiet)
