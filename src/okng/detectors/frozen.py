"""Stand on a frozen backbone: what `memory`, `gaussian` and `probe` share."""

from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, Self, runtime_checkable

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from okng.domain.arrays import Array, Mask
from okng.graphs.backbone import Backbones
from okng.graphs.features import Features, feature_graph
from okng.graphs.heads import MapScoring


@dataclass(frozen=True)
class Network:
    """A backbone by name, and which of its stages are used; its own default where None."""

    backbone: str
    stages: tuple[str, ...] | None


@runtime_checkable
class StandsOnBackbones(Protocol):
    """Settings of a detector that is handed the backbones."""

    @property
    def networks(self) -> tuple[Network, ...]:
        """Return the backbones in use, each once."""
        ...

    def completed(self, backbones: Backbones) -> Self:
        """Return the same with the backbones' defaults where nothing was chosen.

        Raises:
            BadSetting: there is no such backbone.
            BadModel: it is damaged.
        """
        ...


class BackboneConfig(BaseModel):
    """Settings of every detector that stands on a frozen backbone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: Annotated[str, Field(title="Backbone", description="The frozen network.")] = (
        "efficientnet_lite0"
    )
    stages: Annotated[
        tuple[str, ...] | None,
        Field(
            title="Stages",
            description="Outputs of the backbone that are concatenated; its own default unless "
            "given.",
            min_length=1,
            max_length=8,
        ),
    ] = None
    cell_px: Annotated[
        int | None,
        Field(
            title="Cell",
            description="Side of a map cell in pixels of what the backbone sees; smaller cells "
            "show finer defects and cost more. The backbone's own default unless given.",
            ge=1,
            le=256,
        ),
    ] = None
    neighbourhood: Annotated[
        Literal[1, 3] | None,
        Field(
            title="Neighbourhood",
            description="Features are averaged over a square of this side; 1 leaves them as they "
            "are. The backbone's own default unless given.",
        ),
    ] = None
    seed: Annotated[int, Field(title="Seed", description="Of every random choice.", ge=0)] = 0

    @property
    def networks(self) -> tuple[Network, ...]:
        return (Network(self.backbone, self.stages),)

    def completed(self, backbones: Backbones) -> Self:
        """Return the same with the backbone's defaults; see `StandsOnBackbones`."""
        defaults = backbones.load(self.backbone).defaults
        chosen = {
            "stages": self.stages or defaults.stages,
            "cell_px": self.cell_px or defaults.cell_px,
            "neighbourhood": self.neighbourhood or defaults.neighbourhood,
        }
        return self.model_copy(update=chosen)


ScoreShare = Annotated[
    float,
    Field(
        title="Score share",
        description="The score is the mean of this share of the map, its highest cells; "
        "0 is the maximum.",
        ge=0,
        le=1,
    ),
]
BlurCells = Annotated[
    float,
    Field(title="Blur", description="Sigma of the map's smoothing, in cells.", ge=0, le=4),
]


class FrozenConfig(BackboneConfig):
    """Settings of every detector whose score is the peak of its map, too."""

    score_share: ScoreShare = 0.03
    blur_cells: BlurCells = 0.4

    def scoring(self, inspected: Mask) -> MapScoring:
        return MapScoring(self.score_share, self.blur_cells, inspected)


@dataclass(frozen=True)
class Grid:
    """A map's cells."""

    rows: int
    columns: int


def inspected_cells(inspected: Mask, features: Features | Grid) -> Mask:
    """Return bool `[rows, columns]`: the cells of which at least one pixel is inspected."""
    height, width = inspected.shape
    count = np.zeros((height + 1, width + 1), np.int64)
    count[1:, 1:] = inspected.cumsum(axis=0).cumsum(axis=1)
    top, bottom = _edges(height, features.rows)
    left, right = _edges(width, features.columns)
    corners = (count[np.ix_(ys, xs)] for ys in (bottom, top) for xs in (right, left))
    low_right, low_left, high_right, high_left = corners
    return np.asarray(low_right - low_left - high_right + high_left > 0)


def _edges(length: int, cells: int) -> tuple[Array, Array]:
    """Return where each cell begins, and the first pixel after it; borders belong to both."""
    numbers = np.arange(cells)
    return numbers * length // cells, -(-(numbers + 1) * length // cells)


def features_for(config: BackboneConfig, backbones: Backbones, inspected: Mask) -> Features:
    """Build the front of the graph for images with such a mask, bool `[H, W]`."""
    height, width = inspected.shape
    chosen = config.completed(backbones)
    assert chosen.stages is not None
    assert chosen.cell_px is not None
    return feature_graph(
        backbones.load(chosen.backbone),
        chosen.stages,
        chosen.cell_px,
        height,
        width,
        chosen.neighbourhood or 1,
    )
