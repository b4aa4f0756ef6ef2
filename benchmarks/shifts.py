"""What may change on a line: controlled shifts of a picture, each with its levels.

Lengths are in pixels of a picture 256 wide, whatever the camera's size, so that a level means the
same for every camera and is what the graph sees.
"""

from collections.abc import Callable
from dataclasses import dataclass
from zlib import crc32

import cv2
import numpy as np

from okng.domain.arrays import Array, Pixels

REFERENCE_PX = 256
_BORDER = cv2.BORDER_REFLECT_101


@dataclass(frozen=True)
class Shift:
    """A kind of change. `apply(pixels, level)` takes and gives uint8 `[H, W, 3]`, RGB."""

    unit: str
    levels: tuple[float, ...]
    apply: Callable[[Pixels, float], Pixels]


def light(pixels: Pixels, percent: float) -> Pixels:
    """Scale grey levels, as exposure or a lamp does; they clip at 255."""
    return _rounded(pixels * np.float32(1 + percent / 100))


def contrast(pixels: Pixels, percent: float) -> Pixels:
    """Scale the distance of grey levels from the picture's mean."""
    mean = np.float32(pixels.mean())
    return _rounded(mean + (pixels - mean) * np.float32(1 + percent / 100))


def blur(pixels: Pixels, sigma: float) -> Pixels:
    """Blur by a Gaussian, as a lens out of focus."""
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma * _scale(pixels)), np.uint8)


def noise(pixels: Pixels, sigma: float) -> Pixels:
    """Add noise that has this sigma after the picture is reduced; the same for equal pictures."""
    rng = np.random.default_rng(crc32(pixels.tobytes()))
    grain = rng.standard_normal(pixels.shape, np.float32)
    return _rounded(pixels + np.float32(sigma * max(_scale(pixels), 1.0)) * grain)


def turn(pixels: Pixels, degrees: float) -> Pixels:
    """Turn about the centre."""
    return _warped(pixels, degrees=degrees)


def scale(pixels: Pixels, percent: float) -> Pixels:
    """Make larger or smaller about the centre, as another distance does."""
    return _warped(pixels, factor=1 + percent / 100)


def position(pixels: Pixels, percent: float) -> Pixels:
    """Move by this share of the width, to the right and down alike."""
    return _warped(pixels, move=percent / 100 * pixels.shape[1])


SHIFTS = {
    "light": Shift("%", (-40, -20, -10, -5, 5, 10, 20, 40), light),
    "contrast": Shift("%", (-40, -20, -10, 10, 20, 40), contrast),
    "blur": Shift("px", (0.5, 1, 1.5, 2, 3), blur),
    "noise": Shift("grey levels", (2, 4, 8, 16), noise),
    "turn": Shift("degrees", (1, 2, 4, 8, 15), turn),
    "scale": Shift("%", (-8, -4, -2, 2, 4, 8), scale),
    "position": Shift("% of the width", (1, 2, 4, 8), position),
}


def _warped(pixels: Pixels, degrees: float = 0.0, factor: float = 1.0, move: float = 0.0) -> Pixels:
    """Turn, scale and move; what comes in at a border is the mirrored picture."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, factor)
    matrix[:, 2] += move
    size = (width, height)
    warped = cv2.warpAffine(pixels, matrix, size, flags=cv2.INTER_CUBIC, borderMode=_BORDER)
    return np.asarray(warped, np.uint8)


def _scale(pixels: Pixels) -> float:
    return pixels.shape[1] / REFERENCE_PX


def _rounded(values: Array) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
