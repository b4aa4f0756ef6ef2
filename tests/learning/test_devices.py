"""Several devices are several times the processor here: the sharing is the same as among GPUs."""

from collections.abc import Sequence
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from okng.domain.errors import BadSetting
from okng.domain.ports import Runtime, Trained, Truth, silent
from okng.learning import autoencoder, classification, student, teacher, teaching
from okng.learning.autoencoder import Autoencoder, AutoencoderConfig
from okng.learning.cnn import Cnn, CnnConfig
from okng.learning.devices import devices_of, mixed_precision, shared
from okng.learning.settings import LearningConfig
from okng.learning.student import Student, StudentConfig
from okng.testing.images import ArrayImages

CPU = torch.device("cpu")


def network_of(*layers: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), *layers, nn.ReLU(), nn.Conv2d(8, 2, 1))


def gradients(network: nn.Module, count: int, devices: Sequence[torch.device]) -> list[Tensor]:
    torch.manual_seed(1)
    found = shared(network, torch.randn(count, 3, 9, 9), devices)
    assert isinstance(found, Tensor)
    assert len(found) == count
    found.square().mean().backward()  # type: ignore[no-untyped-call]
    return [p.grad for p in network.parameters() if p.grad is not None]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
def test_shares_give_the_gradients_of_the_whole_batch(count: int) -> None:
    """However many devices share a batch, each weight gets the gradient of all of it."""
    expected = gradients(network_of(), count, [CPU])
    assert len(expected) == 4
    for number in (2, 3):
        found = gradients(network_of(), count, [CPU] * number)
        for one, other in zip(found, expected, strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_each_device_normalises_its_own_share() -> None:
    """Batch norm uses the statistics of the images beside it, and remembers the first share's."""
    network = network_of(nn.BatchNorm2d(8))
    alone = deepcopy(network)
    x = torch.randn(8, 3, 9, 9)
    found = shared(network, x, [CPU, torch.device("cpu", 0)])
    expected = torch.cat([deepcopy(alone)(x[:4]), deepcopy(alone)(x[4:])])
    assert isinstance(found, Tensor)
    assert torch.allclose(found, expected)
    assert not torch.allclose(found, deepcopy(alone)(x), atol=1e-4)


def test_several_results_are_joined_one_by_one() -> None:
    """A network of several outputs gives them as it does on one device."""
    pupils = student.Pupils(4, 8, 4)
    x = torch.randn(3, 3, 64, 64)
    for one, other in zip(shared(pupils, x, [CPU] * 2), pupils(x), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


SHORT = {
    "autoencoder": lambda on: Autoencoder(
        AutoencoderConfig(epochs=3, steps=3, batch=4, levels=2, width=4, code=4), on
    ),
    "student": lambda on: Student(
        StudentConfig(
            epochs=3, steps=3, batch=4, strange=12, teacher_epochs=3, width=8, channels=8, code=4
        ),
        on,
    ),
    "cnn": lambda on: Cnn(
        CnnConfig(epochs=3, steps=3, batch=4, depth=2, width=4, batch_norm=False, dropout=0), on
    ),
}


def learn(name: str, runtime: Runtime, images: ArrayImages) -> Trained:
    detector = SHORT[name](runtime)
    if isinstance(detector, Cnn):
        truth = Truth(("good", "dent"), [0, 0, 0, 0, 1, 1, 1, 1], list(range(8)))
        return detector.train_labelled(images, truth, None, silent)
    return detector.train(images, None, silent)


@pytest.mark.parametrize("name", SHORT)
def test_two_devices_learn_what_one_does(
    name: str, runtime: Runtime, images: ArrayImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training on two gives the losses of one but for rounding, and the same graph each time."""
    alone = learn(name, runtime, images)
    for module in (autoencoder, classification, teacher, teaching):
        monkeypatch.setattr(module, "devices_of", lambda config: (CPU, CPU))
    first, second = (learn(name, runtime, images) for _ in range(2))
    assert first.graph == second.graph
    assert first.graph != alone.graph  # or nothing was shared
    for one, other in zip(first.curves, alone.curves, strict=True):
        assert np.array(one.points) == pytest.approx(np.array(other.points), rel=1e-2)


def test_mixed_precision_computes_in_bfloat16() -> None:
    """Where it is wanted, products are bfloat16, and the weights stay float32."""
    layer = nn.Linear(2, 2)
    for precision, expected in (("bfloat16", torch.bfloat16), ("auto", torch.float32)):
        with mixed_precision(LearningConfig(precision=precision), CPU):
            assert layer(torch.zeros(1, 2)).dtype == expected
    assert layer.weight.dtype == torch.float32


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there() -> None:
    """Wanting one is refused; without a wish it learns on the processor."""
    with pytest.raises(BadSetting, match="no GPU"):
        devices_of(LearningConfig(device="cuda"))
    with pytest.raises(BadSetting, match="gpus=2: PyTorch can use no GPU here; leave gpus out"):
        devices_of(LearningConfig(gpus=2))
    assert devices_of(LearningConfig()) == (CPU,)


def test_as_many_gpus_as_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One unless more are asked for; more than there are, or beside device=cpu, are refused."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert devices_of(LearningConfig()) == (torch.device("cuda", 0),)
    assert [one.index for one in devices_of(LearningConfig(gpus=2))] == [0, 1]
    assert devices_of(LearningConfig(device="cpu")) == (CPU,)
    with pytest.raises(BadSetting, match="gpus=3: PyTorch can use 2 GPUs here; leave gpus out"):
        devices_of(LearningConfig(gpus=3))
    with pytest.raises(BadSetting, match="device=cpu takes none"):
        devices_of(LearningConfig(gpus=2, device="cpu"))
