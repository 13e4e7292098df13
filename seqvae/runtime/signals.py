"""Ctrl-C and SIGTERM mean the same: what works is stopped between two calls, saved, and the command ends.

RDKit puts a handler of its own in place of Python's for SIGINT while it looks for substructures: a Ctrl-C that comes
then is lost, and the search for the substructure ends early, as if there were none. So no thread of a command takes
SIGINT but one, which passes it on to the main thread by another signal; Python then handles it after RDKit's call.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM  # exit codes
_RELAY = signal.SIGUSR2  # of no meaning to RDKit, torch, Lightning and batch systems
_told: list[int] = []
_relaying: list[int] = []  # the process whose main thread gets SIGINT by way of the relay


class Terminated(KeyboardInterrupt):
    """This process was told to end by SIGTERM."""


def remember(number: int) -> None:
    """Note a signal that asks this process to end."""
    _told.append(number)


def exit_code() -> int:
    """Return 143 after SIGTERM, else 130."""
    return TERMINATED if signal.SIGTERM in _told else INTERRUPTED


@contextmanager
def obeyed(relay: bool = True) -> Iterator[None]:
    """Let SIGTERM stop the block as Ctrl-C does; both only between calls of RDKit.

    Only the main thread can listen; in any other this does nothing. Handlers and masks are put back.

    Args:
        relay: also pass Ctrl-C on by the relay, in this process and all threads that begin in the block.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _told.clear()

    def terminate(number: int, frame: FrameType | None) -> None:
        """Raise Terminated in the main thread."""
        remember(number)
        raise Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        if relay and not _relaying:
            with _relayed():
                yield
        else:
            yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _relayed() -> Iterator[None]:
    """Take SIGINT in a thread of its own, and handle it in the main thread after the call that runs now."""
    main, done = threading.get_ident(), threading.Event()

    def handle(number: int, frame: FrameType | None) -> None:
        """Do what Ctrl-C does."""
        chosen = signal.getsignal(signal.SIGINT)  # what Python knows, whatever RDKit has put in place
        if callable(chosen):
            chosen(signal.SIGINT, frame)
        elif chosen == signal.SIG_DFL:
            raise KeyboardInterrupt

    def listen() -> None:
        """Pass each Ctrl-C on to the main thread."""
        while True:
            signal.sigwait({signal.SIGINT})
            if done.is_set():
                return
            signal.pthread_kill(main, _RELAY)

    before = signal.signal(_RELAY, handle)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    listener = threading.Thread(target=listen, name="seqvae-signals", daemon=True)
    listener.start()  # with SIGINT blocked, as every thread from now on
    _relaying.append(os.getpid())
    try:
        yield
    finally:
        _relaying.clear()
        done.set()
        signal.pthread_kill(listener.ident or main, signal.SIGINT)
        listener.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(_RELAY, before)


def unblock() -> None:
    """Let a process that was made by one with a relay take SIGINT itself."""
    if os.getpid() not in _relaying:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
