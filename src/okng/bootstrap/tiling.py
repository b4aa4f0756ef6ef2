"""Look at large images through tiles: whether to, at which size, and by which detector."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import lcm
from pathlib import Path
from typing import Any

from okng.algorithms.pixels import read_size
from okng.bootstrap.building import BuiltDetector, build_config, build_detector, configure
from okng.detectors.tiled import Tiled
from okng.domain.dataset import Dataset
from okng.domain.errors import BadImage, BadSetting
from okng.domain.ports import Classifier, Runtime
from okng.domain.view import Box
from okng.settings import Settings

SHRINKS_TOO_FAR = 5
"""From here on a defect of a few pixels is lost in what the detector sees."""


def build_in_tiles(
    name: str,
    values: Mapping[str, object],
    tile: Mapping[str, object],
    runtime: Runtime,
    settings: Settings,
    within: Sequence[Path] | None = None,
) -> BuiltDetector:
    """Build a detector behind tiles, which are fitted to what it takes.

    Args:
        name: the detector's.
        values: its settings by name.
        tile: settings of `okng.detectors.tiled.TiledConfig` by name.
        runtime: for the training.
        settings: of the process.
        within: as of `build_detector`.

    Raises:
        BadSetting: a setting is none, or the detector cannot be tiled.
    """
    config = _told_turns(build_config(name, values, settings))
    values = config.model_dump(mode="json")
    built = build_detector(name, values, runtime, settings, within)
    parts = getattr(built.config, "members", None) or (built.config,)
    cells: list[int] = [part.cell_px for part in parts if getattr(part, "cell_px", None)]
    if len(cells) < len(parts):
        raise BadSetting(
            "this detector does not say how large the cells of its map are (cell_px), so its maps "
            "of tiles cannot be joined: leave out the tiles"
        )
    cell_px = min(cells)
    multiple = lcm(*cells, *(one.multiple for one in built.backbones))
    if isinstance(built.detector, Classifier):
        raise BadSetting(
            f"{name} looks at images whole, so it cannot look through tiles: leave out the tiles"
        )
    tiles = configure(Tiled, tile).fitted(cell_px, multiple)
    return replace(built, detector=Tiled(tiles, built.detector, runtime, cell_px), tiles=tiles)


def _told_turns(config: Any) -> Any:
    """Return settings that do not leave it to the images whether parts come turned.

    Tiles cannot be asked: they show different places of a part.
    """
    told: dict[str, object] = {}
    if getattr(config, "turns", None) == "auto":
        told["turns"] = 1
    if members := getattr(config, "members", ()):
        told["members"] = tuple(_told_turns(member) for member in members)
    return config.model_copy(update=told)


def seen_size(dataset: Dataset, roi: Box | None, max_pixels: int) -> tuple[int, int] | None:
    """Return width and height of what is looked at: the region, or the first image that is sound.

    None where no image is.
    """
    if roi is not None:
        return roi.width, roi.height
    for sample in dataset.train_good:
        try:
            return read_size(sample.path, max_pixels)
        except BadImage:
            continue
    return None


def tiling_advice(
    dataset: Dataset, roi: Box | None, size: tuple[int, int], max_pixels: int
) -> str | None:
    """Return what to say where images are so large that small defects would be lost; else None.

    `size` is the width and height at which they would be looked at.
    """
    seen = seen_size(dataset, roi, max_pixels)
    if seen is None:
        return None
    times = max(seen[0] / size[0], seen[1] / size[1])
    if times < SHRINKS_TOO_FAR:
        return None
    what = "images are" if roi is None else "the region is"
    return (
        f"{what} {seen[0]}x{seen[1]} and will be shrunk {times:.0f} times, to {size[0]}x{size[1]}: "
        "defects of a few pixels will be lost; --tile 512 looks at every pixel, and takes longer"
    )
