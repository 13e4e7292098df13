"""Training with labels and weights, from a table's columns to a model that predicts."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from run_cases import FAST, HASTY, small_run, with_model

import seqvae
from seqvae.cli.main import main
from seqvae.config import AdaptConfig, DataConfig, FinetuneConfig, TrainingConfig
from seqvae.errors import ConfigError, UsageError
from seqvae.train.finetune import finetune
from seqvae.train.fit import train

LENGTH = 12


def table(folder, count=300, known=0.3):
    """DNA with its share of G and C, which is known of some sequences alone, and a weight."""
    rng = np.random.default_rng(0)
    path = folder / "labelled.csv"
    lines = ["sequence,gc,w"]
    for _ in range(count):
        gc = rng.random()
        text = "".join(rng.choice(list("GC" if rng.random() < gc else "AT")) for _ in range(LENGTH))
        label = f"{sum(letter in 'GC' for letter in text) / LENGTH:.3f}" if rng.random() < known else ""
        lines.append(f"{text},{label},{rng.integers(0, 3)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def labelled(path, **settings):
    run = small_run(path, **settings)
    return replace(run, data=replace(run.data, column="sequence", labels="gc"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    run = with_model(labelled(table(folder), epochs=20, **HASTY), **FAST)
    return train(run, folder / "model", quiet=True)


def test_labels_of_a_third_of_the_texts_are_learned(trained):
    codec = seqvae.load(trained.folder, device="cpu")
    texts = trained.prepared.test_texts
    found = codec.predict(codec.encode(texts))["gc"]
    true = torch.tensor([sum(letter in "GC" for letter in text) / LENGTH for text in texts])
    assert np.corrcoef(found, true)[0, 1] > 0.7


def test_predictions_are_of_latent_points(trained):
    codec = seqvae.load(trained.folder, device="cpu")
    z = codec.draw(5, seed=1)
    assert codec.predict(z).keys() == {"gc"}
    assert codec.predict(z.numpy())["gc"].tolist() == codec.predict(z)["gc"].tolist()
    assert codec.run.model.labels == codec.run.data.labels == "gc"


def test_a_model_without_labels_predicts_none(trained, tmp_path):
    run = replace(labelled(table(tmp_path), epochs=1))
    plain = train(replace(run, data=replace(run.data, labels="")), tmp_path / "plain", quiet=True)
    with pytest.raises(UsageError, match="predicts no labels: train one with --labels"):
        seqvae.load(plain.folder).predict(torch.zeros(1, 4))


def test_other_numbers_are_other_data(trained, tmp_path):
    path = table(tmp_path)
    one = train(labelled(path, epochs=1), tmp_path / "one", quiet=True)
    path.write_text(path.read_text().replace("0.500", "0.501"))
    other = train(labelled(path, epochs=1), tmp_path / "other", quiet=True)
    assert one.prepared.data_hash != other.prepared.data_hash
    with pytest.raises(UsageError, match="cannot resume: the texts of"):
        train(labelled(path, epochs=1), tmp_path / "one", resume=True, quiet=True)


def test_texts_without_weight_teach_nothing(tmp_path):
    """A text of weight 0 leaves the weights of the model where they would be without its share of the gradient."""
    path = table(tmp_path, count=80)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], *(line.rsplit(",", 1)[0] + ",0" for line in lines[1:])]) + "\n")
    run = labelled(path, epochs=1)
    run = replace(run, data=replace(run.data, labels="", weights="w"))
    from seqvae.model.build import build_model

    done = train(run, tmp_path / "model", quiet=True)
    after = seqvae.load(done.folder, device="cpu").model.state_dict()
    before = build_model(done.prepared.run.model, done.prepared.tokenizer.vocab_size, run.training.seed).state_dict()
    for name, tensor in before.items():
        torch.testing.assert_close(after[name], tensor, atol=1e-3, rtol=0)  # stored in half precision or as it was


def test_fine_tuning_keeps_what_is_predicted(trained, tmp_path):
    path = table(tmp_path, count=120)
    training = TrainingConfig(epochs=1, batch_size=32, device="cpu")
    config = FinetuneConfig(DataConfig(column="sequence", test_fraction=0.1), training, adapt=AdaptConfig())
    plain = finetune(trained.folder, str(path), tmp_path / "tuned", replace(config), quiet=True)
    codec = seqvae.load(plain.trained.folder, device="cpu")
    assert not math.isnan(codec.predict(torch.zeros(1, codec.latent))["gc"].item())
    with pytest.raises(ConfigError, match=r"the labels that the model was trained with \(gc\), or none, got w"):
        other = replace(config, data=replace(config.data, labels="w"))
        finetune(trained.folder, str(path), tmp_path / "other", other, quiet=True)


def test_the_command_line_takes_columns(tmp_path, capsys):
    path, out = table(tmp_path, count=120), tmp_path / "model"
    words = ["train", str(path), "--column", "sequence", "--labels", "gc", "--weights", "w", "--out", str(out)]
    sizes = ["--latent", "4", "--embedding", "8", "--encoder-width", "8", "--decoder-width", "8", "--epochs", "1"]
    assert main([*words, *sizes, "--prior", "none", "--quiet"]) == 0, capsys.readouterr().err
    assert 'labels = "gc"' in (out / "run.toml").read_text()
    assert seqvae.load(out).model.head is not None


# Classes.


def classes_table(folder, count=300, known=0.3):
    """DNA of which some are known to be rich in G and C, or not, and some have their share of G and C known."""
    rng = np.random.default_rng(0)
    path = folder / "classes.csv"
    lines = ["sequence,gc,rich"]
    for _ in range(count):
        gc = rng.random()
        text = "".join(rng.choice(list("GC" if rng.random() < gc else "AT")) for _ in range(LENGTH))
        share = sum(letter in "GC" for letter in text) / LENGTH
        rich = ("yes" if share > 0.5 else "no") if rng.random() < known else ""
        lines.append(f"{text},{f'{share:.3f}' if rng.random() < known else ''},{rich}")
    path.write_text("\n".join(lines) + "\n")
    return path


def rich_of(texts):
    return torch.tensor([sum(letter in "GC" for letter in text) / LENGTH > 0.5 for text in texts])


def test_a_class_is_predicted_beside_a_number(tmp_path):
    run = with_model(small_run(classes_table(tmp_path), epochs=20, **HASTY), **FAST)
    run = replace(run, data=replace(run.data, column="sequence", labels="gc,rich", classes="rich"))
    done = train(run, tmp_path / "model", quiet=True)
    codec, texts = seqvae.load(done.folder, device="cpu"), done.prepared.test_texts
    assert codec.classes == {"rich": ("no", "yes")}
    found = codec.predict(codec.encode(texts))
    assert found["gc"].shape == (len(texts),)
    assert found["rich"].shape == (len(texts), 2)
    torch.testing.assert_close(found["rich"].sum(1), torch.ones(len(texts)))
    assert (found["rich"].argmax(1) == rich_of(texts)).float().mean() > 0.8
    with pytest.raises(UsageError, match="infers no class: train one with --inferred COLUMN"):
        codec.classify(texts)


@pytest.fixture(scope="module")
def inferring(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inferred")
    run = with_model(small_run(classes_table(folder), epochs=20, **HASTY), **FAST)
    data = replace(run.data, column="sequence", conditions="rich", classes="rich", inferred="rich")
    return train(replace(run, data=data), folder / "model", quiet=True)


def test_a_missing_class_is_inferred(inferring):
    """M2: q(y|x) tells held-out classes, samples have the class asked for, and a known class makes a text likelier."""
    codec, texts = seqvae.load(inferring.folder, device="cpu"), inferring.prepared.test_texts
    found, rich = codec.classify(texts), rich_of(texts)
    torch.testing.assert_close(found.sum(1), torch.ones(len(texts)))
    assert (found.argmax(1) == rich).float().mean() > 0.8
    shares = [
        rich_of(codec.sample(200, conditions={"rich": name})).float().mean().item() for name in codec.classes["rich"]
    ]
    assert shares[0] + 0.3 < shares[1]
    told = codec.tokenize(texts, conditions={"rich": ["yes" if one else "no" for one in rich]})
    assert codec.iwae(told, 100).mean() > codec.iwae(texts, 100).mean() + 0.1
    assert (codec.bounds(texts).elbo <= codec.iwae(texts, 100) + 3).all()
    assert codec.run.model.inferred == "rich"


def test_inference_is_resumed_and_fine_tuned(inferring, tmp_path):
    again = train(inferring.prepared.run, inferring.folder, resume=True, quiet=True)
    assert again.progress.step == inferring.progress.step
    training = TrainingConfig(epochs=1, batch_size=32, device="cpu")
    config = FinetuneConfig(DataConfig(column="sequence", test_fraction=0.1), training, adapt=AdaptConfig())
    tuned = finetune(inferring.folder, str(classes_table(tmp_path, 80)), tmp_path / "tuned", config, quiet=True)
    codec = seqvae.load(tuned.trained.folder, device="cpu")
    assert codec.classify(["ACGTACGTACGT"]).shape == (1, 2)


def test_the_command_line_infers_classes(tmp_path, capsys):
    path, out = classes_table(tmp_path, count=120), tmp_path / "model"
    words = ["train", str(path), "--column", "sequence", "--conditions", "rich", "--classes", "rich"]
    sizes = ["--latent", "4", "--embedding", "8", "--encoder-width", "8", "--decoder-width", "8", "--epochs", "1"]
    asked = ["--inferred", "rich", "--classification", "20", "--prior", "none", "--quiet", "--out", str(out)]
    assert main([*words, *sizes, *asked]) == 0, capsys.readouterr().err
    assert seqvae.load(out).model.classes is not None
    wrong = ["train", str(path), "--conditions", "gc", "--inferred", "gc", "--out", str(tmp_path / "other")]
    assert main(wrong) != 0
    assert "data.inferred: expected a column of data.classes among the conditions" in capsys.readouterr().err
