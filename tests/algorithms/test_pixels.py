"""Decoding and preparing images."""

import io
import struct
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, ImageOps

from okng.algorithms import pixels as px
from okng.domain.errors import BadImage

FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP")


def encoded(image: Image.Image, fmt: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, fmt, **options)
    return file.getvalue()


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype=dtype)


def cv2_encoded(extension: str, array: np.ndarray) -> bytes:
    ok, data = cv2.imencode(extension, array)
    assert ok
    return bytes(data.tobytes())


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 99))


@pytest.mark.parametrize("fmt", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_keep_every_value(fmt: str) -> None:
    """RGB pixels of a lossless file come back unchanged, contiguous and in RGB order."""
    array = noise(7, 11, 3)
    decoded = px.decode(encoded(Image.fromarray(array), fmt))
    np.testing.assert_array_equal(decoded, array)
    assert decoded.flags.c_contiguous
    assert decoded.dtype == np.uint8


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_decodes(fmt: str) -> None:
    """Each allowed format decodes to its size, close to its colour."""
    decoded = px.decode(encoded(Image.new("RGB", (30, 20), (200, 100, 50)), fmt))
    assert decoded.shape == (20, 30, 3)
    assert np.abs(decoded.astype(int) - (200, 100, 50)).max() <= 3


def test_content_decides_the_format(tmp_path: Path) -> None:
    """A PNG that is named .jpg decodes all the same."""
    file = tmp_path / "a.jpg"
    file.write_bytes(encoded(Image.fromarray(noise(4, 5, 3))))
    assert px.decode_file(file).shape == (4, 5, 3)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(fmt: str, orientation: int) -> None:
    """All eight EXIF orientations come out upright, as Pillow's own transposition has them."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(noise(13, 21, 3)), fmt, exif=exif)
    wanted = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    np.testing.assert_array_equal(px.decode(data), np.asarray(wanted))


def test_grey_becomes_three_equal_channels() -> None:
    """A grey image has its values in all three channels."""
    grey = noise(5, 6)
    np.testing.assert_array_equal(
        px.decode(encoded(Image.fromarray(grey))), np.repeat(grey[..., None], 3, axis=2)
    )


def test_black_and_white_becomes_0_and_255() -> None:
    """A 1-bit image uses the full range."""
    decoded = px.decode(encoded(Image.fromarray(noise(5, 6) > 127)))
    assert set(np.unique(decoded)) == {0, 255}


def test_palette_becomes_its_colours() -> None:
    """A palette image shows its colours, not its indices."""
    array = np.zeros((4, 4, 3), np.uint8)
    array[:2] = (250, 10, 60)
    data = encoded(Image.fromarray(array).quantize(4))
    assert Image.open(io.BytesIO(data)).mode == "P"
    np.testing.assert_array_equal(px.decode(data), array)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_dropped(mode: str) -> None:
    """Colours under transparency stay as the file stores them."""
    rgb = noise(6, 6, 3) if mode == "RGBA" else np.repeat(noise(6, 6, 1), 3, axis=2)
    image = Image.fromarray(rgb).convert(mode)
    image.putalpha(Image.fromarray(noise(6, 6)))
    np.testing.assert_array_equal(px.decode(encoded(image)), rgb)


@pytest.mark.parametrize("fmt", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(fmt: str) -> None:
    """A CMYK file gives the colour that it shows."""
    decoded = px.decode(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), fmt))
    assert np.abs(decoded.astype(int) - (255, 0, 0)).max() <= 3


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("shape", [(9, 8), (9, 8, 3), (9, 8, 4)], ids=["grey", "rgb", "rgba"])
def test_16_bits_are_divided_by_256(extension: str, shape: tuple[int, ...]) -> None:
    """16-bit values are divided by 256, whatever range the image uses."""
    deep = noise(*shape, dtype=np.uint16) // 16
    decoded = px.decode(cv2_encoded(extension, deep))
    wanted = deep // 256
    wanted = np.repeat(wanted[..., None], 3, 2) if deep.ndim == 2 else wanted[..., 2::-1]
    np.testing.assert_array_equal(decoded, wanted)


def test_12_bit_tiff_is_divided_by_16() -> None:
    """12-bit camera data use the full 8-bit range."""
    values = [0, 0xFFF, 0x800, 0x123]
    packed = b"".join(
        ((a << 12) | b).to_bytes(3, "big") for a, b in zip(values[::2], values[1::2], strict=True)
    )
    tags = {256: 4, 257: 1, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: len(packed)}
    data = b"II*\0" + struct.pack("<I", 8 + len(packed)) + packed + struct.pack("<H", len(tags))
    for tag, value in tags.items():
        data += struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value)
    decoded = px.decode(data + struct.pack("<I", 0))
    assert decoded[0, :, 0].tolist() == [0, 255, 0x80, 0x12]


@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_32_bits_are_refused(dtype: type) -> None:
    """A 32-bit TIFF is refused with the reason, not guessed at."""
    with pytest.raises(BadImage, match="32-bit"):
        px.decode(encoded(Image.fromarray(np.ones((4, 4), dtype)), "TIFF"))


def animation(fmt: str) -> bytes:
    first, second = (Image.fromarray(noise(8, 8, 3) // n) for n in (1, 2))
    return encoded(first, fmt, save_all=True, append_images=[second])


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "WEBP"])
def test_animated_and_multi_page_files_are_refused(fmt: str) -> None:
    """A file of two frames or pages is not one image."""
    with pytest.raises(BadImage, match=r"several pages \(2\)"):
        px.decode(animation(fmt))


def test_first_picture_of_an_mpo_is_taken() -> None:
    """A JPEG that carries a second picture is its first."""
    assert px.decode(animation("MPO")).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"hello", "not a JPEG, PNG, BMP, TIFF or WebP"),
        (encoded(Image.new("RGB", (4, 4)), "GIF"), "not a JPEG"),
        (encoded(Image.new("RGB", (4, 4)), "PPM"), "not a JPEG"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "damaged"),
        (b"\xff\xd8\xff", "damaged"),
        (b"BM", "damaged"),
        (b"II*\0", "damaged"),
        (b"RIFF\0\0\0\0WEBP", "damaged"),
    ],
)
def test_what_is_no_image_is_refused(data: bytes, message: str) -> None:
    """Empty, foreign and broken files each get one clear message."""
    with pytest.raises(BadImage, match=message):
        px.decode(data)


@pytest.mark.parametrize("fmt", FORMATS)
def test_truncated_files_are_refused(fmt: str) -> None:
    """Half a file is never shown as an image with an empty half."""
    data = encoded(Image.fromarray(noise(64, 64, 3)), fmt)
    with pytest.raises(BadImage, match="damaged"):
        px.decode(data[: len(data) // 2])


def test_pixel_limit_holds_before_decoding() -> None:
    """A header that claims 2.5 gigapixels is refused by size, without a warning of Pillow's."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BadImage, match="50000 x 50000 is more than 100,000,000 pixels"):
            px.decode(png_header(50_000, 50_000))


def test_our_limit_counts_and_not_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow's limit for the process causes no warning and no refusal; ours is exact."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 250)  # warns beyond, refuses beyond twice this
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fmt in FORMATS:
            data = encoded(Image.fromarray(noise(20, 20, 3)), fmt)
            assert px.decode(data, max_pixels=400).shape == (20, 20, 3)
            with pytest.raises(BadImage, match="more than 399 pixels"):
                px.decode(data, max_pixels=399)


SEEDS = [
    *(encoded(Image.fromarray(noise(9, 10, 3)), fmt) for fmt in FORMATS),
    encoded(Image.fromarray(noise(9, 10)), "TIFF", compression="tiff_lzw"),
    encoded(Image.fromarray(noise(9, 10, 3)).quantize(16), "PNG"),
    encoded(Image.fromarray(noise(9, 10)).convert("1"), "TIFF", compression="group4"),
    cv2_encoded(".png", noise(9, 10, dtype=np.uint16)),
]


def decodes_or_refuses(decode: Callable[..., np.ndarray], data: bytes) -> None:
    try:
        array = decode(data, max_pixels=1_000_000)
    except BadImage:
        return
    assert array.ndim in (2, 3)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=600, deadline=None)
@given(data=st.data())
def test_damage_gives_pixels_or_bad_image(data: st.DataObject) -> None:
    """Whatever is cut from or flipped in a file, the outcome is pixels or BadImage."""
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(0, 8))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    decodes_or_refuses(px.decode, bytes(content))
    decodes_or_refuses(px.decode_mask, bytes(content))


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=200, deadline=None)
@given(
    magic=st.sampled_from(
        [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0+", b"BM", b"RIFF0000WEBP"]
    ),
    rest=st.binary(max_size=300),
)
def test_random_bytes_give_bad_image(magic: bytes, rest: bytes) -> None:
    """Random bytes behind a true signature never raise anything but BadImage."""
    decodes_or_refuses(px.decode, magic + rest)


def test_pillow_stays_as_it_was() -> None:
    """Decoding changes none of Pillow's settings of the process."""
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    px.decode(SEEDS[0])
    assert before == (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


MARKED = np.zeros((6, 7), bool)
MARKED[2:4, 1:3] = True


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.fromarray(MARKED)),
        encoded(Image.fromarray(MARKED.astype(np.uint8))),
        encoded(Image.fromarray(np.where(MARKED, 255, 0).astype(np.uint8)), "BMP"),
        encoded(Image.fromarray(MARKED.astype(np.float32)), "TIFF"),
        encoded(Image.fromarray(np.where(MARKED[..., None], (0, 9, 0), 0).astype(np.uint8))),
        encoded(Image.fromarray(np.where(MARKED, 9, 0).astype(np.uint8)).convert("RGBA")),
        encoded(Image.fromarray(np.where(MARKED, 9, 0).astype(np.uint8)).convert("P")),
        cv2_encoded(".png", MARKED.astype(np.uint16)),
    ],
    ids=["1-bit", "ones", "bmp", "float", "green", "alpha", "palette", "16-bit ones"],
)
def test_masks_are_where_a_colour_is_not_zero(data: bytes) -> None:
    """Masks of every kind mark the same pixels; an opaque alpha channel marks none."""
    mask = px.decode_mask(data)
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, MARKED)


def test_reading_names_the_file(tmp_path: Path) -> None:
    """A missing file, a folder, too large a file and a broken one are each named."""
    for path, message in [
        (tmp_path / "no.png", "no such file"),
        (tmp_path, "a folder"),
        (Path("/dev/zero"), "not a plain file"),
        (Path("a\0b"), "cannot be read"),
    ]:
        with pytest.raises(BadImage, match=message) as caught:
            px.read(path)
        assert str(path) in str(caught.value)
    large = tmp_path / "large.png"
    large.write_bytes(b"\0" * (2**20 + 9))
    with pytest.raises(BadImage, match=r"large\.png: larger than"):
        px.read(large, max_pixels=1)
    with pytest.raises(BadImage, match=r"large\.png: not a JPEG"):
        px.decode_file(large)


def padded(path: Path, data: bytes) -> Path:
    """Write an image file and a hole behind it: 100 MB that take no room."""
    path.write_bytes(data)
    with path.open("r+b") as file:
        file.truncate(100 * 2**20)
    return path


@pytest.mark.parametrize("fmt", FORMATS)
def test_large_files_are_refused_by_their_header(tmp_path: Path, fmt: str) -> None:
    """A file of many more bytes than its header's size can need is refused without being read."""
    path = padded(tmp_path / "large", encoded(Image.fromarray(noise(40, 60, 3)), fmt))
    tracemalloc.start()
    try:
        with pytest.raises(BadImage, match=r"large: larger than the .* bytes it can need"):
            px.read(path)
        assert tracemalloc.get_traced_memory()[1] < 40 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0MM\0*"}])
def test_webp_header(options: dict[str, object]) -> None:
    """Width and height are read from each of WebP's three kinds of header."""
    data = encoded(Image.fromarray(noise(123, 77, 3)), "WEBP", **options)
    assert px._webp_size(data[:64]) == (77, 123)


def test_large_files_are_read_whole(tmp_path: Path) -> None:
    """An honest image of more than 16 MB is read to its last byte, a TIFF's header at its end."""
    array = noise(2500, 2500, 3)
    for fmt in ("BMP", "TIFF", "PNG"):
        data = encoded(
            Image.fromarray(array), fmt, **({"compress_level": 0} if fmt == "PNG" else {})
        )
        assert len(data) > 2**24
        (tmp_path / fmt).write_bytes(data)
        assert px.read(tmp_path / fmt) == data
        with pytest.raises(BadImage, match="more than 6,249,999 pixels"):
            px.read(tmp_path / fmt, 6_249_999)


def test_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without permission is refused by name, with the system's reason."""
    file = tmp_path / "secret.png"
    file.write_bytes(b"x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadImage, match=r"secret\.png: cannot be read \(Permission denied\)"):
        px.read(file)


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_size_by_the_header_is_that_of_the_decoded(
    tmp_path: Path, fmt: str, orientation: int
) -> None:
    """Width and height are those of the upright image, without decoding it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "image"
    Image.fromarray(noise(20, 30, 3)).save(path, fmt, exif=exif)
    height, width = px.decode_file(path).shape[:2]
    assert px.read_size(path) == (width, height)


def test_size_of_what_is_no_image(tmp_path: Path) -> None:
    """What has no size is refused with its name."""
    (tmp_path / "text.png").write_text("no image")
    for name, said in (("text.png", "not a JPEG"), ("gone.png", "cannot be read"), ("", "plain")):
        with pytest.raises(BadImage, match=said) as refused:
            px.read_size(tmp_path / name)
        assert str(refused.value).startswith(str(tmp_path / name))
