"""Which folders of searches may run what they name: those that this user began here, and those that are trusted.

A search may name a program, a function, or the address of a cluster, and going on with it runs them. So a folder that
names any carries a signature of what it names, made with a key that lies in this user's cache folder; a folder that
somebody sends, or in which somebody has changed the names, has another or none.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from seqvae.errors import UsageError
from seqvae.properties.registry import is_own_code
from seqvae.runtime.files import cache_folder

SIGNATURE = "signature"  # in the settings: of what the search names; absent where it names nothing that runs
_KEY, _BYTES = "key", 32


def named_code(settings: Mapping[str, Any]) -> list[str]:
    """Return what going on with a search would run, besides seqvae and installed packages, in words."""
    found = []
    scores = (settings["objective"] or {}, settings.get("cheap", {}))
    for term in (one for score in scores for one in score.get("term", ())):
        if command := term.get("command"):
            found.append(f"the {'shell script' if term.get('shell') else 'program'} {command!r}")
        elif is_own_code(term["property"]):
            found.append(f"the function {term['property']!r}")
    oracle = settings["config"]["oracle"]
    if oracle["executor"] == "ray" and oracle["ray_address"]:
        found.append(f"a Ray cluster at {oracle['ray_address']!r}")
    return found


def signed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with the signature of what they name; as they are where that is nothing, or there is no key."""
    code = named_code(settings)
    key = _key(create=True) if code else None
    return {**settings} if key is None else {**settings, SIGNATURE: _signature(key, code)}


def check_trusted(folder: Path, settings: Mapping[str, Any]) -> None:
    """Refuse a folder that names what it would run, and was not begun here by this user.

    Raises:
        UsageError: it is such a folder; the message shows what it would run.
    """
    code = named_code(settings)
    key = _key() if code else None
    given = str(settings.get(SIGNATURE, ""))
    if not code or (key is not None and hmac.compare_digest(_signature(key, code).encode(), given.encode())):
        return
    raise UsageError(
        f"{folder}: was begun by somebody else, elsewhere or by an earlier version, and would run {', '.join(code)}: "
        "add --trust (trust=True in Python) if you know where the folder comes from"
    )


def _signature(key: bytes, code: list[str]) -> str:
    return hmac.new(key, json.dumps(code).encode(), hashlib.sha256).hexdigest()


def _key(create: bool = False) -> bytes | None:
    """Return this user's key; None where there is none, or it may be another's."""
    path = cache_folder(_KEY)
    with suppress(OSError):
        if create and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):  # another process was faster
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(secrets.token_bytes(_BYTES))
        if path.is_file() and path.stat().st_uid == os.geteuid():
            key = path.read_bytes()
            return key if len(key) == _BYTES else None
    return None
