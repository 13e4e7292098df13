"""A model of sequences and their share of G and C: samples have the share that is asked for."""

from dataclasses import replace

import numpy as np
import pytest
from run_cases import FAST, HASTY, small_run, with_model

import seqvae
from seqvae.cli.main import main
from seqvae.config import DataConfig, DecodeConfig, EvaluationConfig, FinetuneConfig, TrainingConfig
from seqvae.errors import ConfigError, InputError, SeqVAEWarning, UsageError
from seqvae.latent.bulk import Bulk
from seqvae.train.finetune import finetune
from seqvae.train.fit import train

LENGTH = 12


def share(text):
    return sum(letter in "GC" for letter in text) / max(1, len(text))


def table(folder, count=400, seed=0):
    """DNA of every share of G and C, which is missing of every fifth sequence, and a column of chance."""
    rng = np.random.default_rng(seed)
    lines = ["sequence,gc,chance,rich"]
    for number in range(count):
        wanted = rng.random()
        text = "".join(rng.choice(list("GC" if rng.random() < wanted else "AT")) for _ in range(LENGTH))
        rich = ("yes" if share(text) > 0.5 else "no") if number % 7 else ""
        lines.append(f"{text},{share(text) if number % 5 else ''},{rng.random():.3f},{rich}")
    path = folder / "shares.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditions")
    run = with_model(small_run(table(folder), epochs=15, **HASTY), **FAST)
    data = replace(run.data, column="sequence", conditions="gc,chance")
    return train(replace(run, data=data), folder / "model", quiet=True).folder


@pytest.fixture(scope="module")
def classed(tmp_path_factory):
    """A model of the share of G and C, and of whether it is high, a class: labels that are conditions."""
    folder = tmp_path_factory.mktemp("classes")
    run = with_model(small_run(table(folder), epochs=20, **HASTY), **FAST)
    data = replace(run.data, column="sequence", labels="gc,rich", condition=True, classes="rich")
    return train(replace(run, data=data), folder / "model", quiet=True)


@pytest.fixture
def told(classed):
    return seqvae.load(classed.folder, device="cpu")


@pytest.fixture
def codec(trained):
    return seqvae.load(trained, device="cpu")


def test_samples_have_the_condition_asked_for(codec):
    low, high = (np.mean([share(t) for t in codec.sample(300, prior={"gc": gc})]) for gc in (0.1, 0.9))
    free = np.mean([share(t) for t in codec.sample(300, prior="conditional")])
    assert low < 0.3 < free < 0.7 < high
    assert codec.run.model.prior == "conditional"
    assert codec.run.model.conditions == "gc,chance"


def test_a_chance_column_changes_little(codec):
    low, high = (np.mean([share(t) for t in codec.sample(300, prior={"chance": at})]) for at in (0.1, 0.9))
    assert abs(low - high) < 0.15


def test_one_seed_one_result_whatever_the_pieces(codec):
    whole = codec.sample(50, seed=3, prior={"gc": 0.5, "chance": 0.2})
    assert whole == codec.sample(50, seed=3, batch_size=7, prior={"gc": 0.5, "chance": 0.2})
    (part,) = Bulk(codec).sample(50, DecodeConfig("sample", seed=3), {"gc": 0.5, "chance": 0.2})
    assert list(part.texts) == whole


def test_what_cannot_be_asked_for_is_refused(codec):
    with pytest.raises(UsageError, match=r"unknown condition 'cg'.*the model has gc, chance"):
        codec.sample(3, prior={"cg": 0.5})
    with pytest.raises(UsageError, match="condition gc: expected a finite number, got nan"):
        codec.draw(3, prior={"gc": float("nan")})
    with pytest.warns(SeqVAEWarning, match=r"condition gc = 7 is outside the training texts' 0 to 1"):
        codec.draw(3, prior={"gc": 7})
    with pytest.raises(UsageError, match="takes no conditions: train one with --conditions COLUMN"):
        seqvae.load("mpsa-dna", device="cpu").draw(3, prior={"gc": 0.5})


def test_the_command_line_samples_what_python_does(trained, codec, capsys):
    assert main(["sample", str(trained), "-n", "20", "--seed", "3", "--condition", "gc=0.9", "--quiet"]) == 0
    assert capsys.readouterr().out.split() == codec.sample(20, seed=3, prior={"gc": 0.9})


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--condition", "gc"], "--condition: expected a name and a value, as logP=2.5, got 'gc'"),
        (["--condition", "gc=0.5", "--condition", "gc=0.6"], "--condition gc: expected one value, got 0.5 and 0.6"),
        (["--condition", "gc=0.5", "--prior", "fitted"], "--prior fitted takes no --condition"),
        (["--condition", "tm=60"], "unknown condition 'tm'"),
    ],
)
def test_wrong_conditions_end_with_one_line(trained, flags, said, capsys):
    assert main(["sample", str(trained), *flags]) != 0
    assert said in capsys.readouterr().err


def test_finetuning_keeps_the_conditions(trained, tmp_path):
    data = DataConfig(column="sequence", conditions="gc,chance", valid_fraction=0.1, test_fraction=0.1)
    config = FinetuneConfig(data=data, training=TrainingConfig(epochs=2, device="cpu"))
    tuned = finetune(trained, str(table(tmp_path, 100)), tmp_path / "tuned", config, quiet=True)
    low, high = (
        np.mean([share(t) for t in seqvae.load(tuned.trained.folder).sample(200, prior={"gc": gc})])
        for gc in (0.1, 0.9)
    )
    assert high - low > 0.3
    with pytest.raises(ConfigError, match=r"data\.conditions: expected the conditions .*\(gc, chance\).*got gc"):
        finetune(
            trained, str(table(tmp_path, 100)), tmp_path / "x", replace(config, data=replace(data, conditions="gc"))
        )


# Conditions that encoder and decoder read, too, and classes.


def mean_share(texts):
    return float(np.mean([share(text) for text in texts]))


def test_labels_become_conditions_of_every_part(told):
    model = told.run.model
    assert (model.labels, model.conditions, model.conditioned) == ("", "gc,rich", "all")
    assert model.class_table == {"rich": ("no", "yes")}
    assert told.model.head is None
    assert told.model.decoder.reads == told.latent + 5


def test_classes_can_be_asked_for_and_guidance_drives_further(told):
    poor, rich = (mean_share(told.sample(300, conditions={"rich": name})) for name in ("no", "yes"))
    assert poor + 0.25 < rich
    free = mean_share(told.sample(300))
    with pytest.warns(SeqVAEWarning, match="condition gc = 7 is outside") as said:
        told.sample(5, conditions={"gc": 7})
    assert len(said) == 1
    assert poor < free < rich
    guided = [mean_share(told.sample(300, conditions={"gc": 0.9}, guidance=weight)) for weight in (0.0, 2.0)]
    assert guided[0] < guided[1]
    assert told.sample(5, prior={"gc": 0.9}) == told.sample(5, conditions={"gc": 0.9})


def test_what_is_known_of_a_text_makes_it_likelier(told, classed):
    texts = classed.prepared.test_texts
    known = {"gc": [share(text) for text in texts], "rich": ["yes" if share(t) > 0.5 else None for t in texts]}
    read = told.tokenize(texts, conditions=known)
    assert read.take([1, 0]).conditions[0, 0] == pytest.approx(share(texts[1]))
    assert told.bounds(read).elbo.mean() > told.bounds(texts).elbo.mean() + 0.2
    assert told.iwae(read, 10).mean() > told.iwae(texts, 10).mean() + 0.2
    first, again = told.encode(texts, conditions=known), told.encode(read)
    assert np.array_equal(first, again)
    assert not np.allclose(first, told.encode(texts))
    one = told.tokenize(texts[:3], conditions={"gc": 0.5})
    assert one.conditions.tolist() == [[0.5, pytest.approx(np.nan, nan_ok=True)]] * 3


def test_wrong_conditions_of_texts_are_refused(told):
    for wrong, said in (
        ({"gc": [0.5]}, "condition gc: expected one value or 2, one for each, got 1"),
        ({"gc": "much"}, "condition gc: expected a finite number, got 'much'"),
        ({"rich": "ye"}, "condition rich: expected one of no, yes, got 'ye'.*did you mean 'yes'"),
        ({"tm": 3}, "unknown condition 'tm'"),
    ):
        with pytest.raises(UsageError, match=said):
            told.tokenize(["ACGTACGTACGT", "AAAAAAAAAAAA"], conditions=wrong)
    with pytest.raises(UsageError, match="takes no conditions: train one with --conditions COLUMN"):
        seqvae.load("mpsa-dna", device="cpu").encode(["ACGTACGTA"], conditions={"gc": 0.5})
    with pytest.raises(UsageError, match="prior 'fitted' takes no conditions"):
        told.sample(3, prior="fitted", conditions={"gc": 0.5})
    with pytest.raises(UsageError, match="guidance: expected conditions to be guided by, got none"):
        told.sample(3, guidance=1.0)


def test_guidance_needs_a_decoder_that_reads_conditions(tmp_path):
    run = with_model(small_run(table(tmp_path, 120), epochs=1), **FAST, conditioned="prior")
    data = replace(run.data, column="sequence", conditions="gc")
    made = train(replace(run, data=data), tmp_path / "model", quiet=True)
    plain = seqvae.load(made.folder, device="cpu")
    assert (plain.run.model.conditioned, plain.run.model.told) == ("prior", 0)
    with pytest.raises(UsageError, match="guidance: expected a model whose decoder reads conditions"):
        plain.sample(3, conditions={"gc": 0.5}, guidance=1.0)


def test_files_carry_conditions_there_and_back(told, classed, tmp_path, capsys):
    """encode and decode read the columns of the file: what is decoded is what the codec decodes given them."""
    path, points, back = table(tmp_path, 60), tmp_path / "z.csv", tmp_path / "back.csv"
    assert main(["encode", str(classed.folder), str(path), "--column", "sequence", "--out", str(points)]) == 0
    assert "conditions by column: gc, rich\n" in capsys.readouterr().err
    assert main(["decode", str(classed.folder), str(points), "--out", str(back)]) == 0
    assert "conditions by column: gc, rich\n" in capsys.readouterr().err
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    known = {"gc": [row[1] or None for row in rows], "rich": [row[3] or None for row in rows]}
    z = told.encode([row[0] for row in rows], conditions=known)
    expected = told.decode(z, conditions=known)
    assert [line.split(",")[0] for line in back.read_text().splitlines()[1:]] == expected
    exact = np.mean([text == row[0] for text, row in zip(expected, rows, strict=True)])
    assert exact > np.mean([text == row[0] for text, row in zip(told.decode(z), rows, strict=True)]) - 0.05
    one = tmp_path / "one.smi"
    assert main(["decode", str(classed.folder), str(points), "-o", str(one), "--condition", "gc=0.9"]) == 0
    known["gc"] = [0.9] * len(rows)
    assert one.read_text().split() == told.decode(z, conditions=known)


def test_a_file_without_the_columns_is_encoded_and_said(told, classed, tmp_path, capsys):
    path = tmp_path / "plain.csv"
    path.write_text("sequence,gc\nACGTACGTACGT,0.5\nGGGGACGTACGT,\n")
    assert main(["encode", str(classed.folder), str(path), "-o", str(tmp_path / "z.csv")]) == 0
    assert "conditions by column: gc; not known: rich" in capsys.readouterr().err
    path.write_text("ACGTACGTACGT\n")
    bare = path.rename(tmp_path / "plain.txt")
    assert main(["encode", str(classed.folder), str(bare), "-o", str(tmp_path / "z.csv")]) == 0
    assert "has no column gc or rich: no condition is known" in capsys.readouterr().err
    path.write_text("sequence,rich\nACGTACGTACGT,maybe\n")
    assert main(["encode", str(classed.folder), str(path), "-o", str(tmp_path / "z.csv")]) != 0
    assert "plain.csv:2: column 'rich' must hold one of no, yes, got 'maybe'" in capsys.readouterr().err


def test_scores_and_evaluation_are_given_conditions(told, classed, tmp_path, capsys):
    from seqvae.evaluate.model.table import model_table
    from seqvae.infer.scoring import score

    path = table(tmp_path, 40, seed=1)  # which it has not seen
    out = tmp_path / "scores.csv"
    assert main(["score", str(classed.folder), str(path), "--column", "sequence", "-o", str(out)]) == 0
    assert "conditions by column: gc, rich" in capsys.readouterr().err
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    texts = [row[0] for row in rows]
    known = {"gc": [row[1] or None for row in rows], "rich": [row[3] or None for row in rows]}
    read = told.tokenize(texts, conditions=known)
    with_them, without = score(told, read).log_p.mean(), score(told, texts).log_p.mean()
    assert with_them > without + 0.2
    others = told.tokenize(texts, conditions={name: column[::-1] for name, column in known.items()})
    assert score(told, others).log_p.mean() < without
    assert model_table(told, read).elbo > model_table(told, texts).elbo + 0.2
    found = seqvae.evaluate.run(classed.folder, str(path), column="sequence", config=EvaluationConfig(number=60))
    assert found.model["elbo"] > model_table(told, texts).elbo + 0.2


@pytest.mark.parametrize(
    ("cells", "labels", "classes", "said"),
    [
        ("high,low,high", "level", "", r"column 'level' must hold a finite number, got 'high' \(--classes level"),
        ("high,high,", "level", "level", r"column 'level' has one class only, 'high'.*expected two or more"),
        (",,", "level", "level", r"column 'level' has no class for any of the"),
        (",,", "level", "", r"column 'level' has no number for any of the"),
    ],
)
def test_columns_that_cannot_be_learned_are_refused(cells, labels, classes, said, tmp_path):
    lines = [f"ACGTACGTACG{'ACGT'[n % 4]}{'ACGT'[n // 4 % 4]}," + cells.split(",")[n % 3] for n in range(64)]
    path = tmp_path / "levels.csv"
    path.write_text("\n".join(["sequence,level", *lines]) + "\n")
    run = with_model(small_run(path, epochs=1), **FAST)
    for condition in (False, True):
        data = replace(run.data, column="sequence", labels=labels, classes=classes, condition=condition, split="random")
        with pytest.raises(InputError, match=said):
            train(replace(run, data=data), tmp_path / f"model{condition}", quiet=True)


def test_columns_are_named_in_the_right_place():
    with pytest.raises(ConfigError, match=r"data\.classes: 'c' is none of data\.labels and data\.conditions"):
        DataConfig(labels="a", classes="c")
    with pytest.raises(ConfigError, match=r"data\.condition: expected the columns to condition on in data\.labels"):
        DataConfig(condition=True)
    data = DataConfig(labels="a,b", conditions="b,c", condition=True)
    assert (data.label_names, data.condition_names) == ((), ("a", "b", "c"))


def test_finetuning_keeps_the_classes(classed, tmp_path):
    data = DataConfig(column="sequence", conditions="gc,rich", valid_fraction=0.1, test_fraction=0.1)
    config = FinetuneConfig(data=data, training=TrainingConfig(epochs=2, device="cpu"))
    tuned = finetune(classed.folder, str(table(tmp_path, 100)), tmp_path / "tuned", config, quiet=True)
    codec = seqvae.load(tuned.trained.folder)
    assert codec.run.model.class_table == {"rich": ("no", "yes")}
    poor, rich = (mean_share(codec.sample(200, conditions={"rich": name})) for name in ("no", "yes"))
    assert poor + 0.2 < rich


def test_the_command_line_trains_with_conditions(tmp_path, capsys):
    out = tmp_path / "model"
    words = ["train", str(table(tmp_path, 120)), "--column", "sequence", "--labels", "gc,rich", "--condition"]
    sizes = ["--latent", "4", "--embedding", "8", "--encoder-width", "8", "--decoder-width", "8", "--epochs", "1"]
    rest = ["--classes", "rich", "--prior", "none", "--quiet", "--out", str(out)]
    assert main([*words, *sizes, *rest]) == 0, capsys.readouterr().err
    made = seqvae.load(out)
    assert (made.run.model.conditions, made.run.model.conditioned) == ("gc,rich", "all")
    capsys.readouterr()
    assert main(["sample", str(out), "-n", "5", "--condition", "rich=yes", "--guidance", "1", "--quiet"]) == 0
    assert capsys.readouterr().out.split() == made.sample(5, conditions={"rich": "yes"}, guidance=1.0)
    assert main(["sample", str(out), "-n", "5", "--condition", "gc=-2"]) == 0
    assert capsys.readouterr().err.count("condition gc = -2 is outside the training texts' ") == 1
    assert main(["sample", str(out), "-n", "5", "--guidance", "1"]) != 0
    assert "guidance: expected conditions to be guided by, got none" in capsys.readouterr().err
