"""`seqvae score`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, READING, Compute, Input, Out, Place, check_before, check_file
from seqvae.config import ScoreConfig
from seqvae.errors import UsageError
from seqvae.runtime.progress import phase

if TYPE_CHECKING:
    from seqvae.cli.options import ComputeOptions
    from seqvae.infer.scoring import Scores

app = App(
    name="score",
    help_epilogue="""
Examples:

    seqvae score drug-smiles mine.smi --out scores.csv
    seqvae score runs/dna --calibrate
    seqvae score runs/dna reads.fasta --out scores.parquet --samples 100
    seqvae score runs/dna held_out.csv --calibrate --samples 100

The table has one row for each molecule or sequence, those that the model cannot read included, the columns of the
input, and:

    log_p              log p(x) by importance sampling, nats; log_p_error is its standard error, effective_samples what
                       the samples are worth: where that is near 1, log p(x) is higher than the estimate
    log_p_per_token, bits_per_base (residue, character)
    unfamiliarity      reconstruction loss from the encoder's point, nats per token; unfamiliarity_refined is the same
                       after gradient steps on the row's own posterior
    regret             what these steps gain in the ELBO (likelihood regret), nats
    complexity         code length without any training, nats; complexity_corrected is -log p(x) minus that
    typicality         log p(x) beside that of others of its length, in mean deviations
    mahalanobis        distance from the centre of the model's latent points
    p_...              share of held-out molecules or sequences that are no more familiar by this score
    p                  of the smallest of these; false_discovery_rate is that of the file (Benjamini-Hochberg)
    status, reason     in domain, unfamiliar (p < .05, longer than all held-out ones, or one symbol repeated), outlier
                       (p < .01 within --false-discoveries, or unreadable); and why

The columns from typicality on need a calibration, which the pretrained models have, and which --calibrate puts into the
folder of any other.
""",
)

SCORING = ScoreConfig()


@app.default
def score(
    model: str,
    source: Place = "",
    /,
    *,
    out: Out = "-",
    calibrate: bool = False,
    scoring: Annotated[ScoreConfig, Parameter(name="*", group="Scoring")] = SCORING,
    reading: Input = READING,
    computing: Compute = COMPUTING,
) -> None:
    """Say how likely molecules or sequences are under a model, and whether they belong to what it has learned.

    Args:
        model: folder of a trained model, or the name of a pretrained one.
        source: file of molecules or sequences (.smi .csv .tsv .parquet .sdf .fasta .gb .txt, each also .gz), or `-` for
            one per line; with `--calibrate` those that the model was not trained on, by default what was held out of
            its own data.
        out: .csv, .tsv, .parquet or .npz; `-` writes a CSV table to standard output.
        calibrate: score held-out molecules or sequences, and keep their scores in the model's folder; p-values are
            shares of these. 2,000 of them are taken, at most.
        scoring: how much work it is.
        reading: how the source is read.
        computing: where and how the model runs.
    """
    if not source and not calibrate:
        raise UsageError("expected a file of molecules or sequences to score, or --calibrate")
    if source:
        reading.check(source)
    if calibrate:
        _calibrate(model, source, out, scoring, reading, computing)
        return
    _check_output(out)
    check_before(model, "-", source)
    from seqvae.cli.progress import Bars

    with Bars(quiet=computing.quiet) as bars:
        with phase("loading PyTorch", computing.quiet):
            from seqvae.infer.score_files import score_file
            from seqvae.latent.codec import load

        codec = load(model, device=computing.device)
        settings, size = reading.settings(out), computing.batch_size
        found, read = score_file(
            codec, source, out, scoring, settings, size, lambda done, count: bars("scored", done, count)
        )
    if read.rejected:
        computing.note(str(read))
    _tell(found, codec.tokenizer.domain.noun, out, computing)


def _check_output(out: str) -> None:
    from seqvae.data.files.writers import writer_for

    writer_for(out, scores=True)


def _calibrate(
    model: str, source: str, out: str, scoring: ScoreConfig, reading: Input, computing: ComputeOptions
) -> None:
    from seqvae.artifact.pretrained import check_model, is_pretrained
    from seqvae.cli.progress import Bars
    from seqvae.runtime.files import check_folder

    if out != "-":
        raise UsageError("--calibrate writes into the model's folder: leave out --out, or score in a second call")
    check_model(model)
    if is_pretrained(model) and not Path(model).is_dir():
        raise UsageError(f"{model} is calibrated already; to calibrate it on other data, give a copy of its folder")
    check_folder(Path(model))
    if source:
        check_file(source)
    with Bars(quiet=computing.quiet) as bars:
        with phase("loading PyTorch", computing.quiet):
            from seqvae.infer.calibrating import calibrate_folder

        settings, size = reading.settings(), computing.batch_size
        found = calibrate_folder(
            model, source, scoring, settings, computing.device, size, lambda done, all: bars("scored", done, all)
        )
    computing.note(f"{model} is calibrated on {found.texts:,} held-out texts of {found.source}")


def _tell(found: Scores, noun: str, out: str, computing: ComputeOptions) -> None:
    """Say in a few lines what the table holds."""
    from seqvae.infer.familiarity import IN_DOMAIN, OUTLIER, UNFAMILIAR

    count = len(found.status)
    if found.note:
        computing.note(found.note.replace("MODEL", "the folder of the model"))
    else:
        shares = ", ".join(f"{found.count(state):,} {state}" for state in (IN_DOMAIN, UNFAMILIAR, OUTLIER))
        computing.note(f"{count:,} {noun}{'' if count == 1 else 's'} scored: {shares}")
    if found.unread:
        computing.note(f"{found.unread:,} of them cannot be read by the model: column reason")
    if (value := found.correlations.get("p", found.correlations.get("log_p"))) is not None and value == value:
        what = "p" if "p" in found.correlations else "log_p"
        computing.note(f"rank correlation of {what} with the number of tokens: {value:.2f}")
    computing.note(f"table: {out}")
