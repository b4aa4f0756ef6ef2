"""What a process of okng tells its caller by its exit code."""

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from okng.domain.verdict import Verdict


class ExitCode(IntEnum):
    """Codes 1 and 3 come from `inspect` and `doctor`, 4 from `inspect` alone; they are part of the
    interface."""

    DONE = 0
    NG = 1
    USAGE = 2
    REVIEW = 3
    ERROR = 4
    FAILURE = 5
    BUG = 70
    INTERRUPTED = 130
    BROKEN_PIPE = 141


EPILOG = (
    "Exit codes of inspect: 0 all OK, 1 an NG, 3 a REVIEW, 4 an ERROR; the worst counts, ERROR "
    "before NG before REVIEW. Of doctor: 1 something must be fixed, 3 looked at. "
    "Of every command: 0 done, 2 the command line or a setting cannot "
    "work, 5 it could not be done or not be written, 70 a fault in okng itself, 130 interrupted, "
    "141 nobody reads on."
)


def exit_code_of(verdicts: "Iterable[Verdict]") -> ExitCode:
    """Return the code of the most severe verdict: ERROR before NG before REVIEW before OK."""
    worst = max(verdicts, key=lambda verdict: verdict.severity, default=None)
    return ExitCode.DONE if worst in (None, "OK") else ExitCode[worst.name]
