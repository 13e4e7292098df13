"""The rooms of the package: each imports only from those above it, none in a circle, and the light ones stay light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "seqvae"
# From the top of the house to the bottom: a room imports only from those before it.
ROOMS = ["errors", "config", "runtime", "sequences", "properties", "data", "model", "artifact", "train", "latent"]
ROOMS += ["search", "infer", "sklearn", "evaluate", "report", "serve", "cli"]
# The same inside a room that has folders; a file that lies in the room itself may use all of them.
FOLDERS = {
    "sequences": ["tokenizers", "grammar"],
    "properties": ["molecules", "dna", "benchmarks"],
    "data": ["files", "datasets", "tokens"],
    "model": ["layers", "priors", "decoding", "inference", "adapt"],
    "latent": ["decoding", "projection"],
    "infer": ["coding", "imputation", "family"],
    "search": ["storage", "oracle", "domain", "memory", "surrogates", "optimizers"],
    "evaluate": ["molecules", "sequences", "model", "diagnosis", "curves", "maps"],
    "report": ["html", "map"],
    "train": ["prior"],
    "cli": ["verbs"],
}
# What a room may not import, at its top or inside a function.
FORBIDDEN = {
    "config": {"torch"},
    "sequences": {"torch"},
    "properties": {"torch"},
    "data": {"pytorch_lightning"},
    "model": {"pytorch_lightning", "rdkit", "selfies", "Bio"},
    "report": {"torch"},
}
# The same for one file.
FORBIDDEN_IN = {
    "runtime/worker.py": {"torch"},
    "runtime/pool.py": {"torch"},
    "artifact/pretrained.py": {"torch", "numpy", "rdkit"},
}
MOST_FILES = 15
SOURCES = sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in SOURCES}


def imported(path: Path, top_only: bool = False) -> set[str]:
    """Return the modules that a file imports, of the package as they are and of others by their first name."""
    names = set()
    tree = ast.parse(path.read_text("utf-8"))
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                names.add(inner if inner in MODULES else str(node.module))
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return names


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_follow_the_flow(path):
    room = path.relative_to(PACKAGE).with_suffix("").parts[0]
    if room in ("__init__", "__main__"):
        return
    assert room in ROOMS, f"{room} is no room of the design"
    forbidden = FORBIDDEN.get(room, set()) | FORBIDDEN_IN.get(path.relative_to(PACKAGE).as_posix(), set())
    for name in imported(path):
        top, *rest = name.split(".")
        assert top not in forbidden, f"{path} may not import {top}"
        if top == "seqvae" and rest:
            assert ROOMS.index(rest[0]) <= ROOMS.index(room), f"{path} may not import {name}"


@pytest.mark.parametrize("room", FOLDERS)
def test_folders_of_a_room_follow_the_flow_too(room):
    order = FOLDERS[room]
    found = {path.name for path in (PACKAGE / room).iterdir() if path.is_dir() and list(path.glob("*.py"))}
    assert found == set(order)
    for path in (PACKAGE / room).glob("*/*.py"):
        for name in imported(path):
            top, *rest = name.split(".")
            if top == "seqvae" and rest[:1] == [room] and len(rest) > 1 and rest[1] in order:
                assert order.index(rest[1]) <= order.index(path.parent.name), f"{path} may not import {name}"


def test_no_file_imports_itself_in_a_circle():
    """Imports inside functions count: they only hide a circle."""
    arrows = {module: {name for name in imported(path) if name in MODULES} for module, path in MODULES.items()}
    # A package's __init__ is a shop window: what it offers lies in its modules, which do not go through it.
    arrows = {module: targets for module, targets in arrows.items() if MODULES[module].name != "__init__.py"}
    left = {module: targets & arrows.keys() - {module} for module, targets in arrows.items()}
    while ends := [module for module, targets in left.items() if not targets]:
        for module in ends:
            del left[module]
        left = {module: targets - set(ends) for module, targets in left.items()}
    assert not left, f"circles among {sorted(left)}"


def test_no_folder_is_too_wide_to_read():
    folders = [*PACKAGE.rglob("*"), PACKAGE, *(ROOT / "scripts").rglob("*")]
    for folder in (path for path in folders if path.is_dir()):
        files = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
        assert len(files) <= MOST_FILES, f"{folder} holds {len(files)} files"


def test_importing_the_package_is_light():
    code = "import sys, seqvae; print(sorted({'torch', 'numpy', 'rdkit', 'pytorch_lightning'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_no_room_has_a_name_that_says_nothing():
    empty = {"utils", "util", "core", "common", "base", "helpers", "misc"}
    assert not empty & {part.removesuffix(".py") for path in SOURCES for part in path.relative_to(PACKAGE).parts}
