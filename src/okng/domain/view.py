"""How pixels reach the graph."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from okng.domain.steps import Kind, Step, parse_steps

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
    """Crop, resize, prepare and mask, in this order. Chosen before training, part of the model.

    `roi` is cut from the original image (None: the whole), then resized to `width` x `height` by
    area averaging where it shrinks and bilinearly where it grows; then come the steps of
    `PREPARATIONS` that `prepare` names, in its order. `mask_png` (base64 of a grey PNG
    of `width` x `height`) shows what is inspected: where it is 0 the pixels become `MASKED` before
    the graph, and the graph's map is 0 where a cell is masked whole.
    """

    width: int
    height: int
    roi: Box | None = None
    mask_png: str | None = None
    prepare: tuple[Step, ...] = ()

    def __str__(self) -> str:
        """Say all that is done, in its order."""
        roi, size = self.roi, f"{self.width} x {self.height} px"
        place = (
            "" if roi is None else f" of the region {roi.width} x {roi.height} at {roi.x},{roi.y}"
        )
        masked = ("masked",) if self.mask_png else ()
        return ", ".join((size + place, *map(str, self.prepare), *masked))


PREPARATIONS: Mapping[str, Kind] = {
    "grey": Kind("colour is left out"),
    "denoise": Kind("noise of about so many levels of 255 is smoothed, edges stay", 0, 100, 20),
    "illumination": Kind(
        "uneven light, blurred over this share of the longer side, is evened out", 0.01, 1, 0.2
    ),
    "clahe": Kind("local contrast is evened out, amplified so many times at most", 0, 40, 2),
    "normalise": Kind(
        "each image's brightness is brought to the middle, its contrast to a standard deviation of "
        "so many levels of 255", 0, 100, 50
    ),
}  # fmt: skip
"""What there is, by name."""


def parse_preparations(texts: Iterable[str]) -> tuple[Step, ...]:
    """Read `["grey", "clahe=2"]`.

    Raises:
        BadSetting: there is no such step, or its number is out of bounds.
    """
    return parse_steps(texts, PREPARATIONS, "prepare")


MASKED = 127
"""Grey value that masked pixels take."""
