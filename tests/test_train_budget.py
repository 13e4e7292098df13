"""How many epochs fit into a given time."""

from __future__ import annotations

import pytest

from seqvae.config import DataConfig, ModelConfig, RunConfig, TrainingConfig
from seqvae.train import budget
from seqvae.train.prepare import prepare


@pytest.fixture
def prepared(tmp_path):
    (tmp_path / "in.txt").write_text("".join("AB" * (i % 9 + 1) + "C" * (i % 7 + 1) + "\n" for i in range(100)))
    run = RunConfig(
        data=DataConfig(source=str(tmp_path / "in.txt")),
        model=ModelConfig(latent=2, embedding=4, encoder_width=4, decoder_width=4),
        training=TrainingConfig(batch_size=8, device="cpu"),
    )
    return prepare(run, tmp_path / "rejected.csv", progress=False)


def test_the_time_is_divided_by_that_of_an_epoch(prepared, monkeypatch):
    monkeypatch.setattr(budget, "_seconds_a_step", lambda *_: 0.5)
    steps = len(prepared.train) / 8
    assert budget.epochs_in(prepared, 10) == round(600 / (0.5 * -(-steps // 1)))
    assert budget.epochs_in(prepared, 0) == 1


def test_a_step_takes_time(prepared):
    assert budget.epochs_in(prepared, 1 / 60) >= 1
