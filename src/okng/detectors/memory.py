"""`memory`: the distance to the nearest feature of a bank of good ones.

PatchCore (Roth et al. 2022, arXiv:2106.08265) with a bank whose size is fixed beforehand, so that
training memory and inspection time are known before the first image.
"""

import tempfile
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import IO, Annotated, ClassVar, Literal

import numpy as np
from onnx import ModelProto
from pydantic import Field

from okng.algorithms.coreset import greedy_k_center, projection_matrix
from okng.detectors.copies import CopyPlan, choose_copies
from okng.detectors.frozen import FrozenConfig, features_for, inspected_cells
from okng.detectors.head_training import Learned, train_head
from okng.detectors.temporary_files import append
from okng.domain.arrays import Array, Floats, Mask
from okng.domain.ports import Images, Progress, Runtime, TakeMap, Trained, ignore_map
from okng.graphs.backbone import SHIPPED, Backbones
from okng.graphs.heads import nearest_neighbour_head


class MemoryConfig(FrozenConfig):
    """Settings of the `memory` detector."""

    bank_share: Annotated[
        float,
        Field(
            title="Bank share",
            description="Which share of the images' cells the bank holds, between its two bounds.",
            gt=0,
            le=1,
        ),
    ] = 0.1
    smallest_bank: Annotated[
        int,
        Field(
            title="Smallest bank",
            description="Cells that the bank holds where there are so many, whatever the share: "
            "with few images a larger bank costs nothing.",
            ge=1,
            le=1_000_000,
        ),
    ] = 4096
    bank_size: Annotated[
        int,
        Field(
            title="Bank",
            description="How many cells the bank holds at most; the search costs in proportion.",
            ge=1,
            le=1_000_000,
        ),
    ] = 16_384
    sample_size: Annotated[
        int,
        Field(
            title="Sample",
            description="How many cells the bank is chosen from at most, drawn evenly from the "
            "images; bounds the memory of a training.",
            ge=1,
            le=10_000_000,
        ),
    ] = 200_000
    projection: Annotated[
        int,
        Field(
            title="Projection",
            description="Dimensions in which the bank is chosen at most; fewer take less time, "
            "more choose better. The bank itself keeps all.",
            ge=1,
            le=4096,
        ),
    ] = 64
    turns: Annotated[
        Annotated[int, Field(ge=1, le=64)] | Literal["auto"],
        Field(
            title="Turns",
            description="At how many evenly spread angles the bank learns each image: for parts "
            "that lie turned. auto is 1, 2, 4 or 8: what the good images themselves show to help; "
            "1 where they fill the bank alone.",
        ),
    ] = "auto"
    altered: Annotated[
        Annotated[int, Field(ge=0, le=64)] | Literal["auto"],
        Field(
            title="Altered copies",
            description="How many copies of each image the bank learns as well, a little turned, "
            "shifted, lighter or darker. auto is 0, or 4 where there are at most 16 images and "
            "these themselves show it to help.",
        ),
    ] = "auto"

    @property
    def copy_plan(self) -> CopyPlan:
        return CopyPlan(self.turns, self.altered)


class Memory:
    """The nearest-neighbour detector; see `MemoryConfig`."""

    Config: ClassVar = MemoryConfig

    def __init__(
        self, config: MemoryConfig, runtime: Runtime, backbones: Backbones = SHIPPED
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._backbones = backbones

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        """Choose the bank; see `okng.domain.ports.Detector`."""
        return self.learn(images, folds, progress).trained(take_map)

    def learn(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        apart: bool = False,
    ) -> Learned:
        """Do the same, but leave front and head to be joined; `apart` as in `train_head`."""
        config = self._config
        runtime = self._runtime
        features = features_for(config, self._backbones, images.inspected)
        cells = inspected_cells(images.inspected, features)
        wanted, share, seed = config.copy_plan, config.score_share, config.seed
        trainer = BankTrainer(config, cells)
        room = trainer.most_images() - len(images)
        plan = choose_copies(wanted, features, runtime, images, cells, share, room, seed, progress)
        copies = plan.copies(len(images), seed)
        head, fitted = train_head(
            trainer, features, runtime, images, folds, progress, copies, apart
        )
        facts: dict[str, float | int | str] = {
            "bank": trainer.bank_rows(len(images) + len(copies)),
            "dimensions": features.channels,
            "cells": f"{features.columns} x {features.rows}",
            "turns": plan.turns,
            "altered": plan.altered,
        }
        return Learned(features, head, cells, fitted, facts)

    def sketch(self, inspected: Mask, images: int) -> Trained:
        """Make a graph as large as training makes it; see `okng.domain.ports.Sketched`."""
        return self.sketched(inspected, images).trained()

    def sketched(self, inspected: Mask, images: int) -> Learned:
        """Do the same, but leave front and head to be joined; the bank is random."""
        features = features_for(self._config, self._backbones, inspected)
        cells = inspected_cells(inspected, features)
        learned = images + len(self._config.copy_plan.copies(images, 0))
        rows = BankTrainer(self._config, cells).bank_rows(learned)
        bank = np.random.default_rng(0).random((rows, features.channels), np.float32)
        head = nearest_neighbour_head(bank, self._config.scoring(cells))
        return Learned(features, head, cells, None, {})


class BankTrainer:
    """Chooses a bank from features; a `HeadTrainer`. `cells` are those that are inspected."""

    def __init__(self, config: MemoryConfig, cells: Mask) -> None:
        self._config = config
        self._cells = cells

    def most_images(self) -> int:
        """Return of how many images the bank can hold its share of cells."""
        return int(self._config.bank_size / (self._config.bank_share * int(self._cells.sum())))

    def bank_rows(self, images: int) -> int:
        """Return how many cells the bank of so many images holds."""
        config = self._config
        wanted = round(config.bank_share * images * int(self._cells.sum()))
        drawn = self._drawn_per_image(images) * images
        return min(max(wanted, config.smallest_bank), config.bank_size, drawn)

    def fit(self, features: Iterator[Floats], count: int, progress: Progress) -> ModelProto:
        """Build the head; see `okng.detectors.head_training.HeadTrainer`."""
        bank = self._bank(features, count, progress)  # and what it was chosen from is gone
        return nearest_neighbour_head(bank, self._config.scoring(self._cells))

    def _bank(self, features: Iterator[Floats], count: int, progress: Progress) -> Floats:
        """Choose the bank, float32 `[M, C]`, from the same number of cells of each image.

        Only their projections are held; the cells themselves lie in a temporary file meanwhile.
        """
        config = self._config
        rng = np.random.default_rng(config.seed)
        each, cells = self._drawn_per_image(count), int(self._cells.sum())
        drawn = [rng.choice(cells, each, replace=False) for _ in range(count)]
        first = next(features)
        channels = len(first)
        matrix = projection_matrix(channels, config.projection, rng)
        projected = np.empty((count * each, matrix.shape[1]), np.float32)
        rows = self.bank_rows(count)
        with tempfile.TemporaryFile(prefix="okng-cells-") as file:
            for i, item in enumerate(chain([first], features)):
                taken = item[:, self._cells].T[drawn[i]]
                append(file, np.ascontiguousarray(taken, np.float32).tobytes())
                projected[i * each : (i + 1) * each] = taken @ matrix
            chosen = greedy_k_center(projected, rows, rng, lambda done: progress("fit", done, rows))
            return _rows(file, chosen, channels)

    def _drawn_per_image(self, images: int) -> int:
        return min(int(self._cells.sum()), max(1, self._config.sample_size // images))


def _rows(file: IO[bytes], chosen: Array, channels: int) -> Floats:
    """Read these rows, float32 `[len(chosen), channels]`."""
    found = np.empty((len(chosen), channels), np.float32)
    for place, row in enumerate(chosen):
        file.seek(int(row) * found[0].nbytes)
        found[place] = np.frombuffer(file.read(found[0].nbytes), np.float32)
    return found
