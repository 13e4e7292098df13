"""Folders of earlier versions: what their names meant then, they mean still."""

from __future__ import annotations

import json

import pytest
from search_cases import rows

from seqvae.config import CampaignConfig, ConstraintConfig, EndConfig, OracleConfig, SearchConfig
from seqvae.properties import get
from seqvae.search import resume
from seqvae.search.api import begin, opened
from seqvae.search.storage.run_folder import SETTINGS, settings_of

LEAD = "CCOc1ccc(C(=O)NCc2ccccc2)cc1"


@pytest.mark.parametrize("format_", [2, 3])
def test_similarities_of_old_folders_are_of_counts(format_, tmp_path):
    rule = ConstraintConfig(like=LEAD, min_similarity=0.4)
    config = SearchConfig("", "ga", "cpu", OracleConfig(budget=20), CampaignConfig(batch=10, initial=10), rule)
    begin(f"similarity:ecfp4:{LEAD}", tmp_path / "run", config)
    if format_ == 2:
        path = tmp_path / "run" / SETTINGS
        written = json.loads(path.read_text())
        for name in ("similarity", "alerts", "max_sa", "plausible"):
            del written["config"]["constraints"][name]
        path.write_text(json.dumps({**written, "format": 2}))
    kind = "ecfp4-counts" if format_ == 2 else "ecfp4"
    for budget in (20, 40):
        with opened(tmp_path / "run") as search:
            assert search.config.constraints.similarity == kind
        found = resume(tmp_path / "run", end=EndConfig(budget=budget))
        scores = get(f"similarity:{kind}:{LEAD}")([one.text for one in found.top])
        assert [one.scores[0] for one in found.top] == pytest.approx(scores.tolist())
        assert settings_of(tmp_path / "run")["objective"]["term"] == [{"property": f"similarity:ecfp4:{LEAD}"}]
    assert len(rows(tmp_path / "run")) >= 40
