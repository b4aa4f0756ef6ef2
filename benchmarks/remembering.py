"""Frozen features, kept on the disk, so that they are computed once for all splits and seeds."""

import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
from onnx import load_model_from_string

from benchmarks.kept import FOLDER
from okng.domain.arrays import Array, Floats
from okng.domain.ports import Runtime, Session


class Remembering:
    """A runtime that keeps what graphs of one output answer: frozen features, in a file each.

    Splits and seeds differ in the images that they learn, and not in the features of these.
    """

    def __init__(self, inner: Runtime) -> None:
        self._inner = inner
        self._opened: list[_RememberingSession] = []
        self.name = inner.name
        self.label = inner.label

    def load(self, graph: bytes) -> Session:
        session = self._inner.load(graph)
        outputs = [value.name for value in load_model_from_string(graph).graph.output]
        if len(outputs) > 1:
            return session
        file = FOLDER / "features" / f"{sha256(graph).hexdigest()[:16]}.npz"
        self._opened.append(_RememberingSession(session, outputs[0], file))
        return self._opened[-1]

    def __enter__(self) -> "Remembering":
        return self

    def __exit__(self, *_: object) -> None:
        for session in self._opened:
            session.keep()


class _RememberingSession:
    def __init__(self, inner: Session, output: str, file: Path) -> None:
        self._inner, self._output, self._file = inner, output, file
        self._known: dict[str, Floats] = {}
        if file.exists():
            with np.load(file, allow_pickle=False) as kept:
                self._known = dict(zip(kept["keys"].tolist(), kept["values"], strict=True))

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        (image,) = inputs.values()
        key = sha256(image.tobytes()).hexdigest()
        if key not in self._known:
            self._known[key] = self._inner.run(inputs)[self._output]
        return {self._output: self._known[key]}

    def keep(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        values = np.array(list(self._known.values()))
        with tempfile.NamedTemporaryFile(dir=self._file.parent, delete=False) as whole:
            np.savez(whole, keys=list(self._known), values=values)
        Path(whole.name).replace(self._file)
