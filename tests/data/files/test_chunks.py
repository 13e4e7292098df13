"""The parts of a long job: whatever moment it is stopped at, they are the first ones of a job that goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqvae.data.files.chunks import Parts, Results

WORK = {"source": "x.smi", "seed": 0}


@pytest.mark.parametrize("deleted", [0, 1, 2, 3])
def test_a_stop_while_parts_are_deleted_leaves_the_first_ones(tmp_path, monkeypatch, deleted):
    parts = Parts(tmp_path / "x.parts", WORK)
    for text in ("C", "CC", "CCC"):
        parts.save(Results([text]))
    left, unlink = [deleted], Path.unlink

    def stopped(path, missing_ok=False):
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        unlink(path, missing_ok)

    def stopped_at_once(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", stopped)
    monkeypatch.setattr("shutil.rmtree", stopped_at_once)
    with pytest.raises(KeyboardInterrupt):
        parts.remove()
    again = Parts(tmp_path / "x.parts", WORK)
    assert again.count == 3 - deleted
    assert [again.load(number).texts for number in range(again.count)] == [["C"], ["CC"], ["CCC"]][: again.count]
    monkeypatch.undo()
    again.remove()
    assert not (tmp_path / "x.parts").exists()
