"""Download one file over HTTP, pinned by its hash, and go on where an earlier attempt broke off."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib import request
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from okng.domain.errors import BadBackbone, BadSetting, Unavailable
from okng.domain.ports import Progress, silent

_PIECE = 1 << 18
_TIMEOUT_S = 30.0
_PAUSES_S = (1.0, 2.0, 4.0, 8.0)
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class HttpFiles:
    """Files below a URL. `pause` waits between attempts, so many seconds.

    Proxies are those of the standard variables (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), certificates
    those of the system and of SSL_CERT_FILE.
    """

    base_url: str
    pause: Callable[[float], None] = time.sleep

    def fetch(
        self, path: str, size_bytes: int, digest: str, to: Path, progress: Progress = silent
    ) -> None:
        """Bring the file `path` to `to`, which appears whole and verified, or not at all.

        What has come already lies in `to` with `.partial` behind its name, and is used again. Never
        more than `size_bytes` are read.

        Args:
            path: below the base URL.
            size_bytes: of the whole file.
            digest: its SHA-256, in hexadecimal.
            to: where it goes; the folder must be there, and no other may write there meanwhile.
            progress: is told the bytes that are there.

        Raises:
            BadSetting: the base URL is none, or the disk cannot take the file.
            Unavailable: the server does not answer, or breaks off again and again.
            BadBackbone: the server has no such file, or another one.
        """
        url = f"{self.base_url.rstrip('/')}/{path}"
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise BadSetting(
                f"OKNG_WEIGHTS_URL must begin with https:// or http://, not {url[:100]}"
            )
        partial = to.with_name(f"{to.name}.partial")
        try:
            if to.exists() and _digest(to) == digest:
                return
            self._complete(url, size_bytes, partial, progress)
            found = _digest(partial)
            if found != digest:
                partial.unlink()
                raise BadBackbone(
                    f"{url} is not the file that was published: its SHA-256 is {found}, not "
                    f"{digest}; nothing was kept"
                )
            partial.replace(to)
        except OSError as error:
            raise BadSetting(
                f"{to.parent} cannot be written: {error.strerror or error}; make room, or name "
                "another place (OKNG_HOME)"
            ) from error

    def _complete(self, url: str, size_bytes: int, partial: Path, progress: Progress) -> None:
        """Read what is missing of a file, in several attempts where it takes them."""
        reason = ""
        for pause in (*_PAUSES_S, None):
            try:
                self._read_on(url, size_bytes, partial, progress)
            except HTTPError as error:
                error.close()
                if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                    partial.unlink(missing_ok=True)  # what is here is not of this file
                elif error.code not in _BUSY:
                    raise BadBackbone(_refusal(url, error)) from error
                reason = f"it answers {error.code} {error.reason}"
            except (URLError, HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
                reason = _said(error)
            else:
                if _size(partial) == size_bytes:
                    return
                reason = "it broke off"
            if pause is not None:
                self.pause(pause)
        have = _size(partial)
        kept = f"{have:,} of {size_bytes:,} bytes are here: run it again to go on; " if have else ""
        raise Unavailable(
            f"{urlsplit(url).hostname} cannot be reached ({reason}): {kept}behind a proxy set "
            "HTTPS_PROXY, for a mirror OKNG_WEIGHTS_URL, or bring the file by other means"
        )

    def _read_on(self, url: str, size_bytes: int, partial: Path, progress: Progress) -> None:
        """Read once, from where the file ends, until the server ends."""
        have = _size(partial)
        if have >= size_bytes:
            if have == size_bytes:
                return
            partial.unlink()
            have = 0
        asked = request.Request(url, headers={"User-Agent": "okng", "Accept-Encoding": "identity"})
        if have:
            asked.add_header("Range", f"bytes={have}-")
        with _opener().open(asked, timeout=_TIMEOUT_S) as answer:
            if not _goes_on(answer, have):
                have = 0
            with partial.open("ab" if have else "wb") as file:
                while piece := _read(answer):
                    have += len(piece)
                    if have > size_bytes:
                        file.close()
                        partial.unlink()
                        raise BadBackbone(
                            f"{url} is not the file that was published: it has more than "
                            f"{size_bytes:,} bytes; nothing was kept"
                        )
                    file.write(piece)
                    progress("download", have, size_bytes)


def _opener() -> request.OpenerDirector:
    """Return what opens HTTP and nothing else: no local files, no FTP, wherever it is sent."""
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPHandler(),
        request.HTTPSHandler(context=ssl.create_default_context()),
        request.HTTPDefaultErrorHandler(),
        request.HTTPRedirectHandler(),
        request.HTTPErrorProcessor(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    return opener


def _read(answer: HTTPResponse) -> bytes:
    """Read a piece, empty at the end; what goes wrong is the network's fault, not the disk's."""
    try:
        return answer.read(_PIECE)
    except OSError as error:
        raise ConnectionError(error.strerror or str(error)) from error


def _goes_on(answer: HTTPResponse, have: int) -> bool:
    """Tell whether an answer begins where it was asked to, not at the file's start."""
    begins = (answer.headers.get("Content-Range") or "").removeprefix("bytes ").partition("-")[0]
    return have > 0 and answer.status == 206 and begins.strip() == str(have)


def _refusal(url: str, error: HTTPError) -> str:
    mend = {
        401: "it wants to know who asks: use a mirror that does not (OKNG_WEIGHTS_URL)",
        403: "it forbids this: use a mirror (OKNG_WEIGHTS_URL)",
        404: "there is no such file: look at OKNG_WEIGHTS_URL",
        407: "the proxy wants a name and a password: HTTPS_PROXY=http://name:password@host:port",
    }.get(error.code, "look at OKNG_WEIGHTS_URL")
    return f"{url} cannot be loaded ({error.code} {error.reason}): {mend}"


def _said(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)[:300]


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        digest = sha256()
        while piece := opened.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest()
