"""A runtime that runs the frozen front of a graph once for each picture.

Every training with the same backbone at the same size has the same front, from pixels to features.
Where hundreds of trainings are judged on the same thousands of pictures, nearly all of the work is
that front again and again. This runtime cuts a graph where its features are, keeps what the front
made of each picture, and runs the graph's own back on it. Nothing is put in anything's place: both
halves are cut from the graph that is loaded, and `check` compares them with the whole.
"""

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np
from onnx import ModelProto, TensorProto, load_model_from_string
from onnx.helper import make_tensor_value_info
from onnx.utils import Extractor

from okng.domain.arrays import Array, Floats, Pixels
from okng.domain.ports import Runtime, Session

_FEATURES = "features"
_SAME = 1e-4
"""Relative difference of scores; runtimes sum in another order when they see fewer nodes."""


class SharedFront:
    """Implements `okng.domain.ports.Runtime` on another runtime."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._front: Session | None = None
        self._digest = b""
        self._kept: dict[bytes, Floats] = {}
        self.name = runtime.name
        self.label = runtime.label

    def forget(self) -> None:
        """Let the kept features go; the front stays."""
        self._kept.clear()

    def load(self, graph: bytes) -> Session:
        model = load_model_from_string(graph)
        if [value.name for value in model.graph.input] != ["image"]:
            return self._runtime.load(graph)
        if [value.name for value in model.graph.output] == [_FEATURES]:
            return self._load_front(graph)
        return _Halves(self, self.back(graph))

    def _load_front(self, graph: bytes) -> Session:
        digest = blake2b(graph).digest()
        if self._front is None:
            self._front, self._digest = self._runtime.load(graph), digest
        if digest != self._digest:
            raise ValueError("another front: backbone, stages and size must be the same")
        return _Front(self)

    def back(self, graph: bytes) -> Session:
        """Return the graph from `features` to `score` and `anomaly_map`, for any batch."""
        model = load_model_from_string(graph)
        boundary = boundary_of(model)
        shape = ["N", None, None, None]
        model.graph.value_info.append(make_tensor_value_info(boundary, TensorProto.FLOAT, shape))
        back = Extractor(model).extract_model([boundary], ["score", "anomaly_map"])
        return _Back(self._runtime.load(back.SerializeToString()), boundary)

    def features(self, image: Array) -> Floats:
        """Return float32 `[1, C, h, w]` of uint8 `[1, H, W, 3]`; each picture is run once."""
        if self._front is None:
            raise ValueError("no training has loaded the front yet")
        digest = blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16).digest()
        if digest not in self._kept:
            self._kept[digest] = self._front.run({"image": image})[_FEATURES]
        return self._kept[digest]

    def check(self, graph: bytes, pictures: Pixels) -> None:
        """Compare the two halves with the whole on uint8 `[n, H, W, 3]`.

        Raises:
            RuntimeError: a score differs.
        """
        whole, halves = self._runtime.load(graph), self.load(graph)
        for picture in pictures:
            scores = [float(s.run({"image": picture[None]})["score"][0]) for s in (whole, halves)]
            if not np.isclose(*scores, rtol=_SAME, atol=0):
                raise RuntimeError(f"the whole graph gives {scores[0]}, its halves {scores[1]}")


def boundary_of(model: ModelProto) -> str:
    """Return the name that the output of the spliced feature graph has in a whole graph."""
    names = [name for node in model.graph.node for name in node.output]
    found = [name for name in names if name.endswith(f"/{_FEATURES}")]
    if len(found) != 1:
        raise ValueError(f"the graph has {len(found)} places where its features could be")
    return found[0]


class _Front:
    """The front alone."""

    def __init__(self, shared: SharedFront) -> None:
        self._shared = shared

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        return {_FEATURES: self._shared.features(inputs["image"])}


class _Halves:
    """A whole graph in two halves, one picture at a time."""

    def __init__(self, shared: SharedFront, back: Session) -> None:
        self._shared, self._back = shared, back

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        return self._back.run({_FEATURES: self._shared.features(inputs["image"])})


class _Back:
    """The back, its input called `features`."""

    def __init__(self, session: Session, boundary: str) -> None:
        self._session, self._boundary = session, boundary

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        return self._session.run({self._boundary: inputs[_FEATURES]})
