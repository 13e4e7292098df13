"""`seqvae data list | fetch | audit`."""

from __future__ import annotations

from cyclopts import App

from seqvae.cli.options import Place

app = App(
    name="data",
    help_epilogue="""
Examples:

    seqvae data list
    seqvae data fetch zinc250k
    seqvae data audit molecules.smi
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
""",
)
def audit(source: Place, /, *, column: str = "", kind: str = "auto") -> None:
    """Audit a dataset or a file: duplicates, leaks between splits, invalid records, salts, unseen tokens, lengths.

    Args:
        source: a file, `-` for one SMILES or sequence per line on standard input, or the name of a dataset (leaks are
            counted between its published splits).
        column: column that holds the molecules or sequences, for tables; by default the one obvious column.
        kind: `smiles`, `dna`, `rna`, `protein`, `char`, or `auto`.
    """
    from seqvae.cli.printing import print_rows
    from seqvae.data.corpus import audit_source
    from seqvae.report.audit_table import audit_rows

    print_rows(audit_rows(audit_source(source, column, kind)))
