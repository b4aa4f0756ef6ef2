"""Turns errors into one clear line and an exit code, for every command alike."""

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import gettempdir
from types import TracebackType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from okng.domain.errors import BadSetting, OkngError
from okng.interfaces.cli.exit_codes import ExitCode

_FULL = (errno.ENOSPC, errno.EDQUOT)


class Command(TyperCommand):
    """A command that never shows a traceback for what okng refuses."""

    def invoke(self, ctx: Any) -> Any:
        with reporting(as_json=bool(ctx.params.get("as_json"))):
            return super().invoke(ctx)


class Group(TyperGroup):
    """A group of commands, likewise."""

    def make_context(self, *args: Any, **extra: Any) -> Any:
        with reporting(as_json=False):  # --version and --help print before anything is invoked
            return super().make_context(*args, **extra)

    def invoke(self, ctx: Any) -> Any:
        with reporting(as_json=bool(ctx.params.get("as_json"))):
            return super().invoke(ctx)


@contextmanager
def reporting(as_json: bool, document: str = "{") -> Iterator[None]:
    """End the process with a message and an exit code where an error comes through.

    `document` is what goes before `"error": ...` in the JSON: where a document has been begun
    already, that which closes its open parts.
    """
    try:
        yield
    except OkngError as error:
        code = ExitCode.USAGE if isinstance(error, BadSetting) else ExitCode.FAILURE
        failure = str(error), error.code, code
        raise _fail(*failure, as_json, document) from error
    except KeyboardInterrupt as error:
        failure = str(error) or "interrupted", "interrupted", ExitCode.INTERRUPTED
        raise _fail(*failure, as_json, document) from error
    except MemoryError as error:
        failure = "not enough memory", "memory", ExitCode.FAILURE
        raise _fail(*failure, as_json, document) from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            _silence_broken_output()
            raise typer.Exit(ExitCode.BROKEN_PIPE) from error
        failure = system_message(error), "system", ExitCode.FAILURE
        raise _fail(*failure, as_json, document) from error


def system_message(error: OSError, place: object = None) -> str:
    """Say where the system refused what, and for a full disk how to mend it.

    `place` is where it was, for errors that do not know. Whatever writes a file names it, so what
    is full without a name is standard output.
    """
    reason = error.strerror or str(error) or type(error).__name__
    known = error.filename if error.filename is not None else place
    where = os.fsdecode(known) if isinstance(known, bytes) else known
    if error.errno not in _FULL:
        return reason if where is None else f"{where}: {reason}"
    if where is None:
        return f"standard output: {reason}: make room where it goes"
    if where == gettempdir():
        return (
            f"{where}: {reason}: make room there, or name another folder for temporary files in "
            "the environment variable TMPDIR"
        )
    return f"{where}: {reason}: make room there, or write to another place"


def crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show a fault of okng itself and end with its own code: Python's 1 would read as NG.

    An `excepthook`: it cannot change the exit code but by ending the process here.
    """
    sys.__excepthook__(kind, error, trace)
    sys.stderr.write("This is a fault in okng: please report it, with the lines above\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ExitCode.BUG)


def shown(text: str) -> str:
    """Escape what a terminal would obey or could not print; file names may hold anything."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _fail(message: str, kind: str, code: ExitCode, as_json: bool, document: str) -> typer.Exit:
    text = "\n".join(shown(line) for line in message.splitlines())
    if as_json:
        error = json.dumps({"code": kind, "message": message})
        _say(f'{document}"error": {error}}}')
    _say(f"Error: {text}", err=True)
    _silence_broken_output()
    return typer.Exit(code)


def _say(text: str, err: bool = False) -> None:
    """Say it if that can be: the exit code says it in any case."""
    with suppress(OSError):
        typer.echo(text, err=err)


def _silence_broken_output() -> None:
    """Let what could not be written go nowhere: Python would try again at its end, and complain.

    https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
