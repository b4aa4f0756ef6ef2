import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from okng.algorithms.pictures import png, thumbnail_jpeg

sides = st.integers(1, 90)


@given(height=sides, width=sides, longest=st.integers(1, 64))
@settings(max_examples=40, deadline=None)
def test_thumbnail_keeps_its_shape(height: int, width: int, longest: int) -> None:
    """A thumbnail is a JPEG, no side longer than wanted, nothing enlarged, sides in proportion."""
    pixels = np.zeros((height, width, 3), np.uint8)
    small = Image.open(io.BytesIO(thumbnail_jpeg(pixels, longest)))
    assert small.format == "JPEG"
    assert max(small.size) == min(longest, max(height, width))
    scale = min(1, longest / max(height, width))
    assert small.size == pytest.approx((width * scale, height * scale), abs=1)


def test_thumbnail_keeps_its_colours() -> None:
    """Red stays red: the channels are not exchanged on the way into the file."""
    red = np.zeros((40, 40, 3), np.uint8)
    red[..., 0] = 200
    small = Image.open(io.BytesIO(thumbnail_jpeg(red, 20)))
    assert small.getpixel((10, 10)) == pytest.approx((200, 0, 0), abs=4)


def test_png_is_lossless() -> None:
    """Every pixel comes back as it was."""
    pixels = np.random.default_rng(0).integers(0, 256, (13, 7, 3)).astype(np.uint8)
    assert (np.array(Image.open(io.BytesIO(png(pixels)))) == pixels).all()
