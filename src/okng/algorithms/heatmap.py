"""Shows people where: heatmaps and outlines over a picture."""

from functools import cache
from statistics import median

import cv2
import numpy as np

from okng.domain.arrays import Floats, Mask, Pixels
from okng.domain.calibration import Calibration
from okng.domain.view import Box

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

FOUND: Colour = (255, 255, 255)
TRUTH: Colour = (86, 180, 233)
"""Sky blue of Okabe & Ito 2008: told from the heat's yellow by every kind of colour vision."""

_HALO: Colour = (16, 16, 20)
_DARK_END = 0.25
"""Share of the colormap's dark end that is passed over; black would look like a shadow."""


def heat_limits(calibration: Calibration, anomaly_map: Floats) -> tuple[float, float]:
    """Return the scores at which the heat begins and is full over one map, float32 `[h, w]`.

    It begins halfway from the typical good part to the review threshold, so that good parts stay
    clean. It is full as far beyond the NG threshold again, or at the map's own peak where that is
    further, so that the worst place stands out within a large fault.
    """
    good = calibration.good_scores
    review, ng = calibration.review_threshold, calibration.ng_threshold
    typical = min(median(good), review) if good else min(0.0, review)
    low = (typical + review) / 2.0
    high = max(ng + (ng - low), float(np.nan_to_num(anomaly_map).max()))
    return (low, high) if high > low else (low, low + max(abs(low), 1.0) * 1e-3)


def upsample(anomaly_map: Floats, height: int, width: int) -> Floats:
    """Resize a map, float32 `[h, w]`, bilinearly with half-pixel centres; no value is invented."""
    resized = cv2.resize(anomaly_map, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)


def overlay(
    pixels: Pixels,
    anomaly_map: Floats,
    low: float,
    high: float,
    opacity: float = 0.55,
    roi: Box | None = None,
) -> Pixels:
    """Blend the map over the picture: clear up to `low`, at `opacity` from `high` on.

    `pixels` uint8 `[H, W, 3]` RGB; `anomaly_map` float32 `[h, w]` over `roi`, or over the whole
    picture; `low` < `high` in the map's units. Colours: the bright part of inferno, which is
    perceptually uniform and safe for colour-blind people (Smith & van der Walt 2015).
    """
    box = _box(pixels, roi)
    shown = pixels.copy()
    part = shown[box.y : box.y + box.height, box.x : box.x + box.width]
    heat = (upsample(anomaly_map, *part.shape[:2]) - low) / (high - low)
    heat = np.clip(np.nan_to_num(heat), 0.0, 1.0)
    colour = _colours()[np.rint(heat * 255).astype(np.uint8)]
    # The square root makes faint heat visible soon after it begins.
    alpha = (np.sqrt(heat) * opacity)[..., None]
    part[:] = np.rint(part * (1.0 - alpha) + colour * alpha).astype(np.uint8)
    return shown


def outline(
    pixels: Pixels,
    anomaly_map: Floats,
    threshold: float,
    colour: Colour = FOUND,
    roi: Box | None = None,
    line_px: int | None = None,
) -> Pixels:
    """Draw the borders of where the map, float32 `[h, w]` over `roi`, exceeds `threshold`."""
    box = _box(pixels, roi)
    exceeds = np.zeros(pixels.shape[:2], np.bool_)
    enlarged = upsample(anomaly_map, box.height, box.width)
    exceeds[box.y : box.y + box.height, box.x : box.x + box.width] = enlarged > threshold
    return outline_mask(pixels, exceeds, colour, line_px)


def outline_mask(
    pixels: Pixels, mask: Mask, colour: Colour = TRUTH, line_px: int | None = None
) -> Pixels:
    """Draw the borders of a mask, bool `[H, W]`, with a dark halo that shows on any ground.

    The mask is resized to the picture where their sizes differ. The line is `line_px` wide, or
    follows the picture's size.
    """
    height, width = pixels.shape[:2]
    grey = mask.astype(np.uint8)
    if grey.shape != (height, width):
        grey = np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_NEAREST))
    borders, _ = cv2.findContours(grey, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    line = line_px or max(1, round(max(height, width) / 320))
    drawn = np.ascontiguousarray(pixels).copy()
    cv2.drawContours(drawn, borders, -1, _HALO, line + 2, cv2.LINE_AA)
    cv2.drawContours(drawn, borders, -1, colour, line, cv2.LINE_AA)
    return drawn


def _box(pixels: Pixels, roi: Box | None) -> Box:
    return roi or Box(0, 0, pixels.shape[1], pixels.shape[0])


@cache
def _colours() -> Floats:
    """Return 256 colours, float32 `[256, 3]`, RGB."""
    ramp = np.linspace(255 * _DARK_END, 255, 256).astype(np.uint8)[:, None]
    bgr = np.asarray(cv2.applyColorMap(ramp, cv2.COLORMAP_INFERNO))
    return bgr[:, 0, ::-1].astype(np.float32)
