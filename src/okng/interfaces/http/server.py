"""Runs the application: one process, until it is told to end."""

import asyncio
import logging
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from socket import AF_INET, AF_INET6, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket

import uvicorn

from okng.bootstrap.service import Service
from okng.domain.errors import BadSetting
from okng.interfaces.http.app import create_app
from okng.interfaces.http.json_logs import log_as_json

GRACE_S = 30
"""How long requests on their way may take after the service was told to end."""


@dataclass(frozen=True)
class Address:
    """Where the service listens. `cert` and `key` are PEM files; both or neither."""

    host: str = "127.0.0.1"
    port: int = 8000
    cert: Path | None = None
    key: Path | None = None
    insecure: bool = False

    @property
    def tls(self) -> bool:
        return self.cert is not None

    @property
    def is_loopback(self) -> bool:
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def check(self) -> None:
        """Make sure that nobody can listen in on passwords, unless that is wanted.

        Raises:
            BadSetting: it would be open to the network without TLS, or the certificate and its key
                cannot be used.
        """
        if (self.cert is None) != (self.key is None):
            raise BadSetting("a TLS certificate and its key go together: give both")
        if not (self.tls or self.is_loopback or self.insecure):
            raise BadSetting(
                f"on {self.host} anybody in the network could read passwords and images: give a "
                "certificate (--tls-cert, --tls-key), stay on 127.0.0.1 behind a proxy that has "
                "one, or accept it with --insecure-no-tls"
            )
        if self.cert is not None:
            try:
                ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
                    self.cert, self.key, password=""
                )
            except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                raise BadSetting(
                    f"the TLS certificate {self.cert} and its key cannot be used: {error}"
                ) from error


def listen(address: Address) -> socket:
    """Take the address, before anything else is done.

    Raises:
        BadSetting: it cannot be used.
    """
    listening = socket(AF_INET6 if ":" in address.host else AF_INET, SOCK_STREAM)
    listening.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    try:
        listening.bind((address.host, address.port))
    except OSError as error:
        listening.close()
        raise BadSetting(
            f"{address.host}:{address.port} cannot be listened on ({error.strerror}): choose "
            "another with --host and --port"
        ) from error
    return listening


def run(
    service: Service,
    address: Address,
    listening: socket,
    announce: Callable[[str], None],
    log_level: int = logging.INFO,
) -> None:
    """Serve until SIGTERM or Ctrl-C; what is on its way is answered first.

    `announce` is told the URL when the service answers.
    """
    log_as_json(level=log_level)
    config = uvicorn.Config(
        create_app(service, address.tls),
        host=address.host,
        port=address.port,
        ssl_certfile=address.cert,
        ssl_keyfile=address.key,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    url = f"http{'s' * address.tls}://{shown}:{port}"
    server = _Server(config, lambda: announce(url), service.live.close)
    with _signals_end_only_the_server():
        server.run(sockets=[listening])


@contextmanager
def _signals_end_only_the_server() -> Iterator[None]:
    """Let the caller tidy up: the server raises the signal that ended it once more."""
    ends = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: None) for number in ends]
    try:
        yield
    finally:
        for number, handler in zip(ends, before, strict=True):
            signal.signal(number, handler)


class _Server(uvicorn.Server):
    """Tells when it answers; whoever watches is sent away first when it ends.

    Else the end would wait for pages that never leave by themselves.
    """

    def __init__(
        self, config: uvicorn.Config, started: Callable[[], None], ending: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._started = started
        self._ending = ending

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        await asyncio.to_thread(self._started)
