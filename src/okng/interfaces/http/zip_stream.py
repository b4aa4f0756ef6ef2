"""ZIP files that are sent while they are written."""

import io
from collections.abc import Iterable, Iterator
from zipfile import ZIP_STORED, ZipFile

_ENOUGH = 1 << 20


def zipped(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """Yield a ZIP file of names and contents, which are images: they are stored as they are."""
    sink = _Sink()
    with ZipFile(sink, "w", ZIP_STORED) as archive:
        for name, data in files:
            archive.writestr(name, data)
            if sink.size > _ENOUGH:
                yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """Takes bytes and cannot seek, so that the archive says sizes behind each file."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        self.size += len(part)
        return len(part)

    def take(self) -> bytes:
        """Return what has come since the last time."""
        data = b"".join(self._parts)
        self._parts.clear()
        self.size = 0
        return data
