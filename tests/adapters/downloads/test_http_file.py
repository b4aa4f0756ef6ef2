"""Downloads over HTTP, from a server on this machine that behaves as badly as servers do."""

from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from okng.adapters.downloads.http_file import HttpFiles
from okng.domain.errors import BadBackbone, BadSetting, OkngError, Unavailable

DATA = bytes(range(256)) * 4000
SHA = sha256(DATA).hexdigest()

Answer = Callable[[BaseHTTPRequestHandler, int], None]
"""Answers a request; is told from which byte on."""


class Server:
    """Answers one request after the other as the test says, the last way for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                outer.asked.append((self.path, wanted))
                answer = answers[min(len(outer.asked), len(answers)) - 1]
                answer(self, int((wanted or "bytes=0-")[6:-1]))

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Whoever asks may leave early, as when a file is too large."""

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running: list[Server] = []

    def start(*answers: Answer) -> Server:
        running.append(Server(*answers))
        return running[-1]

    yield start
    for server in running:
        server.close()


def send(handler: BaseHTTPRequestHandler, start: int, count: int, data: bytes = DATA) -> None:
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
    handler.send_header("Content-Length", str(len(data) - start))
    handler.end_headers()
    handler.wfile.write(data[start : start + count])


def whole(handler: BaseHTTPRequestHandler, start: int) -> None:
    send(handler, start, len(DATA))


def half(handler: BaseHTTPRequestHandler, start: int) -> None:
    """Break off half-way through what is missing."""
    send(handler, start, (len(DATA) - start) // 2)


def from_the_start(handler: BaseHTTPRequestHandler, start: int) -> None:
    """Know nothing of ranges."""
    send(handler, 0, len(DATA))


def other(handler: BaseHTTPRequestHandler, start: int) -> None:
    send(handler, start, len(DATA), DATA[::-1])


def larger(handler: BaseHTTPRequestHandler, start: int) -> None:
    send(handler, start, 10**9, DATA + b"more")


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, start: int) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def fetch(url: str, to: Path, pauses: list[float] | None = None) -> list[int]:
    """Download, and return the numbers of bytes that progress was told."""
    seen: list[int] = []
    files = HttpFiles(url, ([] if pauses is None else pauses).append)
    files.fetch("a/b.bin", len(DATA), SHA, to, lambda stage, done, total: seen.append(done))
    return seen


@pytest.fixture
def to(tmp_path: Path) -> Path:
    return tmp_path / "b.bin"


def test_a_file_comes_whole(serve: Callable[..., Server], to: Path) -> None:
    """The file is there, verified, and nothing beside it; progress ends at its size."""
    server = serve(whole)
    assert fetch(f"{server.url}/", to)[-1] == len(DATA)
    assert to.read_bytes() == DATA
    assert [file.name for file in to.parent.iterdir()] == [to.name]
    assert server.asked == [("/a/b.bin", None)]
    fetch(server.url, to)
    assert len(server.asked) == 1


def test_it_goes_on_where_it_broke_off(serve: Callable[..., Server], to: Path) -> None:
    """Each further attempt asks for what is missing alone, after a longer pause."""
    server = serve(half, half, whole)
    pauses: list[float] = []
    fetch(server.url, to, pauses)
    assert to.read_bytes() == DATA
    quarter = len(DATA) // 4
    ranges = [wanted for _, wanted in server.asked]
    assert ranges == [None, f"bytes={2 * quarter}-", f"bytes={3 * quarter}-"]
    assert pauses == [1.0, 2.0]


def test_it_goes_on_in_a_later_run(serve: Callable[..., Server], to: Path) -> None:
    """What has come stays for the next run, and the error says so."""
    broken = serve(half, status(503))
    with pytest.raises(Unavailable, match=r"512,000 of 1,024,000 bytes are here: run it again"):
        fetch(broken.url, to)
    assert not to.exists()
    server = serve(whole)
    fetch(server.url, to)
    assert [wanted for _, wanted in server.asked] == ["bytes=512000-"]
    assert to.read_bytes() == DATA


def test_a_server_without_ranges(serve: Callable[..., Server], to: Path) -> None:
    """A server that begins anew is followed."""
    server = serve(half, from_the_start)
    fetch(server.url, to)
    assert to.read_bytes() == DATA


def test_what_lies_there_and_does_not_fit(serve: Callable[..., Server], to: Path) -> None:
    """Too much, or of another file: it is taken away, and the file comes whole."""
    partial = to.with_name("b.bin.partial")
    partial.write_bytes(DATA + DATA)
    fetch(serve(whole).url, to)
    to.unlink()
    partial.write_bytes(b"x" * 10)
    with pytest.raises(BadBackbone, match=r"SHA-256 is .* nothing was kept"):
        fetch(serve(whole).url, to)
    partial.write_bytes(b"x" * 10)
    fetch(serve(status(416), whole).url, to)
    assert to.read_bytes() == DATA


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (other, BadBackbone, "not the file that was published: its SHA-256"),
        (larger, BadBackbone, r"more than 1,024,000 bytes; nothing was kept"),
        (status(404), BadBackbone, "404 .*: there is no such file"),
        (status(401), BadBackbone, "use a mirror"),
        (status(407), BadBackbone, "the proxy wants a name"),
        (status(503), Unavailable, "it answers 503"),
        (status(302, Location="file:///etc/passwd"), BadBackbone, "302"),
        (status(302, Location="ftp://127.0.0.1/x"), Unavailable, "unknown url type"),
    ],
)
def test_what_goes_wrong_is_said(
    serve: Callable[..., Server], to: Path, answer: Answer, error: type[OkngError], reason: str
) -> None:
    """Each is one error that says why, and nothing appears."""
    with pytest.raises(error, match=reason):
        fetch(serve(answer).url, to)
    assert list(to.parent.iterdir()) == []


def test_nobody_answers(serve: Callable[..., Server], to: Path) -> None:
    """Without a network the error says what may help."""
    server = serve(whole)
    server.close()
    with pytest.raises(Unavailable, match=r"127.0.0.1 cannot be reached .*HTTPS_PROXY.*MIRROR|URL"):
        fetch(server.url, to)


def test_redirects_and_mirrors(serve: Callable[..., Server], to: Path) -> None:
    """A redirect to another server is followed, and what is missing is asked for there."""
    store = serve(half, whole)
    front = serve(status(302, Location=f"{store.url}/store/x"))
    fetch(front.url, to)
    assert to.read_bytes() == DATA
    assert store.asked == [("/store/x", None), ("/store/x", "bytes=512000-")]


def test_a_proxy(serve: Callable[..., Server], to: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy that the standard variable names is asked for the whole URL."""
    proxy = serve(whole)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    fetch("http://weights.invalid/mirror", to)
    assert proxy.asked == [("http://weights.invalid/mirror/a/b.bin", None)]


@pytest.mark.parametrize("url", ["file:///etc", "ftp://host/x", "weights", "http:///x", ""])
def test_other_urls_are_refused(url: str, to: Path) -> None:
    """Nothing but HTTP is spoken."""
    with pytest.raises(BadSetting, match="must begin with https://"):
        fetch(url, to)


def test_a_folder_that_is_not_there(serve: Callable[..., Server], tmp_path: Path) -> None:
    """What the disk refuses is said as such."""
    with pytest.raises(BadSetting, match="cannot be written"):
        fetch(serve(whole).url, tmp_path / "gone" / "b.bin")
