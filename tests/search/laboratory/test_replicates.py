"""Repeats and standard errors: kept, averaged with their variance, and used."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing

import numpy as np
import pytest

from seqvae import search
from seqvae.cli.main import main
from seqvae.config import CampaignConfig, SearchConfig
from seqvae.data.datasets.registry import load_dataset
from seqvae.errors import InputError
from seqvae.search import Measurement
from seqvae.search.oracle.measurements import read_measurements
from seqvae.search.replicates import averaged, replicates
from seqvae.search.results import known_of, opened_results
from seqvae.search.storage.ledger import Entry
from seqvae.search.storage.run_folder import LEDGER

LIST = load_dataset("moses-sample").texts[:60]


def measured(form, score, *errors, place=0):
    return Entry(0, place, form, form, "given", (score,), errors=errors)


@pytest.fixture
def folder(tmp_path):
    config = SearchConfig(model="none", optimizer="ga", campaign=CampaignConfig(seed=3))
    search.begin(None, tmp_path / "run", config, LIST[:30])
    return tmp_path / "run"


def kept(folder):
    with opened_results(folder) as (_, _, ledger):
        return list(ledger.entries())


def test_means_count_by_the_inverse_variance_where_all_have_errors():
    assert averaged([(1.0,), (4.0,)]) == (2.5,)
    assert averaged([(1.0,), (4.0,)], [(1.0,), ()]) == (2.5,)
    # weights 1 and 1/4
    assert averaged([(1.0,), (4.0,)], [(1.0,), (2.0,)]) == pytest.approx((1.6,))


def test_errors_are_pooled_from_repeats_and_own_where_they_are_told():
    none = replicates([measured("A", 1.0), measured("B", 2.0)])
    assert (none.scores, none.errors, none.deviation) == ({"A": 1.0, "B": 2.0}, None, None)
    entries = [measured("A", 1.0), measured("A", 3.0), measured("B", 5.0), measured("B", 5.5), measured("B", 6.0)]
    found = replicates([*entries, measured("C", 7.0), measured("D", 8.0, 0.3), measured("D", 9.0, 0.4)])
    # squares about the means: 2 of A, .5 of B, .5 of D, with 1, 2 and 1 degrees of freedom
    assert found.deviation == pytest.approx(math.sqrt(3.0 / 4))
    assert found.counts == {"A": 2, "B": 3, "C": 1, "D": 2}
    assert found.errors["A"] == pytest.approx(found.deviation / math.sqrt(2))
    assert found.errors["B"] == pytest.approx(found.deviation / math.sqrt(3))
    assert found.errors["C"] == pytest.approx(found.deviation)
    # 1 / sqrt(1/.09 + 1/.16) = .24, mean (8/.09 + 9/.16) * .0576
    assert found.errors["D"] == pytest.approx(0.24)
    assert found.scores["D"] == pytest.approx((8 / 0.09 + 9 / 0.16) * 0.0576)
    told = replicates([measured("A", 1.0, 0.3), measured("B", 2.0, 0.4)])
    assert told.deviation == pytest.approx(math.sqrt((0.09 + 0.16) / 2))
    assert told.errors == pytest.approx({"A": 0.3, "B": 0.4})


def test_the_ledger_keeps_every_measurement_and_its_error(folder):
    search.tell(folder, [Measurement(LIST[0], (1.0,)), Measurement(LIST[0], (2.0,)), Measurement(LIST[1], (3.0,))])
    search.tell(folder, [Measurement(LIST[1], (4.0,), errors=(0.5,))])
    entries = kept(folder)
    assert [(one.scores, one.errors) for one in entries] == [((1.0,), ()), ((2.0,), ()), ((3.0,), ()), ((4.0,), (0.5,))]
    with closing(sqlite3.connect(folder / LEDGER)) as connection, connection:
        connection.execute("UPDATE standard_errors SET deviations = '[-1]'")
    with pytest.raises(InputError, match=r"standard errors: damaged: expected numbers above 0, got '\[-1\]'"):
        kept(folder)


def test_what_is_told_before_the_search_keeps_repeats_and_errors(tmp_path, one_thread):
    run = tmp_path / "run"
    search.tell(run, [Measurement(text, (float(row),)) for row, text in enumerate(LIST[:8])])
    search.tell(run, [Measurement(LIST[0], (1.0,), errors=(0.25,))])
    search.begin(None, run, SearchConfig(model="none", optimizer="ga"), [])
    entries = kept(run)
    assert len(entries) == 9
    assert (entries[-1].canonical, entries[-1].scores, entries[-1].errors) == (entries[0].canonical, (1.0,), (0.25,))
    assert len(search.ask(run, 4)) == 4


def test_an_error_moves_the_prediction_to_what_is_sure(folder):
    """Of two measurements of a design, the one with the smaller error decides, and a sure neighbour outweighs."""
    rng = np.random.default_rng(0)
    rows = [Measurement(text, (rng.normal(),), errors=(0.2,)) for text in LIST[:20]]
    search.tell(folder, rows)
    search.tell(folder, [Measurement(LIST[20], (9.0,), errors=(0.01,))])
    sure = search.ask(folder, 1, library=[LIST[20], LIST[21]])
    search.tell(folder, [Measurement(LIST[20], (0.0,), errors=(0.0001,))])
    drawn = search.ask(folder, 1, library=[LIST[22]])
    assert sure[0].about["predicted"] > drawn[0].about["predicted"] - 9


def test_the_verb_reads_a_column_of_errors(folder, tmp_path, capsys):
    table = tmp_path / "told.csv"
    table.write_text(f"smiles,score,sd\n{LIST[0]},1.5,0.1\n{LIST[1]},2.5,\n{LIST[2]},3.5,-1\n")
    assert main(["tell", str(folder), str(table), "--error", "sd"]) == 0
    assert "told.csv:4: expected a number above 0 as 'sd', got '-1'" in capsys.readouterr().err
    assert [(one.scores, one.errors) for one in kept(folder)] == [((1.5,), (0.1,)), ((2.5,), ())]
    assert main(["tell", str(folder), str(table), "--error", "se"]) == 1
    assert "told.csv: no column 'se'; the columns are smiles, score, sd" in capsys.readouterr().err


REPEATED = f"""smiles,id,pIC50,sem
{LIST[0]},C-1,1.0,0.1
{LIST[1]},C-2,2.5,
{LIST[0]},C-1,4.0,0.2
{LIST[2]},C-3,3.0,0.5
{LIST[3]},C-4,n.d.,0.5
{LIST[4]},C-5,2.0,-1
"""


def test_a_first_plate_reads_repeats_and_a_column_of_errors(tmp_path, capsys, one_thread):
    """Every well is kept with its own error; and the table means the same, told before or given with the plate."""
    table, flags = tmp_path / "table.csv", ["--model", "none", "--optimizer", "ga", "--seed", "3", "-n", "4"]
    table.write_text(REPEATED)
    columns = ["--score", "pIC50", "--error", "sem"]
    assert main(["ask", str(tmp_path / "given"), "--measured", str(table), *columns, *flags]) == 0
    first = capsys.readouterr()
    assert "table.csv:7: expected a number above 0 as 'sem', got '-1'" in first.err
    wells = [((1.0,), (0.1,)), ((2.5,), ()), ((4.0,), (0.2,)), ((3.0,), (0.5,))]
    assert [(one.scores, one.errors) for one in kept(tmp_path / "given")] == wells
    # weights 1/.01 and 1/.04 of 1 and 4: (100 + 100) / 125; deviation 1/sqrt(125)
    known = replicates(kept(tmp_path / "given"))
    design = kept(tmp_path / "given")[0].canonical
    assert known.scores[design] == pytest.approx(1.6)
    assert known.errors[design] == pytest.approx(1 / math.sqrt(125))
    assert main(["tell", str(tmp_path / "told"), str(table), *columns]) == 0
    capsys.readouterr()
    assert main(["ask", str(tmp_path / "told"), *flags]) == 0
    assert capsys.readouterr().out == first.out
    assert kept(tmp_path / "told") == kept(tmp_path / "given")


def test_a_computed_search_takes_the_weighted_mean_of_repeats(tmp_path, capsys, one_thread):
    table = tmp_path / "table.csv"
    table.write_text(REPEATED)
    flags = ["--model", "none", "--optimizer", "ga", "--budget", "10", "--start", str(table), "--quiet"]
    run = ["optimize", "--objective", "qed", "--measured", str(table), "--score", "pIC50", *flags, "--out"]
    assert main([*run, str(tmp_path / "plain")]) == 0
    assert main([*run, str(tmp_path / "weighted"), "--error", "sem"]) == 0
    means = [[one.scores[0] for one in kept(tmp_path / name)][:2] for name in ("plain", "weighted")]
    assert means == [[2.5, 2.5], [pytest.approx(1.6), 2.5]]


def test_a_column_of_errors_without_a_table_is_refused(folder, tmp_path, capsys):
    assert main(["ask", str(tmp_path / "new"), "--error", "sem"]) == 2
    assert "--error has no effect without --measured: leave it out" in capsys.readouterr().err
    assert main(["ask", str(tmp_path / "new"), "--measured", str(folder), "--error", "sem"]) == 2
    assert "which has its own scores: leave out --column, --format, --score and --error" in capsys.readouterr().err
    terms = tmp_path / "two.toml"
    terms.write_text('join = "pareto"\n[[term]]\nproperty = "qed"\n[[term]]\nproperty = "logp"\n')
    (tmp_path / "table.csv").write_text(REPEATED)
    both = ["--measured", str(tmp_path / "table.csv"), "--error", "sem"]
    assert main(["optimize", "--objective", str(terms), "--out", str(tmp_path / "new"), *both]) == 2
    assert "--error: the search has 2 scores, by the columns qed, logp: leave it out" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_a_search_begins_from_anothers_ledger(folder, tmp_path, capsys, one_thread):
    """Names, columns, repeats and errors go along; a table's flags have no meaning then."""
    rows = [Measurement(text, (float(row),), "", f"C-{row}", {"price": str(row)}) for row, text in enumerate(LIST[:8])]
    search.tell(folder, [*rows, Measurement(LIST[0], (2.0,), errors=(0.5,))])
    assert main(["ask", str(tmp_path / "next"), "--measured", str(folder), "--model", "none", "-n", "4"]) == 0
    entries = kept(tmp_path / "next")
    assert [(one.scores, one.errors, one.status) for one in entries] == [
        *(((float(row),), (), "given") for row in range(8)),
        ((2.0,), (0.5,), "given"),
    ]
    found = known_of(tmp_path / "next")
    assert found.names[entries[3].canonical] == "C-3"
    assert found.columns[entries[3].canonical] == {"price": "3"}
    capsys.readouterr()
    run = ["optimize", "--objective", "qed", "--measured", str(folder), "--out", str(tmp_path / "third")]
    assert main([*run, "--score", "pIC50"]) == 2
    assert "is a search, which has its own scores: leave out --column" in capsys.readouterr().err
    empty = tmp_path / "empty"
    search.begin(None, empty, SearchConfig(model="none", optimizer="ga"), LIST[:3])
    with pytest.raises(InputError, match="this search has scored nothing yet"):
        read_measurements(str(empty))
