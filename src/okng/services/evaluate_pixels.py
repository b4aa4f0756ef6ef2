"""Evaluate pixels: set anomaly maps against masks."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from okng.algorithms.heatmap import upsample
from okng.algorithms.metrics import PixelScores, longest_side, pixel_grid
from okng.domain.arrays import Floats, Mask
from okng.domain.dataset import Sample
from okng.domain.errors import OkngError
from okng.domain.evaluation import PixelResult
from okng.domain.inspection import Inspection
from okng.domain.masks import MaskSource
from okng.domain.view import Box

LONGEST_SIDE_PX = 256
PIXEL_CAPACITY = 48_000_000
"""Pixels held for the pixel metrics (192 MB): 732 images of 256 x 256; more are judged smaller."""


class PixelJudge:
    """Sets maps against masks, at one bounded resolution for all images."""

    def __init__(
        self,
        samples: Sequence[Sample],
        roi: Box | None,
        load_mask: Callable[[MaskSource], Mask],
        finest: int,
    ) -> None:
        self.wanted = any(sample.masks for sample in samples)
        self.notes: list[str] = []
        self._roi = roi
        self._load_mask = load_mask
        self._longest = longest_side(len(samples), PIXEL_CAPACITY, finest)
        self._scores = PixelScores(len(samples) * self._longest**2 if self.wanted else 0)
        self._images = self._without_mask = self._empty_mask = 0

    def add(self, sample: Sample, name: str, inspection: Inspection, anomaly_map: Floats) -> None:
        """Take one image's map; a good image counts as free of defects everywhere."""
        if not self.wanted:
            return
        if not sample.is_good and not sample.masks:
            self._without_mask += 1
            return
        size = inspection.image_height or 1, inspection.image_width or 1
        box = self._roi or Box(0, 0, size[1], size[0])
        height, width = pixel_grid(box.height, box.width, self._longest)
        truth = np.zeros((height, width), np.bool_)
        try:
            for mask in sample.masks if not sample.is_good else ():
                truth |= _on_grid(self._load_mask(mask), size, box, height, width)
        except OkngError as error:
            self._without_mask += 1
            self.notes.append(f"The mask of {name} could not be used: {error}")
            return
        if not sample.is_good and not truth.any():
            self._empty_mask += 1
            return
        self._images += 1
        self._scores.add(upsample(anomaly_map, height, width), truth)

    def result(self) -> PixelResult | None:
        """Return the figures; None where no sample has a mask."""
        if not self.wanted:
            return None
        figures = self._scores.figures()
        return PixelResult(
            figures.auroc,
            figures.aupro,
            self._images,
            figures.components,
            self._longest,
            self._without_mask,
            self._empty_mask,
        )


def _on_grid(mask: Mask, size: tuple[int, int], box: Box, height: int, width: int) -> Mask:
    """Bring a mask to the size of its image, cut the region of interest, resize by nearest.

    A defect so small that it falls between the pixels of the grid takes each that it touches.
    """
    grey = mask.astype(np.uint8)
    if grey.shape != size:
        grey = np.asarray(cv2.resize(grey, size[::-1], interpolation=cv2.INTER_NEAREST))
    part = grey[box.y : box.y + box.height, box.x : box.x + box.width]
    nearest = np.asarray(cv2.resize(part, (width, height), interpolation=cv2.INTER_NEAREST)) > 0
    if nearest.any() or not part.any():
        return nearest
    covered = cv2.resize(part.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(covered) > 0
