"""What may be chosen before a training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from okng.algorithms.pixels import decode_file, decode_mask, read
from okng.algorithms.view import mask_png_from
from okng.domain.arrays import Mask
from okng.domain.dataset import Sample
from okng.domain.errors import BadImage, BadSetting
from okng.domain.view import LONGEST_SIDE_PX, LONGEST_TILED_SIDE_PX, Box, View, parse_preparations
from okng.services.calibrate import Wish
from okng.services.training_plan import CalibrationPlan
from okng.settings import Settings

DEFAULT_SIZE = (256, 256)


@dataclass(frozen=True)
class TrainingOptions:
    """What may be chosen before a training; everything has a default.

    `size` is (width, height) of the graph's input in pixels, the backbone's own unless given.
    `tier` chooses detector and backbones by name, `budget_ms` the most accurate tier that takes no
    longer for one image on this machine; `detector` then stays as it is. `tile` holds settings of
    `okng.detectors.tiled.TiledConfig` by name, as in `{"tile_px": 512}`: then images are looked at
    through tiles, and in their own size unless `size` is given. `roi` is in pixels of the original
    image; `mask` is an image file or its bytes, black where nothing is inspected. `config` holds
    settings of the detector by name; a folder among them must lie below one of `within`, or may
    lie anywhere if that is None.
    """

    detector: str = "memory"
    tier: str | None = None
    budget_ms: float | None = None
    config: Mapping[str, object] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    tile: Mapping[str, object] | None = None
    roi: Box | None = None
    mask: Path | bytes | None = None
    prepare: Sequence[str] = ()
    wish: Wish = field(default_factory=Wish)
    calibration: CalibrationPlan = CalibrationPlan.AUTO
    group_pattern: str | None = None
    seed: int = 0
    within: Sequence[Path] | None = None


def make_view(
    options: TrainingOptions,
    settings: Settings,
    size: tuple[int, int] = DEFAULT_SIZE,
    samples: Sequence[Sample] = (),
) -> View:
    """Build the view of a training, of this size unless the options say another; reads the mask.

    `samples` are the images to train on: the mask must be of their size.

    Raises:
        BadImage: the mask cannot be read, or is smaller than the region of interest.
        BadSetting: the size is none, the mask is of another size than the images, or a step of
            preparation is unknown or out of bounds.
    """
    width, height = options.size or size
    steps = parse_preparations(options.prepare)
    longest = LONGEST_SIDE_PX if options.tile is None else LONGEST_TILED_SIDE_PX
    if not (1 <= width <= longest and 1 <= height <= longest):
        raise BadSetting(f"{width} x {height} cannot be a size: sides have 1 to {longest} pixels")
    mask_png = None
    if options.mask is not None:
        given = options.mask
        data = given if isinstance(given, bytes) else read(given, settings.max_pixels)
        mask = decode_mask(data, settings.max_pixels)
        _check_mask(mask, samples, settings.max_pixels)
        mask_png = mask_png_from(mask, width, height, options.roi)
    return View(width, height, options.roi, mask_png, steps)


def _check_mask(mask: Mask, samples: Sequence[Sample], max_pixels: int) -> None:
    """Refuse a mask that is not of the size of the first image that can be read.

    Of another size it would hide another place than the one it was drawn for.
    """
    for sample in samples:
        try:
            height, width = decode_file(sample.path, max_pixels).shape[:2]
        except BadImage:
            continue
        if mask.shape != (height, width):
            raise BadSetting(
                f"the mask is {mask.shape[1]} x {mask.shape[0]}, but {sample.path.name} is "
                f"{width} x {height}: draw it on an image of the camera's own size"
            )
        return
