"""What a process of okng tells its caller by its exit code."""

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from okng.domain.verdict import Verdict


class ExitCode(IntEnum):
    """Codes 1, 3 and 4 come from `inspect` alone; they are part of the interface."""

    DONE = 0
    NG = 1
    USAGE = 2
    REVIEW = 3
    ERROR = 4
    FAILURE = 5
    BUG = 70
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "done; inspect: every image is OK",
    ExitCode.NG: "inspect: an image is NG",
    ExitCode.USAGE: "the command line or a setting cannot work",
    ExitCode.REVIEW: "inspect: an image needs REVIEW, none is NG",
    ExitCode.ERROR: "inspect: an image could not be inspected (ERROR), whatever the others are",
    ExitCode.FAILURE: "it could not be done; the message says why",
    ExitCode.BUG: "a fault in okng itself",
    ExitCode.INTERRUPTED: "interrupted",
}

EPILOG = "Exit codes: " + ". ".join(f"{code.value} {text}" for code, text in MEANINGS.items()) + "."


def exit_code_of(verdicts: "Iterable[Verdict]") -> ExitCode:
    """Return the code of the most severe verdict: ERROR before NG before REVIEW before OK."""
    worst = max(verdicts, key=lambda verdict: verdict.severity, default=None)
    return ExitCode.DONE if worst in (None, "OK") else ExitCode[worst.name]
