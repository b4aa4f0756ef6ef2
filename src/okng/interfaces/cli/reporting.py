"""Turns errors into one clear line and an exit code, for every command alike."""

import errno
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from okng.domain.errors import BadSetting, OkngError
from okng.interfaces.cli.exit_codes import ExitCode


class Command(TyperCommand):
    """A command that never shows a traceback for what okng refuses."""

    def invoke(self, ctx: Any) -> Any:
        with reporting(as_json=bool(ctx.params.get("as_json"))):
            return super().invoke(ctx)


class Group(TyperGroup):
    """A group of commands, likewise."""

    def invoke(self, ctx: Any) -> Any:
        with reporting(as_json=bool(ctx.params.get("as_json"))):
            return super().invoke(ctx)


@contextmanager
def reporting(as_json: bool) -> Iterator[None]:
    """End the process with a message and an exit code where an error comes through."""
    try:
        yield
    except OkngError as error:
        code = ExitCode.USAGE if isinstance(error, BadSetting) else ExitCode.FAILURE
        raise _fail(str(error), error.code, code, as_json) from error
    except KeyboardInterrupt as error:
        raise _fail("interrupted", "interrupted", ExitCode.INTERRUPTED, as_json) from error
    except MemoryError as error:
        raise _fail("not enough memory", "memory", ExitCode.FAILURE, as_json) from error
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise
        reason = error.strerror or str(error) or type(error).__name__
        message = f"{error.filename}: {reason}" if error.filename else reason
        raise _fail(message, "system", ExitCode.FAILURE, as_json) from error


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


def _fail(message: str, kind: str, code: ExitCode, as_json: bool) -> typer.Exit:
    if as_json:
        typer.echo(json.dumps({"error": {"code": kind, "message": message}}))
    text = "\n".join(shown(line) for line in message.splitlines())
    typer.echo(f"Error: {text}", err=True)
    return typer.Exit(code)
