"""`seqvae impute`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, READING, Compute, Input, Out, Place, check_before
from seqvae.config import ImputeConfig
from seqvae.errors import UsageError
from seqvae.runtime.progress import phase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from seqvae.cli.options import ComputeOptions
    from seqvae.data.files.records import Record
    from seqvae.infer.imputation.masked import Imputed

app = App(
    name="impute",
    help_epilogue="""
Examples:

    seqvae impute runs/dna reads.fasta --out completed.csv
    seqvae impute runs/dna reads.fastq.gz -o corrected.fastq.gz
    seqvae impute runs/dna reads.fastq --completions 1 --marginals marginals.csv -o corrected.fasta
    seqvae impute runs/dna reads.fasta --error-rate 0.01 -o corrected.csv
    seqvae impute runs/dna reads.fasta --completions 20 --marginals marginals.csv -o completed.fasta
    echo 'O=C([*:1])Nc1ccc([*:2])cc1' | seqvae impute drug-smiles - --completions 20 -o completed.csv
    echo 'CC(=O)Nc1ccc(?)cc1' | seqvae impute drug-smiles - --method importance -o completed.csv

Unknown is `?`, one letter, or one token of a model of molecules; `*`, a run of any length; and every IUPAC code: N, R,
Y and so on, X in a protein. Molecules are read as they are written: give canonical SMILES with a part replaced. A
SMILES with attachment points `[*:1]` is a scaffold: what chemists put on such atoms, up to 13 heavy atoms each, is
weighed by the model (`--samples` combinations, the commonest).

The letters of a sequence may be wrong: with the qualities of FASTQ (Sanger's, from !), or with `--error-rate`, which
wins over them, completions are what the true sequence may be, given all that was read. Errors are substitutions, each
letter by itself; N says nothing.

Tables have one row for each completion, the columns of the input, and:

    text            the completion; input_text is what was given
    rank, share     its probability given what is known: its share of draws
    log_p           log p of the completion, nats
    valid           false where a SMILES is no molecule
    log_p_known     log p of what is known, over all completions, nats, and
                    its standard error
    draws           what the draws are worth; r_hat: whether the chains agree
                    (below 1.05); acceptance: of the encoder's proposals
    invalid         share of the draws that are no molecules
    changed         letters that are not as they were read, where these may be
                    wrong

Files of .smi, .txt and .fasta have the completions alone. A file of .fastq or .fq has the likeliest completion of each
sequence under its name and description, each letter with the quality -10 log10(1 - p), p being its posterior
probability: rounded down, 41 at most, and no more than so many draws can tell (800, the default: 29). A letter on which
all draws agree keeps the quality with which it was read, where that is higher.
""",
)

IMPUTING = ImputeConfig()
_DISAGREE = 1.05  # of R-hat: above it chains are at different places (Gelman et al. 2013 say 1.1, Vehtari et al. 1.01)
_QUALITIES = "letters may be wrong as often as its qualities say; --error-rate 0: none is"
_NO_LETTERS = "qualities are left out: the model does not read letter by letter"
_FEW = 50  # effective draws of weights


@app.default
def impute(
    model: str,
    source: Place,
    /,
    *,
    out: Out = "-",
    marginals: str = "",
    imputing: Annotated[ImputeConfig, Parameter(name="*", group="Imputing")] = IMPUTING,
    reading: Input = READING,
    computing: Compute = COMPUTING,
) -> None:
    """Fill unknown positions of molecules or sequences: samples from the model given what is known.

    Args:
        model: folder of a trained model, or the name of a pretrained one.
        source: file of molecules or sequences with unknown positions or uncertain letters, or `-` for one per line.
        out: .csv, .tsv, .parquet, .npz, .smi, .txt, .fasta or .fastq (texts also .gz); `-` writes the completions, one
            per line, to standard output.
        marginals: table (.csv .tsv .parquet .npz) for the probability of each token at each unknown position.
        imputing: how it is done, and how much work it is.
        reading: how the source is read.
        computing: where and how the model runs.
    """
    fastq = _checked(model, source, out, marginals, imputing, reading)
    from seqvae.cli.progress import Bars
    from seqvae.data.files.readers import read_records
    from seqvae.data.files.writers import WITH_LATENT, write_pieces, writer_for

    with Bars(quiet=computing.quiet) as bars:
        with phase("loading PyTorch", computing.quiet):
            from seqvae.infer.imputation import imputing as filling
            from seqvae.infer.imputation.evidence import exchangeable
            from seqvae.infer.imputation.qualities import check_letters, check_text
            from seqvae.infer.tables import completions_table, corrected_table, marginals_table
            from seqvae.latent.codec import load

        codec = load(model, device=computing.device)
        settings, rate = replace(reading.settings(out), all=True), imputing.error_rate
        if fastq:
            check_letters(codec.tokenizer)

        def judge(one: Record) -> None:
            """Refuse what cannot be filled, or written."""
            filling.readable(codec, one.text, one.quality, rate)
            if fastq:
                check_text(one.text)

        records, read = read_records(source, settings, judge=judge)
        texts, qualities = [one.text for one in records], [one.quality for one in records]
        how = ("auto", computing.batch_size, lambda done, all: bars("filled", done, all), qualities)
        found = filling.impute(codec, texts, replace(imputing, completions=1) if fastq else imputing, *how)
        misread = bool(rate) or (rate is None and any(qualities) and bool(exchangeable(codec.tokenizer)))
        if fastq:
            table = corrected_table(records, found, imputing.draws, not imputing.error_rate)
        else:
            table = completions_table(records, found, misread)
            whole = writer_for(out) in WITH_LATENT.values()  # a list has no room for more than names
            titles = table.columns if whole else {"name"} & set(table.columns)
            table = replace(table, columns={title: table.columns[title] for title in titles})
        write_pieces(out, [table], qualities=True)
        if marginals:
            write_pieces(marginals, [marginals_table(records, found)], scores=True)
    if read.rejected:
        computing.note(str(read))
    if rate is None and any(qualities):
        computing.note(f"{read.source}: {_QUALITIES if misread else _NO_LETTERS}")
    _tell(found, codec.tokenizer.domain.noun, imputing, out, computing)


def _checked(model: str, source: str, out: str, marginals: str, imputing: ImputeConfig, reading: Input) -> bool:
    """Refuse what cannot work before PyTorch is loaded; return whether the output is FASTQ."""
    from seqvae.data.files.writers import WITH_QUALITIES, writer_for

    if reading.standardize:
        raise UsageError("--standardize needs whole molecules: leave it out")
    reading.check(source)
    if marginals:
        writer_for(marginals, scores=True)
    fastq = writer_for(out, qualities=True) in WITH_QUALITIES.values()
    if fastq and imputing.completions not in (1, IMPUTING.completions):
        raise UsageError(f"--completions has no effect on {out}, which has one for each sequence: leave it out")
    check_before(model, "-", source)
    return fastq


def _tell(found: Sequence[Imputed], noun: str, imputing: ImputeConfig, out: str, computing: ComputeOptions) -> None:
    """Say in a few lines what was filled, and where chains or weights are not to be trusted."""
    count = sum(len(one.completions) for one in found)
    computing.note(f"{len(found):,} {noun}{'' if len(found) == 1 else 's'} filled, {count:,} completions: {out}")
    if changed := sum(one.changed[0] for one in found):
        computing.note(f"letters that are not as they were read: {changed:,}, in the likeliest completion of each")
    apart = sum(one.r_hat > _DISAGREE for one in found)
    if apart:
        computing.note(f"the chains of {apart:,} disagree (r_hat above {_DISAGREE}): give more --sweeps and --warmup")
    few = sum(one.draws < _FEW for one in found)
    if few:
        more = "--method gibbs, or more --samples" if imputing.method == "importance" else "more --sweeps"
        computing.note(f"the draws of {few:,} are worth fewer than {_FEW} independent ones: give {more}")
    invalid = sum(one.invalid for one in found) / len(found)
    if invalid:
        computing.note(f"{invalid:.1%} of the draws are no molecules: column valid")
