import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from okng.adapters.runtimes.onnxruntime import OnnxRuntime
from okng.adapters.runtimes.openvino import OpenVino
from okng.detectors.memory import Memory
from okng.domain.ports import Trained, silent
from okng.testing.detectors import check_detector
from okng.testing.images import ArrayImages, good_parts

RUNTIME = OnnxRuntime(OnnxRuntime.Config())
CHANNELS = 152  # of stride 8 and 16


def train(count: int = 6, folds: list[int] | None = None, **settings: object) -> Trained:
    images = ArrayImages(good_parts(count, 96))
    return Memory(Memory.Config(**{"turns": 1, "altered": 0, **settings}), RUNTIME).train(
        images, folds, silent
    )


def bank_in(graph: bytes) -> np.ndarray:
    """Return the bank, float32 `[M, C]`, that a graph holds."""
    tensors = map(numpy_helper.to_array, onnx.load_model_from_string(graph).graph.initializer)
    (bank,) = (t.T / -2 for t in tensors if t.ndim == 2 and t.shape[0] == CHANNELS)
    return bank


def test_a_small_bank_conforms() -> None:
    """With a bank that holds a tenth of the cells the detector still passes the suite."""
    check_detector(lambda on: Memory(Memory.Config(bank_size=40), on), RUNTIME, size=96)


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({"bank_size": 50}, 50),
        ({"bank_size": 10_000}, 6 * 36),
        ({"bank_size": 10_000, "sample_size": 30}, 30),
        ({"bank_size": 2, "sample_size": 40}, 2),
    ],
)
def test_the_bank_is_bounded_and_stated(settings: dict[str, object], rows: int) -> None:
    """The bank has the size that was asked for, or all there is, and the facts say so."""
    trained = train(**settings)
    assert trained.facts["bank"] == rows
    assert trained.facts["dimensions"] == CHANNELS
    assert bank_in(trained.graph).shape == (rows, CHANNELS)


def test_the_bank_is_spread_wider_than_chance() -> None:
    """Good parts lie nearer to a chosen bank than to a random one of the same size."""
    everything = bank_in(train(bank_size=10_000).graph)
    chosen = bank_in(train(bank_size=30).graph)
    random = everything[np.random.default_rng(0).permutation(len(everything))[:30]]

    def radius(bank: np.ndarray) -> float:
        away = np.linalg.norm(everything[:, None] - bank[None], axis=2)
        return float(away.min(axis=1).max())

    assert radius(chosen) < radius(random)


def test_seed_decides_the_bank() -> None:
    """The same seed gives the same graph, another seed another bank."""
    first, again, other = (train(bank_size=30, seed=seed).graph for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_masked_cells_stay_out_of_the_bank() -> None:
    """Only inspected cells are learned."""
    inspected = np.ones((96, 96), bool)
    inspected[:, 48:] = False
    images = ArrayImages(good_parts(6, 96), inspected)
    trained = Memory(Memory.Config(turns=1, altered=0), RUNTIME).train(images, None, silent)
    assert trained.facts["bank"] == 6 * 36 / 2


def test_folds_of_unequal_size() -> None:
    """Cross-fitting takes folds as they come, also one image against all others."""
    trained = train(5, folds=[7, 7, 7, 7, 2], bank_size=40)
    assert trained.cross_fitted is not None
    assert np.isfinite(trained.cross_fitted).all()


def test_the_training_runtime_hardly_matters() -> None:
    """Trained on the other runtime, good parts get nearly the same cross-fitted scores."""
    images = ArrayImages(good_parts(6, 96))
    one, other = (
        Memory(Memory.Config(), runtime).train(images, [0, 1, 2, 0, 1, 2], silent).cross_fitted
        for runtime in (RUNTIME, OpenVino(OpenVino.Config()))
    )
    assert one == pytest.approx(other, rel=1e-3)
