"""`memory`: the distance to the nearest feature of a bank of good ones.

PatchCore (Roth et al. 2022, arXiv:2106.08265) with a bank whose size is fixed beforehand, so that
training memory and inspection time are known before the first image.
"""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

import numpy as np
from onnx import ModelProto
from pydantic import Field

from okng.algorithms.coreset import greedy_k_center, random_projection
from okng.detectors.frozen import FrozenConfig, inspected_cells, train_head, whole_graph
from okng.domain.arrays import Floats, Mask
from okng.domain.ports import Images, Progress, Runtime, Trained
from okng.graphs.backbone import load_backbone
from okng.graphs.features import feature_graph
from okng.graphs.heads import nearest_neighbour_head


class MemoryConfig(FrozenConfig):
    """Settings of the `memory` detector."""

    bank_size: Annotated[
        int,
        Field(
            title="Bank",
            description="How many features the bank holds at most; the search costs in proportion.",
            ge=1,
            le=1_000_000,
        ),
    ] = 8192
    sample_per_image: Annotated[
        int,
        Field(
            title="Sample per image",
            description="How many cells of each image the bank is chosen from; more where that "
            "would be less than four times the bank.",
            ge=1,
            le=100_000,
        ),
    ] = 192
    sample_size: Annotated[
        int,
        Field(
            title="Sample",
            description="How many cells the bank is chosen from at most, whatever the number of "
            "images.",
            ge=1,
            le=10_000_000,
        ),
    ] = 100_000
    projection: Annotated[
        int,
        Field(
            title="Projection",
            description="Dimensions in which the bank is chosen; the bank itself keeps all.",
            ge=1,
            le=4096,
        ),
    ] = 32


class Memory:
    """The nearest-neighbour detector; see `MemoryConfig`."""

    Config: ClassVar = MemoryConfig

    def __init__(self, config: MemoryConfig, runtime: Runtime) -> None:
        self._config = config
        self._runtime = runtime

    def train(self, images: Images, folds: Sequence[int] | None, progress: Progress) -> Trained:
        """Choose the bank; see `okng.domain.ports.Detector`."""
        config = self._config
        height, width = images.inspected.shape
        features = feature_graph(
            load_backbone(config.backbone), config.stages, config.cell_px, height, width
        )
        trainer = _BankTrainer(config, inspected_cells(images.inspected, features))
        head, scores = train_head(trainer, features, self._runtime, images, folds, progress)
        facts = {
            "bank": trainer.bank_rows(len(images)),
            "dimensions": features.channels,
            "cell_px": config.cell_px,
        }
        return Trained(whole_graph(features, head, height, width), scores, facts)


class _BankTrainer:
    def __init__(self, config: MemoryConfig, cells: Mask) -> None:
        self._config = config
        self._cells = cells

    def bank_rows(self, images: int) -> int:
        return min(self._config.bank_size, self._drawn_per_image(images) * images)

    def fit(self, features: Iterator[Floats], count: int) -> ModelProto:
        config = self._config
        rng = np.random.default_rng(config.seed)
        sample = self._sample(features, count, rng)
        projected = random_projection(sample, config.projection, rng)
        bank = sample[greedy_k_center(projected, config.bank_size, rng)]
        return nearest_neighbour_head(bank, config.scoring(self._cells))

    def _sample(self, features: Iterator[Floats], count: int, rng: np.random.Generator) -> Floats:
        """Draw the same number of cells from each image; float32 `[drawn, C]`."""
        each = self._drawn_per_image(count)
        drawn = []
        for item in features:
            cells = item[:, self._cells].T
            drawn.append(cells[rng.choice(len(cells), each, replace=False)])
        return np.concatenate(drawn)

    def _drawn_per_image(self, images: int) -> int:
        config = self._config
        wanted = max(config.sample_per_image * images, 4 * config.bank_size)
        each = max(1, min(wanted, config.sample_size) // images)
        return min(int(self._cells.sum()), each)
