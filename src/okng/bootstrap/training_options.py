"""What may be chosen before a training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from okng.algorithms.pixels import decode_mask, mask_png_from, read
from okng.domain.errors import BadSetting
from okng.domain.view import LONGEST_SIDE_PX, Box, View
from okng.services.calibrate import Wish
from okng.services.train import CalibrationPlan
from okng.settings import Settings

DEFAULT_SIZE = (256, 256)


@dataclass(frozen=True)
class TrainingOptions:
    """What may be chosen before a training; everything has a default.

    `size` is (width, height) of the graph's input in pixels, the backbone's own unless given.
    `tier` chooses detector and backbones by name, `budget_ms` the most accurate tier that takes no
    longer for one image on this machine; `detector` then stays as it is. `roi` is in pixels of the
    original image; `mask` is an image file, black where nothing is inspected. `config` holds
    settings of the detector by name.
    """

    detector: str = "memory"
    tier: str | None = None
    budget_ms: float | None = None
    config: Mapping[str, object] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    roi: Box | None = None
    mask: Path | None = None
    wish: Wish = field(default_factory=Wish)
    calibration: CalibrationPlan = CalibrationPlan.AUTO
    group_pattern: str | None = None
    seed: int = 0


def make_view(
    options: TrainingOptions, settings: Settings, size: tuple[int, int] = DEFAULT_SIZE
) -> View:
    """Build the view of a training, of this size unless the options say another; reads the mask.

    Raises:
        BadImage: the mask cannot be read, or is smaller than the region of interest.
        BadSetting: the size is none.
    """
    width, height = options.size or size
    if not (1 <= width <= LONGEST_SIDE_PX and 1 <= height <= LONGEST_SIDE_PX):
        raise BadSetting(
            f"{width} x {height} cannot be a size: sides have 1 to {LONGEST_SIDE_PX} pixels"
        )
    mask_png = None
    if options.mask is not None:
        mask = decode_mask(read(options.mask, settings.max_pixels), settings.max_pixels)
        mask_png = mask_png_from(mask, width, height, options.roi)
    return View(width, height, options.roi, mask_png)
