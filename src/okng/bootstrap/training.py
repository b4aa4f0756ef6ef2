"""Train from a folder."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from okng.adapters.datasets import read_dataset
from okng.algorithms.pixels import decode_mask, mask_png_from, read
from okng.bootstrap.building import build_detector, installed_runtimes, store
from okng.domain.dataset import Dataset
from okng.domain.errors import BadSetting
from okng.domain.ports import Progress, silent
from okng.domain.product import product_name
from okng.domain.view import LONGEST_SIDE_PX, Box, View
from okng.reports.model_card import render_model_card
from okng.services.calibrate import Wish
from okng.services.train import CalibrationPlan, Training, TrainingPlan
from okng.services.train import train as train_detector
from okng.settings import Settings, read_settings

DEFAULT_SIZE = (256, 256)


@dataclass(frozen=True)
class TrainingOptions:
    """What may be chosen before a training; everything has a default.

    `size` is (width, height) of the graph's input in pixels, the backbone's own unless given.
    `roi` is in pixels of the original image; `mask` is an image file, black where nothing is
    inspected. `config` holds settings of the detector by name.
    """

    detector: str = "memory"
    config: Mapping[str, object] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    roi: Box | None = None
    mask: Path | None = None
    wish: Wish = field(default_factory=Wish)
    calibration: CalibrationPlan = CalibrationPlan.AUTO
    group_pattern: str | None = None
    seed: int = 0


def train(
    folder: Path | str,
    product: str | None = None,
    *,
    options: TrainingOptions | None = None,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Training:
    """Train on the good images of a folder, calibrate, and keep the model.

    Args:
        folder: a dataset in any layout that okng knows.
        product: the folder's name unless given.
        options: what may be chosen before.
        settings: of the process; from the environment unless given.
        progress: is told how far the work is.

    Raises:
        OkngError: BadDataset, BadSetting or ParityError, with the reason.
    """
    settings, options = settings or read_settings(), options or TrainingOptions()
    return train_dataset(
        read_dataset(Path(folder), options.group_pattern), product, options, settings, progress
    )


def train_dataset(
    dataset: Dataset,
    product: str | None,
    options: TrainingOptions,
    settings: Settings,
    progress: Progress,
) -> Training:
    """Train on a dataset that has been read already; see `train`."""
    product = product_name(product or dataset.name)
    models = store(settings)
    models.check_writable(product)
    runtimes = installed_runtimes(settings)
    values = {"seed": options.seed, **options.config}
    built = build_detector(options.detector, values, runtimes[0], settings)
    side = max((one.defaults.side_px for one in built.backbones), default=DEFAULT_SIZE[0])
    plan = TrainingPlan(
        product=product,
        detector_name=options.detector,
        detector=built.detector,
        config=built.config.model_dump(mode="json"),
        backbones=tuple(one.card for one in built.backbones),
        view=make_view(options, settings, (side, side)),
        wish=options.wish,
        calibration=options.calibration,
        seed=options.seed,
        max_pixels=settings.max_pixels,
        group_pattern=options.group_pattern,
    )
    return train_detector(dataset, plan, runtimes, models, render_model_card, progress)


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
