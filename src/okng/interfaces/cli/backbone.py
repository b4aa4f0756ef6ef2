"""`okng backbone`."""

from pathlib import Path
from typing import Annotated

import typer

from okng.interfaces.cli import options
from okng.interfaces.cli.exit_codes import EPILOG
from okng.interfaces.cli.output import Output
from okng.interfaces.cli.reporting import Command, Group

app = typer.Typer(
    cls=Group,
    help="List, add and remove backbones.",
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="As in --set backbone=NAME.")]


@app.command("list", cls=Command)
def list_backbones(
    no_speed: Annotated[
        bool, typer.Option("--no-speed", help="Do not measure how fast they are here.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """List the backbones there are: licence, tier, size and speed on this machine."""
    from dataclasses import asdict

    from okng.bootstrap.backbones import entries
    from okng.settings import read_settings

    output = Output(as_json)
    with output.progress() as progress:
        found = entries(read_settings(), not no_speed, progress)
    output.table(
        ["backbone", "licence", "tier", "MB", "at px", "ms here", "where"],
        [
            [
                one.name,
                one.licence,
                one.tier or "-",
                f"{one.size_bytes / 1e6:.0f}" if one.size_bytes else "-",
                str(one.side_px),
                "-" if one.milliseconds is None else f"{one.milliseconds:.1f}",
                one.place,
            ]
            for one in found
        ],
        left=3,
    )
    output.document({"backbones": [asdict(one) for one in found]})


@app.command(cls=Command)
def add(
    name: Name,
    file: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="Weights of a DINOv2 (.safetensors).")
    ],
    licence: Annotated[
        str | None,
        typer.Option("--licence", metavar="TEXT", help="Under which it may be used."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Add a backbone from a file.

    It is built, run on every runtime that is installed, and kept in the data folder. Models that
    are trained with it hold it themselves.
    """
    from dataclasses import asdict

    from okng.bootstrap.backbones import add as add_from
    from okng.settings import read_settings

    output = Output(as_json)
    added = add_from(name, file, licence, read_settings())
    output.line(f"{added.name} is ready", style="bold green")
    output.line()
    stages = [f"{s.name}: {s.channels} channels, every {s.stride} px" for s in added.stages]
    defaults = added.defaults
    output.card(
        [
            ("Licence", added.licence),
            ("Stages", stages),
            ("Default", f"{' + '.join(defaults.stages)} at {defaults.side_px} px"),
            ("File", f"{added.path} ({added.size_bytes / 1e6:.0f} MB)"),
        ]
    )
    output.next_commands([(f"okng train FOLDER --set backbone={added.name}", "use it")])
    output.document(asdict(added))


@app.command(cls=Command)
def remove(name: Name, as_json: options.Json = False) -> None:
    """Delete a backbone that was added. Models that were trained with it go on without it."""
    from okng.bootstrap.backbones import remove as delete
    from okng.settings import read_settings

    output = Output(as_json)
    delete(name, read_settings())
    output.line(f"{name} is removed; models that were trained with it hold it themselves")
    output.document({"removed": name})
