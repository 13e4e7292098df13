"""What the tests of scores have in common; properties of texts that are lists of numbers, for other processes too."""

from __future__ import annotations

import math
from pathlib import Path

from hypothesis import assume
from hypothesis import strategies as st

from seqvae.properties import Property

CURVED = ("sigmoid", "reverse_sigmoid", "window")
BOUNDED = (*CURVED, "step")
SLOPES = st.floats(1e-3, 1e3)
calls = []


@st.composite
def bounds(draw, largest=1e300):
    """A lower and an upper bound, of any size."""
    low = draw(st.floats(-largest, largest))
    high = low + draw(st.floats(1e-300, largest))
    assume(0.0 < (high - low) / 4 < math.inf)
    return low, high


def a(text):
    return _number(text, 0)


def b(text):
    return _number(text, 1)


def c(text):
    return _number(text, 2)


def counted(text):
    """Note each call."""
    calls.append(text)
    return float(len(text))


def _number(text, place):
    return float(text.split()[place])


# Its function cannot be sent to another process; its name can.
sizes = Property("sizes", "letters", "letters of a text", lambda texts: [float(len(text)) for text in texts])


def scored(scoring, texts):
    """What another process is asked to do."""
    return scoring(texts)


def script(path, text):
    """Write an executable script."""
    path = Path(path)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
