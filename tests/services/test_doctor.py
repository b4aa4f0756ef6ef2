"""What a check-up says of single images and of parts, without a detector."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from okng.adapters.datasets import read_dataset
from okng.domain.dataset import Split
from okng.domain.doctor import Check, Finding, Urgency
from okng.domain.view import View
from okng.services.calibrate import Wish
from okng.services.doctor import CheckupPlan, examine
from okng.services.split import split_samples
from okng.testing.images import good_parts, save, with_defect, write_folder

VIEW = View(64, 64)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "flange", good=16, test_good=4, defective=4, size=96)


def found(folder: Path, wish: Wish | None = None) -> dict[Check, Finding]:
    plan = CheckupPlan(VIEW, wish=wish or Wish())
    findings = examine(read_dataset(folder), plan).diagnosis.findings
    return {finding.check: finding for finding in findings}


def names(finding: Finding) -> list[str]:
    return [case.images[0].name for case in finding.cases]


def test_a_healthy_set_has_nothing_to_fix_or_to_look_at(folder: Path) -> None:
    """Only what limits the promise is said."""
    assert set(found(folder)) == {Check.TOO_FEW}


def test_blurred_images_are_found(folder: Path) -> None:
    """An image out of focus is named, with its share of the usual sharpness."""
    sharp = good_parts(2, 96, start=70)
    save(folder / "train" / "good" / "soft", [cv2.GaussianBlur(s, (0, 0), 3) for s in sharp])
    blurred = found(folder)[Check.BLURRED]
    assert sorted(names(blurred)) == ["train/good/soft/000.png", "train/good/soft/001.png"]
    assert "of the usual sharpness" in blurred.cases[0].text


def test_badly_exposed_images_are_found(folder: Path) -> None:
    """Far too bright and far too dark images are named, the worst first."""
    bright, dark = good_parts(2, 96, start=70)
    odd = [np.clip(bright.astype(int) + 90, 0, 255).astype(np.uint8), dark // 3]
    save(folder / "train" / "good" / "odd", odd)
    exposure = found(folder)[Check.EXPOSURE]
    assert set(names(exposure)) == {"train/good/odd/000.png", "train/good/odd/001.png"}
    assert {case.text.split()[3] for case in exposure.cases} == {"brighter", "darker"}


def test_a_size_that_gives_the_label_away_is_told(tmp_path: Path) -> None:
    """Where all defective images have another size, a model could tell them by that."""
    save(tmp_path / "good", good_parts(8, 96))
    save(tmp_path / "hole", [with_defect(part) for part in good_parts(8, 80, start=20)])
    sizes = found(tmp_path)[Check.SIZES]
    assert "their size alone gives them away" in sizes.headline
    assert "96 x 96 px (8)" in sizes.headline


def test_sixteen_bit_and_alpha_are_odd_modes(folder: Path) -> None:
    """Modes are named as people call them."""
    good = folder / "train" / "good"
    Image.open(good / "000.png").convert("RGBA").save(good / "alpha.png")
    deep = np.asarray(Image.open(good / "001.png").convert("L")).astype(np.uint16) * 257
    cv2.imwrite(str(good / "deep.png"), deep)
    modes = found(folder)[Check.MODES]
    texts = {case.images[0].name: case.text for case in modes.cases}
    assert texts == {
        "train/good/alpha.png": "colour with alpha",
        "train/good/deep.png": "grey of 16 bit",
    }


def test_a_part_that_is_good_and_defective_is_disputed(folder: Path) -> None:
    """One part under two labels is for a person, unless it is one picture: then it is wrong."""
    part = np.asarray(Image.open(folder / "train" / "good" / "004.png"))
    bright = np.clip(part.astype(int) + 3, 0, 255).astype(np.uint8)
    Image.fromarray(bright).save(folder / "test" / "hole" / "again.png")
    disputed = found(folder)[Check.DISPUTED]
    (case,) = disputed.cases
    assert [image.name for image in case.images] == [
        "train/good/004.png",
        "test/hole/again.png",
    ]
    assert disputed.urgency is Urgency.LOOK


def test_a_picture_saved_anew_leaks(folder: Path) -> None:
    """A training image in another format is the same picture."""
    Image.open(folder / "train" / "good" / "002.png").save(folder / "test" / "good" / "again.bmp")
    (case,) = found(folder)[Check.LEAKS].cases
    assert case.text == "the same picture, saved anew"
    assert case.images[0].name == "test/good/again.bmp"


def test_enough_parts_for_the_wish_need_no_word(folder: Path) -> None:
    """A wish that so many parts can keep is not commented on."""
    assert Check.TOO_FEW not in found(folder, Wish(max_overkill=0.5, confidence=0.9))


def test_repeated_images_are_one_part_for_the_promise(folder: Path) -> None:
    """Copies do not add to what can be promised."""
    for k in range(5):
        shutil.copy(folder / "train" / "good" / "000.png", folder / "train" / "good" / f"c{k}.png")
    said = found(folder)
    assert said[Check.TOO_FEW].headline.startswith("16 different good parts")
    assert "5 images are copies" in said[Check.IDENTICAL].headline


def test_a_split_names_the_parts_that_are_shown_again(folder: Path) -> None:
    """Images of one part share a name and a side; single ones need no name."""
    shutil.copy(folder / "train" / "good" / "000.png", folder / "test" / "good" / "copy.png")
    checkup = examine(read_dataset(folder), CheckupPlan(VIEW))
    split = split_samples(checkup.samples, checkup.parts, 0.25, 0)
    named = [sample for sample in split if sample.group]
    assert {sample.path.name for sample in named} == {"000.png", "copy.png"}
    assert len({(sample.group, sample.split) for sample in named}) == 1


def test_a_split_can_have_a_validation_set(folder: Path) -> None:
    """Each label gives its shares to test and validation, and a part is on one side alone."""
    checkup = examine(read_dataset(folder), CheckupPlan(VIEW))
    split = split_samples(checkup.samples, checkup.parts, 0.25, 0, validation_share=0.25)
    for label in ("good", "hole"):
        own = [sample.split for sample in split if sample.label == label]
        assert {*own} == {*Split}, label
    sides: dict[int, set[Split]] = {}
    for part, sample in zip(checkup.parts.tolist(), split, strict=True):
        sides.setdefault(part, set()).add(sample.split)
    assert all(len(found) == 1 for found in sides.values())
