"""`okng evaluate`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Okng = Callable[..., Any]


def test_evaluates_after_training(okng: Okng, bolt: Path) -> None:
    """The folder's product is found, key figures are shown, HTML and JSON are where it says."""
    done = okng("evaluate", bolt)
    assert done.code == 0
    text = " ".join(done.out.split())
    assert "bolt-1, calibration 1: 5 of 5 defective parts were stopped." in text
    assert "spot 5 5" in text
    assert "Overkill" in text
    report = Path(done.out.split("Report: ")[1].strip())
    assert report.read_text("utf-8").lower().startswith("<!doctype html>")
    assert json.loads(report.with_suffix(".json").read_text("utf-8"))["model"] == "bolt-1"


def test_json_is_the_report(okng: Okng, bolt: Path, tmp_path: Path) -> None:
    """--json prints what the JSON report has, and --report says where it goes."""
    answer = okng("evaluate", bolt, "--report", tmp_path / "new" / "r.html", "--json").json
    assert Path(answer.pop("report")) == tmp_path / "new" / "r.html"
    assert answer == json.loads((tmp_path / "new" / "r.json").read_text("utf-8"))


def test_without_test_images_it_says_what_to_do(okng: Okng, bolt: Path) -> None:
    """A folder to train on alone cannot be evaluated; the message says what is missing."""
    done = okng("evaluate", bolt / "train" / "good", "--product", "bolt")
    assert done.code == 5
    assert "has no test images" in done.err


def test_report_must_be_html(read: Okng, bolt: Path) -> None:
    """A report with another ending is refused before any work."""
    assert read("evaluate", bolt, "--report", "r.pdf").code == 2


def test_unknown_product_is_named(read: Okng, bolt: Path) -> None:
    """A folder whose name is no product ends in a message with the products there are."""
    done = read("evaluate", bolt / "test", "--model", "nut")
    assert done.code == 5
    assert "There are: bolt" in done.err
