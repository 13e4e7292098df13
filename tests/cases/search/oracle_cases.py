"""Functions that score, well and badly, in a module that workers can import."""

from __future__ import annotations

import os
import time


def length(texts):
    return [float(len(text)) for text in texts]


def two(texts):
    return [[float(len(text)), -float(text.count("a"))] for text in texts]


def canonical(text):
    """Texts of letters, in any case and order; others are invalid."""
    return "".join(sorted(text.lower())) if text.isalpha() else None


def misbehaves(texts):
    """Do what the text says."""
    return [_one(text) for text in texts]


def _one(text):
    if "hang" in text:
        time.sleep(60)
    if "die" in text:
        os._exit(7)
    if "raise" in text:
        raise ValueError("this text is not liked")
    if "nan" in text:
        return float("nan")
    return float(len(text))


def wrong_length(texts):
    return [[0.0, 1.0]] * len(texts)


def slow_at_first(texts):
    """The earlier a text, the longer it takes: `a` before `b`."""
    time.sleep(0.4 if texts[0].startswith("a") else 0.0)
    return length(texts)


class Notes:
    """Writes down each text in a file of its own, with the process that scores it, and may then hang."""

    def __init__(self, folder, seconds=0.0):
        self.folder, self.seconds = folder, seconds

    def __call__(self, texts):
        for text in texts:
            (self.folder / text).write_text(str(os.getpid()))
            time.sleep(self.seconds)
        return length(texts)


class Unloadable:
    """Can be sent to a worker, which cannot load it."""

    def __reduce__(self):
        return _missing, ()

    def __call__(self, texts):
        return length(texts)


def _missing():
    raise ModuleNotFoundError("No module named 'mine'")


def too_few(texts):
    return [0.0] * (len(texts) - 1)


def always_fails(texts):
    raise RuntimeError("out of order")


def rubbish(texts):
    return ["no number"] * len(texts)


class Flaky:
    """Dies at its first call; notes each call in a file."""

    def __init__(self, path):
        self.path = path

    def __call__(self, texts):
        with self.path.open("a") as file:
            file.write("x")
        if len(self.path.read_text()) == 1:
            os._exit(9)
        return [0.0] * len(texts)
