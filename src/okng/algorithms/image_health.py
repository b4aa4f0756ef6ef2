"""How sharp and how bright an image is, and which images stand out of a set by such a measure."""

from dataclasses import dataclass

import cv2
import numpy as np

from okng.domain.arrays import Pixels, Scores

_LONGEST = 1024  # of what is measured: blur of a pixel in 8,000 is not what this is about
_NOISE_PX = 1.0
_DARK, _BRIGHT = 4, 251
_MAD = 1.4826  # a normal distribution's deviation over its median absolute deviation


@dataclass(frozen=True)
class Health:
    """`sharpness` is the share of the contrast that is fine, `brightness` the mean grey level (0
    to 255), `black` and `white` the shares of pixels without any shade left."""

    sharpness: float
    brightness: float
    black: float
    white: float


def image_health(pixels: Pixels) -> Health:
    """Measure an image, uint8 `[H, W, 3]`.

    Sharpness is the mean squared Laplacian over the variance, after a slight blur that takes out
    the camera's noise (energy of the Laplacian: Subbarao & Tyan 1998, IEEE TPAMI 20(8)). It does
    not depend on light, but on what is in the picture: compare pictures of one product.
    """
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    shrink = _LONGEST / max(grey.shape)
    if shrink < 1:
        size = max(1, round(grey.shape[1] * shrink)), max(1, round(grey.shape[0] * shrink))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    levels = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), _NOISE_PX)
    fine = cv2.Laplacian(levels, cv2.CV_32F)
    contrast = float(np.var(levels)) + 1.0
    return Health(
        sharpness=float(np.mean(np.square(fine))) / contrast,
        brightness=float(grey.mean()),
        black=float((grey <= _DARK).mean()),
        white=float((grey >= _BRIGHT).mean()),
    )


def deviations(values: Scores, floor: float) -> Scores:
    """Return how far each value lies from the median, in robust standard deviations.

    The deviation is that of the half on the value's own side, so that a skewed set does not put
    its long side under suspicion; `floor` is the least it is taken for.
    """
    if not len(values):
        return np.zeros(0)
    middle = float(np.median(values))
    away = values - middle
    found = np.zeros(len(values))
    for side in (away > 0, away < 0):
        if side.any():
            spread = _MAD * float(np.median(np.abs(away[side])))
            found[side] = away[side] / max(spread, floor)
    return found
