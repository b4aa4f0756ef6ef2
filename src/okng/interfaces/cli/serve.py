"""`okng serve`."""

from pathlib import Path
from typing import Annotated

import typer

from okng.interfaces.cli import options
from okng.interfaces.cli.output import Output


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
    from okng.domain.errors import MissingExtra
    from okng.settings import read_settings

    output, settings = Output(as_json), read_settings()
    if database is not None:
        settings = settings.model_copy(update={"database": database})
    try:
        from okng.bootstrap.service import build_service
        from okng.interfaces.http.server import Address, listen, run
    except ModuleNotFoundError as error:
        raise MissingExtra(f"what the service needs ({error.name})", "serve") from error
    address = Address(
        host, port, tls_cert or settings.tls_cert, tls_key or settings.tls_key, insecure
    )
    address.check()
    with listen(address) as listening:
        service = build_service(settings)
        try:
            password = service.start()
            run(service, address, listening, lambda url: _announce(output, url, password))
        finally:
            service.close()


def _announce(output: Output, url: str, password: str | None) -> None:
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
