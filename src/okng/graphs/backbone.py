"""Find the backbones there are, and load one."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from okng.domain.errors import BadModel, BadSetting
from okng.domain.model import BackboneCard


@dataclass(frozen=True)
class StageInfo:
    """One output of a backbone: float32 `[N, channels, H / stride, W / stride]`."""

    name: str
    stride: int
    channels: int


@dataclass(frozen=True)
class Backbone:
    """A frozen network that turns an image into features.

    `onnx` is a graph with the input `image` (float32 `[N, 3, H, W]`, RGB, 0 to 255) and one output
    for each of `stages`, from fine to coarse.
    """

    name: str
    onnx: bytes = field(repr=False)
    sha256: str
    licence: str
    stages: tuple[StageInfo, ...]

    @property
    def multiple(self) -> int:
        """Height and width of the input must be multiples of this."""
        return max(stage.stride for stage in self.stages)

    @property
    def card(self) -> BackboneCard:
        return BackboneCard(self.name, self.sha256, self.licence)

    def stage(self, name: str) -> StageInfo:
        """Return the stage called `name`.

        Raises:
            BadSetting: there is none.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = ", ".join(stage.name for stage in self.stages)
        raise BadSetting(f"backbone {self.name} has no stage {name!r}; choose from: {names}")


def backbone_names() -> list[str]:
    """Return the names of all backbones that can be loaded, sorted."""
    return sorted({name for place in _places() for name in _names_in(place)})


def load_backbone(name: str) -> Backbone:
    """Load a backbone by name and check it against its provenance file.

    Raises:
        BadSetting: there is no such backbone.
        BadModel: its graph is not the one that its provenance file names.
    """
    for place in _places():
        if name in _names_in(place):
            return _read(place, name)
    raise BadSetting(f"there is no backbone {name!r}; choose from: {', '.join(backbone_names())}")


def _places() -> tuple[Traversable, ...]:
    """Return the folders to look in, the first wins. Each backbone is `NAME.onnx` + `NAME.json`."""
    return (files("okng").joinpath("backbones"),)


def _names_in(place: Traversable) -> Iterator[str]:
    return (entry.name[:-5] for entry in place.iterdir() if entry.name.endswith(".json"))


def _read(place: Traversable, name: str) -> Backbone:
    try:
        graph = place.joinpath(f"{name}.onnx").read_bytes()
        card = json.loads(place.joinpath(f"{name}.json").read_text(encoding="utf-8"))
        backbone = Backbone(
            name=name,
            onnx=graph,
            sha256=card["sha256"],
            licence=card["licence"],
            stages=tuple(StageInfo(s["name"], s["stride"], s["channels"]) for s in card["stages"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModel(f"backbone {name} cannot be read ({error!r}); {_MEND}") from error
    found = sha256(graph).hexdigest()
    if found != backbone.sha256:
        raise BadModel(
            f"backbone {name} is damaged: {name}.onnx has the SHA-256 {found[:12]}..., "
            f"{name}.json says {backbone.sha256[:12]}...; {_MEND}"
        )
    return backbone


_MEND = "install okng again: pip install --force-reinstall okng"
