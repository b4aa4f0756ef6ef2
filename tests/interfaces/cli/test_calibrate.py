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
