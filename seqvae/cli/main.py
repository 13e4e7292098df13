"""`seqvae`: the verbs, and how errors become one line and an exit code.

A verb's module is imported when the verb is called; none of them imports torch before it runs.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import TextIO

from cyclopts import App, CycloptsError, Parameter

from seqvae import __version__
from seqvae.cli import STDIO
from seqvae.errors import LONGEST_SHOWN, ReadingNote, SeqVAEError, SeqVAEWarning, UsageError, visible
from seqvae.runtime.signals import TERMINATED, exit_code, obeyed

DONE, FAILED, MISUSED = 0, 1, 2

_VERBS = {
    "quickstart": "Reconstruct, sample, interpolate and optimise with a pretrained model, in about a minute.",
    "models": "List the pretrained models, and show their cards.",
    "train": "Train a model on a dataset or a file.",
    "finetune": "Fine-tune a trained model on molecules or sequences of your own.",
    "encode": "Turn molecules or sequences into latent vectors.",
    "decode": "Turn latent vectors into molecules or sequences.",
    "sample": "Draw new molecules or sequences from the prior.",
    "interpolate": "Walk through latent space from one molecule or sequence to another.",
    "neighbours": "List the molecules or sequences of a file that lie nearest to one of yours in latent space.",
    "map": "Draw molecules or sequences as a map of latent space, a page on which everything can be looked at.",
    "explore": "Open that map with the model behind it: click anywhere, and it decodes what lies there.",
    "edit": "Move molecules or sequences along an attribute that sets two groups apart.",
    "analogs": "Propose analogs of a lead: distinct valid designs near it, the likeliest first.",
    "evaluate": "Compare samples, or a trained model, with real molecules or sequences, and write a report.",
    "score": "Say how likely molecules or sequences are under a model, and which are unfamiliar to it.",
    "impute": "Fill unknown positions of molecules or sequences.",
    "diagnose": "Say what a model's latent space is worth, why, and which setting to change.",
    "rate-distortion": "Trace what z says against what it leaves open, over the KL weight.",
    "compress": "Compress a file of molecules or sequences without loss, in about the bits that a model gives them.",
    "decompress": "Write the file that was compressed, or print one row of it.",
    "optimize": "Search for molecules or sequences that score high by a property or a function of your own.",
    "results": "Show the results of a search.",
    "ask": "Propose molecules or sequences for a laboratory to measure.",
    "tell": "Add a laboratory's measurements to a search.",
    "properties": "List properties of molecules and sequences, and compute them for a file.",
    "data": "List, fetch, audit and standardize datasets.",
}
# Verbs in a folder of their own.
_FOLDERS = {
    "infer": ("score", "impute", "compress"),
    "latent": ("encode", "decode", "sample", "interpolate", "neighbours", "map", "explore", "edit"),
    "search": ("optimize", "results", "ask", "tell", "analogs"),
}
_WITH_ANOTHER = {"decompress": "infer.compress:decompress_app"}  # in the file of another verb
# Verbs with --batch-size.
_IN_BATCHES = {"train", "finetune", "evaluate", "diagnose", "analogs", *_FOLDERS["latent"], *_FOLDERS["infer"]}
_IN_BATCHES -= {"interpolate"}
_TRAINING = ("train", "finetune")
_LONGEST_WORD = 1000  # characters of an error that stand together: more than those of a path


def build_app() -> App:
    """Return the command line, its verbs not imported yet."""
    app = App(
        name="seqvae",
        help="Latent spaces of molecules and of biological sequences: learn one, explore it, design in it.",
        help_epilogue="Start with `seqvae quickstart`; each verb explains its flags: `seqvae train --help`.",
        version=__version__,
        default_parameter=Parameter(negative=()),
        result_action="return_value",
        suppress_keyboard_interrupt=False,
    )
    places = {verb: f"{folder}.{verb}" for folder, verbs in _FOLDERS.items() for verb in verbs}
    for number, (verb, help_line) in enumerate(_VERBS.items()):
        place = _WITH_ANOTHER.get(verb, f"{places.get(verb, verb.replace('-', '_'))}:app")
        app.command(f"seqvae.cli.verbs.{place}", name=verb, help=help_line, sort_key=number)
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: its arguments, without the program's name; None: those of this process.

    Returns:
        The exit code: 0 done, 1 failed, 2 misused, 130 interrupted, 143 told to end by SIGTERM. An error is one line on
        standard error.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    kept: AbstractContextManager[None] = nullcontext()
    try:
        if words and not words[0].startswith("-"):  # help and version need no settings, and are there a quarter sooner
            from seqvae.config.checks import environment_kept

            kept = environment_kept()
        # A training has a way of its own to stop between two steps.
        with obeyed(relay=not set(words[:1]) & set(_TRAINING)), _warnings_in_one_line(), kept:
            # The parser would take a lone dash for a flag without a name.
            build_app()([STDIO if word == "-" else word for word in words], exit_on_error=False, print_error=False)
            sys.stdout.flush()
        return DONE
    except BrokenPipeError:
        # What is left for a reader that has gone goes nowhere, so that closing the stream does not complain.
        with suppress(OSError, ValueError):  # it may be no real file: then nothing is flushed at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt as stop:
        code = exit_code()
        return _say("terminated" if code == TERMINATED else "interrupted", code, str(stop))
    except CycloptsError as error:
        verb = " ".join(["seqvae", *(error.command_chain or ())])
        said = str(error)  # a long list of commands ends in three dots, which stay
        return _say("error", MISUSED, f"{said if said.endswith('...') else said.rstrip('.')}; see {verb} --help")
    except UsageError as error:
        return _say("error", MISUSED, str(error))
    except (SeqVAEError, OSError, MemoryError, RuntimeError) as error:
        return _say("error", FAILED, _reason(error, words[0] if words else ""))


def _reason(error: Exception, verb: str) -> str:
    """Return what an error of a verb says and what to do; raise again what is a fault of the program itself."""
    if isinstance(error, SeqVAEError):
        return str(error)
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        whole = "; no half file was left" if full and where else ""
        advice = "; free some space or write elsewhere, then run again" if full else ""
        return f"{where}{error.strerror or error}{whole}{advice}"
    # torch has an error of its own for a device's memory, and a plain RuntimeError for the host's
    if isinstance(error, MemoryError) or "out of memory" in str(error) or "can't allocate memory" in str(error):
        smaller = "take a smaller --batch-size, or " if verb in _IN_BATCHES else ""
        return f"out of memory: {smaller}give fewer or shorter texts at a time"
    raise error


def _say(what: str, code: int, message: str) -> int:
    # What other libraries say may repeat a whole sequence.
    words = message.split()
    for place, word in enumerate(words):
        if len(word) > _LONGEST_WORD:
            words[place] = f"{word[:LONGEST_SHOWN]}... ({len(word):,} characters)"
    line = visible(" ".join(words))
    print(f"seqvae: {what}: {line}" if line else f"seqvae: {what}", file=sys.stderr)
    return code


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show our own warnings as one line each, and those of other libraries as Python shows them."""
    with warnings.catch_warnings():
        other = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            """Print a warning in one line."""
            if issubclass(category, SeqVAEWarning):
                _say("note" if issubclass(category, ReadingNote) else "warning", DONE, str(message))
            else:
                other(message, category, filename, lineno, file, line)

        warnings.simplefilter("always", SeqVAEWarning)
        warnings.showwarning = show
        yield
