"""From an image file's bytes to pixels."""

import io
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.errors import BadImage

MAX_PIXELS = 100_000_000
"""Default limit on width x height, checked before decoding."""

FORMATS = "JPEG, PNG, BMP, TIFF or WebP"

_BYTES_PER_PIXEL = 8  # 16-bit RGBA, the largest that an uncompressed image needs
_SMALL = 16 * 2**20  # bytes that are read at once, and that a file may have beside its pixels
_ORIENTATION = 0x0112
_LYING = (5, 6, 7, 8)
"""Orientations in which width and height change places."""
_BITS_PER_SAMPLE = 258

# What Pillow's plugins were seen to raise, or may, on damaged files.
_PILLOW_RAISES = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    ArithmeticError,
    LookupError,
    AttributeError,
    TypeError,
    AssertionError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def decode(data: bytes, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode an image file to uint8 `[H, W, 3]`, RGB, upright, contiguous.

    The content decides the format, not a file's name. What is not 8-bit RGB is converted:

    - EXIF (and TIFF) orientation is applied.
    - Grey becomes three equal channels, black-and-white 0 and 255, a palette its colours.
    - Alpha is dropped: the colours stay as the file stores them, as in OpenCV and in camera
      software, so that transparency cannot move a score.
    - CMYK becomes RGB by Pillow's plain formula, without a colour profile; profiles are ignored.
    - 16-bit values are divided by 256 (12-bit TIFF by 16) and rounded down; never stretched to
      the image's own range, so that brightness stays comparable between images.
    - Of a JPEG that carries further pictures (MPO), the first is taken.

    Raises:
        BadImage: empty, of another format, larger than `max_pixels`, animated or of several
            pages, 32-bit, truncated or damaged.
    """
    image = _open(data, max_pixels)
    mode = image.mode
    if mode.startswith("I;16") or (mode == "I" and image.format == "PNG"):
        shift = 4 if _is_12_bit(image) else 8
        grey = np.minimum(np.asarray(image).astype(np.uint16) >> shift, 255).astype(np.uint8)
        return _upright(np.repeat(grey[..., None], 3, axis=2), image)
    if mode in ("I", "F"):
        raise BadImage(
            "32-bit image: its range is unknown, so brightness could not be compared between "
            "images; save it with 8 or 16 bits per channel"
        )
    return _upright(_rgb(image), image)


def check_header(file: BinaryIO, max_pixels: int = MAX_PIXELS) -> tuple[int, int, str]:
    """Refuse what `decode` would by a header; return width and height before any turn, and mode.

    Raises:
        BadImage: empty, of another format, larger than `max_pixels`, animated or of several
            pages, or with a damaged header.
    """
    image = _open_header(file, max_pixels)
    return (*image.size, image.mode)


def decode_mask(data: bytes, max_pixels: int = MAX_PIXELS) -> Mask:
    """Decode a mask to bool `[H, W]`: True where any colour channel is not zero.

    Alpha is ignored; 16- and 32-bit values count as they are stored, so a 1 is True.

    Raises:
        BadImage: as `decode`, but 32-bit masks are taken.
    """
    image = _open(data, max_pixels)
    if image.mode.startswith("I;16") or image.mode in ("1", "L", "I", "F"):
        return _upright(np.asarray(image).astype(np.bool_), image)
    marked: Mask = np.any(_rgb(image), axis=2)
    return _upright(marked, image)


def read(path: Path, max_pixels: int = MAX_PIXELS) -> bytes:
    """Read an image file's bytes; of a large file only where its header says what they are for.

    Raises:
        BadImage: missing, not a plain file, not readable or too large; names the file.
    """
    limit = max_pixels * _BYTES_PER_PIXEL + 2**20
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if path.is_dir() else "not a plain file"
            if path.is_dir() and not os.access(path, os.R_OK | os.X_OK):
                raise BadImage(f"{path}: a folder that may not be read; allow it, or leave it out")
            raise BadImage(f"{path}: {kind}; name an image file")
        with path.open("rb") as file:
            if _SMALL < status.st_size <= limit:
                own = _pixels_of(file, path, max_pixels) * _BYTES_PER_PIXEL + _SMALL
                limit = min(limit, own)
                file.seek(0)
            # One more than the limit tells a file that has grown since.
            most = limit if status.st_size > _SMALL else min(limit, _SMALL)
            data = file.read(most + 1) if status.st_size <= limit else b""
    except FileNotFoundError:
        raise BadImage(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadImage(f"{path}: cannot be read ({reason})") from error
    if max(status.st_size, len(data)) > most:
        raise BadImage(f"{path}: larger than the {limit:,} bytes it can need; save it again")
    return data


def read_size(path: Path, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return width and height of an image file, upright, by its header alone.

    Raises:
        BadImage: missing, not a plain file, not readable, or as `check_header`; names the file.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadImage(f"{path}: not a plain file; name an image file")
        with path.open("rb") as file:
            image = _open_header(file, max_pixels)
            width, height = image.size
            # Of a TIFF, Pillow gives the size upright.
            is_turned = not isinstance(image, TiffImageFile) and _orientation(image) in _LYING
            return (height, width) if is_turned else (width, height)
    except OSError as error:
        raise BadImage(f"{path}: cannot be read ({error.strerror or error})") from error
    except BadImage as error:
        said = str(error)
        raise BadImage(said if said.startswith(str(path)) else f"{path}: {said}") from error


def _pixels_of(file: BinaryIO, path: Path, max_pixels: int) -> int:
    """Return width x height by the header of a large file, without reading all of it.

    Raises:
        BadImage: as `check_header`; names the file.
    """
    start = file.read(_SMALL)
    try:
        if start.startswith(b"RIFF"):
            width, height = _webp_size(start)  # Pillow's reader would take the whole file
            _check_size(width, height, max_pixels)
            return width * height
        # A TIFF's header may lie at its end, that of all others lies in what has been read.
        is_tiff = start.startswith((b"II", b"MM"))
        file.seek(0)
        width, height = _open_header(file if is_tiff else io.BytesIO(start), max_pixels).size
    except BadImage as error:
        raise BadImage(f"{path}: {error}") from error
    return width * height


def _webp_size(start: bytes) -> tuple[int, int]:
    """Return width and height by a WebP file's first 30 bytes (RFC 9649, section 2)."""
    kind = start[12:16]
    if start[8:12] != b"WEBP" or kind not in (b"VP8 ", b"VP8L", b"VP8X"):
        raise BadImage(f"not a {FORMATS} image (its content decides, not its name); convert it")
    if kind == b"VP8X":
        sides = int.from_bytes(start[24:27], "little"), int.from_bytes(start[27:30], "little")
        return sides[0] + 1, sides[1] + 1
    if kind == b"VP8L":
        bits = int.from_bytes(start[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack("<HH", start[26:30])
    return width & 0x3FFF, height & 0x3FFF


def decode_file(path: Path, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Read and decode an image file; see `decode`.

    Raises:
        BadImage: it cannot be read or decoded; names the file.
    """
    data = read(path, max_pixels)
    try:
        return decode(data, max_pixels)
    except BadImage as error:
        raise BadImage(f"{path}: {error}") from error


def _open(data: bytes, max_pixels: int) -> ImageFile:
    """Open and load one image, or refuse it."""
    image = _open_header(io.BytesIO(data), max_pixels)
    with _refusing_damage():
        image.load()
    return image


def _open_header(file: BinaryIO, max_pixels: int) -> ImageFile:
    """Open one image, or refuse it by its header."""
    opener = _opener(file.read(16))
    file.seek(0)
    with _refusing_damage():
        image = opener(file)
        _check_size(*image.size, max_pixels)
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            raise BadImage(f"animated or of several pages ({frames}); save one image per file")
    return image


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width * height > max_pixels:
        raise BadImage(
            f"{width} x {height} is more than {max_pixels:,} pixels; scale the image down or crop "
            "it"
        )


@contextmanager
def _refusing_damage() -> Iterator[None]:
    try:
        yield
    except BadImage:
        raise
    except _PILLOW_RAISES as error:
        reason = str(error) or type(error).__name__
        if isinstance(error, UnidentifiedImageError | AttributeError | LookupError):
            reason = "its structure makes no sense"
        raise BadImage(f"truncated or damaged ({reason}); save it again") from error


class _Tiff(TiffImageFile):
    """TIFF without the process's limit on size, which this reader alone checks once more."""

    def load_prepare(self) -> None:
        if self._im is None:
            self.im = Image.new(self.mode, self._tile_size, None).im
        ImageFile.load_prepare(self)


def _opener(data: bytes) -> type[ImageFile]:
    """Choose Pillow's reader by the first 16 bytes.

    Readers are called directly, not through `Image.open`, whose warnings and limits on size are
    the process's and not ours.
    """
    if not data:
        raise BadImage("empty file (0 bytes); save the image again")
    if data.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return _Tiff
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return WebPImageFile
    if data.startswith(b"BM"):
        return BmpImageFile
    raise BadImage(f"not a {FORMATS} image (its content decides, not its name); convert it")


def _is_12_bit(image: ImageFile) -> bool:
    return isinstance(image, TiffImageFile) and image.tag_v2.get(_BITS_PER_SAMPLE) == (12,)


def _rgb(image: ImageFile) -> Pixels:
    """Return uint8 `[H, W, 3]`, writable."""
    if image.mode == "RGB":
        return np.array(image)
    try:
        straight = {"RGBa": "RGBA", "La": "LA"}.get(image.mode)
        return np.array((image.convert(straight) if straight else image).convert("RGB"))
    except _PILLOW_RAISES as error:
        raise BadImage(
            f"its colours ({image.mode}) cannot be converted to RGB; save it as RGB or grey"
        ) from error


def _orientation(image: ImageFile) -> object:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except _PILLOW_RAISES as error:
        raise BadImage(f"its EXIF data is damaged ({error}); save it without") from error


def _upright(array: Array, image: ImageFile) -> Array:
    """Turn `[H, W, ...]` as the EXIF orientation (1 to 8) says."""
    orientation = _orientation(image)
    if orientation in _LYING:
        array = array.swapaxes(0, 1)
    if orientation in (2, 3, 6, 7):
        array = array[:, ::-1]
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return np.ascontiguousarray(array)
