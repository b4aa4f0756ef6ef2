"""What pages are made of: the stylesheet, modules, icons, and the libraries that come with okng.

All of it lies below an edition, a hash of everything, so that browsers may keep it for good and a
new version of okng is new to them as a whole; modules name each other by relative paths.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

from fastapi import APIRouter
from starlette.responses import Response

from okng.domain.errors import NotFound

router = APIRouter(include_in_schema=False)

STATIC = Path(__file__).parents[1] / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
"""Files of other kinds (licences, versions) are for whoever reads the source."""

_FOREVER = "public, max-age=31536000, immutable"


@cache
def assets() -> dict[str, bytes]:
    """Return every file by its path below `static`; there are few and they are small."""
    files = sorted(path for path in STATIC.rglob("*") if path.suffix in TYPES)
    return {path.relative_to(STATIC).as_posix(): path.read_bytes() for path in files}


@cache
def edition() -> str:
    """Return what changes as soon as any file does."""
    digest = sha256()
    for name, content in assets().items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def place() -> str:
    """Return the path below which the files lie."""
    return f"/static/{edition()}"


@router.get("/static/{asked}/{name:path}")
def asset(asked: str, name: str) -> Response:
    """Return a file; one of another edition is today's, and not to be kept."""
    content = assets().get(name)
    if content is None:
        raise NotFound(f"okng has no file {name[:100]!r} for its pages: load the page again")
    kept = _FOREVER if asked == edition() else "no-cache"
    return Response(content, media_type=TYPES[Path(name).suffix], headers={"Cache-Control": kept})
