"""Pictures for a report: what was inspected, where the model looked, and the truth."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from okng.algorithms.heatmap import heat_limits, outline, outline_mask, overlay
from okng.domain.arrays import Mask, Pixels
from okng.domain.calibration import Calibration
from okng.domain.errors import OkngError
from okng.domain.evaluation import Exhibit, ImageResult
from okng.domain.masks import MaskSource
from okng.domain.verdict import Verdict
from okng.domain.view import Box

THUMBNAIL_PX = 420
LINE_PX = 2
JPEG_QUALITY = 84


@dataclass(frozen=True)
class Card:
    """One exhibit, ready to show: pictures as data URIs, or a note why there are none.

    `exceeds`: single cells of an image that is OK exceed the review threshold. The score is over
    more of them; an outline would contradict the verdict, so a sentence says it.
    """

    result: ImageResult
    picture: str = ""
    heat: str = ""
    width: int = 0
    height: int = 0
    has_truth: bool = False
    exceeds: bool = False
    note: str = ""


def cards(
    exhibits: Sequence[Exhibit],
    calibration: Calibration,
    roi: Box | None,
    load_image: Callable[[Path], Pixels],
    load_mask: Callable[[MaskSource], Mask],
) -> list[Card]:
    """Re-read the chosen images one by one and draw them."""
    return [_card(exhibit, calibration, roi, load_image, load_mask) for exhibit in exhibits]


def _card(
    exhibit: Exhibit,
    calibration: Calibration,
    roi: Box | None,
    load_image: Callable[[Path], Pixels],
    load_mask: Callable[[MaskSource], Mask],
) -> Card:
    """Draw one exhibit over its region of interest; a file that is gone becomes a note."""
    try:
        pixels = load_image(exhibit.path)
        height, width = pixels.shape[0], pixels.shape[1]
        truth = np.zeros((height, width), np.uint8)
        for source in exhibit.masks:
            mask = load_mask(source).astype(np.uint8)
            resized = cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST)
            truth |= np.asarray(resized, np.uint8)
    except (OkngError, OSError) as error:
        return Card(exhibit.result, note=f"The picture could not be read again: {error}")
    if roi is not None:
        place = np.s_[roi.y : roi.y + roi.height, roi.x : roi.x + roi.width]
        pixels, truth = pixels[place], truth[place]
    small = thumbnail(pixels)
    threshold = calibration.review_threshold
    limits = heat_limits(calibration, exhibit.anomaly_map)
    heat = overlay(small, exhibit.anomaly_map, *limits)
    is_ok = exhibit.result.verdict is Verdict.OK
    if not is_ok:
        heat = outline(heat, exhibit.anomaly_map, threshold, line_px=LINE_PX)
    return Card(
        exhibit.result,
        data_uri(outline_mask(small, truth > 0, line_px=LINE_PX)),
        data_uri(heat),
        small.shape[1],
        small.shape[0],
        bool(truth.any()),
        is_ok and bool((exhibit.anomaly_map > threshold).any()),
    )


def thumbnail(pixels: Pixels, longest: int = THUMBNAIL_PX) -> Pixels:
    """Shrink a picture, uint8 `[H, W, 3]`, to `longest` px at most, by area averaging."""
    shrink = longest / max(pixels.shape[:2])
    if shrink >= 1.0:
        return pixels
    size = max(1, round(pixels.shape[1] * shrink)), max(1, round(pixels.shape[0] * shrink))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def data_uri(pixels: Pixels) -> str:
    """Return a picture, uint8 `[H, W, 3]` RGB, as a JPEG data URI."""
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + b64encode(data.tobytes()).decode("ascii")
