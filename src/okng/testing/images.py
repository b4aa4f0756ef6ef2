"""Pictures of a part that exists nowhere, tiny and quickly made, for tests of what learns."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.view import MASKED, Box

_GROUND = (92, 104, 112)
_FACE = (172, 164, 150)
_DEFECT = (28, 20, 34)
_SCRATCH = (232, 232, 236)


class ArrayImages:
    """Pictures in memory; implements `okng.domain.ports.Images`.

    Args:
        pixels: uint8 `[n, H, W, 3]`, RGB, or a sequence of `[H, W, 3]`, of one size.
        inspected: bool `[H, W]`; other pixels become `MASKED`, as behind a view. None: all.
    """

    def __init__(self, pixels: Sequence[Pixels] | Pixels, inspected: Mask | None = None) -> None:
        self._pixels = np.array(pixels, np.uint8)
        shape = self._pixels.shape[1:3]
        self.inspected: Mask = np.ones(shape, np.bool_) if inspected is None else inspected
        self._pixels[:, ~self.inspected] = MASKED

    def __len__(self) -> int:
        return len(self._pixels)

    def __getitem__(self, index: int) -> Pixels:
        pixels: Pixels = self._pixels[index]
        return pixels


def good_part(index: int, size: int = 128, seed: int = 0) -> Pixels:
    """Render good part number `index`: a disc with a bore on a rough ground.

    Light, position (within a pixel or two), surface and noise differ from part to part.

    Returns:
        uint8 `[size, size, 3]`, RGB; a pure function of its arguments.
    """
    rng = np.random.default_rng([seed, index])
    centre = (size - 1) / 2 + rng.uniform(-size / 64, size / 64, 2)
    y, x = np.mgrid[:size, :size]
    radius = np.hypot(y - centre[0], x - centre[1])
    face = _edge(0.36 * size - radius) * _edge(radius - 0.12 * size)
    colour = np.array(_GROUND) + face[..., None] * (np.array(_FACE) - np.array(_GROUND))
    # A surface of blobs of its own tells one part from another, also in a thumbnail.
    coarse = rng.normal(0, 9, (9, 9)).astype(np.float32)
    surface = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    noise = rng.normal(0, 2, (size, size, 3))
    picture = (colour + surface[..., None]) * rng.uniform(0.96, 1.04) + noise
    pixels: Pixels = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
    return pixels


def good_parts(count: int, size: int = 128, seed: int = 0, start: int = 0) -> Pixels:
    """Render good parts number `start` onwards; uint8 `[count, size, size, 3]`."""
    return np.array([good_part(index, size, seed) for index in range(start, start + count)])


def defect_box(size: int = 128) -> Box:
    """Return where `with_defect` draws: on the face, up and left of the bore."""
    side = size // 5
    return Box(x=size // 4 - side // 4, y=size // 4, width=side, height=side)


def with_defect(pixels: Pixels) -> Pixels:
    """Return a copy of a part, uint8 `[size, size, 3]`, with a dark hole in `defect_box`."""
    spoiled = pixels.copy()
    box = defect_box(len(pixels))
    centre = (box.x + box.width // 2, box.y + box.height // 2)
    cv2.circle(spoiled, centre, box.width // 2, _DEFECT, cv2.FILLED, cv2.LINE_AA)
    return spoiled


def with_scratch(pixels: Pixels) -> Pixels:
    """Return a copy of a part, uint8 `[size, size, 3]`, with a bright scratch below the bore."""
    spoiled, size = pixels.copy(), len(pixels)
    ends = (size * 5 // 32, size * 45 // 64), (size * 25 // 32, size * 15 // 32)
    cv2.line(spoiled, *ends, _SCRATCH, max(1, size // 43), cv2.LINE_AA)
    return spoiled


def write_labelled_folder(
    root: Path, good: int = 12, defective: int = 6, test: int = 4, size: int = 128
) -> Path:
    """Write parts as PNG in class folders below `train` and `test`, and return `root`.

    `good`, `hole` and `scratch`; no part appears twice.
    """
    first = 0
    for split, numbers in (("train", (good, defective, defective)), ("test", (test,) * 3)):
        for (name, spoil), count in zip(_SPOILT.items(), numbers, strict=True):
            save(root / split / name, [spoil(p) for p in good_parts(count, size, start=first)])
            first += count
    return root


def write_folder(
    root: Path, good: int = 12, test_good: int = 4, defective: int = 4, size: int = 128
) -> Path:
    """Write parts as PNG in the MVTec AD layout and return `root`.

    `train/good`, `test/good` and `test/hole`; no part appears twice.
    """
    save(root / "train" / "good", good_parts(good, size))
    save(root / "test" / "good", good_parts(test_good, size, start=good))
    spoiled = good_parts(defective, size, start=good + test_good)
    save(root / "test" / "hole", [with_defect(pixels) for pixels in spoiled])
    return root


def save(folder: Path, pictures: Sequence[Pixels] | Pixels) -> list[Path]:
    """Write pictures as 000.png, 001.png, ... into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03}.png" for number in range(len(pictures))]
    for path, pixels in zip(paths, pictures, strict=True):
        Image.fromarray(pixels).save(path)
    return paths


def _as_it_is(pixels: Pixels) -> Pixels:
    return pixels


_SPOILT: Mapping[str, Callable[[Pixels], Pixels]] = {
    "good": _as_it_is,
    "hole": with_defect,
    "scratch": with_scratch,
}


def _edge(distance: Array) -> Array:
    """Return 0 outside, 1 inside, with a soft edge of two pixels."""
    soft: Array = np.clip(distance / 2 + 0.5, 0, 1)
    return soft
