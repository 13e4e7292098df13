"""`seqvae analogs`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.flags import flags_of, merged, with_flags
from seqvae.cli.options import COMPUTING, Compute, Out, check_before
from seqvae.config import AnalogConfig
from seqvae.config.toml import section_from_dict
from seqvae.runtime.progress import phase

app = App(
    name="analogs",
    help_epilogue="""
Examples:

    seqvae analogs drug-smiles 'CC(C)Cc1ccc(C(C)C(=O)O)cc1' -n 100 --out analogs.csv --page analogs.html
    seqvae analogs drug-smiles 'CC(=O)Nc1ccc(O)cc1' --min-similarity 0.4 --max-similarity 0.7 --keep 'C(=O)N'

The table has the columns text, similarity (of molecules Tanimoto by ECFP4, 2,048 bits; of sequences one less the edit
distance per letter), log_likelihood (the model's bound on log p(x), nats), score, by which the rows are ranked (the log
probability of the change and 0.15 of that bound), and proposer: `substituent`, an exchange of one or two of them;
`move`, one or two moves of the graph or of letters; `latent`, a sample of the lead's posterior.
""",
)

_SETTINGS = [one for one in flags_of(AnalogConfig(), "", "Analogs") if one.name != "number"]


@app.default
@with_flags(_SETTINGS)
def analogs(
    model: str,
    lead: str,
    /,
    *,
    number: Annotated[int, Parameter(name=["--number", "-n"])] = AnalogConfig.number,
    out: Out = "-",
    page: Path | None = None,
    computing: Compute = COMPUTING,
    **given: Any,  # noqa: ANN401
) -> None:
    """Propose analogs of a lead: distinct valid designs near it, the likeliest first.

    Args:
        model: folder of a trained model, or name of a pretrained one.
        lead: SMILES or sequence.
        number: how many.
        out: .csv, .tsv or .parquet, or the molecules or sequences alone as .smi, .txt or .fasta; `-` writes a CSV table
            to standard output.
        page: write an HTML page that draws them.
        computing: where and how the model runs.
        **given: settings whose flags were given.
    """
    wanted = section_from_dict(AnalogConfig, merged({"number": number}, given, _SETTINGS), "analogs")
    check_before(model, out)
    with phase("loading PyTorch", computing.quiet):
        from seqvae.data.files.chunks import Results
        from seqvae.data.files.writers import write_pieces, write_text
        from seqvae.search.lead_analogs import analogs as found_near
    found = found_near(model, lead, wanted, computing.device, computing.quiet)
    rows = found.found
    write_pieces(out, [Results([one.text for one in rows], found.columns)], scores=True)
    if page is not None:
        from seqvae.report.analogs_page import analogs_page

        write_text(page, analogs_page(found))
    computing.note(found.described)
