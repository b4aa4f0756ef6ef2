"""PyTorch files, read without unpickling."""

import contextlib
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from okng.domain.errors import BadBackbone
from okng.graphs.torch_file import read_tensors
from okng.graphs.weights import read_weights


def state() -> dict[str, torch.Tensor]:
    """Make tensors of every kind: also not contiguous, within another, of integers."""
    dice = torch.Generator().manual_seed(0)
    whole = torch.randn(6, 5, generator=dice)
    return OrderedDict(
        weight=whole,
        half=torch.randn(3, generator=dice).half(),
        double=torch.randn(2, 2, generator=dice).double(),
        turned=whole.T,
        part=whole[2:4, 1:],
        parameter=torch.nn.Parameter(torch.randn(2, generator=dice)),
        single=torch.tensor(1.5),
        num_batches_tracked=torch.tensor(7),
    )


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "plain"])
def test_tensors_are_those_that_were_saved(tmp_path: Path, as_zip: bool) -> None:
    """Both layouts of torch.save give the same numbers; counters are left out."""
    path = tmp_path / "a.pth"
    saved = state()
    torch.save(saved, path, _use_new_zipfile_serialization=as_zip)
    found = read_tensors(path)
    assert list(found) == [name for name in saved if name != "num_batches_tracked"]
    for name, values in found.items():
        np.testing.assert_array_equal(values, saved[name].detach().numpy())
    assert {values.dtype for values in read_weights(path).values()} == {np.dtype(np.float32)}


def test_a_modules_state_and_a_checkpoint(tmp_path: Path) -> None:
    """A module's own state dict, and one within a checkpoint, are the same."""
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    for name, content in {
        "a": module.state_dict(),
        "b": {"state_dict": module.state_dict()},
    }.items():
        torch.save(content, tmp_path / f"{name}.pth")
        found = read_tensors(tmp_path / f"{name}.pth")
        assert found["1.running_var"].tolist() == [1, 1, 1, 1]
        np.testing.assert_array_equal(found["0.weight"], module[0].weight.detach().numpy())


class _Call:
    """Pickles as a call of whatever the test names."""

    def __init__(self, what: Any, *arguments: Any) -> None:
        self.call = (what, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "plain"])
def test_nothing_runs(tmp_path: Path, as_zip: bool) -> None:
    """A file that calls something is refused by the name that it refers to, and nothing happens."""
    mark = tmp_path / "ran"
    content = {"weight": torch.ones(2), "evil": _Call(Path.touch, mark)}
    torch.save(content, tmp_path / "a.pth", _use_new_zipfile_serialization=as_zip)
    with pytest.raises(BadBackbone, match="refers to "):
        read_tensors(tmp_path / "a.pth")
    assert not mark.exists()


def _zip(path: Path, program: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a/data.pkl", program)
        archive.writestr("a/data/0", bytes(1000))


def _tensor_program(path: Path) -> bytes:
    """Return the program of a tensor `[2, 3]`."""
    torch.save({"w": torch.zeros(2, 3)}, path)
    with zipfile.ZipFile(path) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        return archive.read(name)


def test_what_is_no_file_of_weights(tmp_path: Path) -> None:
    """Each is refused with one sentence that says why."""
    path = tmp_path / "a.pth"
    for data, reason in (
        (b"", "damaged|cut off"),
        (b"hello", "damaged"),
        (pickle.dumps({"a": 1}), "does not begin"),
        (pickle.dumps(0x1950A86A20F9469CFC6C, 2), "cut off|damaged"),
    ):
        path.write_bytes(data)
        with pytest.raises(BadBackbone, match=reason):
            read_tensors(path)
    for content, reason in (
        ([1, 2], "no state dict"),
        ({"a": 1}, "other things than tensors"),
        ({1: torch.ones(1)}, "other things than tensors"),
        ({"a": torch.ones(1, dtype=torch.int8)}, "of no kind|refers to torch"),
        ({"a": torch.ones(3).expand(1000, 3)}, "repeats its numbers"),
    ):
        torch.save(content, path)
        with pytest.raises(BadBackbone, match=reason):
            read_tensors(path)


def test_numbers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    """A tensor beyond its numbers, numbers that are cut off, and packed ones."""
    path = tmp_path / "a.pth"
    program = _tensor_program(path)
    _zip(path, program)
    with pytest.raises(BadBackbone, match="numbers are cut off"):
        read_tensors(path)
    _zip(path, program.replace(b"K\x02K\x03", b"K\x09K\x09", 1))
    with pytest.raises(BadBackbone, match="beyond its numbers"):
        read_tensors(path)
    _zip(path, program, zipfile.ZIP_DEFLATED)
    with pytest.raises(BadBackbone, match="compressed"):
        read_tensors(path)


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "plain"])
def test_a_damaged_file_never_crashes(tmp_path: Path, as_zip: bool) -> None:
    """Whatever byte is changed or wherever it is cut: tensors or the one error."""
    path = tmp_path / "a.pth"
    torch.save(state(), path, _use_new_zipfile_serialization=as_zip)
    whole = path.read_bytes()
    dice = np.random.default_rng(0)
    for _ in range(100):
        data = bytearray(whole)
        data[dice.integers(len(data))] = dice.integers(256)
        path.write_bytes(bytes(data[: dice.integers(len(data))] if dice.random() < 0.3 else data))
        with contextlib.suppress(BadBackbone):
            read_tensors(path)
