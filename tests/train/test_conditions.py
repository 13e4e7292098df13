"""A model of sequences and their share of G and C: samples have the share that is asked for."""

from dataclasses import replace

import numpy as np
import pytest
from run_cases import FAST, small_run, with_model

import seqvae
from seqvae.cli.main import main
from seqvae.config import DataConfig, DecodeConfig, FinetuneConfig, TrainingConfig
from seqvae.errors import ConfigError, SeqVAEWarning, UsageError
from seqvae.latent.bulk import Bulk
from seqvae.train.finetune import finetune
from seqvae.train.fit import train

LENGTH = 12


def share(text):
    return sum(letter in "GC" for letter in text) / max(1, len(text))


def table(folder, count=400):
    """DNA of every share of G and C, which is missing of every fifth sequence, and a column of chance."""
    rng = np.random.default_rng(0)
    lines = ["sequence,gc,chance"]
    for number in range(count):
        wanted = rng.random()
        text = "".join(rng.choice(list("GC" if rng.random() < wanted else "AT")) for _ in range(LENGTH))
        lines.append(f"{text},{share(text) if number % 5 else ''},{rng.random():.3f}")
    path = folder / "shares.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("conditions")
    run = with_model(small_run(table(folder), epochs=30), **FAST)
    data = replace(run.data, column="sequence", conditions="gc,chance")
    return train(replace(run, data=data), folder / "model", quiet=True).folder


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
        (["--condition", "gc"], "--condition: expected a name and a number, as logP=2.5, got 'gc'"),
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
