"""What scores found as tables, beside the names and columns of the file that was scored."""

from __future__ import annotations

from collections.abc import Sequence

from seqvae.data.files.carried import Carried
from seqvae.data.files.chunks import Results
from seqvae.data.files.records import Record
from seqvae.data.files.sequence_files import DESCRIPTION
from seqvae.data.files.writers import NAME, QUALITY
from seqvae.infer.by_position import Positions
from seqvae.infer.family.effects import Variants
from seqvae.infer.imputation.masked import Imputed
from seqvae.infer.imputation.qualities import phred
from seqvae.infer.scoring import Scores
from seqvae.infer.substitutions import Alleles, Mutations
from seqvae.sequences.codons import effect_of, genetic_code


def score_table(records: list[Record], found: Scores) -> Results:
    """Return one row for each record: its columns and its scores."""
    carried = Carried(found.columns).of(records)
    own = {name: values if isinstance(values, list) else values.tolist() for name, values in found.columns.items()}
    return Results([record.text for record in records], {**carried, **own})


def positions_table(records: Sequence[Record], found: Positions) -> Results:
    """Return one row for each token of each record that the model can read."""
    rows = [
        (records[row], place, token, float(value))
        for row, tokens, values in zip(found.rows, found.tokens, found.log_p, strict=True)
        for place, (token, value) in enumerate(zip(tokens, values, strict=True), 1)
    ]
    columns: dict[str, list[object]] = {NAME: [record.name for record, *_ in rows]}
    columns |= {title: [row[place] for row in rows] for place, title in enumerate(("position", "token", "log_p"), 1)}
    return Results([record.text for record, *_ in rows], columns)


def mutations_table(records: Sequence[Record], found: Mutations) -> Results:
    """Return one row for each substitution of each record that the model can read, its own letters left out.

    Of codons also how many bases differ, the amino acids (`*` of a stop), and what `effect_of` says of the two.
    """
    rows = [
        (records[row], place + 1, parts[place], letter, float(delta[place, column]), float(error[place, column]))
        for row, parts, delta, error in zip(found.rows, found.positions, found.delta, found.error, strict=True)
        for place in range(len(parts))
        for column, letter in enumerate(found.letters)
        if parts[place] != letter
    ]
    titles = ("position", "from", "to", "delta_log_p", "delta_log_p_error")
    columns: dict[str, list[object]] = {NAME: [record.name for record, *_ in rows]}
    columns |= {title: [row[place] for row in rows] for place, title in enumerate(titles, 1)}
    if found.of_codons:
        code, pairs = genetic_code(), [(before, after) for _, _, before, after, *_ in rows]
        columns["bases"] = [sum(a != b for a, b in zip(*pair, strict=True)) for pair in pairs]
        columns["amino_acid_from"] = [code[before] for before, _ in pairs]
        columns["amino_acid_to"] = [code[after] for _, after in pairs]
        columns["effect"] = [effect_of(*pair) for pair in pairs]
    return Results([record.text for record, *_ in rows], columns)


def variants_table(records: Sequence[Record], found: Variants) -> Results:
    """Return one row for each variant: its columns, and what it does to log p."""
    own: dict[str, list[object]] = {
        "delta_log_p": found.delta_log_p.tolist(),
        "delta_log_p_error": found.error.tolist(),
        "effective_samples": found.effective.tolist(),
        "mutations": found.mutations.tolist(),
        "unmodelled": found.unmodelled.tolist(),
    }
    carried = Carried(tuple(own)).of(list(records))
    return Results([record.text for record in records], {**carried, **own})


def alleles_table(records: Sequence[Record], found: Alleles) -> Results:
    """Return one row for each window with an alternative allele: its fields, and what the allele does to log p."""
    own: dict[str, list[object]] = {
        "delta_log_p": found.delta_log_p.tolist(),
        "delta_log_p_error": found.error.tolist(),
        "log_p": found.log_p.tolist(),
        "log_p_reference": found.log_p_reference.tolist(),
        "reason": list(found.reasons),
    }
    carried = Carried(tuple(own)).of(records)
    return Results([record.text for record in records], {**carried, **own})


_LEAST = 5e-4  # probability of a token that a table of marginals still has
_OF_COMPLETIONS = ("input_text", "rank", "share", "log_p", "valid")
_OF_TEXTS = ("log_p_known", "log_p_known_error", "draws", "r_hat", "acceptance", "invalid")


def completions_table(records: Sequence[Record], found: Sequence[Imputed], misread: bool = False) -> Results:
    """Return one row for each completion: the columns of its record, and what `Imputed` says of it.

    Args:
        records: what was filled.
        found: of each record.
        misread: whether letters may have been read wrong: then there is a column `changed`.
    """
    pairs = [
        (record, one, rank) for record, one in zip(records, found, strict=True) for rank in range(len(one.completions))
    ]
    own = (*_OF_COMPLETIONS, *_OF_TEXTS, *(["changed"] if misread else []))
    carried = Carried(own).of([record for record, *_ in pairs])
    columns: dict[str, list[object]] = {title: list(cells) for title, cells in carried.items()}
    columns["input_text"] = [record.text for record, *_ in pairs]
    columns["rank"] = [rank + 1 for *_, rank in pairs]
    columns["share"] = [one.shares[rank] for _, one, rank in pairs]
    columns["log_p"] = [one.log_p[rank] for _, one, rank in pairs]
    columns["valid"] = [one.valid[rank] for _, one, rank in pairs]
    columns |= {title: [getattr(one, title) for _, one, _ in pairs] for title in _OF_TEXTS}
    if misread:
        columns["changed"] = [one.changed[rank] for _, one, rank in pairs]
    return Results([one.completions[rank] for _, one, rank in pairs], columns)


def corrected_table(records: Sequence[Record], found: Sequence[Imputed], draws: int, believed: bool = True) -> Results:
    """Return the likeliest completion of each record, as FASTQ has it: name, description and qualities (`phred`).

    Args:
        records: what was filled.
        found: of each record.
        draws: how many the probabilities are shares of.
        believed: whether the qualities of the records are what their letters were read with.
    """
    columns: dict[str, list[object]] = {
        NAME: [record.name for record in records],
        DESCRIPTION: [record.fields.get(DESCRIPTION, "") for record in records],
        QUALITY: [
            phred(one, draws, record.quality if believed else "") for record, one in zip(records, found, strict=True)
        ],
    }
    return Results([one.completions[0] for one in found], columns)


def marginals_table(records: Sequence[Record], found: Sequence[Imputed]) -> Results:
    """Return one row for each token that an unknown position may have, the likeliest first."""
    rows = [
        (record, position, one.tokens[place], float(one.marginals[number, place]))
        for record, one in zip(records, found, strict=True)
        for number, position in enumerate(one.positions)
        for place in (-one.marginals[number]).argsort(kind="stable").tolist()
        if one.marginals[number, place] >= _LEAST
    ]
    columns: dict[str, list[object]] = {NAME: [record.name for record, *_ in rows]}
    titles = ("position", "token", "probability")
    columns |= {title: [row[place] for row in rows] for place, title in enumerate(titles, 1)}
    return Results([record.text for record, *_ in rows], columns)
