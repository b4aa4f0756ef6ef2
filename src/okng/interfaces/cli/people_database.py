"""Opens the service's database for commands about people and the audit log."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from okng.domain.errors import MissingExtra

if TYPE_CHECKING:
    from okng.bootstrap.people import PeopleServices

Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="The service's database; OKNG_DATABASE, else okng.db in the data folder.",
    ),
]


@contextmanager
def opened(
    url: str | None, *, anchors: Path | None = None, create: bool = False
) -> "Iterator[PeopleServices]":
    """Yield the services of people on a database.

    Raises:
        MissingExtra: what the service needs is not installed.
        NotFound: there is no database, and it is not to be made.
    """
    try:
        from okng.bootstrap.people import open_people
    except ModuleNotFoundError as error:
        raise MissingExtra(str(error.name), "serve") from error
    from okng.settings import read_settings

    with open_people(read_settings(), url, anchors, create) as services:
        yield services
