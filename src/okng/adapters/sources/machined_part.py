"""A simulated camera that looks at a machined part: the demo's product.

A bearing flange of cast aluminium with a turned face, a bronze bush and ten holes. Good pieces
differ in light, position, tool marks, stains and noise; bad ones have one of five defects.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import cv2
import numpy as np
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, model_validator

from okng.adapters.sources.part_defects import KINDS, draw_defect
from okng.adapters.sources.part_geometry import build_geometry
from okng.adapters.sources.part_rendering import (
    Piece,
    Textures,
    draw_piece,
    photograph,
    radiance,
    surface,
    tone,
)
from okng.domain.arrays import Floats, Mask, Pixels
from okng.domain.errors import BadDataset, BadSetting
from okng.domain.ports import Frame, Progress

DEFECTS: tuple[str, ...] = tuple(KINDS)
_SMALLEST_PX = 128
VISIBLE = 5.0
"""Grey levels by which a pixel must change, the noise aside, to belong to a defect's mask."""

_SEVERITY = {  # shape of the Beta distribution of severity, by kind
    "scratch": (3.0, 1.0),
    "dent": (2.3, 1.0),
    "corrosion": (1.8, 1.0),
    "chip": (1.6, 1.0),
    "blocked_hole": (2.3, 1.0),
}
_MILDEST, _HARDER = 0.2, 0.05
"""The least severity, and what is added each time that a defect turns out to be invisible."""


class MachinedPartConfig(BaseModel):
    """What the simulated camera sees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(
        default=0, ge=0, lt=2**63, title="Seed", description="Same seed, same images."
    )
    size_px: int = Field(
        default=320,
        ge=_SMALLEST_PX,
        le=4096,
        title="Image size",
        description="Width and height of the square images, in pixels.",
    )
    count: int | None = Field(
        default=None,
        ge=0,
        title="Count",
        description="Number of images after which the source ends; none: it never ends.",
    )
    defect_rate: float = Field(
        default=0.1,
        ge=0,
        le=1,
        title="Defect rate",
        description="Share of defective parts in the stream of images.",
    )
    variation: float = Field(
        default=1.0,
        ge=0,
        le=2,
        title="Variation",
        description="Factor on what differs between good parts: light, position, marks, stains.",
    )
    severity: float = Field(
        default=1.0,
        ge=0.1,
        le=3,
        title="Severity",
        description="Factor on the severity of defects; below 1 they are harder to see.",
    )
    defect_scale: float = Field(
        default=1.0,
        ge=0.01,
        le=1,
        title="Defect scale",
        description="Factor on the size of defects, for large images with defects of a few pixels; "
        "times the image size it must be 128 or more, or nobody would see them.",
    )

    @model_validator(mode="after")
    def _check_defects_are_seen(self) -> Self:
        if self.defect_scale * self.size_px < _SMALLEST_PX:
            raise ValueError(
                f"with a defect scale of {self.defect_scale:g} defects on {self.size_px} px would "
                f"be too small to be seen: take {_SMALLEST_PX / self.size_px:.3f} or more"
            )
        return self


@dataclass(frozen=True)
class RenderedPart:
    """One picture and the truth about it.

    `pixels` is uint8 `[H, W, 3]` RGB, `mask` bool `[H, W]`, True where the defect shows; empty
    for a good part. `defect` is one of `DEFECTS`, or None.
    """

    pixels: Pixels = field(repr=False)
    mask: Mask = field(repr=False)
    defect: str | None


class MachinedPart:
    """Renders pictures of the part; a `Source`."""

    def __init__(self, config: MachinedPartConfig | None = None) -> None:
        self.config = config or MachinedPartConfig()
        self._geometry = build_geometry(self.config.size_px)
        self._textures = Textures(self.config.size_px)

    def render(self, index: int, defect: str | None = None) -> RenderedPart:
        """Render piece number `index` of the good parts, or of those with `defect`.

        A pure function of seed, index and defect: order does not matter, and no piece of one
        kind resembles the piece of another kind with the same index.

        Raises:
            BadSetting: there is no such defect, or the index is negative.
        """
        piece, shaded = self._good_piece(index, defect)
        size = self.config.size_px
        mask = np.zeros((size, size), np.bool_)
        if defect is not None:
            mask = self._damage(index, defect, piece, shaded)
        return RenderedPart(photograph(self._geometry, piece, shaded), mask, defect)

    def render_undamaged(self, index: int, defect: str) -> Pixels:
        """Render the piece that `render(index, defect)` shows as it was before the defect."""
        piece, shaded = self._good_piece(index, defect)
        return photograph(self._geometry, piece, shaded)

    def truth(self, index: int) -> str | None:
        """Return the defect of frame number `index` of the stream; None: a good part."""
        dice = np.random.default_rng([self.config.seed, len(DEFECTS) + 1, index])
        if dice.random() >= self.config.defect_rate:
            return None
        return DEFECTS[int(dice.integers(len(DEFECTS)))]

    def frames(self) -> Iterator[Frame]:
        """Yield `count` parts, a share of them defective; `truth` tells which."""
        index = 0
        while self.config.count is None or index < self.config.count:
            yield Frame(f"part-{index:06d}", self.render(index, self.truth(index)).pixels)
            index += 1

    def _dice(self, index: int, defect: str | None, purpose: int) -> np.random.Generator:
        stream = 0 if defect is None else 1 + DEFECTS.index(defect)
        return np.random.default_rng([self.config.seed, stream, index, purpose])

    def _good_piece(self, index: int, defect: str | None) -> tuple[Piece, Floats]:
        if defect is not None and defect not in KINDS:
            raise BadSetting(f"no defect is called {defect!r}; choose from {', '.join(DEFECTS)}")
        if index < 0:
            raise BadSetting(f"the index of a part is {index}; it starts at 0")
        dice = self._dice(index, defect, 0)
        piece = draw_piece(self._geometry, self._textures, dice, self.config.variation)
        whole = slice(0, self.config.size_px)
        return piece, radiance(surface(self._geometry, piece, (whole, whole)), piece)

    def _damage(self, index: int, defect: str, piece: Piece, shaded: Floats) -> Mask:
        """Put a defect into `shaded`, in place; return where it shows in the camera's picture."""
        geometry, dice = self._geometry, self._dice(index, defect, 1)
        a, b = _SEVERITY[defect]
        mask = np.zeros(shaded.shape[:2], np.bool_)
        extra = 0.0
        while not mask.any():  # a defect that nobody could see is none: throw again
            serious = _MILDEST + (1 - _MILDEST) * float(dice.beta(a, b))
            severity = self.config.severity * serious + extra
            extra += _HARDER
            found = draw_defect(defect, geometry, dice, severity, self.config.defect_scale)
            hurt, reach = found.change(surface(geometry, piece, found.window))
            before, after = shaded[found.window], radiance(hurt, piece)
            change = np.abs(tone(after, piece.exposure) - tone(before, piece.exposure)).max(-1)
            shows = _visible(change, reach)
            local = np.zeros_like(mask, np.float32)
            local[found.window] = shows
            seen = cv2.warpAffine(local, piece.pose, mask.shape[::-1], flags=cv2.INTER_LINEAR)
            mask = np.asarray(seen) > 0.5
            if mask.any():
                before[reach] = after[reach]
        return mask


def _visible(change: Floats, reach: Mask) -> Mask:
    """Return the part of a defect's reach that changed visibly, without specks and pinholes."""
    shows = ((change > VISIBLE) & reach).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    shows = np.asarray(cv2.morphologyEx(shows, cv2.MORPH_CLOSE, disc), np.uint8)
    return np.asarray(shows > 0) & reach


def write_dataset(
    folder: Path,
    config: MachinedPartConfig,
    good: int,
    test_good: int,
    per_defect: int,
    progress: Progress,
) -> None:
    """Write a dataset in the layout of MVTec AD: JPEG images, PNG masks.

    Raises:
        BadDataset: the folder has other content.
        BadSetting: a number of images is negative.
    """
    if min(good, test_good, per_defect) < 0:
        raise BadSetting("numbers of images cannot be negative; give 0 or more of each kind")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadDataset(f"{folder} is not an empty folder; name a new one or empty it first")
    part = MachinedPart(config)
    jobs: list[tuple[Path, int, str | None]] = [
        (folder / "train" / "good" / f"{i:04d}.jpg", i, None) for i in range(good)
    ]
    jobs += [(folder / "test" / "good" / f"{i:04d}.jpg", good + i, None) for i in range(test_good)]
    jobs += [
        (folder / "test" / kind / f"{i:04d}.jpg", i, kind)
        for kind in DEFECTS
        for i in range(per_defect)
    ]
    for done, (path, index, defect) in enumerate(jobs):
        progress("rendering", done, len(jobs))
        made = part.render(index, defect)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(made.pixels).save(path, quality=95, subsampling=0)
        if defect is not None:
            mask_path = folder / "ground_truth" / defect / f"{path.stem}_mask.png"
            mask_path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(made.mask.astype(np.uint8) * 255).save(mask_path)
    progress("rendering", len(jobs), len(jobs))
