"""The one place that builds adapters and hands them to services; also okng's Python interface.

    import okng

    okng.train("parts/bottle")
    inspector = okng.load("bottle")
    inspection = inspector.inspect("new.png")
    print(inspection.verdict, inspection.score, inspection.regions)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from okng import plugins
from okng.adapters.datasets import read_dataset
from okng.adapters.stores.model_folder import FolderModelStore
from okng.algorithms.pixels import decode_file, decode_mask, mask_png_from, read
from okng.domain.calibration import Calibration
from okng.domain.dataset import Dataset, Sample
from okng.domain.errors import BadSetting, MissingExtra, NotFound
from okng.domain.evaluation import Evaluation
from okng.domain.model import Manifest, Model
from okng.domain.ports import Progress, Runtime, silent
from okng.domain.product import product_name
from okng.domain.verdict import Policy
from okng.domain.view import Box, View
from okng.graphs.backbone import load_backbone
from okng.reports.model_card import render_model_card
from okng.services.calibrate import DefectWish, Wish, calibrate_on_defects
from okng.services.evaluate import evaluate as evaluate_samples
from okng.services.inspect import Inspector
from okng.services.train import CalibrationPlan, Training, TrainingPlan
from okng.services.train import train as train_detector
from okng.settings import Settings, read_settings

DEFAULT_SIZE = (256, 256)


@dataclass(frozen=True)
class TrainingOptions:
    """What may be chosen before a training; everything has a default.

    `size` is (width, height) of the graph's input in pixels; `roi` is in pixels of the original
    image; `mask` is an image file, black where nothing is inspected. `config` holds settings of
    the detector by name.
    """

    detector: str = "memory"
    config: Mapping[str, object] = field(default_factory=dict)
    size: tuple[int, int] = DEFAULT_SIZE
    roi: Box | None = None
    mask: Path | None = None
    wish: Wish = Wish()
    calibration: CalibrationPlan = CalibrationPlan.AUTO
    group_pattern: str | None = None
    seed: int = 0


def store(settings: Settings) -> FolderModelStore:
    return FolderModelStore(settings.home / "models")


def runtime(settings: Settings) -> Runtime:
    """Build the runtime that the settings name; `auto` is OpenVINO where it is installed.

    Raises:
        BadSetting: it does not know the device or precision.
        MissingExtra: it is not installed.
    """
    name = settings.runtime
    if name == "auto":
        name = "openvino" if find_spec("openvino") else "onnxruntime"
    return _build_runtime(name, settings, settings.device, settings.precision)


def installed_runtimes(settings: Settings) -> list[Runtime]:
    """Return the chosen runtime first, then every other one that is installed, on the CPU."""
    chosen = runtime(settings)
    others = []
    for name in plugins.names("runtime", settings.plugins):
        if name != chosen.name:
            try:
                others.append(_build_runtime(name, settings, "CPU", "f32"))
            except MissingExtra:
                continue
    return [chosen, *others]


def load(
    reference: str,
    *,
    calibration: int | None = None,
    policy: Policy | None = None,
    settings: Settings | None = None,
) -> Inspector:
    """Load a model, ready to inspect.

    Args:
        reference: `bottle` (its champion, or the newest), `bottle-3`, `bottle@candidate`.
        calibration: its number; the newest unless given.
        policy: how doubt is handled.
        settings: of the process; from the environment unless given.

    Raises:
        NotFound: there is no such model or calibration.
        BadModel: it is damaged, or the runtime cannot run it.
    """
    settings = settings or read_settings()
    models = store(settings)
    model = models.load(reference)
    active = models.calibration(model.name, calibration)
    session = runtime(settings).load(model.graph)
    return Inspector(model, session, active, policy, settings.max_pixels)


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
    runtimes = installed_runtimes(settings)
    detector_class = plugins.load("detector", options.detector, settings.plugins)
    config = _configure(detector_class, {"seed": options.seed, **options.config})
    backbone = getattr(config, "backbone", None)
    plan = TrainingPlan(
        product=product_name(product or dataset.name),
        detector_name=options.detector,
        detector=detector_class(config, runtimes[0]),
        config=config.model_dump(mode="json"),
        backbone=None if backbone is None else load_backbone(backbone).card,
        view=make_view(options, settings),
        wish=options.wish,
        calibration=options.calibration,
        seed=options.seed,
        max_pixels=settings.max_pixels,
    )
    return train_detector(dataset, plan, runtimes, store(settings), render_model_card, progress)


def make_view(options: TrainingOptions, settings: Settings) -> View:
    """Build the view of a training; reads the mask.

    Raises:
        BadImage: the mask cannot be read, or is smaller than the region of interest.
    """
    width, height = options.size
    mask_png = None
    if options.mask is not None:
        mask = decode_mask(read(options.mask, settings.max_pixels), settings.max_pixels)
        mask_png = mask_png_from(mask, width, height, options.roi)
    return View(width, height, options.roi, mask_png)


def evaluate(
    dataset: Dataset,
    samples: tuple[Sample, ...],
    inspector: Inspector,
    settings: Settings,
    progress: Progress = silent,
) -> Evaluation:
    """Inspect labelled samples and count what became of them."""
    return evaluate_samples(
        lambda sample: inspector.inspect(sample.path),
        samples,
        inspector.model.manifest,
        inspector.calibration,
        lambda path: decode_mask(read(path, settings.max_pixels), settings.max_pixels),
        progress,
        dataset=dataset.name,
        root=dataset.root,
        runtime=runtime(settings).label,
    )


def calibrate(
    reference: str,
    make: Callable[[Calibration, int], Calibration],
    settings: Settings,
) -> Calibration:
    """Add a calibration to a model: `make` turns the active one into the next, given its number."""
    models = store(settings)
    name = models.load(reference).name
    active = models.calibration(name)
    return models.add_calibration(name, lambda version: make(active, version))


def by_defects(
    samples: tuple[Sample, ...],
    inspector: Inspector,
    defects: DefectWish,
    wish: Wish,
    progress: Progress,
) -> Callable[[Calibration, int], Calibration]:
    """Score the defective samples, for `calibrate`; images that cannot be read are left out."""
    import numpy as np

    scores = []
    defective = [sample for sample in samples if sample.is_defective]
    for done, sample in enumerate(defective, start=1):
        score = inspector.inspect(sample.path).score
        if score is not None:
            scores.append(score)
        progress("score defects", done, len(defective))
    found = np.array(scores)
    return lambda old, version: calibrate_on_defects(old, found, defects, wish, version)


def _build_runtime(name: str, settings: Settings, device: str, precision: str) -> Runtime:
    runtime_class = plugins.load("runtime", name, settings.plugins)
    values = {"device": device, "precision": precision, "threads": settings.threads}
    built: Runtime = runtime_class(_configure(runtime_class, values))
    return built


def _configure(of: Any, values: Mapping[str, object]) -> Any:
    """Validate settings of a plug-in; unknown names are refused with those there are."""
    try:
        return of.Config(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        known = ", ".join(of.Config.model_fields)
        raise BadSetting(f"{where}: {first['msg']} (settings of {of.__name__}: {known})") from error
