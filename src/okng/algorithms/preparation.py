"""Prepare a view's pixels before the graph sees them: grey, contrast, noise, illumination.

Arithmetic on 8-bit channels; the same pixels give the same, in training and at inspection.
"""

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from okng.domain.arrays import Pixels
from okng.domain.steps import Step

_TILES = (8, 8)
"""Of CLAHE, along each axis."""
_WINDOW_PX, _WINDOW_SIGMA = 5, 2.0
"""Of the denoising filter."""
_COARSE_PX = 64
"""Longest side at which the illumination is looked at; it is smoother than that."""
_DARKEST = 0.125
"""Where it is darker than this share of the mean, it is not made lighter any further."""

_MIDDLE = 127.5
"""Grey level that normalised images have on the mean."""
_MOST_GAIN = 8.0
"""Of contrast: an image in which nothing is to be seen would become noise."""


def prepared(pixels: Pixels, steps: Sequence[Step]) -> Pixels:
    """Return uint8 `[H, W, 3]` after all steps, in their order; `pixels` stay as they are."""
    for step in steps:
        pixels = _PREPARE[step.name](pixels, step.amount or 0)
    return pixels


def _grey(pixels: Pixels, _amount: float) -> Pixels:
    """Give all channels the luma of ITU-R BT.601."""
    return np.asarray(cv2.cvtColor(_luma(pixels), cv2.COLOR_GRAY2RGB), np.uint8)


def _clahe(pixels: Pixels, limit: float) -> Pixels:
    """Equalise the luma within tiles, with limited contrast; colour differences stay.

    Zuiderveld 1994, Contrast Limited Adaptive Histogram Equalization, Graphics Gems IV.
    """
    luma = _luma(pixels)
    lit = np.asarray(cv2.createCLAHE(limit, _TILES).apply(luma))
    off = np.subtract(lit, luma, dtype=np.int16)
    return np.asarray(cv2.add(pixels, cv2.merge([off] * 3), dtype=cv2.CV_8U), np.uint8)


def _denoise(pixels: Pixels, levels: float) -> Pixels:
    """Smooth what differs by some `levels` from its neighbours, and keep edges.

    Tomasi & Manduchi 1998, Bilateral filtering for gray and color images.
    """
    whole = np.ascontiguousarray(pixels)
    return np.asarray(cv2.bilateralFilter(whole, _WINDOW_PX, levels, _WINDOW_SIGMA), np.uint8)


def _illumination(pixels: Pixels, share: float) -> Pixels:
    """Divide by the luma blurred over `share` of the longer side; the mean of that stays."""
    height, width = pixels.shape[:2]
    luma = _luma(pixels).astype(np.float32)
    shrink = min(1.0, _COARSE_PX / max(height, width))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    coarse = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(coarse, (0, 0), share * max(size), borderType=cv2.BORDER_REPLICATE)
    light = cv2.resize(np.asarray(blurred), (width, height), interpolation=cv2.INTER_LINEAR)
    mean = np.float32(max(float(np.mean(light)), 1.0))
    gain = mean / np.maximum(light, _DARKEST * mean)
    return np.asarray(cv2.multiply(pixels, cv2.merge([gain] * 3), dtype=cv2.CV_8U), np.uint8)


def _normalise(pixels: Pixels, spread: float) -> Pixels:
    """Bring the luma to a mean of `_MIDDLE` and a standard deviation of `spread` levels.

    All channels by the same line, so that what is grey stays grey.
    """
    luma = _luma(pixels)
    mean, deviation = float(np.mean(luma)), float(np.std(luma))
    gain = min(spread / max(deviation, 1e-6), _MOST_GAIN)
    levels = (np.arange(256) - mean) * gain + _MIDDLE
    table = np.clip(np.round(levels), 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(np.ascontiguousarray(pixels), table), np.uint8)


_PREPARE: Mapping[str, Callable[[Pixels, float], Pixels]] = {
    "grey": _grey,
    "clahe": _clahe,
    "denoise": _denoise,
    "illumination": _illumination,
    "normalise": _normalise,
}


def _luma(pixels: Pixels) -> Pixels:
    """Return uint8 `[H, W]`; grey pixels keep their level."""
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY), np.uint8)
