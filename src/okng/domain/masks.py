"""Where a defect is, as whoever labelled it has kept it: a picture, or what a person drew."""

from dataclasses import dataclass, field
from pathlib import Path

Point = tuple[float, float]
"""x, y in pixels; the upper left corner of the upper left pixel is 0, 0."""

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""


@dataclass(frozen=True)
class Polygon:
    """An area by its corners, in either direction; the last is joined to the first."""

    points: tuple[Point, ...] = field(repr=False)


@dataclass(frozen=True)
class Runs:
    """An area by the lengths of runs of pixels: outside, inside, outside, ...

    They go along rows from the upper left or, `by_columns`, down columns, and cover the image.
    """

    lengths: tuple[int, ...] = field(repr=False)
    by_columns: bool = False


@dataclass(frozen=True)
class DrawnMask:
    """Areas that were drawn on an image of `width` x `height` pixels; they are united."""

    width: int
    height: int
    areas: tuple[Polygon | Runs, ...]


@dataclass(frozen=True)
class ColouredMask:
    """A picture in which every pixel of another colour than `background` is the defect."""

    path: Path
    background: Colour


MaskSource = Path | DrawnMask | ColouredMask
"""A path alone is a picture whose non-zero pixels are the defect."""


def picture_of(mask: MaskSource) -> Path | None:
    """Return the file that a mask is kept in; None where it was drawn."""
    if isinstance(mask, DrawnMask):
        return None
    return mask.path if isinstance(mask, ColouredMask) else mask
