"""Add, list and remove backbones."""

from dataclasses import dataclass
from pathlib import Path

from okng.adapters.downloads.http_file import HttpFiles
from okng.adapters.stores.backbone_folder import BackboneFolder
from okng.adapters.stores.durable_files import writing
from okng.adapters.stores.file_lock import locked
from okng.bootstrap.building import backbones, installed_runtimes
from okng.domain.errors import BadBackbone, BadSetting, Conflict
from okng.domain.ports import Progress, silent
from okng.domain.view import View
from okng.graphs.backbone import SHIPPED, Backbone
from okng.graphs.features import backbones_alone
from okng.graphs.foreign_network import Use
from okng.graphs.known_backbones import KNOWN
from okng.graphs.weights import WEIGHT_SUFFIXES
from okng.services.add_backbone import Added, add_backbone
from okng.services.backbone_networks import Network, network_of_weights, networks_of_onnx
from okng.services.bench import time_calls
from okng.services.pull_backbone import published, pull_backbone
from okng.settings import Settings

_TIMED_RUNS = 5


@dataclass(frozen=True)
class BackboneEntry:
    """What a list says of a backbone.

    `milliseconds` is the median for one image of its default size on the chosen runtime; None
    where it was not measured. `place` is `okng`, the folder it was added to, or how to get it.
    """

    name: str
    licence: str
    tier: str | None
    size_bytes: int
    side_px: int
    milliseconds: float | None
    place: str
    installed: bool


def add(
    name: str, file: Path, licence: str | None, settings: Settings, use: Use | None = None
) -> Added:
    """Add a backbone from a file; see `okng.services.add_backbone`.

    `use` says how the network of an ONNX file is used; None for what it says itself.

    Raises:
        BadSetting: the name or the kind of the file is none that can be used.
        BadBackbone: the file holds no backbone.
    """
    _check_name(name)
    folder = BackboneFolder(settings.home / "backbones")
    folder.check_free(name)
    if not file.is_file():
        raise BadBackbone(f"{file} is no file")
    networks = _networks(file, use)
    return add_backbone(name, file, networks, licence, installed_runtimes(settings), folder)


def pull(name: str, settings: Settings, progress: Progress = silent) -> Added:
    """Download a known backbone's weights and add it; see `okng.services.pull_backbone`.

    Raises:
        BadSetting: okng knows of no published weights for it.
        Conflict: there is one already.
        Unavailable: the network or the server does not answer.
        BadBackbone: it is not the published file, or it cannot run here.
    """
    place = settings.home / "backbones"
    published(name)
    with writing(place):
        place.mkdir(parents=True, exist_ok=True)
        # One at a time: two would write the same file.
        with locked(place / ".pull"):
            return pull_backbone(
                name,
                HttpFiles(settings.weights_url),
                place / ".downloads",
                installed_runtimes(settings),
                BackboneFolder(place),
                progress,
            )


def remove(name: str, settings: Settings) -> None:
    """Delete a backbone that was added.

    Raises:
        BadSetting: it comes with okng.
        NotFound: there is none.
    """
    if name in SHIPPED.names():
        raise BadSetting(f"{name} comes with okng and stays")
    BackboneFolder(settings.home / "backbones").remove(name)


def entries(
    settings: Settings, speed: bool = True, progress: Progress = silent
) -> list[BackboneEntry]:
    """Return all backbones that are here, and those that can be had."""
    shelf, found = backbones(settings), []
    names = shelf.names()
    for done, name in enumerate(names):
        progress("measure", done, len(names))
        one = shelf.load(name)
        place = "okng" if name in SHIPPED.names() else str(settings.home / "backbones")
        found.append(
            BackboneEntry(
                name, one.licence, one.tier, len(one.onnx), one.defaults.side_px,
                _milliseconds(one, settings) if speed else None, place, True,
            )
        )  # fmt: skip
    for fact in KNOWN:
        if fact.name not in names:
            way = f"pull {fact.name}" if fact.published else f"add {fact.name} --from FILE"
            size = fact.published.size_bytes if fact.published else 0
            found.append(
                BackboneEntry(
                    fact.name, fact.licence, fact.tier, size, fact.defaults.side_px, None,
                    f"okng backbone {way}", False,
                )
            )  # fmt: skip
    return found


def _networks(file: Path, use: Use | None) -> tuple[Network, ...]:
    kind = file.suffix.lower()
    if kind == ".onnx":
        return networks_of_onnx(file, use or Use())
    if use is not None:
        raise BadSetting("how images are taken can be said of an ONNX file alone; leave it away")
    if kind in WEIGHT_SUFFIXES:
        return (network_of_weights(file),)
    kinds = ", ".join(sorted({".onnx", *WEIGHT_SUFFIXES}))
    raise BadSetting(f"{file.name} is of no kind that can be added: take one of {kinds}")


def _check_name(name: str) -> None:
    if name in SHIPPED.names():
        raise Conflict(f"{name} comes with okng: take another name")


def _milliseconds(backbone: Backbone, settings: Settings) -> float:
    """Time one image through the default stages, with as many threads as the settings say."""
    import numpy as np

    side = backbone.defaults.side_px
    graph = backbones_alone([(backbone, backbone.defaults.stages)], View(side, side))
    session = installed_runtimes(settings)[0].load(graph)
    image = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), np.uint8)
    (timing,) = time_calls([lambda: session.run({"image": image})], _TIMED_RUNS, warm_up=2)
    return timing.p50_ms
