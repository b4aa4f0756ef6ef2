"""`okng restore`."""

from pathlib import Path
from typing import Annotated

import typer

from okng.domain.counting import counted
from okng.domain.errors import MissingExtra
from okng.interfaces.cli import options
from okng.interfaces.cli.output import Output


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A backup.", show_default=False)],
    into: Annotated[
        Path,
        typer.Argument(
            metavar="INTO",
            help="The new data folder: it must be empty, or not there.",
            show_default=False,
        ),
    ],
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="URL",
            help="An empty database; okng.db in the new data folder unless given.",
            show_default=False,
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Restore a backup into an empty folder, and a new or empty database.

    Everything is verified first, the chain of the audit log too. A backup of SQLite may be
    restored into PostgreSQL, and the other way round.
    """
    try:
        from okng.bootstrap.backup import restore as read
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "serve") from error

    output = Output(as_json)
    with output.progress() as progress:
        restored = read(file, into, database, progress)
    manifest = restored.manifest
    output.line(f"{into.absolute()} is restored from the backup of {manifest.created[:16]}")
    output.card(
        [
            ("Database", counted(restored.rows, "row")),
            ("Files", counted(restored.files, "file")),
            (
                "Audit log",
                f"{counted(restored.audit.entries, 'entry', 'entries')}, its chain is whole",
            ),
        ]
    )
    for note in manifest.notes:
        output.warn(f"missing since before the backup: {note}")
    where = f"OKNG_HOME={into.absolute()}" + (f" OKNG_DATABASE={database}" if database else "")
    output.next_commands([(f"{where} okng serve", "serve what was restored")])
    output.document(
        {
            "home": str(into.absolute()),
            "created": manifest.created,
            "rows": restored.rows,
            "files": restored.files,
            "audit_entries": restored.audit.entries,
            "audit_head": restored.audit.head_hash,
            "notes": manifest.notes,
        }
    )
