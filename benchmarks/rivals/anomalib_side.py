"""anomalib's side: runs in an environment that holds anomalib and what it needs, and not okng.

Everything is done through anomalib's own interface. Where it could lose time for nothing it is
helped: no validation pass (its scores stay raw, unclamped), no loggers, no gradients, a fixed
number of threads, the ONNX operator set that its exporter writes without a conversion.
"""

import logging
import os
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx.numpy_helper import to_array

from benchmarks.rivals.folded import unfold
from benchmarks.rivals.protocol import THREADS, Answer, Clock, serve, timed

torch.set_num_threads(THREADS)
torch.set_num_interop_threads(THREADS)


def _define_missing_operators() -> torch.library.Library | None:
    """Let torchvision be imported where its compiled part does not fit PyTorch.

    PyPI's torchvision is compiled for CUDA; beside a CPU build of PyTorch its operators cannot be
    loaded, and the import fails for want of these two. No detector here uses them.
    """
    found = find_spec("torchvision")
    compiled = sorted(Path(found.origin).parent.glob("_C.*")) if found and found.origin else []
    try:
        for library in compiled:
            torch.ops.load_library(library)
        return None
    except OSError:
        operators = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        return operators


_operators = _define_missing_operators()

from anomalib.data import Folder  # noqa: E402
from anomalib.deploy import ExportType, OpenVINOInferencer, TorchInferencer  # noqa: E402
from anomalib.engine import Engine  # noqa: E402
from anomalib.models import Padim, Patchcore  # noqa: E402

MODELS = {"patchcore": Patchcore, "padim": Padim}
OPENVINO = {
    "INFERENCE_NUM_THREADS": THREADS,
    "INFERENCE_PRECISION_HINT": "f32",
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": 1,
}
# A batch of 1, images of any size. With its defaults PatchCore comes out for batches of 2 alone.
_ANY_SIZE = {"input": {2: "height", 3: "width"}}
PACKAGES = ("anomalib", "torch", "torchvision", "timm", "lightning", "openvino")


class Side:
    """Trains a model from a folder, exports it, and judges files with it."""

    def __init__(self) -> None:
        self._model: Patchcore | Padim
        self._engine: Engine
        self._inferencer: TorchInferencer | OpenVINOInferencer | None = None

    def train(
        self, folder: str, out: str, model: str, settings: dict[str, Any], weights: str | None
    ) -> Answer:
        """Fit with defaults but for `settings`.

        `weights` is "pretrained" (anomalib's own, downloaded), a file of ResNet18 in ONNX, or
        nothing: random ones.
        """
        torch.manual_seed(0)
        clock = Clock()
        self._model = MODELS[model](pre_trained=weights == "pretrained", **settings)
        if weights and weights != "pretrained":
            _set_resnet18(self._model.model.feature_extractor.feature_extractor, Path(weights))
        self._engine = Engine(
            accelerator="cpu",
            devices=1,
            logger=False,
            limit_val_batches=0,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=out,
        )
        self._engine.fit(model=self._model, datamodule=_images(Path(folder)))
        seconds, cpu_s = clock.read()
        return {"train_s": seconds, "train_cpu_s": cpu_s}

    def export(self, out: str) -> Answer:
        """Write what was trained for both runtimes; the time is OpenVINO's export alone."""
        self._engine.export(self._model, ExportType.TORCH, export_root=out)
        clock = Clock()
        options = {"opset_version": 18, "verbose": False, "dynamic_axes": _ANY_SIZE}
        self._engine.export(self._model, ExportType.OPENVINO, export_root=out, onnx_kwargs=options)
        size = _size_mib(Path(out, "weights", "openvino"))
        return {"export_cpu_s": clock.read()[1], "size_mib": size}

    def load(self, out: str, runtime: str) -> Answer:
        """Get ready on `runtime`, "torch" or "openvino"."""
        weights = Path(out, "weights")
        # OpenVINO's inferencer keeps its cache in the working directory.
        os.chdir(out)
        if runtime == "torch":
            os.environ["TRUST_REMOTE_CODE"] = "1"
            self._inferencer = TorchInferencer(weights / "torch" / "model.pt", device="cpu")
        else:
            model = weights / "openvino" / "model.xml"
            self._inferencer = OpenVINOInferencer(model, device="CPU", config=OPENVINO)
        return {"versions": {name: version(name) for name in PACKAGES}}

    def time(self, files: list[str]) -> Answer:
        """Time each file's way to its score and map."""
        with torch.inference_mode():
            return timed(self._score, files)

    def _score(self, file: Path) -> float:
        assert self._inferencer is not None
        result = self._inferencer.predict(str(file))
        assert result.anomaly_map is not None
        return float(result.pred_score.reshape(-1)[0])


def _images(folder: Path) -> Folder:
    """Return the images; loading them in the training's own process, as `THREADS` demands."""
    return Folder(
        name="part",
        root=folder,
        normal_dir="train/good",
        normal_test_dir="test/good",
        abnormal_dir="test/bad",
        num_workers=0,
        val_split_mode="same_as_test",
        seed=0,
    )


def _set_resnet18(network: torch.nn.Module, file: Path) -> None:
    """Set the weights of timm's ResNet18, whose names are torchvision's, from an ONNX file."""
    arrays = {i.name: to_array(i) for i in onnx.load(file).graph.initializer}
    state = {name: torch.tensor(array) for name, array in unfold(arrays).items()}
    missing, _ = network.load_state_dict(state, strict=False)
    left = [name for name in missing if not name.endswith("num_batches_tracked")]
    if left:
        raise SystemExit(f"{file} has no weights for {', '.join(left)}")


def _size_mib(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    logging.getLogger("anomalib").setLevel(logging.ERROR)
    side = Side()
    serve({"train": side.train, "export": side.export, "load": side.load, "time": side.time})
