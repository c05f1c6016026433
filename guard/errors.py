"""Errors for people: what is wrong, where, and how to mend it, in one line.

Every error that leaves the library on purpose is a :class:`GuardError`. A raw ``ValueError`` or
``OSError`` that reaches the user is a bug. The command line turns the class into its exit code.
"""

from __future__ import annotations


class GuardError(Exception):
    """Base of all errors of this library.

    Args:
        message: what is wrong, naming the file, line or field.
        remedy: what the reader can do about it; printed after the message.
    """

    exit_code = 2

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return " ".join(text.split())


class InputError(GuardError):
    """Wrong use or unreadable input: a missing file, a broken image, an unknown option value."""


class ConfigError(GuardError):
    """The configuration file has an unknown key, a wrong type or a value out of range."""


class PolicyError(GuardError):
    """A rule pack that cannot be used: wrong schema, unknown requirement, failing sample."""


class LabelError(GuardError):
    """A label that may not be written (wrong code, charset) or a file that cannot hold one."""


class DetectorError(GuardError):
    """A detector that cannot be built. One that fails while running never raises: it blocks."""


class EvidenceError(GuardError):
    """The audit log contradicts itself, or is not a log of ours."""

    exit_code = 1


class CannotFinish(GuardError):  # noqa: N818 (a state of the machine, not a mistake)
    """The work is sound but could not be finished: disk full, log locked, read-only folder."""

    exit_code = 3
