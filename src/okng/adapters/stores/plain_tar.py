"""Many files as one stream: tar as any tool reads it, but read back with no trust at all.

Only plain files (POSIX.1-2001 pax, for long names) are written and accepted: no links, no devices,
no folders.
"""

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from okng.domain.errors import BadBackup

_BLOCK = 512
_END = bytes(2 * _BLOCK)
_LARGEST_HEADER = 1 << 16


def tar_header(name: str, size: int) -> bytes:
    """Return what stands before a file's bytes, of which there are `size`."""
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def tar_padding(size: int) -> bytes:
    """Return what stands behind a file of `size` bytes."""
    return bytes(-size % _BLOCK)


def tar_end() -> bytes:
    return _END


@dataclass
class TarFile:
    """A file in the stream: its bytes must be read before the next file is asked for."""

    name: str
    size: int
    _stream: "_Stream" = field(repr=False)

    def pieces(self) -> Iterator[bytes]:
        yield from self._stream.pieces(self.size)
        self._stream.exactly(-self.size % _BLOCK)


def read_tar(pieces: Iterable[bytes]) -> Iterator[TarFile]:
    """Yield the files of a tar as it streams by.

    Raises:
        BadBackup: it is cut off, damaged, or holds anything but plain files.
    """
    stream = _Stream(iter(pieces))
    long_name: str | None = None
    while True:
        block = stream.exactly(_BLOCK)
        if not any(block):
            stream.drain()
            return
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.HeaderError, ValueError) as error:
            raise BadBackup(f"the backup is damaged: a file's header is wrong ({error})") from error
        if info.type == tarfile.XHDTYPE and 0 < info.size <= _LARGEST_HEADER and long_name is None:
            long_name = _path_of(stream.exactly(info.size))
            stream.exactly(-info.size % _BLOCK)
        elif info.type == tarfile.REGTYPE and info.size >= 0:
            yield TarFile(long_name or info.name, info.size, stream)
            long_name = None
        else:
            raise BadBackup(
                f"{info.name[:100]!r} in the backup is a link or no plain file: do not use it"
            )


def _path_of(header: bytes) -> str:
    """Return the path of a pax extended header, `<length> path=<path>\\n`; it may hold no more."""
    try:
        text = header.decode()
    except UnicodeDecodeError as error:
        raise BadBackup("the backup is damaged: a file's name is not UTF-8") from error
    length, _, rest = text.partition(" ")
    key, _, value = rest.partition("=")
    if length != str(len(header)) or key != "path" or not value.endswith("\n"):
        raise BadBackup("the backup is damaged: a file's header has what okng does not write")
    return value[:-1]


class _Stream:
    """Hands out a stream of pieces in the sizes that are asked for."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source = source
        self._rest = b""

    def pieces(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self._rest or next(self._source, b"")
            if not piece:
                raise BadBackup("the backup is cut off: take another one")
            taken, self._rest = piece[:size], piece[size:]
            size -= len(taken)
            yield taken

    def exactly(self, size: int) -> bytes:
        return b"".join(self.pieces(size))

    def drain(self) -> None:
        """Read what follows the end: zeros, or it is no tar of okng's."""
        for piece in (self._rest, *self._source):
            if any(piece):
                raise BadBackup("the backup is damaged: something follows the end of its files")
