"""From pixels to picture files: small ones to look at, whole ones to keep."""

import cv2
import numpy as np

from okng.domain.arrays import Mask, Pixels

THUMBNAIL_QUALITY = 80


def thumbnail_jpeg(pixels: Pixels, longest_px: int) -> bytes:
    """Return a JPEG whose longest side has at most `longest_px`; nothing is enlarged.

    `pixels` is uint8 `[H, W, 3]`, RGB; shrunk by area averaging.
    """
    height, width = pixels.shape[:2]
    scale = longest_px / max(height, width)
    if scale < 1:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    quality = [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), quality)
    return bytes(data)


def png(pixels: Pixels) -> bytes:
    """Return a PNG, for speed only lightly compressed. `pixels` is uint8 `[H, W, 3]`, RGB."""
    light = [cv2.IMWRITE_PNG_COMPRESSION, 1]
    _, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), light)
    return bytes(data)


def mask_picture(mask: Mask) -> bytes:
    """Return a grey PNG of a mask, bool `[H, W]`: 255 where it is set, else 0."""
    _, data = cv2.imencode(".png", mask.astype(np.uint8) * 255)
    return bytes(data)
