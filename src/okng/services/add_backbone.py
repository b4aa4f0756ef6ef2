"""Add a backbone: a file of weights or a network in, a backbone that has run here out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import numpy as np
from onnx import load_model_from_string

from okng.domain.arrays import Floats
from okng.domain.errors import BadBackbone, BadModel, ParityError
from okng.domain.ports import Runtime, Session
from okng.graphs.backbone import BackboneDefaults, StageInfo
from okng.graphs.known_backbones import known
from okng.graphs.vision_transformer import (
    default_outputs,
    feature_graph,
    shape_of,
    upstream_names,
)
from okng.graphs.weights import read_weights

TRIAL_SIZES = ((448, 448), (448, 672))
"""Height and width of the images that a new backbone runs on: multiples of 14, 16, 28 and 32."""

TOLERANCE = 1e-3
"""How far runtimes may differ, as a share of the largest feature."""


class BackboneStore(Protocol):
    """Keeps backbones by name."""

    def check_free(self, name: str) -> None:
        """Refuse a name that cannot be one, or is taken."""
        ...

    def add(self, name: str, graph: bytes, card: Mapping[str, object]) -> Path: ...


@dataclass(frozen=True)
class Network:
    """A graph that may become a backbone; see `Backbone` for what is not said here."""

    graph: bytes
    multiple: int
    border_px: int
    defaults: BackboneDefaults | None


@dataclass(frozen=True)
class Added:
    """What was added. `path` is where the graph is."""

    name: str
    sha256: str
    licence: str
    stages: tuple[StageInfo, ...]
    defaults: BackboneDefaults
    size_bytes: int
    path: Path


def add_backbone(
    name: str,
    file: Path,
    network: Network,
    licence: str | None,
    runtimes: Sequence[Runtime],
    store: BackboneStore,
) -> Added:
    """Run a network on every runtime, see what its outputs are, and keep it.

    Args:
        name: what it will be called.
        file: where it came from.
        network: what was made of the file.
        licence: under which it may be used; what is known of the name, unless given.
        runtimes: all that are installed.
        store: where it goes.

    Raises:
        BadBackbone: it cannot run here, or its outputs are no features.
        ParityError: the runtimes disagree about it.
    """
    store.check_free(name)
    fact = known(name)
    stages = discover(network, runtimes)
    defaults = network.defaults or _defaults(stages, network.multiple)
    if fact is not None and set(fact.defaults.stages) <= {stage.name for stage in stages}:
        defaults = fact.defaults
    digest = sha256(network.graph).hexdigest()
    licence = licence or (fact.licence if fact else "not stated")
    card = {
        "name": name,
        "sha256": digest,
        "licence": licence,
        "source": {
            "from": fact.source if fact else None,
            "file": file.name,
            "sha256": _digest(file),
        },
        "input": {"multiple": network.multiple, "border_px": network.border_px},
        "stages": [asdict(stage) for stage in stages],
        "defaults": asdict(defaults),
        "tier": fact.tier if fact else None,
    }
    path = store.add(name, network.graph, card)
    return Added(name, digest, licence, stages, defaults, len(network.graph), path)


def network_of_weights(file: Path) -> Network:
    """Build a vision transformer of the DINOv2 family from a safetensors file.

    Raises:
        BadBackbone: the file holds something else.
    """
    weights = upstream_names(read_weights(file))
    shape = shape_of(weights)
    outputs = default_outputs(shape.blocks)
    graph = feature_graph(weights, outputs).SerializeToString(deterministic=True)
    last = tuple(f"block{number}" for number in outputs[-3:])
    side = 18 * shape.patch_px
    defaults = BackboneDefaults(last, shape.patch_px, side, neighbourhood=1)
    return Network(graph, shape.patch_px, 0, defaults)


def discover(network: Network, runtimes: Sequence[Runtime]) -> tuple[StageInfo, ...]:
    """Run a network and return what its outputs are, from fine to coarse.

    Raises:
        BadBackbone: it does not run, or an output is no map of features whose size follows the
            image's.
        ParityError: the runtimes disagree.
    """
    names = [output.name for output in load_model_from_string(network.graph).graph.output]
    try:
        sessions = {runtime.label: runtime.load(network.graph) for runtime in runtimes}
        first, second = (_trial(sessions, names, *size) for size in TRIAL_SIZES)
    except BadModel as error:
        raise BadBackbone(f"this network does not run here: {str(error)[:500]}") from error
    if first != second:
        raise BadBackbone("its outputs do not follow the size of the image as maps of features do")
    return tuple(sorted(first, key=lambda stage: stage.stride))


def _trial(
    sessions: Mapping[str, Session], names: Sequence[str], height: int, width: int
) -> list[StageInfo]:
    """Run on all runtimes, which must agree; returns what the outputs are."""
    image = _picture(height, width)
    results = {label: session.run({"image": image}) for label, session in sessions.items()}
    (label, first), *others = results.items()
    for other_label, other in others:
        for name in names:
            apart = np.abs(first[name] - other[name]).max()
            if not apart <= TOLERANCE * np.abs(first[name]).max():
                raise ParityError(f"{label} and {other_label} differ in {name} by {apart:.3g}")
    return [_stage(name, first[name], height, width) for name in names]


def _stage(name: str, values: Floats, height: int, width: int) -> StageInfo:
    if values.ndim != 4 or values.shape[0] != 1:
        raise BadBackbone(f"its output {name} has the shape {list(values.shape)}, not [1, C, h, w]")
    _, channels, rows, columns = values.shape
    if not rows or height % rows or columns * (height // rows) != width or rows < 4:
        raise BadBackbone(
            f"its output {name} is {columns} x {rows} for an image of {width} x {height}: no whole "
            "number of pixels to each place"
        )
    if not np.isfinite(values).all():
        raise BadBackbone(f"its output {name} holds values that are no finite numbers")
    return StageInfo(name, height // rows, channels)


def _defaults(stages: Sequence[StageInfo], multiple: int) -> BackboneDefaults:
    """Choose the stages of middle fineness, where parts' details and their sense are both."""
    middle = [stage for stage in stages if 8 <= stage.stride <= 16] or list(stages[-2:])
    cell_px = max(stage.stride for stage in middle)
    side_px = multiple * max(2, round(256 / multiple))
    return BackboneDefaults(tuple(stage.name for stage in middle), cell_px, side_px, 3)


def _picture(height: int, width: int) -> Floats:
    """Return a smooth picture with noise, float32 `[1, 3, H, W]`, 0 to 255."""
    y, x = np.mgrid[:height, :width]
    planes = np.stack([255 * x / width, 255 * y / height, 255 * (x + y) / (height + width)])
    noise = np.random.default_rng(0).normal(0, 8, planes.shape)
    return np.clip(planes + noise, 0, 255).astype(np.float32)[None]


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        digest = sha256()
        while piece := opened.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest()
