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
