"""Large bodies go to a file as they arrive."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from okng.domain.errors import BadRequest

_PIECE = 1 << 20


@asynccontextmanager
async def spooled(request: Request, folder: Path, suffix: str) -> AsyncIterator[Path]:
    """Write the body to a file of our own naming below `folder`; it goes when the block ends.

    Raises:
        BadRequest: the body is empty.
    """
    with TemporaryDirectory(dir=folder, prefix="request-") as place:
        path = Path(place) / f"body{suffix}"
        size = 0
        with path.open("wb") as file:
            waiting = bytearray()
            async for chunk in request.stream():
                waiting += chunk
                if len(waiting) >= _PIECE:
                    size += await run_in_threadpool(file.write, bytes(waiting))
                    waiting.clear()
            size += await run_in_threadpool(file.write, bytes(waiting))
        if not size:
            raise BadRequest("the request has no body: send the file as its body")
        yield path


def pieces(path: Path) -> Iterator[bytes]:
    """Yield a file's content piece by piece."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
