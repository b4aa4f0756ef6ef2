from collections.abc import Callable, Mapping

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.domain.arrays import Array, Floats
from okng.domain.errors import BadModel
from okng.domain.ports import Session
from okng.testing.models import tiny_graph
from okng.testing.runtimes import (
    RuntimeTrial,
    SkewedRuntime,
    agrees_with_the_reference,
    check_runtime_class,
    gives_outputs_away,
    leaves_inputs_alone,
    refuses_broken_graphs,
    says_what_it_is,
    takes_batches,
)


class Wrapped:
    """A runtime with one fault: `run` and `load` of its subclasses."""

    name = "wrapped"
    label = "wrapped 1.0 CPU f32"

    def __init__(self, inner: OnnxRuntime) -> None:
        self.inner = inner

    def load(self, graph: bytes) -> Session:
        session = self.inner.load(graph)
        fault = self.fault

        class Faulty:
            def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
                return fault(session, inputs)

        return Faulty()

    def fault(self, session: Session, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        return session.run(inputs)


class Nameless(Wrapped):
    name = ""


class Double(Wrapped):
    def fault(self, session: Session, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        return {name: value.astype(float) for name, value in session.run(inputs).items()}


class OnlyFirst(Wrapped):
    def fault(self, session: Session, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        return session.run({name: value[:1] for name, value in inputs.items()})


class Shared(Wrapped):
    """Hands out the same memory every time."""

    def __init__(self, inner: OnnxRuntime) -> None:
        super().__init__(inner)
        self.memory: dict[str, Floats] = {}

    def fault(self, session: Session, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        for name, value in session.run(inputs).items():
            self.memory.setdefault(name, value.copy())[:] = value
        return self.memory


class Raw(Wrapped):
    """Reads memory as it lies, whatever the strides."""

    def fault(self, session: Session, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        image = inputs["image"]
        raw = np.frombuffer((image if image.base is None else image.base).tobytes(), np.uint8)
        return session.run({"image": raw[: image.size].reshape(image.shape)})


class Lenient(Wrapped):
    def load(self, graph: bytes) -> Session:
        try:
            return super().load(graph)
        except BadModel:
            return super().load(tiny_graph())


def test_an_honest_wrapper_passes(runtime: OnnxRuntime) -> None:
    """A runtime without a fault passes what the faulty ones below fail."""
    for check in (says_what_it_is, takes_batches, gives_outputs_away, leaves_inputs_alone):
        check(RuntimeTrial(Wrapped(runtime)))


@pytest.mark.parametrize(
    ("faulty", "check", "reason"),
    [
        (Nameless, says_what_it_is, "needs a name"),
        (Double, agrees_with_the_reference, "must be float32"),
        (lambda inner: SkewedRuntime(inner, 0.01), agrees_with_the_reference, "away from ONNX's"),
        (OnlyFirst, takes_batches, "a batch of 3"),
        (Shared, gives_outputs_away, "must not overwrite"),
        (Raw, leaves_inputs_alone, "strided pixels"),
        (Lenient, refuses_broken_graphs, "must be refused with BadModel"),
    ],
)
def test_a_runtime_with_a_fault_fails(
    runtime: OnnxRuntime,
    faulty: Callable[[OnnxRuntime], Wrapped],
    check: Callable[[RuntimeTrial], None],
    reason: str,
) -> None:
    """Each check fails on a runtime with its fault, and says which."""
    with pytest.raises(AssertionError, match=reason):
        check(RuntimeTrial(faulty(runtime)))


def test_a_skewed_runtime_is_off_by_what_it_says(runtime: OnnxRuntime) -> None:
    """Every output of `SkewedRuntime` is the inner one's plus the offset."""
    pixels = np.full((1, 8, 8, 3), 200, np.uint8)
    straight = runtime.load(tiny_graph()).run({"image": pixels})
    skewed = SkewedRuntime(runtime, 0.5).load(tiny_graph()).run({"image": pixels})
    for name, value in straight.items():
        assert skewed[name] == pytest.approx(value + 0.5)


class Open:
    """A runtime's class that takes any device."""

    class Config(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")

        device: str = Field("CPU", title="Device", description="Any.")
        precision: str = Field("f32", title="Precision", description="Any.")
        threads: int = Field(1, title="Threads", description="Any.")

    def __init__(self, config: "Open.Config") -> None:
        self.config = config


def test_a_class_that_takes_any_device_fails() -> None:
    """A device that does not exist must be refused."""
    with pytest.raises(AssertionError, match="must be refused, not replaced"):
        check_runtime_class(Open)
