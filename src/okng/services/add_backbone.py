"""Add a backbone: a network in, a backbone that has run here out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import lcm
from pathlib import Path
from typing import Protocol

import numpy as np
from onnx import load_model_from_string

from okng.domain.arrays import Floats
from okng.domain.errors import BadBackbone, BadModel, ParityError
from okng.domain.ports import Runtime, Session
from okng.graphs.backbone import BackboneDefaults, StageInfo
from okng.graphs.foreign_network import Foreign, Size
from okng.graphs.known_backbones import known
from okng.services.backbone_networks import Network

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
class Added:
    """What was added. `path` is where the graph is."""

    name: str
    sha256: str
    licence: str
    stages: tuple[StageInfo, ...]
    defaults: BackboneDefaults
    size_bytes: int
    path: Path
    fixed_size: Size | None


def add_backbone(
    name: str,
    file: Path,
    networks: Sequence[Network],
    licence: str | None,
    runtimes: Sequence[Runtime],
    store: BackboneStore,
) -> Added:
    """Run a network on every runtime, see what its outputs are, and keep it.

    Args:
        name: what it will be called.
        file: where it came from.
        networks: what was made of the file; the first that runs is taken.
        licence: under which it may be used; what is known of the name, unless given.
        runtimes: all that are installed.
        store: where it goes.

    Raises:
        BadBackbone: it cannot run here, or its outputs are no features.
        ParityError: the runtimes disagree about it.
    """
    store.check_free(name)
    network, stages = _first_that_runs(networks, runtimes)
    multiple = network.multiple or lcm(*(stage.stride for stage in stages))
    border_px = multiple if network.border_px is None else network.border_px
    defaults = network.defaults or _defaults(stages, multiple, network)
    fact = known(name)
    if fact is not None and not set(fact.defaults.stages) <= {stage.name for stage in stages}:
        fact = None  # another network under a known one's name
    if fact is not None:
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
        "input": {
            "multiple": multiple,
            "border_px": border_px,
            "fixed_size": network.fixed_size,
        },
        "stages": [asdict(stage) for stage in stages],
        "defaults": asdict(defaults),
        "tier": fact.tier if fact else None,
    }
    path = store.add(name, network.graph, card)
    size = len(network.graph)
    return Added(name, digest, licence, stages, defaults, size, path, network.fixed_size)


def discover(network: Network, runtimes: Sequence[Runtime]) -> tuple[StageInfo, ...]:
    """Run a network and return what its outputs are, from fine to coarse.

    Raises:
        BadBackbone: it does not run, or an output is no map of features whose size follows the
            image's.
        ParityError: the runtimes disagree, or it does not give what its original gives.
    """
    sizes = TRIAL_SIZES if network.fixed_size is None else (network.fixed_size,)
    names = [output.name for output in load_model_from_string(network.graph).graph.output]
    try:
        wanted = _original_maps(network.original, runtimes[0], sizes[0])
        sessions = {runtime.label: runtime.load(network.graph) for runtime in runtimes}
        first, *others = (_trial(sessions, names, *size) for size in sizes)
        chosen = sessions[runtimes[0].label]
        _check_batches(chosen, names, *sizes[0])
        for image, name, maps in wanted:
            ours = chosen.run({"image": image})[name]
            _check_same(ours, maps, f"the graph and the file it was made of differ in {name}")
    except BadModel as error:
        raise BadBackbone(f"this network does not run here: {str(error)[:500]}") from error
    if any(other != first for other in others):
        raise BadBackbone("its outputs do not follow the size of the image as maps of features do")
    return tuple(sorted(first, key=lambda stage: stage.stride))


def _first_that_runs(
    networks: Sequence[Network], runtimes: Sequence[Runtime]
) -> tuple[Network, tuple[StageInfo, ...]]:
    """Return the first network that can be discovered; the last one's error where none can."""
    for network in networks[:-1]:
        try:
            return network, discover(network, runtimes)
        except BadBackbone:
            continue
    return networks[-1], discover(networks[-1], runtimes)


def _trial(
    sessions: Mapping[str, Session], names: Sequence[str], height: int, width: int
) -> list[StageInfo]:
    """Run on all runtimes, which must agree; returns what the outputs are."""
    image = _picture(height, width)
    results = {label: session.run({"image": image}) for label, session in sessions.items()}
    (label, first), *others = results.items()
    for other_label, other in others:
        for name in names:
            _check_same(first[name], other[name], f"{label} and {other_label} differ in {name}")
    return [_stage(name, first[name], height, width) for name in names]


def _check_batches(session: Session, names: Sequence[str], height: int, width: int) -> None:
    """Make sure that an image's features do not depend on those that run beside it."""
    image = _picture(height, width)
    both = np.concatenate([image[..., ::-1], image])
    try:
        together, alone = session.run({"image": both}), session.run({"image": image})
    except BadModel as error:
        raise BadBackbone(
            "it takes one image at a time: export it with the batch's size left open "
            f"({str(error)[:300]})"
        ) from error
    for name in names:
        if len(together[name]) != len(both):
            raise BadBackbone(
                "it takes one image at a time: export it with the batch's size left open"
            )
        _check_same(together[name][1:], alone[name], f"images of a batch mix in {name}")


def _original_maps(
    original: Foreign | None, runtime: Runtime, size: Size
) -> list[tuple[Floats, str, Floats]]:
    """Run the file that a graph was made of, at its own size; returns image, output and its map."""
    if original is None:
        return []
    image = _picture(*(original.size or size))
    theirs = runtime.load(original.with_outputs()).run({original.input: original.prepared(image)})
    return [(image, name, original.as_maps(theirs[name])) for name in original.use.outputs]


def _check_same(first: Floats, other: Floats, message: str) -> None:
    if first.shape != other.shape:
        raise ParityError(f"{message}: {list(first.shape)} is not {list(other.shape)}")
    apart = float(np.abs(first - other).max())
    if not apart <= TOLERANCE * float(np.abs(first).max()):
        raise ParityError(f"{message} by {apart:.3g}")


def _stage(name: str, values: Floats, height: int, width: int) -> StageInfo:
    if values.ndim != 4 or values.shape[0] != 1:
        raise BadBackbone(f"its output {name} has the shape {list(values.shape)}, not [1, C, h, w]")
    _, channels, rows, columns = values.shape
    if rows < 4 or height % rows or columns * (height // rows) != width:
        raise BadBackbone(
            f"its output {name} is {columns} x {rows} for an image of {width} x {height}: it takes "
            "4 places a side at least, and a whole number of pixels to each"
        )
    if not np.isfinite(values).all():
        raise BadBackbone(f"its output {name} holds values that are no finite numbers")
    return StageInfo(name, height // rows, channels)


def _defaults(stages: Sequence[StageInfo], multiple: int, network: Network) -> BackboneDefaults:
    """Choose the stages of middle fineness, where parts' details and their sense are both.

    Tokens have looked around already: they are not averaged over their neighbours.
    """
    middle = [stage for stage in stages if 8 <= stage.stride <= 16] or list(stages[-2:])
    cell_px = max(stage.stride for stage in middle)
    side_px = max(network.fixed_size or [multiple * max(2, round(256 / multiple))])
    is_tokens = network.original is not None and network.original.use.grid is not None
    names = tuple(stage.name for stage in middle)
    return BackboneDefaults(names, cell_px, side_px, neighbourhood=1 if is_tokens else 3)


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
