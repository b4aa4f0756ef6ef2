"""A service with one small model, its application, and clients of every role."""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from uuid import uuid4

import httpx
import numpy as np
import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from PIL import Image
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import OperationalError

import okng
from okng.adapters.security.passwords import Argon2Passwords
from okng.bootstrap.service import Service, build_service
from okng.domain.people import Principal, Right, Role
from okng.interfaces.http.app import create_app
from okng.settings import Settings
from okng.testing.images import good_parts, with_defect, write_folder

POSTGRES = os.environ.get(
    "OKNG_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres?connect_timeout=5"
)
API = "/api/v1"
PASSWORD = "four unrelated plain words"
QUICK = okng.TrainingOptions(size=(64, 64), config={"bank_size": 512})
CHEAP = Argon2Passwords(rounds=1, memory_kib=64)
ADMIN = Principal("admin", frozenset(Right))


class InProcess:
    """A client of an application in this process, with cookies; every fault is an answer."""

    def __init__(self, portal: BlockingPortal, app: FastAPI) -> None:
        # An address of its own: wrong passwords from one address slow all that come from it.
        address = str(IPv4Address(uuid4().int % 2**24 + (10 << 24)))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1))
        self._portal = portal
        self._client = httpx.AsyncClient(transport=transport, base_url="http://okng.test")

    @property
    def cookies(self) -> httpx.Cookies:
        return self._client.cookies

    def request(self, method: str, url: str, **sent) -> httpx.Response:
        return self._portal.call(partial(self._client.request, method, url, **sent))

    def get(self, url: str, **sent) -> httpx.Response:
        return self.request("GET", url, **sent)

    def post(self, url: str, **sent) -> httpx.Response:
        return self.request("POST", url, **sent)


@contextmanager
def in_process(app: FastAPI) -> Iterator[InProcess]:
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(app.router.lifespan_context(app)),
    ):
        yield InProcess(portal, app)


@dataclass(frozen=True)
class Running:
    """A service with its application; `tokens` by role."""

    service: Service
    app: FastAPI
    client: InProcess
    tokens: dict[Role, str]
    roots: Path

    def headers(self, role: Role = Role.ADMINISTRATOR) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens[role]}"}

    def ask(self, method: str, path: str, role: Role = Role.ADMINISTRATOR, **sent):
        """Send a request under /api/v1 with the token of a role."""
        headers = self.headers(role) | sent.pop("headers", {})
        return self.client.request(method, API + path, headers=headers, **sent)


def start(settings: Settings, roots: Path) -> Iterator[Running]:
    """Run a service with a person and a token of each role."""
    service = build_service(settings, CHEAP)
    try:
        service.start()
        tokens = {}
        now = datetime.now(UTC)
        for role in Role:
            name = f"the-{role.value}"
            service.people.create(ADMIN, name, role, now, PASSWORD)
            own = Principal(name, role.rights)
            tokens[role] = service.tokens.create(own, "test", role.rights, now)[1]
        app = create_app(service)
        with in_process(app) as client:
            yield Running(service, app, client, tokens, roots)
    finally:
        service.close()


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train two versions of a small product; return the data folder."""
    home = tmp_path_factory.mktemp("trained")
    folder = write_folder(home / "parts" / "flange", good=8, test_good=2, defective=2, size=64)
    settings = Settings(home=home / "home")
    okng.train(folder, options=QUICK, settings=settings)
    okng.train(folder, options=QUICK, settings=settings)
    return home


@pytest.fixture(scope="session")
def settings(trained: Path) -> Settings:
    return Settings(home=trained / "home", dataset_roots=(trained / "parts",))


@pytest.fixture(scope="session")
def running(settings: Settings, trained: Path) -> Iterator[Running]:
    """A service that many tests share: what they change, they change by names of their own."""
    yield from start(settings, trained / "parts")


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Running]:
    """A service of one's own, without models."""
    yield from start(Settings(home=tmp_path / "home"), tmp_path)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Nothing for SQLite in the data folder; the URL of an empty PostgreSQL database."""
    if request.param == "sqlite":
        yield ""
        return
    engine = create_engine(
        make_url(POSTGRES).set(drivername="postgresql+psycopg"),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
    )
    name = f"okng_http_{uuid4().hex}"
    try:
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
    except OperationalError as error:
        reason = f"no PostgreSQL answers at {POSTGRES} (OKNG_TEST_POSTGRES): {error.orig}"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    yield make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def either(trained: Path, tmp_path: Path, database_url: str) -> Iterator[Running]:
    """A service of one's own with the trained models, on each database in turn."""
    home = tmp_path / "home"
    shutil.copytree(trained / "home" / "models", home / "models")
    settings = Settings(home=home, database=database_url, dataset_roots=(trained / "parts",))
    yield from start(settings, trained / "parts")


@pytest.fixture(scope="session")
def good() -> bytes:
    """A good part that was not trained on, PNG."""
    return png(good_parts(1, 64, start=70)[0])


@pytest.fixture(scope="session")
def bad() -> bytes:
    """The same with a hole."""
    return png(with_defect(good_parts(1, 64, start=71)[0]))


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(name="in_process")
def _in_process():
    """Make further clients, which share no cookies."""
    return in_process


@pytest.fixture(name="start")
def _start(tmp_path: Path):
    """Make further services."""
    return lambda settings: contextmanager(start)(settings, tmp_path)
