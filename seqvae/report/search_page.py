"""The page of a search: its settings, its progress call by call, and the best designs."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqvae.evaluate.glossary import SEARCH, search_terms
from seqvae.evaluate.sequences.logo import logo
from seqvae.report.html.letters import drawable
from seqvae.report.html.line_plot import ACROSS, CLOUD, LINE, POINTS, Series, line_plot
from seqvae.report.html.logo import axis_top, logo_plot
from seqvae.report.html.molecules import molecule_grid
from seqvae.report.html.page import Section, code, glossary, more, page, paragraph, table
from seqvae.report.html.sequences import sequence_text
from seqvae.search.memory.origins import diversity, origins, sheets_for
from seqvae.search.outlook import LEVEL, Outlook, Predicted, coverage, predictions_of, sentences
from seqvae.search.results import TOP, Known, Results, anytime, best_of, designs_of
from seqvae.search.storage.ledger import CALLED, GIVEN, OK, Entry
from seqvae.search.storage.run_folder import CHEAP
from seqvae.sequences.domain import detect
from seqvae.sequences.molecules import is_valid

if TYPE_CHECKING:
    from seqvae.infer.designs import Familiar

_POINTS = 200  # of a curve: a page has no pixels for many more
_DESIGNS = 24
_SCORES = ("best", "top_mean")  # metrics that are of the first score where there are several
_PREDICTED = 96  # last predictions that are shown beside measurements
_CLOUD = 4000  # scored designs behind a Pareto front, at most
_LOOKED_AT = 200  # scored designs that tell whether a search is of molecules
_START = "start"  # the proposer of what a search is given to begin with
_BRED = {"bred from": "parents", "predicted": "predicted"}  # columns of a table, where a design has such a field
_LONGEST, _SHORTER = 40, 20  # letters of a design in a table that says more of it, or much more
_BEST = 100  # designs among which proposers are counted


def search_page(
    name: str,
    settings: Mapping[str, Any],
    found: Results,
    entries: Sequence[Entry],
    known: Known | None = None,
    said: Outlook | None = None,
    familiar: Familiar | None = None,
) -> str:
    """Return the page of a search.

    Args:
        name: of the run.
        settings: as in the run's folder.
        found: its results.
        entries: of its ledger, in order.
        known: identifiers of designs, and the other columns of the tables that they were told in.
        said: what a laboratory's measurements say together.
        familiar: how familiar the `designs_shown` are to the model of the search; None: it has none.
    """
    names = _titles(settings)
    called = list(designs_of(entry for entry in entries if entry.status in CALLED).values())
    good = [entry for entry in called if entry.status == OK]
    best = best_of(good)
    shown = designs_shown(entries)
    # What the search was given and knows the score of: what was measured before, or what it began with.
    first = [entry for entry in entries if entry.status == GIVEN and not any(map(math.isnan, entry.scores))]
    first = best_of(first + [entry for entry in entries if entry.status == OK and entry.proposer == _START])
    several = len(names) > 1
    plots = [curves(called, names, _levels(first, names))]
    if several and best:
        plots += _fronts(good, best, names)
    of = f" by {names[0]}" if several else ""
    metrics = [
        *[[f"{metric.title}{of if key in _SCORES else ''}", getattr(found, key)] for key, metric in SEARCH.items()],
        *([["calls of the cheap score", found.cheap_calls]] if CHEAP in settings else []),
        *[[f"hypervolume after {calls:,} calls", volume] for calls, volume in found.hypervolumes.items()],
        *[[f"proposals: {status}", count] for status, count in found.statuses.items()],
    ]
    count = Counter(entry.proposer for entry in entries)
    scored = Counter(entry.proposer for entry in entries if entry.status == OK)
    among = Counter(entry.proposer for entry in (best if several else best[:_BEST]))
    titles = ["proposed by", "proposals", "scored", "on the Pareto front" if several else f"among the best {_BEST}"]
    sources = [[one or "given", number, scored[one], among[one]] for one, number in count.most_common()]
    title = f"{len(shown)} designs along the Pareto front" if several else f"The best {len(shown)} designs"
    sections = [
        Section("Results", (f'<div class="side">{plots[0]}{table(["metric", "value"], metrics, 1)}</div>', *plots[1:])),
        Section(title, _designs(shown, first, entries, names, settings.get("terms", ()), known or Known())),
        *_origins(shown, best, entries, (known or Known()).names),
        *_familiarity(familiar, (known or Known()).names),
        *_outlook(said, (known or Known()).names, predictions_of(settings, entries) if said is None else []),
        Section("Where the designs came from", (table(titles, sources),)),
        glossary(search_terms()),
        Section("Settings", (more("as in the folder of the search", code(json.dumps(settings, indent=1))),)),
    ]
    return page(f"Search {name}", sections, _verdict(found, best, first, names))


def designs_shown(entries: Sequence[Entry]) -> list[Entry]:
    """Return which of the best designs of a ledger a page shows; of a front, from one of its ends to the other."""
    best = best_of([entry for entry in entries if entry.status == OK])
    if not best or len(best[0].scores) == 1:
        return list(best[:_DESIGNS])
    return [best[int(row)] for row in np.unique(np.linspace(0, len(best) - 1, _DESIGNS).round())]


def _titles(settings: Mapping[str, Any]) -> list[str]:
    """Return the names of the scores; of a property that is the score as it is, its own."""
    names = [str(score) for score in settings["scores"]]
    objective = settings.get("objective")
    terms: list[Any] = objective.get("term", []) if isinstance(objective, Mapping) else []
    if names == ["score"] and len(terms) == 1 and not terms[0].get("transform"):
        return [str(terms[0].get("name") or terms[0]["property"])]
    return names


def _verdict(found: Results, best: Sequence[Entry], first: Sequence[Entry], names: Sequence[str]) -> str:
    """Return in one sentence what a search came to, beside what it began with."""
    scored = f"{found.unique:,} design{'' if found.unique == 1 else 's'} scored"
    if not best:
        return f"{scored}: none has a score."
    if len(names) > 1:
        return f"{len(best):,} designs on the Pareto front of {', '.join(names)}, of {scored}."
    said = f"Best {names[0]} {found.best:.3g}, of {scored}"
    if not first:
        return f"{said}."
    before = "measured before" if first[0].status == GIVEN else "it began with"
    return f"{said}; the best {before} has {first[0].scores[0]:.3g}."


def _levels(first: Sequence[Entry], names: Sequence[str]) -> list[Series]:
    """Return a line at the best score that was known when the search began; none where there are several scores."""
    if not first or len(names) > 1:
        return []
    title = "best measured before" if first[0].status == GIVEN else "best of the start"
    return [Series(title, (0,), (first[0].scores[0],), ACROSS)]


def _fronts(scored: Sequence[Entry], best: Sequence[Entry], names: Sequence[str]) -> list[str]:
    """Return the Pareto front over all scored designs, in grey, each other score beside the first one."""
    rows = np.unique(np.linspace(0, len(scored) - 1, _CLOUD).round()).astype(int)
    cloud = [scored[int(row)].scores for row in rows]
    title = f"{len(cloud):,} of {len(scored):,} scored" if len(cloud) < len(scored) else "all scored"
    kind = LINE if len(names) == 2 else POINTS  # of more, the front is a surface
    plots = []
    for place, name in enumerate(names[1:], 1):
        series = [
            Series(title, [one[0] for one in cloud], [one[place] for one in cloud], CLOUD),
            Series("Pareto front", [one.scores[0] for one in best], [one.scores[place] for one in best], kind),
        ]
        plots.append(line_plot(series, f"The Pareto front: {names[0]} and {name}", names[0], name))
    return [f'<div class="plots wider">{"".join(plots)}</div>'] if len(plots) > 1 else plots


def _origins(
    shown: Sequence[Entry], best: Sequence[Entry], entries: Sequence[Entry], names: Mapping[str, str]
) -> list[Section]:
    """Return why each design was proposed: by whom, near what, and what it gained on that; and how much they differ."""
    if not best:
        return []
    sheets = sheets_for(entries)
    titles = ["design", "proposed by", "round", "nearest before", "similarity", "its score", "score", "gain"]
    bred = [title for title, field in _BRED.items() if any(getattr(one, field) for one in shown)]
    longest = _SHORTER if bred else _LONGEST
    rows = []
    for one, origin in zip(shown, origins(shown, entries, sheets), strict=True):
        near: list[object] = ["", "", "", one.scores[0], ""]
        if origin is not None:
            nearest = _called(origin.nearest, names, longest)
            near = [nearest, origin.similarity, origin.before, one.scores[0], origin.gain]
        said = {"bred from": ", ".join(_called(parent, names, longest) for parent in one.parents), "predicted": ""}
        if one.predicted:
            said["predicted"] = f"{one.predicted[0]:.3g} ± {one.predicted[1]:.2g}"
        design = _called(str(one.canonical), names, longest)
        rows.append([design, one.proposer, one.round, *near, *(said[title] for title in bred)])
    differ = diversity(best, sheets)
    spread = "; ".join(f"{title}: {value}" for title, value in (differ.rows() if differ is not None else ()))
    blocks = table([*titles, *bred], rows), *([paragraph(f"{spread}.")] if spread else ())
    return [Section("Why each design was proposed", blocks)]


def _familiarity(found: Familiar | None, names: Mapping[str, str]) -> list[Section]:
    """Return how familiar each design is to the model, and whether it is in the training data."""
    if found is None or not found.designs:
        return []
    columns: dict[str, list[object]] = {"design": [_called(design, names) for design in found.designs]}
    if found.status:
        p = [None if math.isnan(value) else value for value in found.p]
        columns |= {"status": list(found.status), "p": list(p), "reason": list(found.reason)}
    if found.seen:
        columns["in the training data"] = ["yes" if there else "no" for there in found.seen]
    shown = [table(list(columns), list(zip(*columns.values(), strict=True)))] if len(columns) > 1 else []
    blocks = (*map(paragraph, found.sentences()), *shown)
    return [Section("How familiar the designs are to the model", blocks)]


def _called(form: str, names: Mapping[str, str], longest: int = _LONGEST) -> str:
    """Return the name of a design, or itself; of a long one without its middle, so that the rest of its row is seen."""
    end = longest * 3 // 10
    return names.get(form) or (form if len(form) <= longest else f"{form[: longest - end - 1]}…{form[-end:]}")


def _outlook(said: Outlook | None, names: Mapping[str, str], predicted: Sequence[Predicted]) -> list[Section]:
    """Return what a laboratory's measurements say, and the last predictions beside what was measured.

    Of a search with an objective, of which nothing is said, `predicted` are the predictions.
    """
    shown = predicted if said is None else said.predictions
    lines = [coverage(shown)] if shown else []
    blocks = [paragraph(line) for line in (lines if said is None else sentences(said, names))]
    if not blocks:
        return []
    if shown:
        titles = ["design", "round", "predicted", "sd", "measured", f"in its {LEVEL:.0%} interval"]
        rows = [
            [
                _called(one.form, names),
                one.round,
                one.mean,
                one.deviation,
                one.measured,
                "yes" if one.within else "no",
            ]
            for one in shown[-_PREDICTED:]
        ]
        blocks.append(table(titles, rows))
    title = "Predicted against measured" if said is None else "What the measurements say together"
    return [Section(title, tuple(blocks))]


def curves(called: Sequence[Entry], names: Sequence[str], levels: Sequence[Series] = ()) -> str:
    """Return a plot of the best of each score so far, call by call, or a sentence if there are none.

    Args:
        called: evaluations that the oracle was called for, in order.
        names: of the scores.
        levels: what the best scores are compared with.
    """
    if not called:
        return paragraph("Nothing has been scored yet.")
    every = max(1, len(called) // _POINTS)
    calls = [*range(every, len(called), every), len(called)]
    lines = []
    for place, name in enumerate(names):
        scores = np.array([entry.scores[place] if entry.status == OK else -np.inf for entry in called])
        of = f" by {name}" if len(names) > 1 else ""
        for title, top in (("best", 1), (f"mean of the top {TOP}", TOP))[: 1 if of else 2]:
            lines.append(Series(title + of, calls, anytime(scores, top, every)[-len(calls) :].tolist()))
    y_label = names[0] if len(names) == 1 else "score"
    return line_plot([*lines, *levels], "Best scores so far", "calls", y_label)


def _designs(
    best: Sequence[Entry],
    first: Sequence[Entry],
    entries: Sequence[Entry],
    names: Sequence[str],
    terms: Sequence[str],
    known: Known,
) -> tuple[str, ...]:
    """Return designs, drawn or written, with their scores, and the same as a table."""
    if not best:
        return ()
    texts = [str(entry.canonical) for entry in best]
    looked_at = [str(entry.canonical) for entry in entries if entry.status == OK][:_LOOKED_AT]
    # The best of a sequence search may be all C, which is a molecule too.
    molecules = all(map(is_valid, looked_at))
    if molecules:
        drawn: tuple[str, ...] = (molecule_grid(texts, _captions(best, names, terms)),)
    else:
        drawn = _aligned(best, first, names, terms)
    blank = [""] * len(terms)
    repeated = len(names) > 1 and bool(terms)  # the scores of several objectives are the desirabilities of their terms
    cheap = any(entry.cheap is not None for entry in best)
    rows = [
        [*([] if repeated else entry.scores), *(entry.terms or blank), *([entry.cheap] if cheap else [])]
        for entry in best
    ]
    rows = [[*row, entry.proposer, entry.round, entry.canonical] for row, entry in zip(rows, best, strict=True)]
    values = [title.removesuffix(".value") for title in terms[::2]]
    titles = [*([] if repeated else names), *(part for value in values for part in (value, "desirability"))]
    titles += [*([CHEAP] if cheap else []), "proposed by", "round", "design"]
    carried = known.of(best, {*names, *terms, *titles, "proposer", "text"})
    titles += carried
    rows = [[*row, *cells] for row, *cells in zip(rows, *carried.values(), strict=True)]
    shown = table(titles, rows)
    return (*drawn, shown if molecules else more("as a table", shown))


def _captions(designs: Sequence[Entry], names: Sequence[str], terms: Sequence[str]) -> list[str]:
    """Return the scores of each design, and the value of each term with its desirability, where that is another."""
    numbers = [entry.terms for entry in designs if len(entry.terms) == len(terms)]
    other = [any(row[place] != row[place + 1] for row in numbers) for place in range(0, len(terms), 2)]
    captions = []
    for entry in designs:
        parts = [f"{name} {score:.3g}" for name, score in zip(names, entry.scores, strict=True)]
        if terms and len(entry.terms) == len(terms):
            parts = [] if len(names) > 1 else parts  # the scores of several are the desirabilities
            for title, value, share, shown in zip(terms[::2], entry.terms[::2], entry.terms[1::2], other, strict=True):
                said = f" (desirability {share:.3g})" if shown else ""
                parts.append(f"{title.removesuffix('.value')} {value:.3g}{said}")
        captions.append(", ".join(parts))
    return captions


def _aligned(
    best: Sequence[Entry], first: Sequence[Entry], names: Sequence[str], terms: Sequence[str]
) -> tuple[str, ...]:
    """Return sequences as one table, with what differs from the best known first marked, and their logo."""
    texts = [str(entry.canonical) for entry in best]
    domain = detect([*texts, *(str(entry.canonical) for entry in first)])
    length = Counter(map(len, texts)).most_common(1)[0][0]
    reference = next((entry for entry in first if len(str(entry.canonical)) == length), None)
    captions = _captions(best, names, terms)
    blocks = [sequence_text(texts, captions, domain.unit, str(reference.canonical) if reference else "")]
    if reference:
        before = "measured before" if reference.status == GIVEN else "that the search began with"
        others = "" if all(len(text) == length for text in texts) else ", in those of its length"
        said = f"the best one {before} ({_captions([reference], names, terms)[0]})"
        blocks.insert(0, paragraph(f"Marked: what differs from the reference, {said}{others}."))
    letters = domain.alphabet.letters if domain.alphabet else ""
    made = logo(texts, letters) if letters and drawable(letters) and len(texts) > 1 else None
    if made is not None:
        about = f"Logo of these designs, {made.sequences:,} of length {len(made.heights)}"
        blocks.append(f'<div class="wide">{logo_plot(made, about, axis_top([made]))}</div>')
    return tuple(blocks)
