"""Pictures turned about their middle."""

import cv2
import numpy as np

from okng.domain.arrays import Mask, Pixels


def turned(pixels: Pixels, degrees: float, border: int = cv2.BORDER_REFLECT_101) -> Pixels:
    """Turn uint8 `[H, W, 3]` counter-clockwise; what comes in at the borders is reflected.

    Quarter turns of squares and half turns of anything move pixels and change none. `border` is
    OpenCV's name of another way to fill what comes in.
    """
    quarters, rest = divmod(degrees, 90)
    height, width = pixels.shape[:2]
    if rest == 0 and (height == width or quarters % 2 == 0):
        return np.ascontiguousarray(np.rot90(pixels, int(quarters) % 4))
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
    return np.asarray(
        cv2.warpAffine(
            pixels,
            matrix,
            (width, height),
            flags=cv2.INTER_LINEAR,
            borderMode=border,
        ),
        np.uint8,
    )


def is_unmoved(mask: Mask, degrees: float, tolerance: float = 0.02) -> bool:
    """Tell whether a turned mask hides the same, but for a share `tolerance` of the pixels."""
    plane = np.repeat(mask[:, :, None], 3, axis=2).astype(np.uint8) * 255
    moved = turned(plane, degrees, cv2.BORDER_REPLICATE)[:, :, 0] >= 128
    return bool((moved != mask).mean() <= tolerance)
