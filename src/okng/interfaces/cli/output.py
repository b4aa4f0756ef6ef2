"""What people read: lines, cards and tables, right at 80 columns and without colour."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from errno import EPIPE
from functools import cached_property
from math import isfinite
from os import strerror
from typing import TYPE_CHECKING, Any, Literal

import typer

from okng.interfaces.cli.reporting import shown

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from okng.domain.ports import Progress

PIPE_WIDTH = 200
"""Columns where nobody looks: tables are not cut for a pipe."""

STAGES = {
    "read": "Reading images",
    "copies": "Trying altered copies",
    "features": "Computing features",
    "fit": "Learning",
    "choose": "Choosing settings",
    "cross-fit": "Cross-fitting",
    "imagine": "Making strange pictures",
    "distil": "Distilling a teacher",
    "learn": "Learning",
    "head": "Learning the head",
    "fine-tune": "Fine-tuning",
    "calibrate": "Scoring held-out parts",
    "turned": "Looking for turned copies",
    "parity": "Checking runtimes",
    "evaluate": "Evaluating",
    "score defects": "Scoring defects",
    "rendering": "Rendering parts",
    "inspect": "Inspecting",
    "bench": "Measuring",
    "measure": "Measuring",
    "back up files": "Backing up files",
    "restore files": "Restoring files",
    "verify": "Verifying",
}


def stage_name(stage: str) -> str:
    """Put a stage into words; `features, 1 of 2` is the first of two that do the same."""
    what, comma, which = stage.partition(", ")
    return f"{STAGES.get(what, what.capitalize())}{comma}{which}"


"""Names of the services' stages, for people."""


class Output:
    """Where a command speaks: text for people, or one JSON document."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    @cached_property
    def console(self) -> "Console":
        from rich.console import Console

        class PipedConsole(Console):
            def on_broken_pipe(self) -> None:
                """Leave the exit code to `reporting`: rich would end with 1, which is NG."""
                raise BrokenPipeError(EPIPE, strerror(EPIPE))

        width = None if sys.stdout.isatty() else PIPE_WIDTH
        return PipedConsole(width=width, highlight=False, markup=False, emoji=False)

    @property
    def interactive(self) -> bool:
        """Somebody looks at a terminal."""
        return not self.as_json and self.console.is_terminal

    def line(self, text: str = "", style: str | None = None) -> None:
        """Say one line; a terminal wraps it, a pipe gets it whole."""
        if not self.as_json:
            self.console.print(shown(text), style=style, soft_wrap=True)

    def show(self, what: "RenderableType") -> None:
        """Show what rich can render; without the blanks at the ends of lines in a pipe."""
        if self.as_json:
            return
        if self.console.is_terminal:
            self.console.print(what)
            return
        with self.console.capture() as captured:
            self.console.print(what)
        typer.echo("\n".join(text.rstrip() for text in captured.get().splitlines()))

    def note(self, text: str) -> None:
        """Say what should not be overlooked."""
        self.card([("Note", text)], label_style="yellow")

    def warn(self, text: str) -> None:
        """Say what must not be overlooked; on standard error, so JSON stays whole."""
        typer.echo(f"Warning: {shown(text)}", err=True)

    def card(
        self, rows: Iterable[tuple[str, "str | Sequence[str]"]], label_style: str = "dim"
    ) -> None:
        """Show labelled values; a value of several lines keeps its column."""
        from rich.table import Table
        from rich.text import Text

        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, style=label_style, min_width=10)
        grid.add_column(overflow="fold")
        for label, value in rows:
            lines = [value] if isinstance(value, str) else list(value)
            grid.add_row(f"  {label}", Text("\n".join(map(shown, lines))))
        self.show(grid)

    def table(
        self,
        headers: Sequence[str],
        rows: Iterable[Sequence[str]],
        left: int = 1,
        fold: int = 1,
        spare: Sequence[int] = (),
    ) -> None:
        """Show a table: the first `left` columns flush left, the first `fold` may be folded.

        Columns that are `spare` are left out, in this order, where a terminal is too narrow: a
        name that is broken can neither be read nor copied.
        """
        from rich.table import Table
        from rich.text import Text

        cells = [[shown(cell) for cell in row] for row in rows]
        kept = _fitting(headers, cells, spare, self.console.width)
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
        table.add_column("", width=0)
        for index in kept:
            justify: Literal["left", "right"] = "left" if index < left else "right"
            no_wrap = index >= fold
            table.add_column(headers[index], justify=justify, overflow="fold", no_wrap=no_wrap)
        for row in cells:
            table.add_row("", *(Text(row[index]) for index in kept))
        self.show(table)

    def next_commands(self, commands: Sequence[tuple[str, str]]) -> None:
        """Offer commands to type, each with what it does."""
        if self.as_json:
            return
        self.line()
        self.line("Next", style="bold")
        for command, purpose in commands:
            self.line(f"  {command}", style="cyan")
            self.line(f"      {purpose}", style="dim")

    def raw(self, text: str) -> None:
        """Print a piece of a JSON document that is too large to be held."""
        typer.echo(text, nl=False)

    def document(self, content: Mapping[str, Any]) -> None:
        """Print JSON, where that is wanted."""
        if self.as_json:
            typer.echo(json_text(content, indent=2))

    @contextmanager
    def progress(self) -> "Iterator[Progress]":
        """Show how far the work is while it lasts, with the time left; on a terminal only."""
        from okng.domain.ports import silent

        if not self.interactive:
            yield silent
            return
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
            transient=True,
        )
        with bars:
            yield _Stages(bars)


class _Stages:
    """Shows one bar for the stage that is being worked on; a `Progress` that watches."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._stage: str | None = None
        self._task: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            if self._task is not None:
                self._bars.remove_task(self._task)
            name = stage_name(stage)
            self._stage, self._task = stage, self._bars.add_task(name, total=total)
        self._bars.update(self._task, completed=done, total=total)

    def learned(
        self, stage: str, epoch: int, epochs: int, figures: Sequence[tuple[str, float]]
    ) -> None:
        """Show an epoch's figures beside the stage; see `okng.domain.learning.Watching`."""
        if stage != self._stage:  # it tells of epochs before it goes on
            return
        said = ", ".join(f"{name} {value:.3g}" for name, value in figures)
        text = f"{stage_name(stage)}, epoch {epoch} of {epochs}: {said}"
        self._bars.update(self._task, description=text)


def _fitting(
    headers: Sequence[str], rows: Sequence[Sequence[str]], spare: Sequence[int], width: int
) -> list[int]:
    """Return the columns that have room: `spare` ones go, in order, until there is enough."""
    from rich.cells import cell_len

    needed = [
        2 + max(map(cell_len, [header, *(row[index] for row in rows)]))
        for index, header in enumerate(headers)
    ]
    kept = list(range(len(headers)))
    for index in spare:
        if 2 + sum(needed[i] for i in kept) <= width:
            break
        kept.remove(index)
    return kept


def json_text(content: object, indent: int | None = None) -> str:
    """Return valid JSON in ASCII: any name of a file survives it, and so does any terminal."""
    return json.dumps(plain(content), indent=indent, allow_nan=False)


def plain(value: Any) -> Any:
    """Replace numbers that JSON does not have by None, and paths by their text."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)
