"""From pixels to what a graph takes: crop, resize, prepare, mask."""

import base64
import binascii
import io

import cv2
import numpy as np
from PIL import Image

from okng.algorithms.pixels import decode_mask
from okng.algorithms.preparation import prepared
from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.errors import BadImage, BadModel, BadSetting
from okng.domain.view import MASKED, Box, View


class Preparer:
    """Bring pixels into a view, as every graph of the model expects it; see `View`."""

    def __init__(self, view: View) -> None:
        """Check the view and decode its mask.

        Raises:
            BadSetting: a size is not positive, or the region of interest begins before 0.
            BadModel: the mask is damaged or not of the view's size.
        """
        roi = view.roi
        if view.width < 1 or view.height < 1:
            raise BadSetting(f"a view of {view.width} x {view.height}: both must be at least 1")
        if roi and (min(roi.x, roi.y) < 0 or min(roi.width, roi.height) < 1):
            raise BadSetting(f"{roi}: x and y must be at least 0, width and height at least 1")
        self.view = view
        self._mask = None if view.mask_png is None else _mask_of(view, view.mask_png)
        self._hidden = None if self._mask is None else ~self._mask

    @property
    def mask(self) -> Mask | None:
        """What is inspected: bool `[view.height, view.width]`; None where everything is."""
        return self._mask

    def __call__(self, pixels: Pixels) -> Pixels:
        """Return uint8 `[view.height, view.width, 3]`; `pixels` (`[H, W, 3]`) stay as they are.

        Resized by area averaging (cv2.INTER_AREA) where neither side grows, otherwise bilinearly
        (cv2.INTER_LINEAR).

        Raises:
            BadImage: the image does not contain the region of interest.
        """
        view = self.view
        if view.roi is not None:
            pixels = crop(pixels, view.roi)
        height, width = pixels.shape[:2]
        if (height, width) != (view.height, view.width):
            shrinks = view.height <= height and view.width <= width
            how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            pixels = cv2.resize(pixels, (view.width, view.height), interpolation=how).astype(
                np.uint8, copy=False
            )
        elif self._hidden is not None and not view.prepare:
            pixels = pixels.copy()
        pixels = prepared(pixels, view.prepare)
        if self._hidden is not None:
            pixels[self._hidden] = MASKED
        return np.ascontiguousarray(pixels)


def crop(pixels: Array, roi: Box) -> Array:
    """Cut `roi` from `[H, W, ...]`; returns a view of the same memory.

    Raises:
        BadImage: the image does not contain it.
    """
    height, width = pixels.shape[:2]
    right, bottom = roi.x + roi.width, roi.y + roi.height
    if right > width or bottom > height:
        raise BadImage(
            f"the image is {width} x {height}, but the region of interest reaches to "
            f"{right} x {bottom} (x={roi.x}, y={roi.y}, {roi.width} x {roi.height}); inspect "
            "images of the size that the model was trained on"
        )
    return pixels[roi.y : bottom, roi.x : right]


def mask_png_from(mask: Mask, width: int, height: int, roi: Box | None = None) -> str:
    """Return `View.mask_png`: base64 of a grey PNG, 255 where the part is inspected, else 0.

    `mask` is bool `[H, W]` over the original image; it is cropped to `roi` and resized to
    `width` x `height`. A pixel is inspected where at least half of what it covers is.

    Raises:
        BadImage: the mask is smaller than `roi`.
        BadSetting: it would hide everything.
    """
    part = (mask if roi is None else crop(mask, roi)).astype(np.float32)
    shrinks = height <= part.shape[0] and width <= part.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    shown = np.asarray(cv2.resize(part, (width, height), interpolation=how)) >= 0.5
    if not shown.any():
        raise BadSetting("the mask hides everything; what is to be inspected must not be black")
    file = io.BytesIO()
    Image.fromarray(np.where(shown, 255, 0).astype(np.uint8)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode("ascii")


def _mask_of(view: View, mask_png: str) -> Mask:
    try:
        mask = decode_mask(base64.b64decode(mask_png, validate=True))
    except (BadImage, binascii.Error, ValueError) as error:
        raise BadModel(f"the view's mask is damaged ({error}); train the model again") from error
    if mask.shape != (view.height, view.width):
        raise BadModel(
            f"the view's mask is {mask.shape[1]} x {mask.shape[0]}, the view {view.width} x "
            f"{view.height}; train the model again"
        )
    return mask
