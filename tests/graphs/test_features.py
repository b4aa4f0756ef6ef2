from functools import cache

import cv2
import numpy as np
import onnxruntime
import pytest

from okng.domain.errors import BadSetting
from okng.domain.ports import Runtime
from okng.graphs.backbone import Backbone, load_backbone
from okng.graphs.features import feature_graph
from okng.testing.images import good_part

NAME = "efficientnet_lite0"


@cache
def backbone() -> Backbone:
    return load_backbone(NAME)


def stages_of(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Run the backbone alone on `[H, W, 3]`; returns `[C, h, w]` by stage."""
    session = onnxruntime.InferenceSession(backbone().onnx, providers=["CPUExecutionProvider"])
    image = pixels.astype(np.float32).transpose(2, 0, 1)[None]
    found = session.run([stage.name for stage in backbone().stages], {"image": image})
    return {stage.name: v[0] for stage, v in zip(backbone().stages, found, strict=True)}


def by_hand(pixels: np.ndarray, stages: tuple[str, ...], cell_px: int) -> np.ndarray:
    """Do in numpy and OpenCV what the graph says it does."""
    padding = backbone().border_px
    padded = np.pad(pixels, ((padding, padding), (padding, padding), (0, 0)), mode="reflect")
    features = stages_of(padded)
    rows, columns = pixels.shape[0] // cell_px, pixels.shape[1] // cell_px
    parts = []
    for name in stages:
        planes, stride = features[name], backbone().stage(name).stride
        windows = np.lib.stride_tricks.sliding_window_view(planes, (3, 3), axis=(1, 2))
        pooled = windows.mean(axis=(3, 4))
        skip = padding // stride - 1  # the window has eaten one
        height, width = pixels.shape[0] // stride, pixels.shape[1] // stride
        pooled = pooled[:, skip : skip + height, skip : skip + width]
        if stride <= cell_px:
            step = cell_px // stride
            blocks = pooled.reshape(len(pooled), rows, step, columns, step)
            parts.append(blocks.mean(axis=(2, 4)))
        else:
            parts.append(
                np.stack(
                    [cv2.resize(p, (columns, rows), interpolation=cv2.INTER_LINEAR) for p in pooled]
                )
            )
    return np.concatenate(parts)


@pytest.mark.parametrize(
    ("stages", "cell_px", "height", "width"),
    [
        (("stride8", "stride16"), 16, 64, 96),
        (("stride8", "stride16"), 8, 64, 64),
        (("stride4",), 4, 32, 48),
        (("stride16", "stride4"), 32, 96, 64),
    ],
)
def test_features_are_the_backbones(
    runtime: Runtime, stages: tuple[str, ...], cell_px: int, height: int, width: int
) -> None:
    """Features are the backbone's own, averaged over neighbours, on the grid, in order."""
    pixels = cv2.resize(good_part(1, 96), (width, height))
    features = feature_graph(backbone(), stages, cell_px, height, width)
    expected = by_hand(pixels, stages, cell_px)
    assert (features.channels, features.rows, features.columns) == expected.shape
    session = runtime.load(features.graph.SerializeToString())
    found = session.run({"image": pixels[None]})["features"][0]
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("level", [20, 128, 235])
def test_reflection_calms_the_border(runtime: Runtime, level: int) -> None:
    """On a plain picture border cells are much nearer to the middle than the network's own are."""
    pixels = np.full((256, 256, 3), level, np.uint8)
    features = feature_graph(backbone(), ("stride16",), 16, 256, 256)
    session = runtime.load(features.graph.SerializeToString())
    ours = session.run({"image": pixels[None]})["features"][0]
    bare = stages_of(pixels)["stride16"]

    def unrest(planes: np.ndarray) -> float:
        away = np.linalg.norm(planes - planes[:, 8:9, 8:9], axis=0)
        return float(np.concatenate([away[0], away[-1], away[:, 0], away[:, -1]]).mean())

    assert unrest(ours) < 0.65 * unrest(bare)


def test_a_symmetric_picture_has_a_calm_middle(runtime: Runtime) -> None:
    """Away from the border a plain picture has the same features everywhere."""
    features = feature_graph(backbone(), ("stride8",), 8, 256, 256)
    session = runtime.load(features.graph.SerializeToString())
    found = session.run({"image": np.full((1, 256, 256, 3), 90, np.uint8)})["features"][0]
    middle = found[:, 14:18, 14:18]
    assert np.ptp(middle, axis=(1, 2)).max() < 1e-3 * np.abs(middle).max()


def test_only_the_stages_in_use_are_in_the_graph() -> None:
    """The network is cut after the last stage in use."""
    sizes = [
        feature_graph(backbone(), (name,), 16, 64, 64).graph.ByteSize()
        for name in ("stride4", "stride8", "stride16")
    ]
    assert sizes[0] < 0.2 * sizes[2]
    assert sizes[1] < 0.5 * sizes[2]


@pytest.mark.parametrize(
    ("stages", "cell_px", "height", "width", "reason"),
    [
        (("stride9",), 16, 64, 64, "stride4, stride8, stride16"),
        (("stride8",), 32, 47, 80, "at least 64 px"),
        (("stride8",), 16, 16, 64, "at least 32 px"),
        (("stride8",), 12, 96, 96, "does not fit the strides"),
    ],
)
def test_sizes_that_do_not_fit(
    stages: tuple[str, ...], cell_px: int, height: int, width: int, reason: str
) -> None:
    """A stage, cell or size that cannot work is refused, and what can is named."""
    with pytest.raises(BadSetting, match=reason):
        feature_graph(backbone(), stages, cell_px, height, width)


def test_unknown_backbone() -> None:
    """A backbone that is not there is refused with those that are."""
    with pytest.raises(BadSetting, match=NAME):
        load_backbone("resnet9000")
