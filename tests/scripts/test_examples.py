"""Every example runs, small, and makes the picture that README shows or links."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "scripts" / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "drawing")


@pytest.mark.filterwarnings("ignore::seqvae.errors.SeqVAEWarning")
@pytest.mark.parametrize("name", NAMES)
def test_an_example_makes_its_picture(name, tmp_path, capsys):
    import_module(f"scripts.examples.{name}").main(["--small", "--out", str(tmp_path)])
    (picture,) = tmp_path.iterdir()
    assert str(picture) in capsys.readouterr().out
    assert picture.stem == name
    assert picture.stat().st_size > 2_000
    assert (EXAMPLES / "pictures" / picture.name).is_file(), "the picture of the whole example is in the repository"


def test_readme_names_every_example():
    readme = (EXAMPLES.parents[1] / "README.md").read_text("utf-8")
    for name in NAMES:
        assert f"scripts/examples/{name}.py" in readme
