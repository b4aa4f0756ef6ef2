"""`fusion`: several detectors in one graph, whose normalised maps are averaged.

Networks of different kinds err on different parts, and their mean on fewer. Each member's map is
normalised by what good parts that it has not seen get from it, so that all speak in one unit.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
from onnx import ModelProto
from pydantic import BaseModel, ConfigDict, Field

from okng.detectors.frozen import Network, ScoreShare
from okng.detectors.gaussian import Gaussian, GaussianConfig
from okng.detectors.head_training import Learned
from okng.detectors.memory import Memory, MemoryConfig
from okng.domain.arrays import Mask, Scores
from okng.domain.errors import BadSetting
from okng.domain.ports import Images, Progress, Runtime, TakeMap, Trained, ignore_map
from okng.graphs.backbone import SHIPPED, Backbones
from okng.graphs.fusion import MapScale, fused_maps, join_members
from okng.graphs.heads import MapScoring

OWN_FOLDS = 3
"""Folds of the cross-fitting that normalises the maps where the training asks for none."""


class MemoryMember(MemoryConfig):
    """A member that is a `memory`."""

    detector: Literal["memory"] = "memory"


class GaussianMember(GaussianConfig):
    """A member that is a `gaussian`."""

    detector: Literal["gaussian"] = "gaussian"


class FusionConfig(BaseModel):
    """Settings of the `fusion` detector."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    members: Annotated[
        tuple[Annotated[MemoryMember | GaussianMember, Field(discriminator="detector")], ...],
        Field(
            title="Members",
            description="The detectors, each with settings of its own but for the seed, which is "
            "that of the fusion.",
            min_length=2,
            max_length=4,
        ),
    ] = (MemoryMember(), GaussianMember())
    score_share: ScoreShare = 0.01
    seed: Annotated[int, Field(title="Seed", description="Of every random choice.", ge=0)] = 0

    @property
    def networks(self) -> tuple[Network, ...]:
        """Return the backbones in use, each once, with all stages that any member uses."""
        used: dict[str, list[str]] = {}
        for member in self.members:
            used.setdefault(member.backbone, []).extend(member.stages or ())
        return tuple(Network(name, tuple(dict.fromkeys(stages))) for name, stages in used.items())

    def completed(self, backbones: Backbones) -> Self:
        """Return the same with the seed and the backbones' defaults in every member."""
        members = tuple(
            member.completed(backbones).model_copy(update={"seed": self.seed})
            for member in self.members
        )
        return self.model_copy(update={"members": members})


class Fusion:
    """Several detectors in one graph; see `FusionConfig`."""

    Config: ClassVar = FusionConfig

    def __init__(
        self, config: FusionConfig, runtime: Runtime, backbones: Backbones = SHIPPED
    ) -> None:
        self._config = config.completed(backbones)
        self._runtime = runtime
        self._backbones = backbones

    def train(
        self,
        images: Images,
        folds: Sequence[int] | None,
        progress: Progress,
        take_map: TakeMap = ignore_map,
    ) -> Trained:
        """Train every member, and normalise its map; see `okng.domain.ports.Detector`."""
        if len(images) < 2:
            raise BadSetting(
                "fusion normalises maps by parts that were not learned, so it needs two good "
                "images at least; take the detector memory"
            )
        dealt = folds or _dealt(len(images), self._config.seed)
        learned = [
            self._member(member).learn(
                images, dealt, self._told(progress, number), apart=folds is not None
            )
            for number, member in enumerate(self._config.members)
        ]
        maps = _Maps(learned, self._config.score_share)
        graph = join_members([(one.features, one.head) for one in learned], maps.fused())
        scores = None if folds is None else maps.cross_fitted(dealt, self._runtime, take_map)
        facts = {
            f"{name}_{number}": value
            for number, one in enumerate(learned, start=1)
            for name, value in one.facts.items()
        }
        return Trained(bytes(graph.SerializeToString(deterministic=True)), scores, facts)

    def sketch(self, inspected: Mask, images: int) -> Trained:
        """Make a graph as large as training makes it; see `okng.domain.ports.Sketched`."""
        members = [self._member(one).sketched(inspected, images) for one in self._config.members]
        cells = [one.cells for one in members]
        scoring = _scoring(cells, self._config.score_share)
        fusion = fused_maps([MapScale(0, 1)] * len(members), cells, scoring)
        graph = join_members([(one.features, one.head) for one in members], fusion)
        return Trained(bytes(graph.SerializeToString()), None, {})

    def _member(self, config: MemoryMember | GaussianMember) -> Memory | Gaussian:
        if isinstance(config, MemoryMember):
            return Memory(config, self._runtime, self._backbones)
        return Gaussian(config, self._runtime, self._backbones)

    def _told(self, progress: Progress, number: int) -> Progress:
        """Return a progress that says which member is at work."""
        name = f"{number + 1} of {len(self._config.members)}"
        return lambda stage, done, total: progress(f"{stage}, {name}", done, total)


class _Maps:
    """The members' maps of good images that they had not seen, and how to fuse such maps."""

    def __init__(self, learned: Sequence[Learned], share: float) -> None:
        self._cells = [one.cells for one in learned]
        self._fitted = [one.fitted for one in learned if one.fitted is not None]
        self._scoring = _scoring(self._cells, share)

    def fused(self, fold: int | None = None) -> ModelProto:
        """Build the fusion, normalised by maps that know nothing of the fold, or by all."""
        scales = []
        for fitted, cells in zip(self._fitted, self._cells, strict=True):
            # Two folds leave nothing that knows neither; the whole says nearly the same.
            maps = fitted.maps if fold is None else fitted.apart.get(fold, fitted.maps)
            scales.append(MapScale.of(maps[:, cells]))
        return fused_maps(scales, self._cells, self._scoring)

    def cross_fitted(self, folds: Sequence[int], runtime: Runtime, take_map: TakeMap) -> Scores:
        """Return each image's score, float64 `[n]`; its own fold has no share in the scales."""
        scores = np.full(len(folds), np.nan)
        for fold in sorted(set(folds)):
            session = runtime.load(self.fused(fold).SerializeToString())
            for i in (i for i, other in enumerate(folds) if other == fold):
                inputs = {f"map_{n}": one.maps[i][None] for n, one in enumerate(self._fitted)}
                outputs = session.run(inputs)
                scores[i] = float(outputs["score"][0])
                take_map(i, outputs["anomaly_map"][0])
        return scores


def _scoring(cells: Sequence[Mask], share: float) -> MapScoring:
    """Return how the fused map is scored; it has the finest of the members' grids."""
    return MapScoring(share, 0.0, max(cells, key=lambda mask: mask.size))


def _dealt(count: int, seed: int) -> list[int]:
    """Deal images to folds at random."""
    order = np.random.default_rng(seed).permutation(count)
    return [int(place) % OWN_FOLDS for place in np.argsort(order)]
