"""How pixels reach the graph."""

from dataclasses import dataclass

LONGEST_SIDE_PX = 4096
"""Of a view: work and memory grow with its area, and so would a wrong figure."""
LONGEST_TILED_SIDE_PX = 16384
"""The same where the view is looked at through tiles, a few at a time."""


@dataclass(frozen=True)
class Box:
    """A rectangle in pixels of the original image; `x`, `y` is its upper left corner."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class View:
    """Crop, resize and mask, in this order. Chosen before training and part of the model.

    `roi` is cut from the original image (None: the whole), then resized to `width` x `height` by
    area averaging where it shrinks and bilinearly where it grows. `mask_png` (base64 of a grey PNG
    of `width` x `height`) shows what is inspected: where it is 0 the pixels become `MASKED` before
    the graph, and the graph's map is 0 where a cell is masked whole.
    """

    width: int
    height: int
    roi: Box | None = None
    mask_png: str | None = None


MASKED = 127
"""Grey value that masked pixels take."""
