"""`seqvae optimize`, `results`, `ask` and `tell`: what they leave, what they say, and wrong input to them."""

from __future__ import annotations

import csv
import errno
import io
import json
import math
import sys

import pytest
from search_cases import alike, dna_model, rows, start

from seqvae.cli.main import main
from seqvae.data.files import writers as outputs
from seqvae.search.storage.ledger import Entry
from seqvae.search.storage.run_folder import ledger_of, settings_of

MINE = (
    "def score(text):\n    return float(text.count('GAT'))\n\n\ndef broken(text):\n    raise ValueError('no licence')\n"
)


@pytest.fixture
def run(capfd, tmp_path, monkeypatch):
    """Run a command in a folder with a model, texts and a function of one's own; return code, output and errors."""
    monkeypatch.chdir(tmp_path)
    dna_model(tmp_path / "model")
    (tmp_path / "start.txt").write_text("\n".join(start()) + "\n")
    (tmp_path / "mine_of_the_search.py").write_text(MINE)

    def call(words):
        code = main(words.split())
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return call


SEARCH = "optimize --model ./model --objective mine_of_the_search:score --budget 60 --batch 20 --out run"


def test_a_function_of_ones_own_is_optimised_and_everything_is_written(run, tmp_path):
    code, out, err = run(SEARCH)
    assert code == 0, err
    assert "unique oracle calls     60" in out
    assert "ended by: budget" in err
    code, out, _ = run("results run --json")
    found = json.loads(out)
    assert (code, found["calls_unique"], len(found["top"])) == (0, 60, 10)
    assert found["best"] == found["top"][0]["scores"][0]
    assert 0 <= found["auc_top10"] <= found["top10_mean"] <= found["best"]
    code, _, _ = run("results run --out all.csv --page page.html")
    table = list(csv.DictReader(io.StringIO((tmp_path / "all.csv").read_text())))
    assert code == 0
    assert [row["text"] for row in table] == [row[2] for row in rows(tmp_path / "run")]
    assert {float(row["score"]) for row in table if row["status"] == "ok"} >= {found["best"]}
    assert "mean of the top 10" in (tmp_path / "page.html").read_text()
    code, out, _ = run("results run --out - --top 3")
    assert (code, out.split()) == (0, [one["text"] for one in found["top"][:3]])
    code, out, err = run("results run --top -3")
    assert (code, out, err.count("\n")) == (2, "", 1)
    code, out, _ = run("results run --top 3")
    assert code == 0
    assert out.split("\n\n")[0] == run("results run")[1].split("\n\n")[0]  # the figures are those of the ten best
    assert [line.split()[-1] for line in out.splitlines()[-3:]] == [one["text"] for one in found["top"][:3]]
    assert out.splitlines()[-4].split() == ["score", "proposed", "by", "sequence"]
    assert [len(json.loads(run(f"results run --json --top {top}")[1])["top"]) for top in (3, 20)] == [3, 20]


def test_a_search_without_scores_has_none_in_json(run):
    assert run("ask plates --model ./model -n 2")[0] == 0

    def refused(word):
        raise AssertionError(word)

    found = json.loads(run("results plates --json")[1], parse_constant=refused)
    assert (found["best"], found["top10_mean"], found["auc_top10"], found["top"]) == (None, None, 0.0, [])


@pytest.mark.parametrize(("count", "area"), [("unique", 55 / 60), ("every", 47.5 / 60)])
def test_the_area_is_over_the_calls_that_were_counted(count, area, run, tmp_path):
    assert run(SEARCH + f" --count {count} --minutes 1e-9")[0] == 0
    ledger = ledger_of(tmp_path / "run", settings_of(tmp_path / "run"))
    ledger.add(Entry(0, place, "x", None, "invalid", (math.nan,)) for place in range(15))
    ledger.add(Entry(1, place, str(place), str(place), "ok", (1.0,)) for place in range(10))
    ledger.close()
    assert json.loads(run("results run --json")[1])["auc_top10"] == pytest.approx(area)


def test_a_search_that_was_stopped_goes_on(run, tmp_path):
    assert run(SEARCH)[0] == 0
    whole = rows(tmp_path / "run")
    assert run(SEARCH.replace("--out run", "--out cut --minutes 1e-9"))[0] == 0
    assert len(rows(tmp_path / "cut")) < 60
    assert run("optimize --resume cut --minutes 0")[0] == 0
    assert rows(tmp_path / "cut") == whole


def test_a_search_goes_on_to_a_larger_budget(run, tmp_path):
    assert run(SEARCH.replace("60", "47"))[0] == 0
    first = rows(tmp_path / "run")
    code, out, _ = run("optimize --resume run --budget 75")
    assert code == 0
    assert "unique oracle calls     75" in out
    assert rows(tmp_path / "run")[: len(first)] == first
    assert json.loads((tmp_path / "run" / "search.json").read_text())["config"]["oracle"]["budget"] == 75
    code, out, _ = run("optimize --resume run")
    assert "unique oracle calls     75" in out
    for budget, words in [
        ("74", "run: has made 75 calls: expected at least that budget, got 74"),
        ("0", "oracle.budget"),
    ]:
        code, out, err = run(f"optimize --resume run --budget {budget}")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert words in err


def test_the_way_to_go_on_after_ctrl_c_names_the_new_end(run, monkeypatch):
    assert run(SEARCH)[0] == 0

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("seqvae.search.loop.Campaign.run", interrupted)
    _, _, err = run("optimize --resume run --budget 12345678 --minutes 1.5")
    assert "resume with: seqvae optimize --resume run --budget 12345678 --minutes 1.5" in err


def test_ray_that_is_not_installed_is_one_line_and_nothing_is_made(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, out, err = run(SEARCH + " --executor ray")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "executor ray needs the Ray library: pip install 'seqvae[ray]', or take executor processes" in err
    assert not (tmp_path / "run").exists()


def test_known_scores_cost_no_call(run, tmp_path):
    (tmp_path / "known.csv").write_text("text,score\n" + "".join(f"{text},0.5\n" for text in start()[:5]))
    assert run(SEARCH + " --measured known.csv --start start.txt")[0] == 0
    statuses = [row[4] for row in rows(tmp_path / "run")]
    assert (statuses.count("given"), statuses.count("ok")) == (5, 60)


def test_known_scores_of_terms_that_are_apart_have_a_column_each(run, tmp_path):
    terms = "".join(f'[[term]]\nproperty = "{name}"\n' for name in ("mine_of_the_search:score", "dna:gc"))
    (tmp_path / "both.toml").write_text('join = "apart"\n' + terms)
    search = SEARCH.replace("mine_of_the_search:score", "both.toml")
    (tmp_path / "known.csv").write_text("text,dna:gc\n" + "".join(f"{text},0.5\n" for text in start()[:5]))
    code, _, err = run(search + " --measured known.csv --start start.txt")
    assert (code, err.count("\n")) == (1, 1)
    assert "known.csv: no column 'mine_of_the_search:score'" in err
    table = "text,dna:gc,mine_of_the_search:score\n" + "".join(f"{text},0.5,1.0\n" for text in start()[:5])
    (tmp_path / "known.csv").write_text(table)
    code, _, err = run(search + " --measured known.csv --start start.txt")
    assert code == 0, err
    assert [row[5] for row in rows(tmp_path / "run") if row[4] == "given"] == ["(1.0, 0.5)"] * 5


def test_a_bad_row_of_known_scores_leaves_nothing_behind(run, tmp_path):
    good = "text,score\n" + "".join(f"{text},0.5\n" for text in start()[:5])
    (tmp_path / "known.csv").write_text("text,score\nXXXX,0.5\n")
    code, _, err = run(SEARCH + " --measured known.csv --start start.txt")
    assert (code, err.count("\n")) == (1, 1)
    assert "known.csv:2: 'XXXX' is no text of this search" in err
    (tmp_path / "known.csv").write_text(good + "XXXX,0.5\n")
    code, _, err = run(SEARCH.replace("--out run", "--out other") + " --measured known.csv --start start.txt")
    assert code == 0
    assert "warning: 1 of 6 rows left out: known.csv:7: 'XXXX' is no text of this search" in err
    (tmp_path / "known.csv").write_text(good)
    assert run(SEARCH + " --measured known.csv --start start.txt")[0] == 0
    assert [row[4] for row in rows(tmp_path / "run")].count("given") == 5


def test_plates_for_a_laboratory(run, tmp_path):
    code, out, _ = run("ask plates --model ./model -n 12 --start start.txt --shortest 12")
    plate = list(csv.DictReader(io.StringIO(out)))
    assert (code, len(plate)) == (0, 12)
    table = "sequence,score\n" + "".join(f"{row['text']},{alike(row['text'])}\n" for row in plate[:10])
    (tmp_path / "measured.csv").write_text(table + f"{plate[10]['text']},\n")
    code, _, err = run("tell plates measured.csv --column sequence")
    assert code == 0
    assert "round 0: 10 asked for, 0 not asked for" in err
    assert "1 without a score" in err
    code, out, _ = run("ask plates -n 5")
    assert code == 0
    assert not {row["text"] for row in csv.DictReader(io.StringIO(out))} & {row["text"] for row in plate}
    code, out, _ = run("results plates --json")
    assert json.loads(out)["calls_unique"] == 10


@pytest.mark.parametrize(("words", "initial"), [("", 4), ("--initial 9", 9), ("--initial 100", 100)])
def test_a_search_by_plates_learns_after_half_of_the_first_or_what_it_is_given(run, tmp_path, words, initial):
    assert run(f"ask plates --model ./model -n 8 {words}")[0] == 0
    assert json.loads((tmp_path / "plates" / "search.json").read_text())["config"]["campaign"]["initial"] == initial
    assert run("ask plates -n 4")[0] == 0
    assert run("ask plates -n 4 --initial 9")[0] == 2


def test_a_plate_that_could_not_be_written_is_not_lost(run, tmp_path, monkeypatch):
    def full(out, *_, **__):
        raise OSError(errno.ENOSPC, "no space left", out)

    (tmp_path / "file").touch()
    assert run("ask plates --model ./model -n 4 --start start.txt --out file/plate.csv")[0] == 1
    assert not (tmp_path / "plates").exists()
    with monkeypatch.context() as disk:
        disk.setattr(outputs, "write_pieces", full)
        code, out, err = run("ask plates --model ./model -n 4 --start start.txt --out plate.csv")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "the plate is kept: seqvae ask plates --again" in err
    assert run("ask plates --again --out plate.csv")[0] == 0
    assert run("ask plates --again --out - ")[1] == (tmp_path / "plate.csv").read_text()
    plate = list(csv.DictReader(io.StringIO((tmp_path / "plate.csv").read_text())))
    assert {row["text"] for row in plate} < set(start())
    assert len(plate) == 4
    other = list(csv.DictReader(io.StringIO(run("ask plates -n 4")[1])))
    assert not {row["text"] for row in plate} & {row["text"] for row in other}
    for words in ("-n 4", "--seed 0", "--shortest 0"):
        code, out, err = run(f"ask plates --again {words}")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "--again writes the last plate of plates as it was: leave out all flags but --out" in err


def test_failures_are_said_while_it_runs_and_in_its_results(run, tmp_path):
    fails = "    if 'AA' in text:\n        raise ValueError(f'no grid {len(text)}')\n"
    (tmp_path / "mine_often.py").write_text(f"def score(text):\n{fails}    return 1.0\n")
    search = "optimize --model none --start start.txt --budget 20 --batch 10 --out run --objective mine_often:"
    code, out, err = run(search + "score")
    count = json.loads(run("results run --json")[1])["statuses"]["failed"]
    assert 0 < count < 20
    assert code == 0
    assert "calls failed; most often (" in err
    assert f"failed {count:,} times: InputError: mine_often:score fails on" in out
    assert "ValueError: no grid 12" in out
    assert json.loads(run("results run --json")[1])["failures"][0]["count"] == count
    assert "ValueError: no grid" in run("results run")[1]


def test_a_search_in_which_nothing_was_scored_fails(run, tmp_path):
    (tmp_path / "mine_ends.py").write_text("import sys\n\n\ndef ends(text):\n    sys.exit(3)\n")
    search = "optimize --model none --start start.txt --budget 12 --batch 10 --out run --objective mine_ends:ends"
    for words in (search, "optimize --resume run"):
        code, out, err = run(words)
        assert code == 1
        assert "12 failed" in out
        assert "nothing was scored: 12 of 12 calls failed; most often (12): InputError: mine_ends:ends fails on" in err
        assert "SystemExit: 3" in err


def test_a_limit_without_workers_is_refused_wherever_it_is_set(run, tmp_path):
    (tmp_path / "search.toml").write_text("[oracle]\ntimeout = 3.0\n")
    code, out, err = run(SEARCH + " --config search.toml")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "oracle.timeout, oracle.retries: no effect without workers" in err
    assert not (tmp_path / "run").exists()


def test_an_objective_that_always_fails_says_why(run):
    code, _, err = run(SEARCH.replace(":score", ":broken"))
    assert code == 1
    assert "failed 20 times in a row" in err
    assert "no licence" in err


def test_a_model_is_not_needed(run, tmp_path):
    code, _, err = run(
        "optimize --model none --start start.txt --objective dna:gc --budget 90 --initial 20 --batch 20 --out run"
    )
    assert code == 0, err
    scored = [(row[2].count("G") + row[2].count("C")) / len(row[2]) for row in rows(tmp_path / "run")]
    assert max(scored[-20:]) > max(scored[:20])


@pytest.mark.parametrize(
    "words",
    [
        "--model zinc-smiles",
        "--optimizer auto",
        "--device auto",
        "--workers 0",
        "--count unique",
        "--ray-address auto",
        "--batch 100",
        "--initial 100",
        "--seed 0",
        "--shortest 0",
        "--most-alike 1",
        "--measured known.csv",
    ],
)
def test_a_setting_that_a_search_goes_on_without_is_refused_even_where_it_is_the_default(run, words):
    assert run(SEARCH)[0] == 0
    code, out, err = run(f"optimize --resume run --budget 70 {words}")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "--resume takes its settings from the folder: leave out all but --budget" in err


def test_plates_without_a_model(run):
    code, out, err = run("ask plates --model none --start start.txt -n 5")
    assert code == 0, err
    assert {row["text"] for row in csv.DictReader(io.StringIO(out))} < set(start())


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("optimize --objective dna:gc", 2, "expected what to optimise and where"),
        ("optimize --out run", 2, "expected what to optimise and where"),
        ("optimize --resume run --objective dna:gc", 2, "--resume takes its settings from the folder"),
        ("optimize --resume run --batch 20 --budget 70", 2, "leave out all but --budget, --minutes and --patience"),
        ("optimize --resume nothing --budget 70", 1, "nothing: there is no search here"),
        ("optimize --objective dna:gc --model ./model --out run --executor rai", 2, "oracle.executor"),
        ("optimize --objective dna:gc --model ./model --out run --ray-address auto", 2, "expected oracle.executor ray"),
        ("optimize --resume nothing", 1, "nothing: there is no search here"),
        ("optimize --objective dna:gcc --model ./model --out run", 2, "gcc"),
        ("optimize --objective dna:gc --model ./model --out run --optimizer autoo", 2, "did you mean 'auto'"),
        ("optimize --objective dna:gc --model ./model --out run --budget 0", 2, "oracle.budget"),
        ("optimize --objective qed --model ./model --out run", 2, "the objective expects molecules"),
        ("optimize --objective dna:gc --model none --out run", 2, "give --model, --start, or both"),
        ("optimize --objective tasks.toml --model ./model --out run", 2, "tasks.toml"),
        ("results nothing", 1, "nothing: there is no search here"),
        ("ask plates --model ./model -n 0", 2, "expected a number of texts from 1"),
        ("ask plates --model ./model --initial 1", 2, "campaign.initial"),
        ("ask plates --model ./model --seed -1", 2, "campaign.seed"),
        ("ask plates --again", 1, "plates: there is no search here"),
        (
            "tell nothing start.txt",
            1,
            "start.txt: no column 'score'; the columns are column_1; name that of the scores: --score",
        ),
        ("optimize --objective dna:gc --model ./model --out run --measured start.txt", 1, "no column 'score'"),
    ],
)
def test_wrong_input(run, tmp_path, words, code, message):
    found, out, err = run(words)
    assert (found, out) == (code, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "plates").exists()


def test_a_score_that_is_no_number_is_named(run, tmp_path):
    assert run("ask plates --model ./model -n 2")[0] == 0
    (tmp_path / "bad.csv").write_text("text,score\nACGT,0.5\nACGG,high\n")
    code, _, err = run("tell plates bad.csv")
    assert code == 0
    assert "1 of 2 rows left out: bad.csv:3: expected a number as 'score', got 'high'" in err
    assert "round 0: 0 asked for, 1 not asked for" in err


@pytest.mark.parametrize("before", [True, False])
def test_a_first_plate_learns_from_a_table_of_ones_own(run, tmp_path, before):
    table = "name,sequence,pIC50\n" + "".join(f"S{row},{text},{alike(text)}\n" for row, text in enumerate(start()))
    (tmp_path / "table.csv").write_text(table)
    if before:
        code, _, err = run("tell plates table.csv --score pIC50 --column sequence")
        assert code == 0
        assert "plates: there is no search here yet: 30 measurements are kept for its first plate; then: seqvae" in err
    flags = "" if before else " --measured table.csv --score pIC50 --column sequence"
    code, out, err = run(f"ask plates --model ./model --optimizer ga -n 8{flags}")
    assert code == 0, err
    plate = list(csv.DictReader(io.StringIO(out)))
    assert len(plate) == 8
    assert {row["proposer"] for row in plate} <= {"mutation", "crossover"}
    assert not {row["text"] for row in plate} & set(start())
    assert run("ask plates --measured table.csv -n 8")[0] == 2


def test_scores_of_known_designs_may_have_another_name(run, tmp_path):
    (tmp_path / "known.csv").write_text("text,pIC50\n" + "".join(f"{text},0.5\n" for text in start()[:5]))
    assert run(SEARCH + " --measured known.csv --score pIC50 --start start.txt")[0] == 0
    assert [row[4] for row in rows(tmp_path / "run")].count("given") == 5
    for words, message in {
        "--score pIC50": "without --measured",
        "--error sem": "without --measured",
        "--column x": "without --start or --measured",
    }.items():
        code, _, err = run(SEARCH.replace("--out run", "--out other") + f" {words}")
        assert (code, f"has no effect {message}: leave it out" in err) == (2, True)
    (tmp_path / "start.csv").write_text("name,dna,other\n" + "".join(f"x,{text},y\n" for text in start()))
    assert run("ask plates --model none --start start.csv --column dna -n 3")[0] == 0


def test_a_second_call_of_ask_takes_no_settings(run):
    assert run("ask plates --model ./model -n 2")[0] == 0
    for words in ("--model ./model", "--seed 0", "--longest 0"):
        code, _, err = run(f"ask plates {words} -n 2")
        assert code == 2
        assert "plates: has its settings from the first call" in err
