"""`Tiled`: any detector, looking at a large image through overlapping tiles.

The detector learns from the tiles of the good images; its graph runs over a large image's tiles
within one graph. What is independent is the image: folds, scores and the calibration are of whole
images, never of tiles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from okng.algorithms.tiles import TileGrid, lay_tiles
from okng.domain.arrays import Floats, Mask, Pixels, Scores
from okng.domain.errors import BadSetting
from okng.domain.ports import Detector, Images, Progress, Runtime, TakeMap, Trained, ignore_map
from okng.graphs.signature import check_signature
from okng.graphs.tiled import joint_graph, tiled_graph

DEFAULT_OVERLAP = 4
"""Tiles overlap by one part of so many unless somebody says otherwise."""


class TiledConfig(BaseModel):
    """How an image is cut into tiles."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tile_px: Annotated[
        int,
        Field(
            title="Tile",
            description="Side of a tile in pixels: what the detector sees at a time.",
            ge=32,
            le=2048,
        ),
    ] = 512
    stride_px: Annotated[
        int | None,
        Field(
            title="Stride",
            description="From one tile to the next at most, in pixels; the tiles overlap by the "
            "rest. Three quarters of a tile unless given.",
            ge=16,
            le=2048,
        ),
    ] = None
    batch: Annotated[
        int,
        Field(
            title="Batch",
            description="Tiles that are computed at once; bounds the memory. A processor gains "
            "nothing from more than one, a graphics card does.",
            ge=1,
            le=64,
        ),
    ] = 1
    score_share: Annotated[
        float,
        Field(
            title="Score share",
            description="The score of a tile is the mean of this share of its map, its highest "
            "cells; 0 is the maximum. That of the image is its worst tile's.",
            ge=0,
            le=1,
        ),
    ] = 0.005

    def fitted(self, cell_px: int, multiple: int) -> Self:
        """Return the same with a tile that the detector takes as it is, and a whole stride.

        Args:
            cell_px: side of a cell of the detector's map.
            multiple: what sides of the detector's images are multiples of, `cell_px` too.

        Raises:
            BadSetting: the stride is longer than the tile.
        """
        tile = max(1, round(self.tile_px / multiple)) * multiple
        wanted = self.stride_px or tile - tile // DEFAULT_OVERLAP
        stride = max(1, round(wanted / cell_px)) * cell_px
        if stride > tile:
            raise BadSetting(
                f"tiles of {tile} px every {stride} px leave gaps: the stride may not be longer "
                "than a tile"
            )
        return self.model_copy(update={"tile_px": tile, "stride_px": stride})


class Tiled:
    """A detector behind tiles; itself a `Detector`.

    Args:
        config: how to cut, fitted to the detector.
        inner: learns from tiles; the cells of its maps are of `cell_px`.
        runtime: joins maps while cross-fitting.
        cell_px: side of a cell of the inner detector's map.
    """

    Config: ClassVar = TiledConfig

    def __init__(
        self, config: TiledConfig, inner: Detector, runtime: Runtime, cell_px: int
    ) -> None:
        self._config = config
        self._inner = inner
        self._runtime = runtime
        self._cell_px = cell_px

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        """Train the inner detector on tiles; see `okng.domain.ports.Detector`."""
        config, cell_px = self._config, self._cell_px
        stride_px = config.stride_px or config.tile_px
        grid = lay_tiles(images.inspected, config.tile_px, stride_px, cell_px)
        tiles = _TileImages(images, grid)
        if folds is None:
            trained, scores = self._inner.train(tiles, None, progress), None
        else:
            joint = joint_graph(grid, config.score_share).SerializeToString(deterministic=True)
            joined = _JoinedMaps(self._runtime, joint, len(images), len(grid.kept), take_map)
            each = [fold for fold in folds for _ in grid.kept]
            trained = self._inner.train(tiles, each, progress, joined)
            scores = joined.scores()
        found = check_signature(trained.graph)
        if (found.map_height, found.map_width) != (grid.down.tile, grid.across.tile):
            raise BadSetting(
                f"the detector's map of a tile has {found.map_height} x {found.map_width} cells, "
                f"not {grid.down.tile} x {grid.across.tile} of {cell_px} px: choose another tile"
            )
        graph = tiled_graph(trained.graph, grid, config.batch, config.score_share)
        return Trained(graph, scores, {**trained.facts, **_facts(grid, stride_px)})


class _TileImages:
    """The tiles of images, one after the other; implements `okng.domain.ports.Images`.

    Only one image is in memory.
    """

    def __init__(self, images: Images, grid: TileGrid) -> None:
        self._images = images
        self._grid = grid
        self._last: tuple[int, Pixels] | None = None
        self.inspected: Mask = np.ones((grid.tile_px, grid.tile_px), np.bool_)

    def __len__(self) -> int:
        return len(self._images) * len(self._grid.kept)

    def __getitem__(self, index: int) -> Pixels:
        image, tile = divmod(range(len(self))[index], len(self._grid.kept))
        if self._last is None or self._last[0] != image:
            self._last = None  # lets the one before go first
            self._last = image, self._images[image]
        return self._grid.cut(self._last[1], tile)


@dataclass
class _JoinedMaps:
    """Takes tiles' cross-fitted maps, and makes an image's map and score where all are there."""

    runtime: Runtime
    joint: bytes
    images: int
    tiles: int
    take_map: TakeMap
    _waiting: dict[int, dict[int, Floats]] = field(default_factory=dict)
    _scores: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._session = self.runtime.load(self.joint)

    def __call__(self, index: int, anomaly_map: Floats) -> None:
        image, tile = divmod(index, self.tiles)
        waiting = self._waiting.setdefault(image, {})
        waiting[tile] = anomaly_map
        if len(waiting) == self.tiles:
            maps = np.stack([waiting[number] for number in range(self.tiles)])
            outputs = self._session.run({"maps": maps[None]})
            self._scores[image] = float(outputs["score"][0])
            self.take_map(image, outputs["anomaly_map"][0])
            del self._waiting[image]

    def scores(self) -> Scores | None:
        """Return the images' scores, float64 `[n]`; None where the detector gave no maps.

        Raises:
            BadSetting: it gave some, and not all.
        """
        if not self._scores and not self._waiting:
            return None
        if len(self._scores) != self.images:
            raise BadSetting(
                "the detector did not give every tile's cross-fitted map: take --calibration split"
            )
        return np.array([self._scores[image] for image in range(self.images)])


def _facts(grid: TileGrid, stride_px: int) -> Mapping[str, float | int | str]:
    return {
        "cells": f"{grid.across.cells} x {grid.down.cells}",
        "tiles": f"{len(grid.across.starts)} x {len(grid.down.starts)}",
        "tiles_inspected": len(grid.kept),
        "tile_px": grid.tile_px,
        "stride_px": stride_px,
    }
