"""What every runtime must do; and runtimes that fail on purpose.

    from okng.testing.runtimes import check_runtime, check_runtime_class

    def test_my_runtime():
        check_runtime_class(MyRuntime)
        check_runtime(MyRuntime(MyRuntime.Config()))

Or one test for each of `RUNTIME_CHECKS`. A check raises AssertionError with what was expected.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx.reference import ReferenceEvaluator
from pydantic import ValidationError

from okng.domain.arrays import Array, Floats
from okng.domain.errors import BadModel, BadSetting
from okng.domain.ports import Runtime, Session
from okng.graphs.builder import GraphBuilder
from okng.graphs.features import Features
from okng.graphs.heads import MapScoring, join, nearest_neighbour_head
from okng.testing.models import tiny_graph
from okng.testing.plugins import check_config

TOLERANCE = 1e-4
"""How far a runtime in single precision may be from ONNX's reference, as a share of the score."""

_SIDE = 32


class SkewedRuntime:
    """A runtime that computes as `inner` does, but every output is off by `offset`."""

    def __init__(self, inner: Runtime, offset: float, name: str = "skewed") -> None:
        self._inner = inner
        self._offset = np.float32(offset)
        self.name = name

    @property
    def label(self) -> str:
        return f"{self.name} ({self._inner.label}, off by {self._offset:g})"

    def load(self, graph: bytes) -> "SkewedSession":
        return SkewedSession(self._inner.load(graph), self._offset)


class SkewedSession:
    """A graph loaded by `SkewedRuntime`."""

    def __init__(self, inner: Session, offset: np.float32) -> None:
        self._inner = inner
        self._offset = offset

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        return {name: value + self._offset for name, value in self._inner.run(inputs).items()}


def sample_graph() -> bytes:
    """Return a small graph with the one signature and the operators that okng's graphs use.

    uint8 `[N, 32, 32, 3]` in, `score` `[N]` and `anomaly_map` `[N, 4, 4]` out: padding by
    reflection, convolution, pooling, a nearest-neighbour search, blur, highest share.
    """
    rng = np.random.default_rng(7)
    graph = GraphBuilder("sample")
    x = graph.input("image", "uint8", ("N", _SIDE, _SIDE, 3))
    x = graph.node("Transpose", graph.node("Cast", x, to=1), perm=[0, 3, 1, 2])
    x = graph.node("Pad", x, graph.ints(0, 0, 4, 4, 0, 0, 4, 4), mode="reflect")
    weights = rng.normal(0, 0.02, (6, 3, 3, 3)).astype(np.float32)
    x = graph.node("Conv", x, graph.constant(weights), kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    x = graph.node("Clip", x, graph.constant(np.float32(0)), graph.constant(np.float32(6)))
    x = graph.node("Slice", x, graph.ints(4, 4), graph.ints(36, 36), graph.ints(2, 3))
    x = graph.node("AveragePool", x, kernel_shape=[8, 8], strides=[8, 8])
    graph.output(x, "features", ("N", 6, 4, 4))
    bank = rng.uniform(0, 3, (20, 6)).astype(np.float32)
    head = nearest_neighbour_head(bank, MapScoring(0.2, 0.8, np.ones((4, 4), np.bool_)))
    whole = join(Features(graph.build(), 6, 4, 4, _SIDE, _SIDE), head)
    return bytes(whole.SerializeToString())


@dataclass(frozen=True)
class RuntimeTrial:
    """A runtime, and how far it may be from ONNX's reference, as a share of the largest value."""

    runtime: Runtime
    tolerance: float = TOLERANCE


def check_runtime(runtime: Runtime, tolerance: float = TOLERANCE) -> None:
    """Check all that is asked of a runtime.

    Args:
        runtime: ready to load graphs.
        tolerance: allowed distance to ONNX's reference, as a share; larger for half precision.

    Raises:
        AssertionError: it is not as it should be; the message is one sentence.
    """
    trial = RuntimeTrial(runtime, tolerance)
    for check in RUNTIME_CHECKS:
        check(trial)


def check_runtime_class(runtime_class: Any) -> None:
    """Check what is asked of a runtime's class: its settings, and explicit devices and precisions.

    Raises:
        AssertionError: it is not as it should be.
    """
    check_config(runtime_class)
    wanted = {"device", "precision", "threads"}
    missing = wanted - set(runtime_class.Config.model_fields)
    assert not missing, f"a runtime's Config must have the settings {sorted(missing)}"
    for setting in ("device", "precision"):
        refusal = ""
        try:
            runtime_class(runtime_class.Config(**{setting: "nothing"}))
        except (BadSetting, ValidationError) as error:
            refusal = str(error)
        assert refusal, f"a {setting} that does not exist must be refused, not replaced"
        assert "nothing" in refusal, f"the refusal of a {setting} must name it: {refusal}"


def says_what_it_is(trial: RuntimeTrial) -> None:
    """The name is a name, and the label tells it from others."""
    assert trial.runtime.name.strip() == trial.runtime.name != "", "a runtime needs a name"
    assert trial.runtime.name in trial.runtime.label, "a runtime's label must contain its name"
    assert len(trial.runtime.label) > len(trial.runtime.name), (
        "a runtime's label must name version, device and precision"
    )


def agrees_with_the_reference(trial: RuntimeTrial) -> None:
    """Outputs are those of ONNX's own evaluator, float32."""
    graph, pictures = sample_graph(), _pictures(3)
    session = trial.runtime.load(graph)
    reference = ReferenceEvaluator(graph)
    for picture in pictures:
        found = session.run({"image": picture[None]})
        expected = reference.run(["score", "anomaly_map"], {"image": picture[None]})
        for name, values in zip(("score", "anomaly_map"), expected, strict=True):
            assert name in found, f"the output {name!r} is missing"
            assert found[name].dtype == np.float32, f"{name} must be float32"
            assert found[name].shape == values.shape, (
                f"{name} must have the shape {values.shape}, not {found[name].shape}"
            )
            worst = float(np.abs(found[name] - values).max())
            allowed = trial.tolerance * float(np.abs(values).max())
            assert worst <= allowed, (
                f"{name} is {worst:.3g} away from ONNX's reference; {allowed:.3g} is allowed"
            )


def takes_batches(trial: RuntimeTrial) -> None:
    """A batch gives what its images give one by one, whatever ran before."""
    session, pictures = trial.runtime.load(sample_graph()), _pictures(3)
    single = [session.run({"image": picture[None]}) for picture in pictures]
    batch = session.run({"image": pictures})
    again = session.run({"image": pictures[:1]})
    for name in ("score", "anomaly_map"):
        expected = np.concatenate([outputs[name] for outputs in single])
        assert batch[name].shape == expected.shape, (
            f"a batch of 3 must give {name} the shape {expected.shape}, not {batch[name].shape}"
        )
        allowed = trial.tolerance * float(np.abs(expected).max())
        assert np.abs(batch[name] - expected).max() <= allowed, (
            f"a batch must give the {name} that its images have one by one"
        )
        assert np.array_equal(again[name], single[0][name]), (
            f"the same image must get the same {name} again"
        )


def gives_outputs_away(trial: RuntimeTrial) -> None:
    """Outputs stay as they are when the session, or another one, runs again."""
    session, other = trial.runtime.load(sample_graph()), trial.runtime.load(sample_graph())
    pictures = _pictures(2)
    first = session.run({"image": pictures[:1]})
    before = {name: value.copy() for name, value in first.items()}
    session.run({"image": pictures[1:]})
    other.run({"image": pictures[1:]})
    for name, value in first.items():
        assert np.array_equal(value, before[name]), f"a later run must not overwrite {name}"


def leaves_inputs_alone(trial: RuntimeTrial) -> None:
    """Read-only and strided pixels are taken, and none are written to."""
    session, pictures = trial.runtime.load(sample_graph()), _pictures(1)
    expected = session.run({"image": pictures})["score"]
    frozen = pictures.copy()
    frozen.flags.writeable = False
    mirrored = np.ascontiguousarray(pictures[:, :, ::-1])
    for what, image in (("read-only", frozen), ("strided", mirrored[:, :, ::-1])):
        assert np.array_equal(session.run({"image": image})["score"], expected), (
            f"{what} pixels must get the score of plain ones"
        )
    assert np.array_equal(frozen, mirrored[:, :, ::-1]), "a runtime must not write to its inputs"


def refuses_broken_graphs(trial: RuntimeTrial) -> None:
    """What is no graph, or not whole, is refused with BadModel."""
    whole = sample_graph()
    broken = {
        "nothing": b"",
        "text": b"this is no graph",
        "a graph that is cut off": whole[: len(whole) // 2],
        "an operator that does not exist": tiny_graph().replace(b"ReduceMax", b"ReduceMix"),
    }
    for what, graph in broken.items():
        try:
            trial.runtime.load(graph)
        except BadModel:
            continue
        raise AssertionError(f"{what} must be refused with BadModel when it is loaded")


RUNTIME_CHECKS: tuple[Callable[[RuntimeTrial], None], ...] = (
    says_what_it_is,
    agrees_with_the_reference,
    takes_batches,
    gives_outputs_away,
    leaves_inputs_alone,
    refuses_broken_graphs,
)


def _pictures(count: int) -> Array:
    """Return uint8 `[count, 32, 32, 3]` of noise, brighter from one to the next."""
    rng = np.random.default_rng(3)
    levels = rng.integers(0, 180, (count, _SIDE, _SIDE, 3))
    brighter = 25 * np.arange(count).reshape(-1, 1, 1, 1)
    return (levels + brighter).astype(np.uint8)
