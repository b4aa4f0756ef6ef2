"""Pictures turned about their middle, shifted, and made lighter or darker."""

from dataclasses import dataclass

import cv2
import numpy as np

from okng.domain.arrays import Mask, Pixels

MOST_DEGREES, MOST_SHIFT, MOST_GAIN = 2.0, 0.02, 0.05
"""Of a mild alteration, either way; the shift as a share of the side."""


@dataclass(frozen=True)
class Alteration:
    """Turn counter-clockwise by `degrees`, shift by shares of the sides, multiply by `gain`."""

    degrees: float = 0.0
    right: float = 0.0
    down: float = 0.0
    gain: float = 1.0


def altered(pixels: Pixels, alteration: Alteration, border: int = cv2.BORDER_REFLECT_101) -> Pixels:
    """Alter uint8 `[H, W, 3]`; what comes in at the borders is reflected.

    Quarter turns of squares and half turns of anything move pixels and change none. `border` is
    OpenCV's name of another way to fill what comes in.
    """
    quarters, rest = divmod(alteration.degrees, 90)
    height, width = pixels.shape[:2]
    right, down = alteration.right * width, alteration.down * height
    if not (rest or right or down) and (height == width or quarters % 2 == 0):
        moved = np.array(np.rot90(pixels, int(quarters) % 4), order="C")
    else:
        middle = (width - 1) / 2, (height - 1) / 2
        matrix = cv2.getRotationMatrix2D(middle, alteration.degrees, 1.0)
        matrix[:, 2] += right, down
        moved = np.asarray(
            cv2.warpAffine(
                pixels, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border
            )
        )
    if alteration.gain == 1:
        return moved
    brighter: Pixels = np.clip(np.rint(moved * np.float32(alteration.gain)), 0, 255).astype(
        np.uint8
    )
    return brighter


def mild_alterations(count: int, rng: np.random.Generator) -> tuple[Alteration, ...]:
    """Draw alterations as slight as those between two pictures of one part."""
    most = (MOST_DEGREES, MOST_SHIFT, MOST_SHIFT, MOST_GAIN)
    drawn = rng.uniform(-1, 1, (count, len(most))) * most
    return tuple(
        Alteration(float(degrees), float(right), float(down), 1 + float(gain))
        for degrees, right, down, gain in drawn
    )


def is_unmoved(mask: Mask, degrees: float, tolerance: float = 0.02) -> bool:
    """Tell whether a turned mask hides the same, but for a share `tolerance` of the pixels."""
    plane = np.repeat(mask[:, :, None], 3, axis=2).astype(np.uint8) * 255
    moved = altered(plane, Alteration(degrees), cv2.BORDER_REPLICATE)[:, :, 0] >= 128
    return bool((moved != mask).mean() <= tolerance)
