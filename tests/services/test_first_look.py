"""The short form of a check-up."""

import shutil
from pathlib import Path

import pytest

from okng.adapters.datasets import read_dataset
from okng.services import first_look as module
from okng.services.first_look import first_look
from okng.testing.images import good_parts, save, write_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "flange", good=6, test_good=2, defective=2, size=48)


def test_nothing_is_said_of_a_healthy_set(folder: Path) -> None:
    """Where all is well the training begins without a word."""
    assert first_look(read_dataset(folder)) == ()


def test_copies_in_the_test_are_told(folder: Path) -> None:
    """Test images that are equal to training images, byte by byte, are counted."""
    for name in ("000.png", "003.png"):
        shutil.copy(folder / "train" / "good" / name, folder / "test" / "good" / f"copy-{name}")
    (said,) = first_look(read_dataset(folder))
    assert said == "2 of 6 test images are copies of training images, byte by byte"


def test_two_labels_of_one_picture_are_told(folder: Path) -> None:
    """A picture that is good and defective is named."""
    shutil.copy(folder / "test" / "hole" / "001.png", folder / "test" / "good" / "odd.png")
    (said,) = first_look(read_dataset(folder))
    assert said.startswith("one picture has two labels, good and hole: ")
    assert "odd.png" in said


def test_several_sizes_are_told(folder: Path) -> None:
    """Good images of several sizes are told, for they will be brought to one."""
    save(folder / "train" / "good" / "more", good_parts(1, 64, start=50))
    (said,) = first_look(read_dataset(folder))
    assert said.startswith("the good images have 2 sizes, such as 48 x 48 and 64 x 64")


def test_equal_lengths_and_ends_do_not_deceive(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that differ in the middle alone are different."""
    monkeypatch.setattr(module, "_END", 16)
    train, test = folder / "train" / "good" / "000.png", folder / "test" / "good" / "000.png"
    data = bytearray(train.read_bytes())
    data[len(data) // 2] ^= 1
    test.write_bytes(data)
    assert first_look(read_dataset(folder)) == ()


def test_what_cannot_be_read_is_left_to_the_training(folder: Path) -> None:
    """A file that is no image, or gone meanwhile, is no error here."""
    (folder / "train" / "good" / "bad.png").write_bytes(b"no image")
    (folder / "train" / "good" / "gone.png").write_bytes(b"no image")
    dataset = read_dataset(folder)
    (folder / "train" / "good" / "gone.png").unlink()
    assert first_look(dataset) == ()
