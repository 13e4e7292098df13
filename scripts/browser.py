"""A headless Chromium, driven through its DevTools protocol over a pipe: nothing is installed for it."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
_FLAGS = ["--headless", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions"]
_FLAGS += ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--remote-debugging-pipe"]
_PATIENCE = 120.0  # seconds for anything: a loaded machine is slow, not wrong


class Browser:
    """One page of a browser.

    Args:
        width: of its window, in pixels.
        height: the same.
        dark: whether the user prefers dark pages.
    """

    def __init__(self, width: int = 1400, height: int = 900, dark: bool = False) -> None:
        self.folder = tempfile.mkdtemp()
        to_read, self._to = os.pipe()
        self._from, to_write = os.pipe()

        def arrange() -> None:
            # The browser reads its orders from 3 and answers on 4; copied up first, should they be one of these.
            read, write = (fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, to_write))
            os.dup2(read, 3)
            os.dup2(write, 4)

        # What Python opens is not inherited, but for what is put in place; to close all else would close that too.
        self._process = subprocess.Popen(
            [str(CHROMIUM), *_FLAGS, f"--user-data-dir={self.folder}", "about:blank"],
            preexec_fn=arrange, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(to_read)
        os.close(to_write)
        self._count, self._data, self.said = 0, b"", list[str]()
        self._session = ""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._ask(f"{domain}.enable")
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=self.folder)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ask(self, method: str, **params: object) -> dict[str, Any]:
        self._count += 1
        order = {"id": self._count, "method": method, "params": params}
        if self._session and not method.startswith(("Target.", "Browser.")):
            order["sessionId"] = self._session
        os.write(self._to, json.dumps(order).encode() + b"\0")
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            answer = self._next(end)
            if answer.get("id") == self._count:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self._note(answer)
        raise AssertionError(f"the browser did not answer {method}")

    def _next(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._data:
            ready, _, _ = select.select([self._from], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            self._data += os.read(self._from, 1 << 20)
        line, _, self._data = self._data.partition(b"\0")
        return json.loads(line)

    def _note(self, event: dict) -> None:
        """Remember what a page must not do: errors, and dialogs."""
        kind, params = event.get("method", ""), event.get("params", {})
        if kind == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.said.append(details.get("exception", {}).get("description", details["text"]))
        elif kind == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.said.append(params["entry"]["text"])
        elif kind == "Page.javascriptDialogOpening":
            self.said.append(f"dialog: {params['message']}")
            os.write(
                self._to,
                b'{"id":0,"method":"Page.handleJavaScriptDialog","params":{"accept":false},'
                + f'"sessionId":"{self._session}"}}\0'.encode(),
            )

    def open(self, address: str, state: str = "all") -> None:
        """Open a page of a map, and wait until its points are shown, `points`, or `all` of it is there."""
        self._ask("Page.navigate", url=address)
        enough = "['points', 'all']" if state == "points" else "['all']"
        self.wait(f"document.body && {enough}.includes(document.body.dataset.ready)")

    def get(self, script: str) -> Any:  # noqa: ANN401
        """Return the value of an expression, or of what it promises."""
        found = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def wait(self, script: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + _PATIENCE
        while not self.get(f"Boolean({script})"):
            assert time.monotonic() < end, f"{script} did not become true; {self.said}"
            time.sleep(0.01)

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return str(self.get(f"document.querySelector({json.dumps(selector)}).innerText"))

    def mouse(self, kind: str, x: float, y: float, **more: object) -> None:
        """Move, press or lift the pointer."""
        self._ask("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def click(self, x: float, y: float, **more: object) -> None:
        """Click at a pixel of the window."""
        self.mouse("Moved", x, y)
        self.mouse("Pressed", x, y, button="left", clickCount=1, **more)
        self.mouse("Released", x, y, button="left", clickCount=1, **more)

    def drag(self, places: list[tuple[float, float]]) -> None:
        """Drag the pointer along places."""
        self.mouse("Moved", *places[0])
        self.mouse("Pressed", *places[0], button="left", clickCount=1)
        for place in places[1:]:
            self.mouse("Moved", *place, button="left", buttons=1)
        self.mouse("Released", *places[-1], button="left", clickCount=1)

    def key(self, key: str) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self._ask("Input.dispatchKeyEvent", type=kind, key=key, text=key if len(key) == 1 else "")

    def press(self, selector: str) -> None:
        """Click on an element."""
        self.get(f"document.querySelector({json.dumps(selector)}).click()")

    def downloaded(self, name: str) -> str:
        """Return a file that the page gave to the user."""
        path, end = Path(self.folder, name), time.monotonic() + _PATIENCE
        while not path.is_file() or not path.stat().st_size:  # it is there before it is written
            assert time.monotonic() < end, f"{name} was not saved"
            time.sleep(0.03)
        return path.read_text("utf-8")

    def screenshot(self, path: Path) -> None:
        """Keep what the page looks like."""
        path.write_bytes(base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"]))
