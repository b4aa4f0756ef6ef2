"""Where a network learns. Several devices are several times the processor here: what they share is
shared as among GPUs, by a strategy of Lightning's that needs none.
"""

import numpy as np
import pytest
import torch
from lightning_fabric.strategies import DataParallelStrategy, SingleDeviceStrategy
from torch import Tensor, nn
from torch.func import functional_call

from okng.domain.errors import BadSetting
from okng.domain.ports import Runtime, Trained, Truth, silent
from okng.learning import devices
from okng.learning.autoencoder import Autoencoder, AutoencoderConfig
from okng.learning.cnn import Cnn, CnnConfig
from okng.learning.devices import fabric_of
from okng.learning.settings import LearningConfig
from okng.learning.student import Student, StudentConfig
from okng.testing.images import ArrayImages

CPU = torch.device("cpu")


class Halves(nn.Module):
    """Gives each half of a batch to a copy of a network, as `DataParallel` does among two GPUs."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.shared = 0

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, ...]:
        parts = []
        for share in x.chunk(2):
            copies = {k: v.clone() for k, v in self.module.named_parameters()}
            parts.append(functional_call(self.module, copies, (share,)))
        self.shared += len(parts) > 1
        if isinstance(parts[0], Tensor):
            return torch.cat(parts)
        return tuple(torch.cat(found) for found in zip(*parts, strict=True))


class HalvesStrategy(DataParallelStrategy):
    """Lightning's strategy for several GPUs in one process, on the processor."""

    made: list[Halves]

    def __init__(self) -> None:
        super().__init__(parallel_devices=[CPU])
        self.made = []

    def setup_module(self, module: nn.Module) -> Halves:  # type: ignore[override]
        self.made.append(Halves(module))
        return self.made[-1]


SHORT: dict[str, dict[str, int | float]] = {
    "autoencoder": {"levels": 2, "width": 4, "code": 4},
    "student": {"strange": 12, "teacher_epochs": 3, "width": 8, "channels": 8, "code": 4},
    "cnn": {"depth": 2, "width": 4, "batch_norm": False, "dropout": 0},
}


def learn(name: str, runtime: Runtime, images: ArrayImages, precision: str = "auto") -> Trained:
    chosen = {"epochs": 3, "steps": 3, "batch": 4, "precision": precision, **SHORT[name]}
    if name == "cnn":
        truth = Truth(("good", "dent"), [0, 0, 0, 0, 1, 1, 1, 1], list(range(8)))
        cnn = Cnn(CnnConfig.model_validate(chosen), runtime)
        return cnn.train_labelled(images, truth, None, silent)
    if name == "student":
        return Student(StudentConfig.model_validate(chosen), runtime).train(images, None, silent)
    config = AutoencoderConfig.model_validate(chosen)
    return Autoencoder(config, runtime).train(images, None, silent)


@pytest.mark.parametrize("name", SHORT)
def test_two_devices_learn_what_one_does(
    name: str, runtime: Runtime, images: ArrayImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training on two gives the losses of one but for rounding, and the same graph each time."""
    alone = learn(name, runtime, images)
    strategies: list[HalvesStrategy] = []

    class Fabric(devices.Fabric):
        def __init__(self, **chosen: object) -> None:
            assert chosen["strategy"] == "auto"
            strategies.append(HalvesStrategy())
            super().__init__(strategy=strategies[-1])

    monkeypatch.setattr(devices, "Fabric", Fabric)
    first, second = (learn(name, runtime, images) for _ in range(2))
    assert [bool(one.shared) for found in strategies for one in found.made].count(False) == 0
    assert first.graph == second.graph
    for one, other in zip(first.curves, alone.curves, strict=True):
        assert np.array(one.points) == pytest.approx(np.array(other.points), rel=1e-2)


@pytest.mark.parametrize("name", SHORT)
def test_each_learns_in_mixed_precision(name: str, runtime: Runtime, images: ArrayImages) -> None:
    """The losses are those of float32 but for the fewer digits."""
    mixed, whole = (learn(name, runtime, images, chosen) for chosen in ("bfloat16", "float32"))
    assert mixed.graph != whole.graph
    for one, other in zip(mixed.curves, whole.curves, strict=True):
        assert np.array(one.points) == pytest.approx(np.array(other.points), rel=0.2)


def test_mixed_precision_computes_in_bfloat16() -> None:
    """Where it is wanted, products are bfloat16; weights and what is returned stay float32."""
    layer = nn.Linear(2, 2)
    seen: list[torch.dtype] = []
    layer.register_forward_hook(lambda _, __, found: seen.append(found.dtype))
    for precision, expected in (("bfloat16", torch.bfloat16), ("auto", torch.float32)):
        forward = fabric_of(LearningConfig(precision=precision)).setup_module(layer)
        assert forward(torch.zeros(1, 2)).dtype == torch.float32
        assert seen.pop() == expected
    assert layer.weight.dtype == torch.float32


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there() -> None:
    """Wanting one is refused; without a wish it learns on the processor."""
    with pytest.raises(BadSetting, match="no GPU"):
        fabric_of(LearningConfig(device="cuda"))
    with pytest.raises(BadSetting, match="gpus=2: PyTorch can use no GPU here; leave gpus out"):
        fabric_of(LearningConfig(gpus=2))
    assert fabric_of(LearningConfig()).device == CPU


def test_as_many_gpus_as_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One unless more are asked for; more than there are, or beside device=cpu, are refused."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    first, second = (torch.device("cuda", i) for i in range(2))
    one = fabric_of(LearningConfig())
    assert (type(one.strategy), one.device) == (SingleDeviceStrategy, first)
    both = fabric_of(LearningConfig(gpus=2)).strategy
    assert isinstance(both, DataParallelStrategy)
    assert both.parallel_devices == [first, second]
    assert both.root_device == first
    assert fabric_of(LearningConfig(device="cpu")).device == CPU
    with pytest.raises(BadSetting, match="gpus=3: PyTorch can use 2 GPUs here; leave gpus out"):
        fabric_of(LearningConfig(gpus=3))
    with pytest.raises(BadSetting, match="device=cpu takes none"):
        fabric_of(LearningConfig(gpus=2, device="cpu"))
