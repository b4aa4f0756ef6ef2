"""Build what the settings name: the store of models, runtimes, and plug-ins with their settings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import ValidationError

from okng import plugins
from okng.adapters.datasets.picture_folder import PictureFolder
from okng.adapters.stores.model_folder import FolderModelStore
from okng.adapters.stores.training_checkpoints import TrainingCheckpoints
from okng.detectors.frozen import StandsOnBackbones
from okng.domain.errors import BadSetting, MissingExtra
from okng.domain.ports import Classifier, Detector, Resumable, Runtime, Widening
from okng.graphs.backbone import Backbone, Backbones
from okng.services.datasets import allowed_folder
from okng.settings import Settings

_SIDE_PX = 256
"""Of the graph's input for a detector without a backbone."""


@runtime_checkable
class _HasSide(Protocol):
    """Settings of a detector that looks at images of a side of its own, unless told otherwise."""

    @property
    def side_px(self) -> int: ...


def store(settings: Settings) -> FolderModelStore:
    return FolderModelStore(settings.home / "models")


def backbones(settings: Settings) -> Backbones:
    """Return okng's own backbones and those that the user added."""
    return Backbones(settings.home / "backbones")


@dataclass(frozen=True)
class BuiltDetector:
    """A detector with its settings, completed, and the backbones that it stands on.

    `tiles` are the settings of the tiles through which it looks, if it does. `is_slow`: it takes
    minutes to train.
    """

    detector: Detector | Classifier
    config: Any
    backbones: tuple[Backbone, ...]
    tiles: Any = None
    is_slow: bool = False

    def plain_config(self) -> dict[str, object]:
        """Return all settings as plain values, those of the tiles as `tile`."""
        values: dict[str, object] = self.config.model_dump(mode="json")
        if self.tiles is not None:
            values["tile"] = self.tiles.model_dump(mode="json")
        return values

    @property
    def size(self) -> tuple[int, int]:
        """Return the width and height of the graph's input, unless somebody says otherwise."""
        return _usual_size(self.config, self.backbones)


def build_detector(
    name: str,
    values: Mapping[str, object],
    runtime: Runtime,
    settings: Settings,
    within: Sequence[Path] | None = None,
) -> BuiltDetector:
    """Build a detector; one that stands on backbones is handed the backbones, too.

    `within` are the folders below which one must lie that a setting names; None: anywhere.

    Raises:
        BadSetting: there is no such detector, setting, backbone or folder.
        BadModel: the backbone is damaged.
        Forbidden: a folder lies elsewhere.
    """
    detector_class = plugins.load("detector", name, settings.plugins)
    config = build_config(name, values, settings)
    if isinstance(config, StandsOnBackbones):
        shelf = backbones(settings)
        config = config.completed(shelf)
        used = tuple(shelf.load(network.backbone) for network in config.networks)
        detector = detector_class(config, runtime, shelf)
    else:
        used, detector = (), detector_class(config, runtime)
    if isinstance(detector, Widening) and (folder := getattr(config, "unrelated", "")):
        detector = detector.beside(_pictures(folder, settings, within))
    is_slow = isinstance(detector, Resumable)
    if is_slow:
        detector = detector.resuming(TrainingCheckpoints(settings.home / "unfinished"))
    return BuiltDetector(detector, config, used, is_slow=is_slow)


def _pictures(folder: str, settings: Settings, within: Sequence[Path] | None) -> PictureFolder:
    if within is None:
        return PictureFolder(Path(folder), settings.max_pixels)
    place, root = allowed_folder(folder, within, settings.home)
    return PictureFolder(place, settings.max_pixels, root)


def usual_size(name: str, values: Mapping[str, object], settings: Settings) -> tuple[int, int]:
    """Return the width and height at which a detector looks at images unless told otherwise.

    Raises:
        BadSetting: there is no such detector, setting or backbone.
    """
    config, shelf = build_config(name, values, settings), backbones(settings)
    networks = config.networks if isinstance(config, StandsOnBackbones) else ()
    return _usual_size(config, [shelf.load(network.backbone) for network in networks])


def _usual_size(config: object, used: Sequence[Backbone]) -> tuple[int, int]:
    side = max((one.defaults.side_px for one in used), default=_SIDE_PX)
    if isinstance(config, _HasSide):
        side = config.side_px
    return side, side


def build_config(name: str, values: Mapping[str, object], settings: Settings) -> Any:
    """Build the settings of a detector from plain values.

    Raises:
        BadSetting: there is no such detector or setting.
    """
    return configure(plugins.load("detector", name, settings.plugins), values)


def runtime(settings: Settings) -> Runtime:
    """Build the runtime that the settings name; `auto` is OpenVINO where it is installed.

    Raises:
        BadSetting: it does not know the device or precision.
        MissingExtra: it is not installed.
    """
    name = settings.runtime
    if name == "auto":
        name = "openvino" if find_spec("openvino") else "onnxruntime"
    return build_runtime(name, settings, settings.device, settings.precision)


def installed_runtimes(settings: Settings) -> list[Runtime]:
    """Return the chosen runtime first, then every other one that is installed, on the CPU."""
    chosen = runtime(settings)
    others = []
    for name in plugins.names("runtime", settings.plugins):
        if name != chosen.name:
            try:
                others.append(build_runtime(name, settings, "CPU", "f32"))
            except MissingExtra:
                continue
    return [chosen, *others]


def build_runtime(name: str, settings: Settings, device: str, precision: str) -> Runtime:
    runtime_class = plugins.load("runtime", name, settings.plugins)
    values = {"device": device, "precision": precision, "threads": settings.threads}
    built: Runtime = runtime_class(configure(runtime_class, values))
    return built


def configure(of: Any, values: Mapping[str, object]) -> Any:
    """Validate settings of a plug-in; unknown names are refused with those there are."""
    try:
        return of.Config(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        is_unknown = first["type"] == "extra_forbidden"
        what = "there is no such setting" if is_unknown else first["msg"]
        known = ", ".join(of.Config.model_fields)
        raise BadSetting(f"{where}: {what} (settings of {of.__name__}: {known})") from error
