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
    from seqvae.infer.imputation.masked import Imputed

app = App(
    name="impute",
    help_epilogue="""
Examples:

    seqvae impute runs/dna reads.fasta --out completed.csv
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

Files of .smi, .txt and .fasta have the completions alone.
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
        out: .csv, .tsv, .parquet, .npz, .smi, .txt or .fasta; `-` writes the completions, one per line, to standard
            output.
        marginals: table (.csv .tsv .parquet .npz) for the probability of each token at each unknown position.
        imputing: how it is done, and how much work it is.
        reading: how the source is read.
        computing: where and how the model runs.
    """
    from seqvae.data.files.writers import writer_for

    if reading.standardize:
        raise UsageError("--standardize needs whole molecules: leave it out")
    reading.check(source)
    if marginals:
        writer_for(marginals, scores=True)
    check_before(model, out, source)
    from seqvae.cli.progress import Bars
    from seqvae.data.files.readers import read_records
    from seqvae.data.files.writers import WITH_LATENT, write_pieces

    with Bars(quiet=computing.quiet) as bars:
        with phase("loading PyTorch", computing.quiet):
            from seqvae.infer.imputation.evidence import exchangeable
            from seqvae.infer.imputation.imputing import impute as run
            from seqvae.infer.imputation.imputing import readable
            from seqvae.infer.tables import completions_table, marginals_table
            from seqvae.latent.codec import load

        codec = load(model, device=computing.device)
        settings, rate = replace(reading.settings(out), all=True), imputing.error_rate
        records, read = read_records(source, settings, judge=lambda one: readable(codec, one.text, one.quality, rate))
        texts, qualities = [one.text for one in records], [one.quality for one in records]
        how = ("auto", computing.batch_size, lambda done, all: bars("filled", done, all), qualities)
        found = run(codec, texts, imputing, *how)
        misread = bool(rate) or (rate is None and any(qualities) and bool(exchangeable(codec.tokenizer)))
        table = completions_table(records, found, misread)
        whole = writer_for(out) in WITH_LATENT.values()  # a list has no room for more than names
        titles = table.columns if whole else {"name"} & set(table.columns)
        write_pieces(out, [replace(table, columns={title: table.columns[title] for title in titles})])
        if marginals:
            write_pieces(marginals, [marginals_table(records, found)], scores=True)
    if read.rejected:
        computing.note(str(read))
    if rate is None and any(qualities):
        computing.note(f"{read.source}: {_QUALITIES if misread else _NO_LETTERS}")
    _tell(found, codec.tokenizer.domain.noun, imputing, out, computing)


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
