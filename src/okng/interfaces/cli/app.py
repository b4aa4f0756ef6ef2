"""The command line: `okng`. Commands import what they need when they run, so starting is cheap."""

import io
import sys
from typing import Annotated

import typer
from typer.main import get_command

from okng.interfaces.cli import (
    audit,
    backbone,
    backup,
    bench,
    calibrate,
    demo,
    detectors,
    doctor,
    ensemble,
    evaluate,
    export,
    inspect,
    models,
    restore,
    serve,
    train,
    users,
)
from okng.interfaces.cli.exit_codes import EPILOG
from okng.interfaces.cli.reporting import Command, Group, crash
from okng.version import __version__

app = typer.Typer(
    name="okng",
    cls=Group,
    help="Visual quality inspection: train on good images, answer OK or NG, show where.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo", cls=Command)(demo.demo)
app.command("doctor", cls=Command)(doctor.doctor)
app.command("train", cls=Command)(train.train)
app.command("inspect", cls=Command, epilog=EPILOG)(inspect.inspect)
app.command("evaluate", cls=Command)(evaluate.evaluate)
app.command("calibrate", cls=Command)(calibrate.calibrate)
app.command("ensemble", cls=Command)(ensemble.ensemble)
app.add_typer(models.app, name="models")
app.command("export", cls=Command)(export.export)
app.command("detectors", cls=Command)(detectors.detectors)
app.command("bench", cls=Command)(bench.bench)
app.command("serve", cls=Command)(serve.serve)
app.add_typer(backbone.app, name="backbone")
app.add_typer(users.app, name="users")
app.add_typer(audit.app, name="audit")
app.command("backup", cls=Command)(backup.backup)
app.command("restore", cls=Command)(restore.restore)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"okng {__version__}")
        raise typer.Exit


@app.callback()
def okng(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Visual quality inspection: train on good images, answer OK or NG, show where."""


def main() -> None:
    """Run the command line; the entry point of the package."""
    sys.excepthook = crash
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    get_command(app)(prog_name="okng")


if __name__ == "__main__":
    main()
