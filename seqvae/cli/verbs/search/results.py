"""`seqvae results`: the results of a search."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from seqvae.cli.options import Out
from seqvae.errors import UsageError, visible

if TYPE_CHECKING:
    from seqvae.infer.designs import Familiar
    from seqvae.search.memory.origins import Diversity
    from seqvae.search.outlook import Outlook
    from seqvae.search.results import Known, Results
    from seqvae.search.storage.ledger import Entry

app = App(
    name="results",
    help_epilogue="""
Examples:

    seqvae results runs/affinity
    seqvae results runs/affinity --json
    seqvae results runs/affinity --top 3
    seqvae results runs/affinity --out evaluations.csv
    seqvae results runs/affinity --top 100 --out best.smi --page results.html
    seqvae results runs/ga runs/auto runs/turbo --page comparison.html

Of a laboratory's search it also says which design is best by all measurements together (the posterior mean of a
Gaussian process: a single well may have been lucky), how many measurements lay in the interval that was predicted
before, and whether more rounds are likely to help: whether the plate that waits is expected to gain more than noise.
""",
)

_REASONS = 3  # kinds of failures that are shown
_JUDGED = 100  # designs whose familiarity is told in JSON: of a large front, the first ones


@app.default
def results(
    run: Path,
    /,
    *others: Path,
    top: int = 0,
    out: Out = "",
    page: Path | None = None,
    json: Annotated[bool, Parameter(name="--json")] = False,
    explain: bool = False,
) -> None:
    """Show the results of a search, also while it runs: oracle calls, best score, mean of the top 10, its AUC.

    Args:
        run: folder of the search.
        others: folders of more searches, to be compared with it: their tables and curves side by side.
        top: show this many of the best, best first, and write only these with --out; 0: show ten (of several scores the
            whole Pareto front), and write all proposals, in their order.
        out: write the evaluations: .csv, .tsv, .parquet, .npz, or the molecules or sequences alone as .smi, .txt or
            .fasta.
        page: write an HTML page with the curve and the best designs, and how familiar these are to the model.
        json: print one JSON object.
        explain: say below the tables what each metric and column means; with --json, add to it as `diversity` how
            much the best differ, as `outlook` what a laboratory's measurements say together, and as `familiarity` how
            far the best are from what the model was trained on.
    """
    from seqvae.cli.printing import print_json
    from seqvae.data.files.writers import write_pieces, write_text, writer_for
    from seqvae.evaluate.glossary import lines_of, search_terms
    from seqvae.search.outlook import outlook_of
    from seqvae.search.results import diversity_of, known_of, opened_results, table_of
    from seqvae.search.storage.run_folder import CHEAP

    if others:
        compare([run, *others], page, json, out or top or explain)
        return
    if out:
        writer_for(out)
    with opened_results(run, top) as (found, settings, ledger):
        names, known = settings["scores"], known_of(run)
        if json:
            said = outlook_of(settings, ledger, known.names) if explain else None
            differ = diversity_of(ledger.entries()) if explain else None
            close = judged(settings, found.top[:_JUDGED]) if explain else None
            parts = {"outlook": said, "diversity": differ, "familiarity": close}
            more = {title: part.to_dict() for title, part in parts.items() if part is not None}
            print_json(found.to_dict(known) | more)
        elif out != "-":
            print_results(found, settings, known, diversity_of(ledger.entries()))
            print_outlook(outlook_of(settings, ledger, known.names), known.names)
            if explain:
                print("\n" + "\n".join(lines_of(search_terms())))
        if out:
            rows = found.top if top else ledger.entries()
            write_pieces(out, table_of(rows, names, settings.get("terms", ()), known, CHEAP in settings))
        if page is not None:
            from seqvae.report.search_page import designs_shown, search_page

            said, entries = outlook_of(settings, ledger, known.names), list(ledger.entries())
            close = judged(settings, designs_shown(entries))
            write_text(page, search_page(run.name, settings, found, entries, known, said, close))


def judged(settings: Mapping[str, Any], designs: Sequence[Entry]) -> Familiar | None:
    """Return how familiar designs are to the model of a search; None where it has no model, or there is no design."""
    from seqvae.runtime.progress import phase

    model = settings["config"]["model"]
    if not model or not designs:
        return None
    with phase(f"judging how familiar {len(designs):,} designs are to {visible(model)}"):
        from seqvae.infer.designs import familiar

        return familiar(model, [str(one.canonical) for one in designs], settings["weights"])


def compare(runs: Sequence[Path], page: Path | None, json: bool, more: object) -> None:
    """Show the metrics of several searches side by side; raises UsageError where other flags are given."""
    from seqvae.cli.printing import print_json, print_rows
    from seqvae.data.files.writers import write_text
    from seqvae.report.comparison_page import comparison_page, comparison_rows
    from seqvae.search.results import compared

    if more:
        raise UsageError("several searches are compared with --page and --json alone: leave out the other flags")
    found = compared(runs)
    if json:
        print_json({one.name: one.results.to_dict() for one in found})
    else:
        print_rows([tuple(map(str, row)) for row in comparison_rows(found)])
    if page is not None:
        write_text(page, comparison_page(found))


def print_outlook(found: Outlook | None, names: Mapping[str, str]) -> None:
    """Print what a laboratory's measurements say together."""
    from seqvae.search.outlook import sentences

    if found is not None:
        print("\n" + "\n".join(sentences(found, names)))


def print_results(
    found: Results, settings: Mapping[str, Any], known: Known | None = None, differ: Diversity | None = None
) -> None:
    """Print the metrics of a search, how much its designs differ, and the best; `settings` as the folder has them."""
    from seqvae.cli.printing import print_rows
    from seqvae.evaluate.glossary import SEARCH
    from seqvae.search.results import ID
    from seqvae.search.storage.run_folder import CHEAP
    from seqvae.sequences.domain import detect

    names, terms = settings["scores"], settings.get("terms", ())
    by = f" by {names[0]}" if len(names) > 1 else ""
    print_rows(
        [
            (SEARCH["unique"].title, f"{found.unique:,}"),
            (SEARCH["proposals"].title, f"{found.proposals:,}"),
            *((f"hypervolume after {calls:,} calls", f"{volume:.6g}") for calls, volume in found.hypervolumes.items()),
            *(differ.rows() if differ is not None else []),
            *([("calls of the cheap score", f"{found.cheap_calls:,}")] if CHEAP in settings else []),
            (f"{SEARCH['best'].title}{by}", _shown(found.best)),
            (f"{SEARCH['top_mean'].title}{by}", _shown(found.top_mean)),
            (SEARCH["auc_top"].title, f"{found.auc_top:.6g}"),
            ("proposals", ", ".join(f"{count:,} {status}" for status, count in found.statuses.items()) or "none"),
        ]
    )
    for failure in found.failures[:_REASONS]:
        print(visible(f"failed {failure.count:,} times: {failure.error}"))
    print()
    ids = known.names if known else {}
    rows = [
        (
            *((ids.get(one.canonical or "", ""),) if ids else ()),
            ", ".join(f"{score:.6g}" for score in one.scores),
            *(f"{one.terms[place]:.4g}" if one.terms else "" for place in range(len(terms))),
            *(("" if one.cheap is None else f"{one.cheap:.4g}",) if CHEAP in settings else ()),
            one.proposer,
            one.text,
        )
        for one in found.top
    ]
    noun = detect([one.text for one in found.top]).noun if found.top else "design"
    titles = (*((ID,) if ids else ()), ", ".join(names), *terms, *((CHEAP,) if CHEAP in settings else ()))
    print_rows([(*titles, "proposed by", noun), *rows])


def _shown(score: float) -> str:
    return "none yet" if math.isnan(score) else f"{score:.6g}"
