"""`seqvae models list | show`."""

from __future__ import annotations

from cyclopts import App

app = App(
    name="models",
    help_epilogue="""
Examples:

    seqvae models list
    seqvae models show splice-dna

A name works wherever a verb takes the folder of a model.
""",
)


@app.command(
    name="list",
    help_epilogue="""
Example:

    seqvae models list
""",
)
def list_() -> None:
    """List the pretrained models: name, kind, data, parameters, size, headline metrics, licence."""
    from seqvae.cli.printing import print_rows
    from seqvae.report.model_card import former_names, list_rows

    print_rows(list_rows())
    print("\n".join(former_names()))


@app.command(
    help_epilogue="""
Example:

    seqvae models show splice-dna
"""
)
def show(name: str, /) -> None:
    """Print the card of a pretrained model: its data, training, metrics, purpose and limits.

    Args:
        name: as `seqvae models list` shows it.
    """
    from seqvae.artifact.pretrained import pretrained_folder, read_card
    from seqvae.report.model_card import card_text

    folder = pretrained_folder(name)
    print(card_text(read_card(folder), folder))
