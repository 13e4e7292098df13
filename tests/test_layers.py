"""The rooms of the package: each imports only from those before it, and the light ones stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "seqvae"
ROOMS = [
    "errors",
    "config",
    "search_config",
    "optimiser_config",
    "run_file",
    "places",
    "device",
    "executor",
    "text",
    "properties",
    "data",
    "model",
    "artifact",
    "shipped",
]
ROOMS += ["train", "latent", "search", "infer", "evaluate", "report", "cli"]
# What a room may not import, at its top or inside a function.
FORBIDDEN = {
    "config": {"torch"},
    "search_config": {"torch"},
    "optimiser_config": {"torch"},
    "run_file": {"torch"},
    "executor": {"torch"},
    "text": {"torch"},
    "properties": {"torch"},
    "data": {"pytorch_lightning"},
    "model": {"pytorch_lightning", "rdkit", "selfies", "Bio"},
    "shipped": {"torch", "numpy", "rdkit"},
}
SOURCES = sorted(PACKAGE.rglob("*.py")) if PACKAGE.is_dir() else []


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_flow(path):
    room = room_of(path)
    if room in ("__init__", "__main__"):
        return
    assert room in ROOMS, f"{room} is no room of the design"
    for name in imported(path):
        top, *rest = name.split(".")
        assert top not in FORBIDDEN.get(room, set()), f"{room} may not import {top}"
        if top == "seqvae" and rest and rest[0] in ROOMS:
            assert ROOMS.index(rest[0]) <= ROOMS.index(room), f"{room} may not import {rest[0]}"


def test_importing_the_package_is_light():
    code = "import sys, seqvae; print(sorted({'torch', 'numpy', 'rdkit', 'pytorch_lightning'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_no_room_has_a_name_that_says_nothing():
    empty = {"utils", "util", "core", "common", "base", "helpers", "misc"}
    assert not empty & {part.removesuffix(".py") for path in SOURCES for part in path.relative_to(PACKAGE).parts}
