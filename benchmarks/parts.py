"""Good parts of the generator in great numbers, rendered once and kept as pixels.

The camera is the generator's smallest, its picture averaged to the side that is wanted. Piece
number `index` is the same whatever was rendered before, so a file can be made again at any time.
"""

from pathlib import Path

import cv2
import numpy as np

from okng.adapters.sources.machined_part import MachinedPart, MachinedPartConfig
from okng.domain.arrays import Pixels

RENDERED_PX = 128
SEED = 20_261_125


class GoodParts:
    """Pictures of good parts by number."""

    def __init__(self, folder: Path, side: int) -> None:
        self._folder, self._side = folder / f"parts-{side}", side
        self._folder.mkdir(parents=True, exist_ok=True)
        self._camera: MachinedPart | None = None

    def take(self, first: int, count: int) -> Pixels:
        """Return parts `first` onwards, uint8 `[count, side, side, 3]`, RGB; read or rendered."""
        file = self._folder / f"{first}-{count}.npy"
        if not file.exists():
            pixels = np.stack([self._render(index) for index in range(first, first + count)])
            partial = file.with_suffix(".part")
            with partial.open("wb") as whole:
                np.save(whole, pixels)
            partial.rename(file)
        kept: Pixels = np.load(file, mmap_mode="r", allow_pickle=False)
        return kept

    def _render(self, index: int) -> Pixels:
        if self._camera is None:
            self._camera = MachinedPart(MachinedPartConfig(seed=SEED, size_px=RENDERED_PX))
        pixels = self._camera.render(index).pixels
        size = (self._side, self._side)
        return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
