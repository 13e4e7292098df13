"""Join the counts of the attacks into one result, for the page.

    python -m scripts.attack.together RESULT.json ...

The files are those that the attacks have written (`--out`); several of one attack, of other seeds, are added up.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.record import arguments, result_path, write_result

NAME = "attack"
_TITLES = {
    "attack_search_folders": "folders of searches",
    "attack_model_folders": "folders of models",
    "attack_python_arguments": "arguments of Python",
    "attack_files": "files",
    "attack_kills": "kills, signals and faults",
}
_STATES = "attack_states"


def together(paths: Sequence[Path]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings and the counts of results, by attack."""
    settings: dict[str, Any] = {}
    counts: dict[str, Counter[str]] = {}
    parts: dict[str, set[str]] = {}
    states: dict[str, Any] = {}
    for path in paths:
        made = json.loads(path.read_text("utf-8"))
        settings[path.stem] = made["settings"]
        if made["name"] == _STATES:
            states = {**made["figures"], "faults": len(made["figures"]["faults"])}
            continue
        title = _TITLES[made["name"]]
        whole = {key: value for key, value in made["figures"]["all"].items() if isinstance(value, int)}
        counts.setdefault(title, Counter()).update(whole)
        parts.setdefault(title, set()).update(name for name in made["figures"] if name != "all")
    found = {title: {"kinds": len(parts[title]), **counts[title]} for title in counts}
    return settings, {"attacks": found, "states": states}


def main(argv: Sequence[str] | None = None) -> None:
    """Join, print, and write the result."""
    parser = arguments(__doc__ or "")
    parser.add_argument("results", type=Path, nargs="+", help="results of attacks")
    given = parser.parse_args(argv)
    settings, found = together(given.results)
    write_result(result_path(given, NAME), NAME, settings, found)


if __name__ == "__main__":
    main()
