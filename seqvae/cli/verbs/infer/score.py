"""`seqvae score`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, READING, Compute, Input, Out, Place, check_before, check_file
from seqvae.config import ScoreConfig
from seqvae.errors import InputError, UsageError
from seqvae.runtime.progress import phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from seqvae.cli.options import ComputeOptions
    from seqvae.data.files.records import Record
    from seqvae.data.tokens.tokenized import TokenizedTexts
    from seqvae.infer.scoring import Scores
    from seqvae.latent.codec import Codec

app = App(
    name="score",
    help_epilogue="""
Examples:

    seqvae score drug-smiles mine.smi --out scores.csv
    seqvae score runs/dna --calibrate
    seqvae score runs/dna reads.fasta --out scores.parquet --samples 100
    seqvae score runs/dna reads.fasta --positions map.html --out scores.csv
    seqvae score runs/dna promoter.fasta --mutations effects.csv
    seqvae score runs/dna promoter.fasta --mutations importance.svg --refine 0 --out scores.csv
    seqvae score runs/dna variants.fasta --reference ACGTTGCAAC -o effects.csv
    seqvae score runs/dna held_out.csv --calibrate --samples 100
    seqvae score runs/gfp --variants variants.csv -o effects.csv
    seqvae score runs/dna genome.fasta --vcf variants.vcf --width 165 -o effects.csv

The table has one row for each molecule or sequence, those that the model cannot read included, the columns of the
input, and:

    log_p           log p(x) by importance sampling, nats
    log_p_error, effective_samples
                    its standard error, and what the samples are worth:
                    near 1, log p(x) is higher than the estimate
    log_p_per_token, bits_per_base (residue, character)
    unfamiliarity   reconstruction loss from the encoder's point, nats a
                    token; _refined: after gradient steps on the posterior
    regret          what these steps gain in the ELBO, nats
    complexity      code length without any training, nats;
                    complexity_corrected is -log p(x) minus that
    typicality      log p(x) beside others of its length, mean deviations
    mahalanobis     distance from the centre of the model's latent points
    p_...           share of held-out ones no more familiar by this score
    p               of the smallest of these
    false_discovery_rate
                    of the file, at this p (Benjamini-Hochberg)
    status          in domain; unfamiliar (p < .05, longer than all
                    held-out ones, or one symbol repeated); outlier
                    (p < .01 within --false-discoveries, or unreadable)
    reason          why

The columns from typicality on need a calibration, which the pretrained models have, and which --calibrate puts into the
folder of any other.
""",
)


@dataclass(frozen=True)
class DetailOptions:
    """What is written besides the table of scores.

    Attributes:
        positions: file for log p of every token, given those before it and what the model knows of the whole: a table
            (.csv .tsv .parquet .npz), or a heat map (.html).
        mutations: the same for the change of log p by every single substitution of each sequence. Each is weighed like
            a row of its own; `--refine 0` makes that several times quicker. Of one sequence also a logo (.svg), whose
            letters are as tall as log p loses by others there, on average. With a model of codons a substitution is
            one codon for another (63 each): the table says how many bases differ, and whether it is synonymous,
            missense, nonsense (a stop before the end is weighed like any other codon) or the loss of a stop.
        reference: a molecule or sequence: columns delta_log_p and its standard error say how much likelier each row is.
        variants: file of variants of the reference, in place of a file to score: sequences, or lists of mutations
            (A24G:T30S) in a column `variant`. The table says what they do to log p. With a model of an alignment its
            first row is the reference where none is given.
        vcf: file of variants of the file, which is then the reference genome (FASTA or GenBank): the table says what
            each alternative allele does to log p of the window around it.
        width: bases of that window; 0: as many as the sequences of a model of one length have.
        circular: the sequences of the reference are circles, as GenBank says itself.
        first: number of the reference's first letter, which mutations are counted from; 0: as the name of the first row
            says (NAME/24-240), or 1.
    """

    positions: str = ""
    mutations: str = ""
    reference: str = ""
    variants: str = ""
    vcf: str = ""
    width: int = 0
    circular: Annotated[bool, Parameter(negative="")] = False
    first: int = 0

    def check(self) -> None:
        """Refuse a file of another kind, and what has no effect, before anything is loaded."""
        from seqvae.data.files.writers import writer_for

        if self.vcf and (self.positions or self.mutations or self.reference or self.first):
            said = "--vcf writes effects of alleles alone: leave out --positions, --mutations, --reference, --first"
            raise UsageError(said)
        if (self.width or self.circular) and not self.vcf:
            raise UsageError(
                "--width and --circular are about the windows of --vcf: leave them out, or give a VCF file"
            )
        for path in filter(None, (self.positions, self.mutations)):
            if not path.lower().endswith(_PAGE if path == self.positions else (_PAGE, _LOGO)):
                writer_for(path, scores=True)


SCORING, DETAILS = ScoreConfig(), DetailOptions()
_PAGE, _LOGO = ".html", ".svg"
_SHOWN = 10  # letters of a reference


@app.default
def score(
    model: str,
    source: Place = "",
    /,
    *,
    out: Out = "-",
    calibrate: bool = False,
    details: Annotated[DetailOptions, Parameter(name="*", group="Details")] = DETAILS,
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
        details: what else is written.
        scoring: how much work it is.
        reading: how the source is read.
        computing: where and how the model runs.
    """
    if details.variants:
        if source or calibrate or details.positions or details.mutations or details.vcf or details.width:
            raise UsageError("--variants takes the place of a file to score: leave out the file and what is about it")
        _score_variants(model, out, details, scoring, reading, computing)
        return
    if not source and not calibrate:
        raise UsageError("expected a file of molecules or sequences to score, or --calibrate")
    if source:
        reading.check(source)
    if calibrate:
        if out != "-" or details != DETAILS:
            raise UsageError("--calibrate writes into the model's folder: leave out --out, or score in a second call")
        _calibrate(model, source, scoring, reading, computing)
        return
    details.check()
    if details.vcf:
        _score_alleles(model, source, out, details, scoring, reading, computing)
        return
    from seqvae.data.files.writers import writer_for

    writer_for(out, scores=True)
    check_before(model, "-", source)
    from dataclasses import replace

    from seqvae.cli.progress import Bars
    from seqvae.data.files.readers import read_records

    records, read = read_records(source, replace(reading.settings(out), all=True))
    with Bars(quiet=computing.quiet) as bars:
        with phase("loading PyTorch", computing.quiet):
            from seqvae.data.files.writers import write_pieces
            from seqvae.infer.scoring import score
            from seqvae.infer.tables import score_table
            from seqvae.latent.codec import load
            from seqvae.latent.conditions import conditions_of

        codec = load(model, device=computing.device)
        texts = [record.text for record in records]

        def scored(done: int, count: int) -> None:
            """Show how many are scored."""
            bars("scored", done, count)

        conditions = conditions_of(records, codec.run.model, source)
        tokenized = codec.tokenize(texts, "skip", conditions.rows)
        found = score(codec, tokenized, scoring, "auto", computing.batch_size, scored, details.reference)
        _write_details(codec, model, records, tokenized, details, scoring, computing, scored)
        write_pieces(out, [score_table(records, found)], scores=True)
    if read.rejected:
        computing.note(str(read))
    if conditions.said:
        computing.note(conditions.said)
    _tell(found, model, codec.tokenizer.domain.noun, out, computing)
    if found.unread == len(records):
        from seqvae.data.reasons import commonest

        why = commonest(str(reason) for reason in found.columns["reason"])
        raise InputError(f"{read.source}: none of {len(records):,} records can be read by {model}; {why}")


def _score_variants(
    model: str, out: str, details: DetailOptions, scoring: ScoreConfig, reading: Input, computing: ComputeOptions
) -> None:
    """Write what variants of the reference do to log p."""
    reading.check(details.variants)
    from seqvae.data.files.writers import writer_for

    writer_for(out, scores=True)
    check_before(model, "-", details.variants)
    from dataclasses import replace

    from seqvae.cli.progress import Bars
    from seqvae.data.files.readers import read_records

    records, read = read_records(details.variants, replace(reading.settings(out), all=True))
    with Bars(quiet=computing.quiet) as bars:
        with phase("loading PyTorch", computing.quiet):
            from seqvae.data.files.writers import write_pieces
            from seqvae.infer.family.effects import variants
            from seqvae.infer.tables import variants_table
            from seqvae.latent.codec import load

        texts = [record.text for record in records]
        codec = load(model, device=computing.device)
        found = variants(
            codec,
            texts,
            details.reference,
            scoring,
            details.first,
            "auto",
            computing.batch_size,
            lambda done, count: bars("weighed by themselves", done, count),
        )
        write_pieces(out, [variants_table(records, found)], scores=True)
    if read.rejected:
        computing.note(str(read))
    first, last = found.target.first, found.target.first + len(found.target.letters) - 1
    computing.note(
        f"{len(texts):,} variants of a reference whose positions are {first:,} to {last:,} "
        f"({found.target.letters[:_SHOWN]}...), log p {found.log_p:.1f} +- {found.log_p_error:.1f}: {out}"
    )
    if unseen := int((found.unmodelled > 0).sum()):
        computing.note(f"{unseen:,} have mutations where the model has no column: column unmodelled")


def _score_alleles(
    model: str,
    source: str,
    out: str,
    details: DetailOptions,
    scoring: ScoreConfig,
    reading: Input,
    computing: ComputeOptions,
) -> None:
    """Write what the alleles of a VCF file do to windows of a reference genome."""
    from seqvae.data.files.writers import writer_for

    writer_for(out, scores=True)
    check_file(details.vcf)
    check_before(model, "-", source)
    from dataclasses import replace

    from seqvae.cli.progress import Bars
    from seqvae.data.files.genome.contigs import read_contigs
    from seqvae.data.files.genome.vcf import REFERENCE, read_vcf
    from seqvae.data.files.readers import read_records

    with Bars(quiet=computing.quiet) as bars:
        with phase("loading PyTorch", computing.quiet):
            from seqvae.data.files.writers import write_pieces
            from seqvae.infer.substitutions import alleles
            from seqvae.infer.tables import alleles_table
            from seqvae.latent.codec import load

        codec = load(model, device=computing.device)
        width = details.width or (codec.max_length if codec.model.decoder.fixed_length else 0)
        if not width:
            raise UsageError("--vcf: the model has sequences of several lengths: give the --width of its windows")
        settings = reading.settings(out)
        contigs = read_contigs(source, replace(settings, on_error="stop"), details.circular)
        records, read = read_records(details.vcf, settings, items=read_vcf(details.vcf, contigs, width))
        size, texts = computing.batch_size, [one.text for one in records]
        references = [one.fields[REFERENCE] for one in records]
        found = alleles(
            codec, texts, references, scoring, "auto", size, lambda done, count: bars("weighed", done, count)
        )
        write_pieces(out, [alleles_table(records, found)], scores=True)
    if read.rejected:
        computing.note(str(read))
    computing.note(f"{len(records):,} alternative alleles, windows of {width:,} bases: {out}")
    if unread := sum(map(bool, found.reasons)):
        computing.note(f"{unread:,} have no effect that the model could tell: column reason")


def _write_details(
    codec: Codec,
    model: str,
    records: list[Record],
    texts: TokenizedTexts,
    details: DetailOptions,
    scoring: ScoreConfig,
    computing: ComputeOptions,
    scored: Callable[[int, int], object],
) -> None:
    """Write what is asked for besides the scores, each as a table or as a page."""
    from seqvae.data.files.writers import write_pieces, write_text
    from seqvae.infer.by_position import positions
    from seqvae.infer.substitutions import letters_of, mutations
    from seqvae.infer.tables import mutations_table, positions_table
    from seqvae.report.html.logo_files import check_drawable, importance_logo
    from seqvae.report.score_pages import mutations_page, positions_page

    how = (codec, texts, scoring, "auto", computing.batch_size, scored)
    if path := details.positions:
        tokens = positions(*how)
        if path.lower().endswith(_PAGE):
            write_text(Path(path), positions_page(tokens, [records[row].name for row in tokens.rows], model))
        else:
            write_pieces(path, [positions_table(records, tokens)], scores=True)
    if path := details.mutations:
        if path.lower().endswith(_LOGO):
            check_drawable(letters_of(codec))
            if len(texts) != 1:
                raise InputError(
                    f"{path}: a logo of what matters is of one sequence, got {len(texts):,} that the model can read: "
                    "write a table (.csv) or a page (.html)"
                )
        effects = mutations(*how)
        if path.lower().endswith(_LOGO):
            named = "".join(records[row].name for row in effects.rows[:1])
            write_text(Path(path), importance_logo(effects, named))
        elif path.lower().endswith(_PAGE):
            write_text(Path(path), mutations_page(effects, [records[row].name for row in effects.rows], model))
        else:
            write_pieces(path, [mutations_table(records, effects)], scores=True)


def _calibrate(model: str, source: str, scoring: ScoreConfig, reading: Input, computing: ComputeOptions) -> None:
    from seqvae.artifact.pretrained import check_model, is_pretrained
    from seqvae.cli.progress import Bars
    from seqvae.runtime.files import check_folder

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


def _tell(found: Scores, model: str, noun: str, out: str, computing: ComputeOptions) -> None:
    """Say in a few lines what the table holds."""
    from seqvae.infer.familiarity import IN_DOMAIN, OUTLIER, UNFAMILIAR

    count = len(found.status)
    if found.note:
        computing.note(found.note.replace("MODEL", model))
    else:
        shares = ", ".join(f"{found.count(state):,} {state}" for state in (IN_DOMAIN, UNFAMILIAR, OUTLIER))
        computing.note(f"{count:,} {noun}{'' if count == 1 else 's'} scored: {shares}")
    if found.unread:
        computing.note(f"{found.unread:,} of them cannot be read by the model: column reason")
    if (value := found.correlations.get("p", found.correlations.get("log_p"))) is not None and value == value:
        what = "p" if "p" in found.correlations else "log_p"
        computing.note(f"rank correlation of {what} with the number of tokens: {value:.2f}")
    computing.note(f"table: {out}")
