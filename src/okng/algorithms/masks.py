"""Turn what says where a defect is into pixels."""

import math

import numpy as np

from okng.algorithms.pixels import MAX_PIXELS, decode_file, decode_mask, read
from okng.domain.arrays import Mask
from okng.domain.errors import BadImage
from okng.domain.masks import ColouredMask, DrawnMask, MaskSource, Polygon, Runs


def load_mask(source: MaskSource, max_pixels: int = MAX_PIXELS) -> Mask:
    """Return a mask, bool `[H, W]`, from a picture or from what was drawn.

    Raises:
        BadImage: the picture cannot be read, the image is larger than `max_pixels`, or the runs
            do not cover it.
    """
    match source:
        case DrawnMask():
            return draw(source, max_pixels)
        case ColouredMask():
            other = decode_file(source.path, max_pixels) != np.array(source.background, np.uint8)
            return np.asarray(other.any(axis=2))
        case _:
            return decode_mask(read(source, max_pixels), max_pixels)


def draw(drawn: DrawnMask, max_pixels: int = MAX_PIXELS) -> Mask:
    """Draw areas at their image's size; returns bool `[height, width]`.

    A pixel is inside a polygon if its centre is: the winding number is not zero (Hormann & Agathos
    2001, doi:10.1016/S0925-7721(01)00012-8). A polygon so thin that it holds no centre marks the
    pixels under its corners, so that no scratch is lost.

    Raises:
        BadImage: the image is larger than `max_pixels`, or the runs do not cover it.
    """
    if drawn.width * drawn.height > max_pixels:
        raise BadImage(
            f"a mask of {drawn.width} x {drawn.height} is more than {max_pixels:,} pixels"
        )
    mask = np.zeros((drawn.height, drawn.width), np.bool_)
    for area in drawn.areas:
        if isinstance(area, Runs):
            mask |= _of_runs(area, drawn.width, drawn.height)
        else:
            _fill(mask, area)
    return mask


def _of_runs(runs: Runs, width: int, height: int) -> Mask:
    lengths = np.array(runs.lengths, np.int64)
    if lengths.sum() != width * height:
        raise BadImage(f"a mask's runs cover {lengths.sum()} pixels of {width} x {height}")
    flat = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)
    return flat.reshape(width, height).T if runs.by_columns else flat.reshape(height, width)


def _fill(mask: Mask, polygon: Polygon) -> None:
    """Mark the pixels of a polygon in `mask`, bool `[H, W]`."""
    height, width = mask.shape
    points = np.array(polygon.points, np.float64)
    top, bottom = _span(points[:, 1], height)
    left, right = _span(points[:, 0], width)
    if top >= bottom or left >= right:
        return
    # At each row's centre, an edge that crosses it changes the winding number of all to its right.
    steps = np.zeros((bottom - top, right - left + 1), np.int32)
    for (x, y), (next_x, next_y) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if y == next_y:
            continue
        low, high = min(y, next_y), max(y, next_y)
        rows = np.arange(max(top, math.ceil(low - 0.5)), min(bottom, math.ceil(high - 0.5)))
        crossing = x + (rows + 0.5 - y) * (next_x - x) / (next_y - y)
        columns = np.clip(np.ceil(crossing - 0.5), left, right).astype(np.int64) - left
        np.add.at(steps, (rows - top, columns), 1 if next_y > y else -1)
    inside = np.cumsum(steps[:, :-1], axis=1) != 0
    if not inside.any():
        rows, columns = (np.floor(points[:, axis]).astype(np.int64) for axis in (1, 0))
        seen = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        mask[rows[seen], columns[seen]] = True
    mask[top:bottom, left:right] |= inside


def _span(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]], side: int) -> tuple[int, int]:
    """Return the first pixel that values reach into, and the one after the last."""
    low, high = float(values.min()), float(values.max())
    return max(0, math.floor(low)), min(side, max(math.floor(low) + 1, math.ceil(high)))
