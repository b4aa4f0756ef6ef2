import numpy as np
import onnx
import pytest
import torch
from torch import nn

from okng.domain.arrays import Floats
from okng.domain.ports import Runtime
from okng.graphs.builder import GraphBuilder
from okng.learning.autoencoder import AutoencoderConfig, difference, graph_of, network_of
from okng.learning.pictures import to_tensor
from okng.learning.to_onnx import Affine, Crop, Residual, write
from okng.testing.images import good_parts, with_defect

LAYERS = {
    "convolution": nn.Conv2d(4, 6, 3, 2, 1, bias=False),
    "dilated": nn.Conv2d(4, 4, 3, 1, 2, dilation=2),
    "reflected": nn.Conv2d(4, 4, 3, 1, 2, dilation=2, padding_mode="reflect"),
    "depthwise": nn.Conv2d(4, 4, 5, 1, 2, groups=4),
    "batch norm": nn.BatchNorm2d(4),
    "relu": nn.ReLU(),
    "relu6": nn.ReLU6(),
    "silu": nn.SiLU(),
    "gelu": nn.GELU(),
    "sigmoid": nn.Sigmoid(),
    "max pool": nn.MaxPool2d(3, 2, 1),
    "average pool": nn.AvgPool2d(2),
    "global average": nn.AdaptiveAvgPool2d(1),
    "global maximum": nn.AdaptiveMaxPool2d(1),
    "upsample": nn.Upsample(scale_factor=2),
    "bilinear": nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
    "head": nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 64, 5), nn.Identity()),
    "reflection": nn.ReflectionPad2d((2, 2, 1, 1)),
    "zeros": nn.ZeroPad2d((0, 1, 2, 3)),
    "affine": Affine(2.5, -0.5),
    "crop": Crop(1),
    "residual": Residual(nn.Conv2d(4, 4, 1), nn.Dropout2d(0.5)),
}


def run_written(network: nn.Module, x: Floats, runtime: Runtime) -> Floats:
    with torch.no_grad():
        shape = network(torch.from_numpy(x)).shape
    graph = GraphBuilder("written")
    value = write(graph, graph.input("x", "float32", x.shape), network)
    graph.output(value, "y", shape)
    return runtime.load(graph.build().SerializeToString()).run({"x": x})["y"]


@pytest.mark.parametrize("name", LAYERS)
def test_each_layer_computes_what_pytorch_does(name: str, runtime: Runtime) -> None:
    """A layer that was written to a graph gives PyTorch's numbers."""
    layer = LAYERS[name].eval()
    if isinstance(layer, nn.BatchNorm2d):
        layer.running_mean.uniform_(-1, 1)
        layer.running_var.uniform_(0.5, 2)
    x = np.random.default_rng(0).normal(0, 3, (2, 4, 8, 8)).astype(np.float32)
    with torch.no_grad():
        expected = layer(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(run_written(layer, x, runtime), expected, rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_not_known() -> None:
    """A network that cannot be written is refused by its layer's name."""
    with pytest.raises(TypeError, match="a layer Softshrink cannot be written"):
        write(GraphBuilder("written"), "x", nn.Sequential(nn.Softshrink()))


@pytest.mark.parametrize("loss", ["mse", "ssim"])
def test_the_autoencoders_map_is_the_difference_that_it_learned_by(
    loss: str, runtime: Runtime
) -> None:
    """The graph's map is PyTorch's difference of each pixel, also where the size is brought to
    one that fits."""
    config = AutoencoderConfig(
        loss=loss, levels=2, width=4, code=4, cell_px=1, blur_cells=0, score_share=0
    )
    torch.manual_seed(0)
    network = network_of(config).eval()
    pixels = with_defect(good_parts(1, 30)[0])[None]
    x = to_tensor(pixels, (32, 32), torch.device("cpu"))
    with torch.no_grad():
        expected = difference(x, network(x), loss)[:, 0].numpy()
    graph = graph_of(network, config, np.ones((30, 30), np.bool_))
    onnx.checker.check_model(graph)
    found = runtime.load(graph).run({"image": pixels})
    np.testing.assert_allclose(found["anomaly_map"], expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found["score"], expected.max(axis=(1, 2)), rtol=1e-3)
