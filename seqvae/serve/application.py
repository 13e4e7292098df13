"""The web application: one page and what its script asks, behind a token, for this machine's browser alone."""

from __future__ import annotations

import importlib.util
import secrets
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from seqvae.errors import SeqVAEError, UsageError
from seqvae.serve.requests import LARGEST, answer

if TYPE_CHECKING:
    from seqvae.evaluate.maps.explorer import Explorer

LOOPBACK = "127.0.0.1"
# The page loads nothing from anywhere, and nothing else may frame it or be asked by it.
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
Handler = Callable[[Any], Awaitable[Any]]


def missing() -> UsageError:
    """Return the error that says what `seqvae explore` needs."""
    return UsageError("seqvae explore needs starlette and uvicorn: pip install 'seqvae[explore]'")


def check_installed() -> None:
    """Raise UsageError where what serves the page is not installed, before a model is loaded for it."""
    if not all(importlib.util.find_spec(name) for name in ("starlette", "uvicorn")):
        raise missing()


def application(explorer: Explorer, page: str, port: int, token: str) -> Any:  # noqa: ANN401 - of Starlette
    """Return the application as Starlette has it.

    Whoever asks must name this machine as the host, so that no other site's name can lead here (DNS rebinding), and
    know the token, which stands in the address that was printed; what comes from another page is refused.

    Args:
        explorer: answers what is asked.
        page: the page of its map.
        port: on which it listens.
        token: the secret part of its addresses.

    Raises:
        UsageError: Starlette is not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.concurrency import run_in_threadpool
        from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
        from starlette.routing import Route
    except ImportError as error:
        raise missing() from error
    hosts = {f"{name}:{port}" for name in (LOOPBACK, "localhost")}
    lock = threading.Lock()  # one computation at a time: the model has one set of threads

    def computed(what: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer to a request of the page's script."""
        with lock:
            try:
                return 200, answer(explorer, what, body)
            except SeqVAEError as error:
                return 400, {"error": str(error)}

    def refused(request: Any) -> Any:  # noqa: ANN401
        """Return what a request is refused with; None where it may be answered."""
        origin = request.headers.get("origin")
        if request.headers.get("host") not in hosts:
            return PlainTextResponse("expected this machine as the host", 421, _HEADERS)
        if not secrets.compare_digest(request.path_params["token"].encode(), token.encode()):
            return PlainTextResponse("not found: open the address that seqvae explore printed", 404, _HEADERS)
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            return PlainTextResponse("asked by another page", 403, _HEADERS)
        return None

    async def shown(request: Any) -> Any:  # noqa: ANN401
        """Return the page."""
        return refused(request) or HTMLResponse(page, headers=_HEADERS)

    async def asked(request: Any) -> Any:  # noqa: ANN401
        """Return the answer to what the page's script asks, computed beside the loop that serves others."""
        if (refusal := refused(request)) is not None:
            return refusal
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return PlainTextResponse("expected application/json", 415, _HEADERS)
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > LARGEST:
                return PlainTextResponse(f"expected {LARGEST:,} bytes at most", 413, _HEADERS)
        status, found = await run_in_threadpool(computed, request.path_params["what"], bytes(body))
        return JSONResponse(found, status, _HEADERS)

    app = Starlette(routes=[Route("/{token}/", shown), Route("/{token}/api/{what}", asked, methods=["POST"])])
    app.router.redirect_slashes = False  # a redirect would repeat the host that was asked for
    return app
