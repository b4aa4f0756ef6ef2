"""Check-ups of datasets over HTTP."""

import io
import shutil
import time
from pathlib import Path

import pytest
from PIL import Image

from okng.testing.images import write_folder

NOBODY = "019a9f5e-7c00-7000-8000-000000000000"


@pytest.fixture
def leaking(trained: Path) -> Path:
    """A dataset whose test has a training image."""
    root = trained / "parts" / "leaking"
    if not root.exists():
        write_folder(root, good=7, test_good=2, defective=2, size=64)
        shutil.copy(root / "train" / "good" / "002.png", root / "test" / "good" / "copy.png")
    return root


def registered(running, name: str, folder: Path) -> str:
    body = {"name": name, "folder": str(folder)}
    made = running.ask("POST", "/products/flange/datasets/folder", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def ended(running, dataset: str) -> dict:
    for _ in range(600):
        found = running.ask("GET", f"/datasets/{dataset}/doctor").json()
        if found["state"] in ("done", "failed"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"the check-up does not end: {found}")


def test_a_checkup_tells_and_shows_what_it_found(running, leaking):
    """It is started, followed and read; its findings name images that can be looked at."""
    dataset = registered(running, "to be checked", leaking)
    place = f"/datasets/{dataset}/doctor"
    assert running.ask("GET", place).status_code == 404
    begun = running.ask("POST", place)
    assert (begun.status_code, begun.json()["diagnosis"]) == (202, None)
    found = ended(running, dataset)
    assert (found["state"], found["error"]) == ("done", None)
    diagnosis = found["diagnosis"]
    leak = next(f for f in diagnosis["findings"] if f["check"] == "leaks")
    (case,) = leak["cases"]
    assert [image["image"] for image in case["images"]] == [
        "test/good/copy.png",
        "train/good/002.png",
    ]
    assert str(leaking) not in str(found)
    for image in case["images"]:
        answer = running.ask("GET", f"{place}/images/{image['number']}")
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert Image.open(io.BytesIO(answer.content)).size == (64, 64)
    assert running.ask("GET", f"{place}/images/9999").status_code == 404
    assert running.ask("GET", f"{place}/images/-1").status_code == 404
    entry = running.ask("GET", "/audit", params={"action": "dataset.checkup"}).json()["items"][0]
    assert entry["subject"] == dataset


def test_an_image_that_left_the_dataset_is_not_shown(running, leaking, tmp_path):
    """A link that was put in an image's place since leads nowhere, and what is gone is an error."""
    root = leaking.parent / "moving"
    shutil.copytree(leaking, root)
    dataset = registered(running, "moving", root)
    running.ask("POST", f"/datasets/{dataset}/doctor")
    images = ended(running, dataset)["diagnosis"]["findings"][0]["cases"][0]["images"]
    place = f"/datasets/{dataset}/doctor/images/{images[0]['number']}"
    file = root / images[0]["image"]
    secret = tmp_path / "secret.png"
    file.rename(secret)
    file.symlink_to(secret)
    assert running.ask("GET", place).status_code == 404
    file.unlink()
    assert running.ask("GET", place).status_code in (404, 422)


def test_a_checkup_that_fails_says_why(running, leaking):
    """Where no image can be read, the state is failed and the reason is told."""
    root = leaking.parent / "broken"
    shutil.copytree(leaking, root)
    dataset = registered(running, "broken", root)
    for file in root.rglob("*.png"):
        file.write_bytes(b"no image")
    running.ask("POST", f"/datasets/{dataset}/doctor")
    found = ended(running, dataset)
    assert found["state"] == "failed"
    assert "can be read" in found["error"]


def test_what_is_not_there_is_not_found(running, leaking):
    """A dataset that is not there, or is deleted, has no check-up to start."""
    assert running.ask("POST", f"/datasets/{NOBODY}/doctor").status_code == 404
    dataset = registered(running, "deleted", leaking)
    running.ask("DELETE", f"/datasets/{dataset}")
    assert running.ask("POST", f"/datasets/{dataset}/doctor").status_code == 404
