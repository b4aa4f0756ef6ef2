"""`okng serve`."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from okng.interfaces.cli import options
from okng.interfaces.cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    from okng.bootstrap.service import Service
    from okng.settings import Settings


def serve(
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="Where to listen.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, metavar="PORT", help="0 is any free one.")
    ] = 8000,
    database: Annotated[
        str | None,
        typer.Option("--database", metavar="URL", help="OKNG_DATABASE unless given."),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", metavar="FILE", help="The certificate, PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="The certificate's key, PEM.")
    ] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure-no-tls", help="Listen to the network without TLS.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Serve inspections, training and people's pages over HTTP, until Ctrl-C.

    The first start makes an administrator and prints a one-time password, here and nowhere else.
    """
    from okng.settings import read_settings

    output, settings = Output(as_json), read_settings()
    if database is not None:
        settings = settings.model_copy(update={"database": database})
    place = (host, port, tls_cert or settings.tls_cert, tls_key or settings.tls_key, insecure)
    serve_until_told(settings, place, lambda url, password: announce(output, url, password))


def serve_until_told(
    settings: "Settings",
    place: "tuple[str, int, Path | None, Path | None, bool]",
    say: "Callable[[str, str | None], None]",
    prepare: "Callable[[Service], None] | None" = None,
    quiet: bool = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: of the process.
        place: host, port, certificate and its key, whether no TLS is accepted.
        say: is told the URL and the first administrator's one-time password, None where there are
            people already.
        prepare: is given the service before it answers.
        quiet: log what goes wrong alone, not every request.

    Raises:
        MissingExtra: the extra `serve` is not installed.
        OkngError: the service cannot be built or the address not be used.
    """
    from okng.domain.errors import MissingExtra

    try:
        from okng.bootstrap.service import build_service
        from okng.interfaces.http.server import Address, listen, run
    except ModuleNotFoundError as error:
        raise MissingExtra(f"what the service needs ({error.name})", "serve") from error
    address = Address(*place)
    address.check()
    with listen(address) as listening:
        service = build_service(settings)
        try:
            password = service.start()
            if prepare is not None:
                prepare(service)
            level = logging.WARNING if quiet else logging.INFO
            run(service, address, listening, lambda url: say(url, password), level)
        finally:
            service.close()


def announce(output: Output, url: str, password: str | None) -> None:
    """Say where the service is and, once, how to get in."""
    from okng.services.people import FIRST_ADMINISTRATOR

    output.line(f"okng serves {url}", style="bold green")
    if password is not None:
        output.line()
        output.card([("Name", FIRST_ADMINISTRATOR), ("Password", password)])
        output.line()
        output.line("This password is shown once and works once: sign in and choose your own.")
    first = {} if password is None else {"name": FIRST_ADMINISTRATOR, "password": password}
    output.document({"url": url, "administrator": first or None})
