"""Make networks that may become backbones of what users have: weights, ONNX files."""

from dataclasses import dataclass
from pathlib import Path

from okng.domain.errors import BadBackbone
from okng.graphs import efficientnet_lite
from okng.graphs.backbone import BackboneDefaults
from okng.graphs.foreign_network import Foreign, Size, Use, backbone_graph, open_network
from okng.graphs.self_contained import LARGEST_GRAPH
from okng.graphs.vision_transformer import (
    default_outputs,
    feature_graph,
    shape_of,
    upstream_names,
)
from okng.graphs.weights import Weights, read_weights


@dataclass(frozen=True)
class Network:
    """A graph that may become a backbone; see `Backbone` for what is not said here.

    What is None follows from the outputs. `original` is the network that the graph was made of,
    where there is one to compare it with.
    """

    graph: bytes
    multiple: int | None = None
    border_px: int | None = None
    defaults: BackboneDefaults | None = None
    fixed_size: Size | None = None
    original: Foreign | None = None


def network_of_weights(file: Path) -> Network:
    """Build the network whose weights a file holds, an EfficientNet-Lite or a DINOv2.

    Raises:
        BadBackbone: the file holds something else.
    """
    weights = read_weights(file)
    if efficientnet_lite.is_efficientnet_lite(weights):
        depth = efficientnet_lite.depth_of(weights)
        built = efficientnet_lite.feature_graph(weights, depth, efficientnet_lite.OUTPUTS)
        graph = built.SerializeToString(deterministic=True)
        return Network(graph, efficientnet_lite.MULTIPLE, efficientnet_lite.BORDER_PX)
    return _vision_transformer(upstream_names(weights))


def _vision_transformer(weights: Weights) -> Network:
    shape = shape_of(weights)
    outputs = default_outputs(shape.blocks)
    graph = feature_graph(weights, outputs).SerializeToString(deterministic=True)
    last = tuple(f"block{number}" for number in outputs[-3:])
    side = 18 * shape.patch_px
    defaults = BackboneDefaults(last, shape.patch_px, side, neighbourhood=1)
    return Network(graph, shape.patch_px, 0, defaults)


def networks_of_onnx(file: Path, use: Use) -> tuple[Network, ...]:
    """Make what an ONNX file may be used as, the most useful first.

    A network that gives feature maps may take images of any size, also where its file names one, as
    exporters do; whether it does, a trial says. Tokens are of the stated grid, at one size.

    Raises:
        BadBackbone: the file cannot be read, or holds no network that can be used so.
    """
    network = open_network(_read(file), use)
    fixed = None
    if network.size is not None:
        graph = backbone_graph(network, network.size)
        fixed = Network(graph, border_px=0, fixed_size=network.size, original=network)
    if use.grid is None and use.size is None:
        any_size = Network(backbone_graph(network, None), original=network)
        return (any_size,) if fixed is None else (any_size, fixed)
    if fixed is None:
        raise BadBackbone("the size of its image is open: state it, as in 224x224")
    return (fixed,)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST_GRAPH + 1)
    except OSError as error:
        raise BadBackbone(f"{file} cannot be read ({error.strerror})") from error
    if len(data) > LARGEST_GRAPH:
        raise BadBackbone(f"{file} has more than {LARGEST_GRAPH} bytes, which is the most")
    return data
