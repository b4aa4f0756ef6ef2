"""`gaussian`: the Mahalanobis distance to a Gaussian of each position's own.

PaDiM (Defard et al. 2021, arXiv:2011.08785): the fast choice for parts that always lie the same.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, ClassVar

import numpy as np
from onnx import ModelProto
from pydantic import Field

from okng.detectors.frozen import FrozenConfig, features_for, inspected_cells
from okng.detectors.head_training import Learned, train_head
from okng.domain.arrays import Array, Floats, Mask
from okng.domain.errors import BadSetting
from okng.domain.ports import Images, Progress, Runtime, TakeMap, Trained, ignore_map
from okng.graphs.backbone import SHIPPED, Backbones
from okng.graphs.heads import gaussian_head

_BATCH = 32
_LARGEST_GRAPH = 256 * 2**20
"""Bytes of whitening matrices above which the settings are refused."""


class GaussianConfig(FrozenConfig):
    """Settings of the `gaussian` detector."""

    channels: Annotated[
        int,
        Field(
            title="Channels",
            description="How many randomly chosen feature channels each Gaussian has (section "
            "III-C of the paper); all where the features have no more.",
            ge=1,
            le=1024,
        ),
    ] = 100
    shrinkage: Annotated[
        float,
        Field(
            title="Shrinkage",
            description="Share of the covariance pooled over all inspected places; "
            "steadies it where images are few.",
            ge=0,
            le=1,
        ),
    ] = 0.1
    ridge: Annotated[
        float,
        Field(
            title="Ridge",
            description="Added to the covariance's diagonal, as a share of its mean variance.",
            gt=0,
            le=1,
        ),
    ] = 0.01


class Gaussian:
    """The position-wise Gaussian detector; see `GaussianConfig`."""

    Config: ClassVar = GaussianConfig

    def __init__(
        self, config: GaussianConfig, runtime: Runtime, backbones: Backbones = SHIPPED
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
        """Estimate the Gaussians; see `okng.domain.ports.Detector`."""
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
        features = features_for(config, self._backbones, images.inspected)
        cells = inspected_cells(images.inspected, features)
        trainer = GaussianTrainer(config, cells)
        trainer.check(features.channels)
        head, fitted = train_head(
            trainer, features, self._runtime, images, folds, progress, apart=apart
        )
        facts: dict[str, float | int | str] = {
            "channels": min(config.channels, features.channels),
            "cells": f"{features.columns} x {features.rows}",
        }
        return Learned(features, head, cells, fitted, facts)

    def sketch(self, inspected: Mask, images: int) -> Trained:
        """Make a graph as large as training makes it; see `okng.domain.ports.Sketched`."""
        return self.sketched(inspected, images).trained()

    def sketched(self, inspected: Mask, images: int) -> Learned:  # noqa: ARG002 - the port
        """Do the same, but leave front and head to be joined."""
        features = features_for(self._config, self._backbones, inspected)
        cells = inspected_cells(inspected, features)
        GaussianTrainer(self._config, cells).check(features.channels)
        kept = min(self._config.channels, features.channels)
        mean = np.zeros((cells.size, kept), np.float32)
        whitening = np.repeat(np.eye(kept, dtype=np.float32)[None], cells.size, axis=0)
        scoring = self._config.scoring(cells)
        head = gaussian_head(features.channels, np.arange(kept), mean, whitening, scoring)
        return Learned(features, head, cells, None, {})


class GaussianTrainer:
    """Estimates Gaussians from features; a `HeadTrainer`. `cells` are those that are inspected."""

    def __init__(self, config: GaussianConfig, cells: Mask) -> None:
        self._config = config
        self._cells = cells

    def check(self, channels: int) -> None:
        """Refuse, before any work, what would make a huge graph of so many feature channels.

        Raises:
            BadSetting: with the settings that would mend it.
        """
        kept = min(self._config.channels, channels)
        size = self._cells.size * kept * kept * 4
        if size > _LARGEST_GRAPH:
            rows, columns = self._cells.shape
            raise BadSetting(
                f"{rows}x{columns} cells with {kept} channels need a graph of {size >> 20} MiB; "
                "take larger cells (cell_px), fewer channels or a smaller size"
            )

    def fit(self, features: Iterator[Floats], count: int, progress: Progress) -> ModelProto:
        """Build the head; see `okng.detectors.head_training.HeadTrainer`."""
        config = self._config
        rng = np.random.default_rng(config.seed)
        first = next(features)
        kept = min(config.channels, len(first))
        chosen = np.sort(rng.choice(len(first), kept, replace=False))
        # Moments are taken about the first image: near the mean, so float32 sums lose nothing.
        origin = first.reshape(len(first), -1)[chosen].T
        total = np.zeros((self._cells.size, kept))
        products = np.zeros((self._cells.size, kept, kept), np.float32)
        done = 1
        for batch in _batched(features, _BATCH):
            # [positions, images, channels], so that each position's products are one matrix's.
            x = np.stack([item.reshape(len(first), -1)[chosen].T - origin for item in batch], 1)
            total += x.sum(axis=1)
            products += x.transpose(0, 2, 1) @ x
            done += len(batch)
            progress("fit", done, count)
        centre = total / count
        covariance = products / count - centre[:, :, None] * centre[:, None, :]
        pooled = covariance[self._cells.ravel()].mean(axis=0)
        whitening = _whitening(covariance, pooled, config.shrinkage, config.ridge)
        mean = (origin + centre).astype(np.float32)
        scoring = config.scoring(self._cells)
        return gaussian_head(len(first), chosen, mean, whitening, scoring)


def _batched(items: Iterator[Floats], size: int) -> Iterator[tuple[Floats, ...]]:
    """Yield the items in tuples of `size`, the last perhaps shorter (as itertools from 3.12)."""
    while batch := tuple(islice(items, size)):
        yield batch


def _whitening(covariance: Array, pooled: Array, shrinkage: float, ridge: float) -> Floats:
    """Return W `[n, d, d]` with W W^T the inverse of each regularised covariance.

    `pooled` `[d, d]` is the mean covariance of the inspected positions.
    """
    mixed = (1 - shrinkage) * covariance + shrinkage * pooled
    variance = float(np.trace(pooled)) / len(pooled)
    mixed += np.eye(len(pooled)) * max(ridge * variance, float(np.finfo(np.float32).eps))
    inverse = np.linalg.inv(np.linalg.cholesky(mixed))
    whitening: Floats = np.ascontiguousarray(inverse.transpose(0, 2, 1), np.float32)
    return whitening
