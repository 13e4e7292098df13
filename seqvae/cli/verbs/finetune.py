"""`seqvae finetune`."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.cli.flags import merged, refuse_idle, sections_of, with_flags
from seqvae.cli.options import Place
from seqvae.config import DataConfig, FinetuneConfig
from seqvae.config.toml import read_run, replaced
from seqvae.errors import InputError, UsageError
from seqvae.runtime.progress import phase

if TYPE_CHECKING:
    from seqvae.train.finetune import Finetuned

app = App(
    name="finetune",
    help_epilogue="""
Examples:

    seqvae finetune drug-smiles mine.smi --out runs/mine
    seqvae finetune drug-smiles mine.csv --column smiles --out runs/mine --lora 16 --learning-rate 1e-3
    seqvae finetune --resume --out runs/mine

Tokens that the model has not seen are added to its vocabulary. Training stops when the validation split improves no
more; the metrics of the held-out split before and after are printed, and kept in `provenance.json`, and so is the
verdict of `seqvae diagnose` on the new model, from its cheap metrics.
""",
)

SETTINGS = sections_of(FinetuneConfig())


@app.default
@with_flags(SETTINGS)
def finetune(
    model: str = "",
    source: Place = "",
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    resume: bool = False,
    quiet: bool = False,
    **given: object,
) -> None:
    """Fine-tune a trained model on molecules or sequences of your own.

    Args:
        model: name of a pretrained model (`seqvae models list`), or folder of a trained one.
        source: name of a dataset (`seqvae data list`), a file, or `-` for standard input.
        out: folder of the new model; it is created.
        resume: resume the stopped fine-tuning in this folder, with its settings.
        quiet: show no progress.
        **given: settings of the data, the training, the prior and the adaptation whose flags were given.
    """
    config = None
    if not resume:
        config = replaced(FinetuneConfig(), merged({}, given, SETTINGS), "finetune")
        refuse_idle(given, config.prior.idle())
    elif source or any(value is not None for value in given.values()):
        raise UsageError("--resume takes its data and settings from the folder: leave the others out")
    if not (resume or (model and source)):
        raise UsageError("expected a model and data: seqvae finetune MODEL DATA --out FOLDER")
    # Before the libraries are imported that take seconds.
    from seqvae.artifact.pretrained import check_model
    from seqvae.data.datasets.cards import check_source
    from seqvae.train.run_folder import check_run_folder

    if config is not None:
        folder = check_model(model)
        check_source(source)
        check_run_folder(out)
        _check_domain(folder, model, replace(config.data, source=source))

    with phase("loading PyTorch", quiet):
        from seqvae.cli.printing import to_stderr
        from seqvae.train.finetune import finetune as adjust

    found = adjust(model, source, out, config, resume=resume, quiet=quiet, say=None if quiet else to_stderr)
    if os.environ.get("LOCAL_RANK", "0") == "0":
        _report(found, quiet)


def _check_domain(folder: Path, model: str, data: DataConfig) -> None:
    """Refuse a file of which a model can read none of the first records, as sequences for a model of molecules.

    Raises:
        InputError: they are of another kind than the model's.
    """
    from seqvae.data.corpus import as_smiles, first_records
    from seqvae.sequences.domain import detected, domain_of

    kind = read_run(folder / "run.toml").get("tokenizer", {}).get("kind", "auto")
    texts = first_records(data)
    if kind == "auto" or not texts:
        return
    domain, found = domain_of(kind), detected(texts, data.source).domain
    if found is not domain and all(domain.canonical(text) is None for text in as_smiles(texts, domain)):
        raise InputError(
            f"{data.source}: holds {found.title}, and {model} is a model of {domain.title}: take one of the same kind "
            "(seqvae models list), or train one"
        )


def _report(found: Finetuned, quiet: bool) -> None:
    """Print what was added to the vocabulary, the held-out metrics before and after, and the verdict."""
    from seqvae.cli.printing import print_change
    from seqvae.cli.verdict import give_verdict
    from seqvae.evaluate.trained import measure_finetuned

    if found.new_tokens:
        named = ", ".join(found.new_tokens)
        print(f"added to the vocabulary, {len(found.new_tokens)}: {named}", file=sys.stderr)
    if found.prior_note:
        print(found.prior_note, file=sys.stderr)
    prepared = found.trained.prepared
    count, noun = len(prepared.test_texts), prepared.tokenizer.domain.noun
    with phase(f"measuring both models on {count:,} held-out {noun}s", quiet):
        metrics = measure_finetuned(found)
    if metrics:
        print_change(*map(asdict, metrics))
    else:
        print("nothing was held out, so there are no held-out metrics: see --test-fraction", file=sys.stderr)
    give_verdict(found, metrics[1] if metrics else None, quiet)
