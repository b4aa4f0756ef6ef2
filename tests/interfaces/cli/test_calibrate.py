"""`okng calibrate`."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Okng = Callable[..., Any]


def test_promise_is_asked_for_anew(okng: Okng) -> None:
    """--max-overkill makes calibration 2, shows both, and inspect uses it from then on."""
    done = okng("calibrate", "bolt", "--max-overkill", "0.3")
    assert done.code == 0
    assert "bolt-1 has a new calibration: 2" in done.out
    numbers = okng("models", "calibrations", "bolt", "--json").json["calibrations"]
    assert [one["version"] for one in numbers] == [1, 2]
    assert numbers[1]["review_threshold"] < numbers[0]["review_threshold"]


def test_threshold_by_hand(okng: Okng) -> None:
    """Chosen thresholds are taken as they are, with what they promise."""
    answer = okng("calibrate", "bolt", "--threshold", "3", "--ng-threshold", "4", "--json").json
    assert (answer["new"]["review_threshold"], answer["new"]["ng_threshold"]) == (3, 4)
    assert answer["new"]["promises"][0]["method"] == "manual"
    assert answer["old"]["version"] == 1


def test_test_defects_warn(okng: Okng, bolt: Path) -> None:
    """Defects that there are only to test with are used with a warning, which leaves JSON whole."""
    done = okng("calibrate", "bolt", "--defects", bolt, "--escape-cost", "10", "--json")
    assert done.code == 0
    assert "do not use them to evaluate" in done.err
    assert {promise["of"] for promise in done.json["new"]["promises"]} == {"good", "defective"}


def test_training_defects_come_first(okng: Okng, bolt: Path, tmp_path: Path) -> None:
    """Where defects are kept for it in train/, only those are used, without a warning."""
    for part in ("train/good", "test/good", "test/spot"):
        shutil.copytree(bolt / part, tmp_path / "bolt" / part)
    shutil.copytree(bolt / "test" / "spot", tmp_path / "bolt" / "train" / "spot")
    (tmp_path / "bolt" / "train" / "spot" / "00.png").unlink()
    done = okng(
        "calibrate", "bolt", "--defects", tmp_path / "bolt", "--max-escapes", "0.6", "--json"
    )
    assert (done.code, done.err) == (0, "")
    assert done.json["new"]["promises"][0]["n"] == 4


def test_too_few_defects_say_how_many(okng: Okng, bolt: Path) -> None:
    """A bound that the defects cannot promise is refused with the number that could."""
    done = okng("calibrate", "bolt", "--defects", bolt, "--max-escapes", "0.01")
    assert done.code == 2
    assert "more" in done.err
    assert len(okng("models", "calibrations", "bolt", "--json").json["calibrations"]) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--ng-threshold", "3"],
        ["--threshold", "3", "--ng-threshold", "2"],
        ["--threshold", "nan"],
        ["--escape-cost", "3"],
        ["--defects", "FOLDER"],
        ["--defects", "FOLDER", "--escape-cost", "3", "--max-escapes", "0.1"],
        ["--defects", "FOLDER", "--escape-cost", "3", "--threshold", "3"],
        ["--confidence", "1"],
        ["--max-overkill", "0.5", "--threshold", "3"],
        ["--max-overkill", "0.5", "--defects", "FOLDER", "--escape-cost", "3"],
        ["--margin", "0.25", "--threshold", "3", "--ng-threshold", "4"],
        ["--defect-rate", "0.05", "--defects", "FOLDER", "--max-escapes", "0.1"],
    ],
)
def test_contradictions_are_usage(okng: Okng, bolt: Path, arguments: list[str]) -> None:
    """What contradicts itself ends in 2 and makes no calibration."""
    done = okng("calibrate", "bolt", *(str(bolt) if a == "FOLDER" else a for a in arguments))
    assert done.code == 2
    assert len(okng("models", "calibrations", "bolt", "--json").json["calibrations"]) == 1


def test_folder_without_defects(okng: Okng, bolt: Path) -> None:
    """A folder of good images alone cannot set a threshold by defects."""
    done = okng("calibrate", "bolt", "--defects", bolt / "train", "--escape-cost", "3")
    assert done.code == 5
    assert "no labelled defects" in done.err


@pytest.mark.parametrize("place", ["caught", "caught/by hand", "caught/dark", "caught/dark/left"])
def test_defects_may_lie_alone(okng: Okng, bolt: Path, tmp_path: Path, place: str) -> None:
    """A folder that --defects names needs no good/ beside the defects, nor any names of kinds."""
    shutil.copytree(bolt / "test" / "spot", tmp_path / place)
    ask = ["calibrate", "bolt", "--defects", tmp_path / "caught", "--max-escapes", "0.9"]
    done = okng(*ask, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["new"]["promises"][0]["n"] == 5


def test_good_images_are_no_defects(okng: Okng, bolt: Path, tmp_path: Path) -> None:
    """What the model learned as good cannot set a threshold as a defect, wherever it lies; and a
    folder that is called good holds none."""
    shutil.copytree(bolt / "test" / "spot", tmp_path / "caught")
    shutil.copy(next((bolt / "train" / "good").iterdir()), tmp_path / "caught" / "late.png")
    ask = ["calibrate", "bolt", "--max-escapes", "0.9", "--defects"]
    done = okng(*ask, tmp_path / "caught")
    assert done.code == 5
    assert "late.png, taught the model" in done.err
    done = okng(*ask, bolt / "train" / "good")
    assert done.code == 5
    assert "no labelled defects" in done.err


def test_images_of_one_part_count_once(okng: Okng, bolt: Path, tmp_path: Path) -> None:
    """Copies of defects, and images that a pattern puts together, are one part: no promise gains
    by them, and the lowest score of each part counts."""
    folder = tmp_path / "in" / "defect"
    folder.mkdir(parents=True)
    for i, image in enumerate(sorted((bolt / "test" / "spot").iterdir())):
        for copy in range(3):
            shutil.copy(image, folder / f"p{i // 2}_{i}{copy}.png")
    ask = ["calibrate", "bolt", "--defects", folder.parent, "--max-escapes", "0.9", "--json"]
    alone = okng("calibrate", "bolt", "--defects", bolt, "--max-escapes", "0.9", "--json").json
    copied = okng(*ask).json["new"]
    assert copied["promises"][0]["n"] == 5
    assert copied["promises"] == alone["new"]["promises"]
    assert "15 defective images show 5 parts" in copied["note"]
    grouped = okng(*ask, "--group-pattern", r"^(p\d)_").json["new"]
    assert grouped["promises"][0]["n"] == 3
    assert okng("calibrate", "bolt", "--group-pattern", "(x)").code == 2


def test_unreadable_defects_are_told(okng: Okng, bolt: Path, tmp_path: Path) -> None:
    """Defects that cannot be read are counted and named; where none can, that is the error."""
    folder = tmp_path / "in"
    shutil.copytree(bolt / "test" / "spot", folder / "defect")
    ask = ["calibrate", "bolt", "--defects", folder, "--escape-cost", "9"]
    for i in range(5):
        (folder / "defect" / f"z{i}.png").write_bytes(b"broken")
    done = okng(*ask)
    assert done.code == 0
    assert "5 images could not be used" in done.out
    assert "z0.png" in done.out
    answer = okng(*ask, "--json").json
    assert len(answer["refused"]) == 5
    assert "5 defective images could not be used" in answer["new"]["note"]
    assert answer["new"]["promises"][0]["n"] == 5
    for image in (folder / "defect").glob("0*.png"):
        image.write_bytes(b"broken")
    done = okng(*ask)
    assert done.code == 5
    assert "none of the 10 defective images can be used; the first: " in done.err
