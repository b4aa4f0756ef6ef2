"""Find the backbones there are, and load one."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from okng.domain.errors import BadModel, BadSetting
from okng.domain.model import BackboneCard


@dataclass(frozen=True)
class StageInfo:
    """One output of a backbone: float32 `[N, channels, H / stride, W / stride]`."""

    name: str
    stride: int
    channels: int


@dataclass(frozen=True)
class BackboneDefaults:
    """How a backbone is used unless somebody says otherwise.

    `stages` are concatenated on cells of `cell_px`, each averaged over `neighbourhood` x
    `neighbourhood` of its own; `side_px` is the side of the graph's input.
    """

    stages: tuple[str, ...]
    cell_px: int
    side_px: int
    neighbourhood: int


@dataclass(frozen=True)
class Backbone:
    """A frozen network that turns an image into features.

    `onnx` is a graph with the input `image` (float32 `[N, 3, H, W]`, RGB, 0 to 255) and one output
    for each of `stages`, from fine to coarse. H and W must be multiples of `multiple`,
    or be those of `fixed_size` where the network takes no others. The image
    is reflected by `border_px` at each border beforehand, where the network's own zero padding
    would show.
    """

    name: str
    onnx: bytes = field(repr=False)
    sha256: str
    licence: str
    stages: tuple[StageInfo, ...]
    multiple: int
    border_px: int
    defaults: BackboneDefaults
    tier: str | None = None
    fixed_size: tuple[int, int] | None = None

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


@dataclass(frozen=True)
class Backbones:
    """Where backbones are looked for: those of okng first, then a folder of the user's own.

    Each is `NAME.onnx` + `NAME.json`.
    """

    added: Traversable | None = None

    def names(self) -> list[str]:
        """Return the names of all that can be loaded, sorted."""
        return sorted({name for place, _ in self._places() for name in _names_in(place)})

    def load(self, name: str) -> Backbone:
        """Load a backbone by name and check it against its provenance file.

        Raises:
            BadSetting: there is no such backbone.
            BadModel: its graph is not the one that its provenance file names.
        """
        for place, mend in self._places():
            if name in _names_in(place):
                return _read(place, name, mend)
        raise BadSetting(
            f"there is no backbone {name!r}; choose from: {', '.join(self.names())}; "
            "okng backbone add and pull bring others"
        )

    def _places(self) -> Iterator[tuple[Traversable, str]]:
        """Yield the folders to look in, the first wins, and how to mend what is in each."""
        yield files("okng").joinpath("backbones"), _REINSTALL
        if self.added is not None and self.added.is_dir():
            yield self.added, "remove it and add it again: okng backbone remove, add"


SHIPPED = Backbones()
"""Those that come with okng alone."""


def load_backbone(name: str) -> Backbone:
    """Load a backbone that comes with okng; see `Backbones.load`."""
    return SHIPPED.load(name)


def backbone_of(name: str, graph: bytes, card: Mapping[str, Any]) -> Backbone:
    """Make a backbone of a graph and the plain values of its provenance file.

    Raises:
        KeyError, TypeError or ValueError: the provenance is not whole.
    """
    stages = tuple(StageInfo(s["name"], s["stride"], s["channels"]) for s in card["stages"])
    defaults, taken = card["defaults"], card["input"]
    fixed = taken.get("fixed_size")
    return Backbone(
        name=name,
        onnx=graph,
        sha256=card["sha256"],
        licence=card["licence"],
        stages=stages,
        multiple=int(taken["multiple"]),
        border_px=int(taken["border_px"]),
        defaults=BackboneDefaults(
            tuple(defaults["stages"]),
            int(defaults["cell_px"]),
            int(defaults["side_px"]),
            int(defaults["neighbourhood"]),
        ),
        tier=card.get("tier"),
        fixed_size=None if fixed is None else (int(fixed[0]), int(fixed[1])),
    )


def _names_in(place: Traversable) -> Iterator[str]:
    return (entry.name[:-5] for entry in place.iterdir() if entry.name.endswith(".json"))


def _read(place: Traversable, name: str, mend: str) -> Backbone:
    try:
        graph = place.joinpath(f"{name}.onnx").read_bytes()
        card = json.loads(place.joinpath(f"{name}.json").read_text(encoding="utf-8"))
        backbone = backbone_of(name, graph, card)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModel(f"backbone {name} cannot be read ({error!r}); {mend}") from error
    found = sha256(graph).hexdigest()
    if found != backbone.sha256:
        raise BadModel(
            f"backbone {name} is damaged: {name}.onnx has the SHA-256 {found[:12]}..., "
            f"{name}.json says {backbone.sha256[:12]}...; {mend}"
        )
    return backbone


_REINSTALL = "install okng again: pip install --force-reinstall okng"
