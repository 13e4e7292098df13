"""The server of `seqvae explore`: it listens on the loopback address alone, and ends on Ctrl-C."""

from __future__ import annotations

import errno
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from seqvae.errors import UsageError
from seqvae.serve.application import LOOPBACK, application, missing

if TYPE_CHECKING:
    from seqvae.evaluate.maps.explorer import Explorer

_PATIENCE = 1  # seconds that answers under way have when the server ends


def listening(port: int) -> socket.socket:
    """Return a socket on the loopback address; 0: on a free port.

    Raises:
        UsageError: another program has the port, or it is not a port.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"port: expected a number from 0 (a free one) to 65535, got {port}")
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((LOOPBACK, port))
        found.listen(16)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"port {port} is taken by another program, perhaps another seqvae explore: give another by --port, or "
                "--port 0 for a free one"
            ) from error
        raise UsageError(f"port {port}: cannot listen on it: {error.strerror}") from error
    return found


def serve(
    explorer: Explorer,
    page: str,
    listener: socket.socket,
    ready: Callable[[str], object],
    stop: threading.Event | None = None,
) -> None:
    """Answer until Ctrl-C or SIGTERM.

    Args:
        explorer: answers what is asked.
        page: the page of its map.
        listener: as `listening` returns it.
        ready: is told the address to open, which holds the token.
        stop: ends it too, where it runs in another thread than the main one.

    Raises:
        UsageError: uvicorn is not installed.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise missing() from error
    port, token = listener.getsockname()[1], secrets.token_urlsafe(18)
    app = application(explorer, page, port, token)
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, lifespan="off", ws="none", server_header=False,
        timeout_graceful_shutdown=_PATIENCE, limit_concurrency=32,
    )  # fmt: skip
    server = _server(uvicorn)(config)
    if stop is not None:
        threading.Thread(target=_end_with, args=(server, stop), daemon=True).start()
    ready(f"http://{LOOPBACK}:{port}/{token}/")
    server.run(sockets=[listener])


def _end_with(server: Any, stop: threading.Event) -> None:  # noqa: ANN401
    stop.wait()
    server.should_exit = True


def _server(uvicorn: Any) -> Any:  # noqa: ANN401 - an optional library
    """Return uvicorn's server with handlers of signals that end it quietly: a Ctrl-C is how it is meant to end."""

    class Quiet(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Let Ctrl-C and SIGTERM end the server, in the main thread, where alone signals can be handled."""
            if threading.current_thread() is not threading.main_thread():
                yield
                return
            kinds = (signal.SIGINT, signal.SIGTERM)
            before = {kind: signal.signal(kind, self.handle_exit) for kind in kinds}
            try:
                yield
            finally:
                for kind, handler in before.items():
                    signal.signal(kind, handler)

    return Quiet
