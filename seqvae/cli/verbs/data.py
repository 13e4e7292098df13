"""`seqvae data list | fetch | audit | standardize | windows | logo`."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from seqvae.cli.options import READING, Input, Out, Place, check_file
from seqvae.errors import UsageError

app = App(
    name="data",
    help_epilogue="""
Examples:

    seqvae data list
    seqvae data fetch zinc250k
    seqvae data audit molecules.smi
    seqvae data standardize molecules.csv --out clean.csv
    seqvae data windows genome.gb --width 165 --step 50 --out windows.fasta
    seqvae data logo sites.fasta --out logo.svg
""",
)


@app.command(
    name="list",
    help_epilogue="""
Example:

    seqvae data list
""",
)
def list_() -> None:
    """List the datasets: name, kind, size, licence, title."""
    from seqvae.cli.printing import print_rows
    from seqvae.data.datasets.cards import list_cards

    rows = [(card.name, card.kind, f"{card.records:,}", card.licence, card.title) for card in list_cards()]
    print_rows([("name", "kind", "records", "licence", "title"), *rows])


@app.command(
    help_epilogue="""
Example:

    seqvae data fetch zinc250k

Downloads are checked against the sha256 on the dataset's card. `chembl` and `drug-like` are made of other files, once,
which takes minutes. `SEQVAE_DATA` names a folder of your own copies,
`SEQVAE_CACHE` the folder for downloads.
""",
)
def fetch(name: str, /, *, quiet: bool = False) -> None:
    """Download a dataset, or make it, and print where its files are.

    Args:
        name: as `seqvae data list` shows it.
        quiet: show no progress.
    """
    from seqvae.data.datasets.registry import fetch as fetch_dataset

    for path in fetch_dataset(name, progress=not quiet).values():
        print(path)


@app.command(
    help_epilogue="""
Examples:

    seqvae data audit molecules.csv --column smiles
    seqvae data audit moses-sample
    seqvae data audit molecules.csv --against held_out.smi --model drug-smiles
""",
)
def audit(
    source: Place,
    /,
    *,
    column: str = "",
    format: str = "",
    max_characters: int = 0,
    kind: str = "auto",
    against: str = "",
    model: str = "",
    explain: bool = False,
) -> None:
    """Audit a dataset or a file: domain, invalid records by reason, duplicates with their lines and differing values.

    Also leaks, salts, metals, charges, undefined stereo, unseen tokens, lengths. No bad record stops it.

    Args:
        source: a file, `-` for one SMILES or sequence per line on standard input, or the name of a dataset (leaks are
            counted between its published splits).
        column: column that holds the molecules or sequences, for tables, its title or number; by default the one
            obvious column.
        format: what the file is, where neither its content nor its ending tells.
        max_characters: longest SMILES or sequence that is read, a longer one is an invalid record; 0: 10,000 for
            molecules, 2^30 for others.
        kind: `smiles`, `dna`, `rna`, `protein`, `char`, or `auto`.
        against: another file or dataset, whose molecules or sequences these must not repeat.
        model: a pretrained model or the folder of a trained one: what it cannot read is listed, with the reasons.
        explain: say below the table what each row means.
    """
    from seqvae.cli.printing import print_rows
    from seqvae.data.corpus import audit_source
    from seqvae.data.files.readers import ReadSettings
    from seqvae.report.audit_table import audit_rows

    tokenizer, longest = None, 0
    if model:
        from seqvae.artifact.folder import load_artifact
        from seqvae.artifact.pretrained import resolve

        artifact = load_artifact(resolve(model))
        tokenizer, longest = artifact.tokenizer, artifact.config.max_length
    settings = ReadSettings(column, format=format, max_characters=max_characters)
    found = audit_source(source, settings, kind, against=against, tokenizer=tokenizer, max_length=longest, model=model)
    print_rows(audit_rows(found))
    if explain:
        from seqvae.evaluate.glossary import AUDIT, lines_of

        print("\n" + "\n".join(lines_of(AUDIT)))


@app.command(
    help_epilogue="""
Examples:

    seqvae data standardize molecules.csv --out clean.csv
    seqvae data standardize molecules.sdf --tautomer --on-error skip --out clean.smi
    seqvae data standardize molecules.smi --steps fragment,neutralize --out clean.csv

The steps, in their order: metals (bonds from metals to N, O, F and halogens are cut into ions), normalize (one spelling
of nitro groups, sulfoxides and others), reionize (the strongest acids are ionised first), fragment (the largest one is
kept, organic before inorganic), neutralize, isotopes (labels are dropped), and on request tautomer. Stereo is kept.
Tables have the columns text, those of the input, input_text (the molecule as it was) and changes (the steps that
changed it). The steps are those of RDKit.
"""
)
def standardize(
    source: Place,
    /,
    *,
    out: Out = "-",
    steps: str = "",
    tautomer: bool = False,
    reading: Input = READING,
    workers: int = 1,
    quiet: bool = False,
) -> None:
    """Standardise the molecules of a file: largest fragment, neutral, one spelling of each group; say what changed.

    Args:
        source: file of molecules, or `-` for one SMILES per line.
        out: .csv, .tsv, .parquet, .npz, .smi or .txt; `-` writes a CSV table to standard output.
        steps: some of metals, normalize, reionize, fragment, neutralize, isotopes, tautomer, separated by commas; by
            default all but tautomer.
        tautomer: take RDKit's canonical tautomer too.
        reading: how the file is read.
        workers: processes.
        quiet: show no notes.
    """
    from seqvae.cli.flags import refuse_idle
    from seqvae.cli.options import ComputeOptions
    from seqvae.config.data import names_of
    from seqvae.data.files.writers import writer_for
    from seqvae.data.standardizing import standardize_file
    from seqvae.sequences.standardize import STEPS

    if reading.standardize:
        refuse_idle({"standardize": True}, {"standardize": "on this verb, which does it"})
    reading.check(source)
    writer_for(out, scores=out == "-")
    check_file(source)
    chosen = (*(names_of(steps) or STEPS), *(("tautomer",) if tautomer else ()))
    found = standardize_file(source, out, reading.settings(out), chosen, workers)
    by_step = ", ".join(f"{step} {count:,}" for step, count in found.steps.most_common())
    alike = f"; {found.alike:,} have the standard form of an earlier one" if found.alike else ""
    ComputeOptions(quiet=quiet).note(
        f"{found.read}; {found.changed:,} changed{f' ({by_step})' if by_step else ''}{alike}; {out}"
    )


@app.command(
    help_epilogue="""
Examples:

    seqvae data windows genome.fasta --bed promoters.bed --out promoters.fasta
    seqvae data windows plasmid.fasta --circular --width 165 --step 50 --out windows.csv

BED has sequence, start (from 0), end, and, where there are six columns, strand: windows of `-` are reverse complements.
A window of a circle may end beyond its last base, and goes on at the first. Tables have the columns text, name,
sequence, start and end (the first and the last base, from 1; beyond the last base of a circle on, not from 1 again) and
strand.
"""
)
def windows(
    source: Place,
    /,
    *,
    out: Out = "-",
    bed: str = "",
    width: int = 0,
    step: int = 0,
    circular: Annotated[bool, Parameter(negative="")] = False,
    reading: Input = READING,
    quiet: bool = False,
) -> None:
    """Cut windows out of DNA: those of a BED file, or one after the other.

    Args:
        source: file of DNA sequences (FASTA or GenBank, say, each also .gz), or `-` for one per line.
        out: .fasta, .csv, .tsv, .parquet, .npz or .txt; `-` writes the windows, one per line, to standard output.
        bed: file of the windows.
        width: in place of a file: bases of every window.
        step: from the start of one window to that of the next; by default as many as a window has.
        circular: the sequences are circles, as GenBank says itself of some.
        reading: how the file is read; `--on-error skip` leaves out windows that are not within their sequence.
        quiet: show no notes.
    """
    from dataclasses import replace

    from seqvae.cli.options import ComputeOptions
    from seqvae.data.files.carried import Carried
    from seqvae.data.files.chunks import Results
    from seqvae.data.files.genome.bed import read_bed
    from seqvae.data.files.genome.contigs import read_contigs, tiles, windows_of
    from seqvae.data.files.readers import read_records
    from seqvae.data.files.writers import WITH_LATENT, write_pieces, writer_for

    if bool(bed) == bool(width) or (bed and step):
        raise UsageError("expected a file of windows (--bed), or their --width and --step")
    reading.check(source)
    table = writer_for(out) in WITH_LATENT.values()
    for path in filter(None, (source, bed)):
        check_file(path)
    settings = reading.settings(out)
    contigs = read_contigs(source, replace(settings, on_error="stop"), circular)
    wanted = read_bed(bed) if bed else tiles(contigs, width, step or width)
    records, read = read_records(bed or source, settings, items=windows_of(contigs, wanted))
    columns = Carried().of(records)
    kept = columns if table else {"name": columns["name"]}
    write_pieces(out, [Results([one.text for one in records], kept)])
    circles = sum(one.circular for one in contigs.values())
    note = ComputeOptions(quiet=quiet).note
    if read.rejected:
        note(str(read))
    note(f"{len(records):,} windows of {len(contigs):,} sequences, {circles:,} of them circles: {out}")


@app.command(
    help_epilogue="""
Examples:

    seqvae data logo sites.fasta --out logo.svg
    seqvae sample runs/dna -n 1000 | seqvae data logo - --title "samples of runs/dna" --out samples.svg

The height of a stack is the information at its position in bits, corrected for few sequences (Schneider & Stephens
1990), divided among the letters by their shares. Sequences of another than the commonest length are left out.
"""
)
def logo(source: Place, /, *, out: Out, title: str = "", reading: Input = READING, quiet: bool = False) -> None:
    """Draw the sequence logo of DNA, RNA or proteins of one length.

    Args:
        source: file of sequences, or `-` for one per line.
        out: .svg.
        title: what stands above it; by default the name of the file.
        reading: how the file is read.
        quiet: show no notes.
    """
    from pathlib import Path

    from seqvae.cli.options import ComputeOptions
    from seqvae.data.files.readers import read_records
    from seqvae.data.files.writers import write_text
    from seqvae.report.html.logo_files import sequences_logo
    from seqvae.runtime.files import check_folder
    from seqvae.sequences.domain import detected

    if not out.lower().endswith(".svg"):
        raise UsageError(f"{out}: a logo is written as .svg")
    check_folder(Path(out).parent)
    reading.check(source)
    check_file(source)
    records, read = read_records(source, reading.settings(out))
    texts = [record.text for record in records]
    domain = detected(texts, source, records[0].title).domain
    svg, found = sequences_logo(texts, domain, title or read.source)
    write_text(Path(out), svg)
    left_out = f", {found.left_out:,} of other lengths left out" if found.left_out else ""
    ComputeOptions(quiet=quiet).note(
        f"{found.sequences:,} sequences of {len(found.heights):,} {domain.unit}s{left_out}: {out}"
    )
