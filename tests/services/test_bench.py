"""Latency, measured."""

import io

import pytest
from PIL import Image

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.domain.errors import BadImage, BadSetting
from okng.services.bench import bench, time_calls
from okng.testing.models import tiny_graph, tiny_model


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 10), (9, 9, 9)).save(buffer, "PNG")
    return buffer.getvalue()


def test_rounds_of_the_warm_up_do_not_count() -> None:
    """With a clock that runs as scripted, only what follows the warm-up makes the figures."""
    ticks = iter([0, 100, 200, 210, 300, 330, 400, 420])
    seen: list[int] = []
    (timing,) = time_calls([lambda: None], 3, 1, seen.append, lambda: next(ticks) / 1000)
    assert timing.p50_ms == pytest.approx(20)
    assert timing.per_second == pytest.approx(50)
    assert (timing.runs, seen) == (3, [1, 2, 3, 4])


def test_calls_take_turns() -> None:
    """What slows the machine for a while slows every call alike."""
    order: list[str] = []
    time_calls([lambda: order.append("a"), lambda: order.append("b")], 2, 1)
    assert order == ["a", "b"] * 3


def test_ratio_is_against_the_backbone() -> None:
    """Ratios are of medians; without a backbone there are none."""
    runtime = OnnxRuntime(OnnxRuntime.Config())
    (with_it,) = bench(tiny_model(), [runtime], tiny_graph(), picture(), 3)
    assert with_it.backbone is not None
    assert with_it.ratio(with_it.graph) == with_it.graph.p50_ms / with_it.backbone.p50_ms
    told: list[tuple[str, int, int]] = []
    (without,) = bench(
        tiny_model(), [runtime], None, picture(), 2, progress=lambda *at: told.append(at)
    )
    assert without.ratio(without.graph) is None
    assert told[-1] == ("bench", 7, 7)


def test_useless_input_is_refused() -> None:
    """No run, or an image that cannot be inspected, measures nothing."""
    runtime = OnnxRuntime(OnnxRuntime.Config())
    with pytest.raises(BadSetting, match="at least 1"):
        bench(tiny_model(), [runtime], None, picture(), 0)
    with pytest.raises(BadImage, match="cannot be inspected"):
        bench(tiny_model(), [runtime], None, b"no image", 1)
