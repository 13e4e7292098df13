"""`seqvae edit`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from seqvae.cli.options import COMPUTING, READING, Compute, Input, Out, Place, check_before, check_file
from seqvae.errors import UsageError
from seqvae.runtime.progress import phase

if TYPE_CHECKING:
    from seqvae.data.tokens.tokenized import TokenizedTexts

_OWN = ("strength", "similarity", "valid")
app = App(
    name="edit",
    help_epilogue="""
Examples:

    seqvae edit drug-smiles mine.smi --toward soluble.smi --from insoluble.smi --strength 0:2:5 --out edited.csv
    seqvae edit drug-smiles mine.smi --toward soluble.smi --from insoluble.smi --fixed heavy.smi light.smi
    seqvae edit runs/dna sites.fasta --toward strong.fasta --from weak.fasta --strength=-1,1 --logo change.svg

The table has one row per molecule or sequence and strength: text, what the moved point decodes to; strength; similarity
to the molecule or sequence itself (of molecules Tanimoto by ECFP4, 2,048 bits; of sequences one less the edit distance
per letter); valid; input_text; and all columns of the file.
""",
)


@dataclass(frozen=True)
class DirectionOptions:
    """The attribute along which is moved.

    Attributes:
        toward: file of molecules or sequences that have the attribute.
        away: file of some that do not have it; balanced with the others in all that is to stay.
        strength: how far: 1 is the whole difference between the groups; several by commas, `0.5,1,2`, or as
            first:last:count, `0:3:7`.
        fixed: two files, with and without an attribute that is to stay as it is; may be given several times.
    """

    toward: str
    away: Annotated[str, Parameter(name="--from")]
    strength: str = "1"
    fixed: Annotated[tuple[tuple[str, str], ...], Parameter(negative=())] = ()


@app.default
def edit(
    model: str,
    source: Place,
    /,
    *,
    direction: Annotated[DirectionOptions, Parameter(name="*")],
    refine: int | Literal["auto"] = "auto",
    logo: str | None = None,
    out: Out = "-",
    reading: Input = READING,
    computing: Compute = COMPUTING,
) -> None:
    """Move molecules or sequences along an attribute that sets two groups apart, and decode them.

    Args:
        model: folder of a trained model, or name of a pretrained one.
        source: file of the molecules or sequences to edit, or `-`.
        direction: from where to where, and how far.
        refine: gradient steps on the posteriors of what is edited; `auto`: where it is not reconstructed without.
        logo: .svg file: of DNA, RNA or proteins of one length, what the direction brings at each position (above the
            axis) and takes (below it), between the smallest and the largest strength.
        out: .csv, .tsv or .parquet, or the molecules or sequences alone as .smi, .txt or .fasta.
        reading: how files are read.
        computing: where and how the model runs.
    """
    strengths = strengths_of(direction.strength)
    if logo is not None and (not logo.lower().endswith(".svg") or len({*strengths}) < 2):
        raise UsageError(f"--logo: expected an .svg file and two strengths to compare (--strength=-1,1), got {logo!r}")
    reading.check(source)
    check_before(model, out, source)
    for path in (direction.toward, direction.away, *(path for pair in direction.fixed for path in pair)):
        check_file(path)
    with phase("loading PyTorch", computing.quiet):
        from seqvae import load
        from seqvae.data.files.carried import Carried
        from seqvae.data.files.chunks import Results
        from seqvae.data.files.readers import read_records
        from seqvae.data.files.writers import write_pieces, write_text
        from seqvae.latent.edit import edit as edited
        from seqvae.report.html.logo_files import change_logo, letters_of

    codec = load(model, computing.device)
    if logo is not None:
        letters_of(codec.tokenizer.domain)  # refused before the rows are read
    records, _ = read_records(source, replace(reading.settings(out), all=True))
    read = codec.tokenize([one.text for one in records], reading.on_error)

    def group(path: str) -> TokenizedTexts:
        """Return the molecules or sequences of a file that shows a group."""
        return codec.tokenize([one.text for one in read_records(path)[0]])

    ends = group(direction.toward), group(direction.away)
    others = [(group(with_), group(without)) for with_, without in direction.fixed]
    with phase(f"editing {len(read):,} rows", computing.quiet):
        found = edited(codec, read, ends, strengths, others, refine, computing.batch_size)
    rows = [records[read.rows[one.row]] for one in found]
    own: dict[str, list[object]] = {name: [getattr(one, name) for one in found] for name in _OWN}
    own["input_text"] = [one.text for one in rows]
    if logo is not None:
        low, high = ([one.text for one in found if one.strength == end(strengths)] for end in (min, max))
        title = f"{direction.toward} (above) against {direction.away} (below): {len(low):,} rows at both strengths"
        write_text(Path(logo), change_logo(low, high, codec.tokenizer.domain, title))
    write_pieces(out, [Results([one.text for one in found], {**own, **Carried(own).of(rows)})], scores=True)
    bad = sum(not one.valid for one in found)
    computing.note(
        f"{len(found):,} edits of {len(read):,} rows: {out}" + (f"; {bad:,} are no molecules" if bad else "")
    )
    if read.rejected:
        computing.note(read.left_out())


def strengths_of(given: str) -> list[float]:
    """Return the strengths of `1`, `0.5,1,2` or `0:3:7`; raises UsageError where they are none."""
    try:
        if ":" in given:
            first, last, count = given.split(":")
            low, high, number = float(first), float(last), int(count)
            found = [low + (high - low) * step / max(1, number - 1) for step in range(number)]
        else:
            found = [float(one) for one in given.split(",")]
    except ValueError:
        found = []
    if not found or not all(map(math.isfinite, found)):
        raise UsageError(
            f"--strength: expected numbers such as 1 or 0.5,1,2, or first:last:count as 0:3:7, got {given!r}"
        )
    return found
