"""Every exception and warning of seqvae: one tree under `SeqVAEError`.

Each message is one line that says what was expected, what was given, where, and what to do.
"""

from __future__ import annotations

import re

LONGEST_SHOWN = 80  # characters of a text that a message repeats


def quoted(text: object) -> str:
    """Return a text in quotes for a message; of a long one its start and its length."""
    shown = str(text)
    if len(shown) <= LONGEST_SHOWN:
        return repr(text)
    return f"{shown[:LONGEST_SHOWN]!r}... ({len(shown):,} characters)"


# Control characters, and marks that turn the direction of what follows: a terminal obeys them.
_OBEYED = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


def visible(text: str) -> str:
    """Return a text that a terminal only shows: control characters are escaped, tabs and line ends stay.

    >>> visible(chr(27) + "[2J CCO") == chr(92) + "x1b[2J CCO"
    True
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


class SeqVAEError(Exception):
    """Root of every error that seqvae raises on purpose."""


class UsageError(SeqVAEError):
    """The call itself is wrong: an unknown name, a setting out of range. The command line exits with 2."""


class ArgumentTypeError(UsageError, TypeError):
    """An argument of a public function, or a setting, is of a type that cannot be meant."""


class ConfigError(UsageError):
    """A configuration has an unknown key or a value out of range."""


class ConstraintError(SeqVAEError):
    """So many proposals in a row break the constraints of a search that it finds no more."""


class InputError(SeqVAEError):
    """What was read is wrong: a file, a record, a text."""


class RecordError(InputError):
    """One record of a file cannot be used.

    Args:
        reason: what is wrong with the record and what to do.
        file: the file's name, or `<stdin>`.
        line: 1-based line (or record number where the format has no lines).
    """

    def __init__(self, reason: str, *, file: str = "", line: int = 0) -> None:
        self.reason, self.file, self.line = reason, file, line
        where = f"{file}:{line}: " if file and line else f"{file}: " if file else ""
        super().__init__(where + reason)


class InvalidMoleculeError(InputError):
    """A text is no molecule that RDKit can read."""


class InvalidSequenceError(InputError):
    """A text is no sequence over the alphabet asked for."""


class UnknownTokenError(InputError):
    """A text has a token that the tokenizer has not been fitted on.

    Args:
        text: the text, as given.
        token: the unseen token.
        column: 1-based position of the token's first character, in the tokenizer's own notation.
    """

    def __init__(self, text: str, token: str, column: int) -> None:
        self.text, self.token, self.column = text, token, column
        super().__init__(
            f"unknown token {quoted(token)} at column {column} of {quoted(text)}: "
            "the vocabulary was fitted without it; leave such records out (--on-error skip) or add the token "
            "to a model (seqvae finetune); salts, isotopes and charges of molecules: seqvae data standardize"
        )


class TooLongError(InputError):
    """A sequence has more tokens than the model was built for."""


class DownloadError(SeqVAEError):
    """A dataset could not be fetched whole, or is not the file that its card describes."""


class ArtifactError(SeqVAEError):
    """A model folder is missing a file, is damaged, or is not one of ours."""


class NewerFormatError(ArtifactError):
    """A model folder was written by a newer seqvae."""


class TrainingError(SeqVAEError):
    """Training cannot continue."""


class NonFiniteLossError(TrainingError):
    """The loss became NaN or infinite; the last good checkpoint is kept."""


class OracleError(SeqVAEError):
    """The oracle has failed so often that the search cannot continue."""


class SeqVAEWarning(UserWarning):
    """Root of every warning that seqvae gives."""


class ReadingNote(SeqVAEWarning):
    """What was decided about a file that is not what its name says, or not plain: its separator, header, encoding."""


class CollapseWarning(SeqVAEWarning):
    """The latent space carries next to nothing: the decoder ignores it."""
