"""`okng backup`."""

from pathlib import Path
from typing import Annotated

import typer

from okng.domain.counting import counted
from okng.domain.errors import MissingExtra
from okng.interfaces.cli import options
from okng.interfaces.cli.output import Output
from okng.interfaces.cli.people_database import Database


def backup(
    to: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|FOLDER",
            help="A new file, or a folder that gets okng-DATE-TIME.zip.",
            show_default=False,
        ),
    ],
    database: Database = None,
    as_json: options.Json = False,
) -> None:
    """Back up the service, while it runs or not.

    Database, kept images, models and uploaded datasets go into one file, which is verified.
    """
    try:
        from okng.bootstrap.backup import backup as make
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "serve") from error
    from okng.settings import read_settings

    output = Output(as_json)
    with output.progress() as progress:
        path, manifest = make(to, read_settings(), database, progress)
    rows = {name: table.rows for name, table in manifest.tables.items()}
    output.line(f"{path} is written and verified")
    output.card(
        [
            ("Database", f"{counted(manifest.rows, 'row')} in {counted(len(rows), 'table')}"),
            ("Unpacked", f"{manifest.bytes / 1e6:,.1f} MB"),
        ]
    )
    for note in manifest.notes:
        output.warn(note)
    output.document(
        {
            "backup": str(path),
            "size_bytes": path.stat().st_size,
            "rows": rows,
            "bytes": manifest.bytes,
            "notes": manifest.notes,
        }
    )
