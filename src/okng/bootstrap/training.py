"""Train from a folder."""

from pathlib import Path

from okng import plugins
from okng.adapters.datasets import read_dataset
from okng.adapters.stores.durable_files import replace_file, writing
from okng.bootstrap.building import (
    build_detector,
    installed_runtimes,
    runtime,
    store,
    usual_size,
)
from okng.bootstrap.tiers import chosen_tier
from okng.bootstrap.tiling import build_in_tiles, seen_size, tiling_advice
from okng.bootstrap.training_options import TrainingOptions, make_view
from okng.domain.dataset import Dataset, Split, class_names
from okng.domain.learning import Layer
from okng.domain.model import Model
from okng.domain.ports import Layered, Progress, Runtime, silent
from okng.domain.product import product_name
from okng.reports.learning import learning_png
from okng.reports.model_card import render_model_card
from okng.services.train import Training
from okng.services.train import train as train_detector
from okng.services.training_plan import TrainingPlan
from okng.settings import Settings, read_settings


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
    models = store(settings)
    models.check_writable(product_name(product or dataset.name))
    options = chosen_tier(options, settings, len(dataset.train_good), progress)
    runtimes = installed_runtimes(settings)
    plan = plan_training(dataset, product, options, settings, runtimes[0])
    return train_detector(dataset, plan, runtimes, models, render_model_card, progress)


def draw_curves(model: Model, settings: Settings) -> Path | None:
    """Draw how a model's network learned as the data folder's `reports/<model>/learning.png`.

    Returns:
        The file; None where nothing was learned step by step.

    Raises:
        BadSetting: it cannot be written.
    """
    if not model.manifest.curves:
        return None
    path = (settings.home / "reports" / model.name / "learning.png").absolute()
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, learning_png(model.manifest.curves))
    return path


def plan_training(
    dataset: Dataset,
    product: str | None,
    options: TrainingOptions,
    settings: Settings,
    runtime: Runtime,
) -> TrainingPlan:
    """Build the detector and all else that a training needs; the tier is settled."""
    values = {"seed": options.seed, **options.config}
    if options.tile is None:
        built = build_detector(options.detector, values, runtime, settings, options.within)
        size = built.size
    else:
        built = build_in_tiles(
            options.detector, values, options.tile, runtime, settings, options.within
        )
        size = seen_size(dataset, options.roi, settings.max_pixels) or built.size
    return TrainingPlan(
        product=product_name(product or dataset.name),
        detector_name=options.detector,
        detector=built.detector,
        config=built.plain_config(),
        backbones=tuple(one.card for one in built.backbones),
        view=make_view(options, settings, size, dataset.train_good),
        wish=options.wish,
        calibration=options.calibration,
        seed=options.seed,
        max_pixels=settings.max_pixels,
        group_pattern=options.group_pattern,
        is_slow=built.is_slow,
    )


def network_layers(
    dataset: Dataset, options: TrainingOptions, settings: Settings
) -> tuple[Layer, ...]:
    """Return what the network is made of that a training will learn; empty where it learns none.

    Raises:
        BadSetting: there is no such detector or setting, or the size does not fit.
    """
    if options.tile is not None:
        return ()
    detector_class = plugins.load("detector", options.detector, settings.plugins)
    if not hasattr(detector_class, "layers"):
        return ()
    values = {"seed": options.seed, **options.config}
    built = build_detector(options.detector, values, runtime(settings), settings, options.within)
    assert isinstance(built.detector, Layered)
    width, height = options.size or built.size
    learned = [one for one in dataset.train_labelled if one.split is not Split.VALIDATION]
    return built.detector.layers(height, width, max(2, len(class_names(learned))))


def training_advice(dataset: Dataset, options: TrainingOptions, settings: Settings) -> str | None:
    """Return what its user should hear before a training on large images; None: nothing."""
    if options.tile is not None or options.size is not None:
        return None
    size = usual_size(options.detector, options.config, settings)
    return tiling_advice(dataset, options.roi, size, settings.max_pixels)
