"""Evaluations of models and the tiers' times over HTTP."""

import io
import shutil
import threading
import time

import pytest
from PIL import Image

import okng
from okng.adapters.security.passwords import Argon2Passwords
from okng.bootstrap.service import build_service
from okng.domain.people import Principal, Right
from okng.settings import Settings

ADMIN = Principal("admin", frozenset(Right))
CHEAP = Argon2Passwords(rounds=1, memory_kib=64)

PLACE = "/products/flange/models/1/evaluations"


@pytest.fixture(scope="module")
def dataset(running) -> str:
    """The folder that the model was trained on, with test images of its own."""
    folder = str(running.roots / "flange")
    body = {"name": "measured", "folder": folder}
    made = running.ask("POST", "/products/flange/datasets/folder", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def ended(running, path: str) -> dict:
    for _ in range(600):
        found = running.ask("GET", path).json()
        if found["state"] in ("done", "failed"):
            return found
        time.sleep(0.1)
    raise AssertionError(f"it does not end: {found}")


def test_a_model_is_evaluated(running, dataset):
    """It is started, followed and read; nothing in the report can run."""
    place = f"{PLACE}/{dataset}"
    before = running.ask("GET", place).json()
    assert (before["state"], before["result"]) == (None, None)
    assert running.ask("GET", f"{place}/report").status_code == 404
    begun = running.ask("POST", PLACE, json={"dataset_id": dataset})
    assert begun.status_code == 202, begun.text
    found = ended(running, place)
    assert (found["state"], found["error"]) == ("done", None)
    result = found["result"]
    assert result["model"] == "flange-1"
    assert result["beside"] == []
    labels = [image["label"] for image in result["images"]]
    assert {"good", "hole"} == set(labels)
    report = running.ask("GET", f"{place}/report")
    policy = report.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "frame-ancestors 'self'" in policy
    assert "<script" not in report.text
    assert str(running.roots) not in report.text


def test_its_images_are_shown(running, dataset):
    """Each by its number, with what the model finds; nothing is kept as an inspection."""
    place = f"{PLACE}/{dataset}"
    running.ask("POST", PLACE, json={"dataset_id": dataset})
    images = ended(running, place)["result"]["images"]
    before = running.ask("GET", "/inspections").json()["items"]
    pictures = [running.ask("GET", f"{place}/images/0{rest}") for rest in ("", "?size=whole")]
    assert [one.headers["Content-Type"] for one in pictures] == ["image/jpeg", "image/png"]
    size = Image.open(io.BytesIO(pictures[1].content)).size
    found = running.ask("GET", f"{place}/images/0/map").json()
    assert found["box"] == {"x": 0, "y": 0, "width": size[0], "height": size[1]}
    assert found["low"] < found["high"]
    assert found["threshold"] > 0
    assert running.ask("GET", f"{place}/images/{len(images)}").status_code == 404
    assert running.ask("GET", "/inspections").json()["items"] == before


def test_what_cannot_be_evaluated(running, dataset):
    """Neither a model nor a dataset that is not there."""
    nobody = "019a9f5e-7c00-7000-8000-000000000000"
    assert running.ask("POST", PLACE, json={"dataset_id": nobody}).status_code == 404
    gone = PLACE.replace("/1/", "/99/")
    assert running.ask("POST", gone, json={"dataset_id": dataset}).status_code == 404
    assert running.ask("GET", f"{gone}/{dataset}").status_code == 404


def test_tiers_are_measured(running):
    """In the background; a tier whose backbone is not there says so."""
    assert running.ask("POST", "/tiers").status_code == 202
    found = ended(running, "/tiers")
    assert found["error"] is None
    fast, balanced, accurate = found["tiers"]
    assert fast["tier"] == "fast"
    assert fast["milliseconds"] > 0
    for one in (balanced, accurate):
        assert (one["milliseconds"] is None) == (one["missing"] is not None)


def test_a_mask_goes_with_a_training_untold(running, dataset):
    """A wrong one is refused in words; a right one reaches the job, its pixels no list."""
    wrong = {"dataset_id": dataset, "mask_png": "bm9uZQ=="}
    refused = running.ask("POST", "/products/flange/jobs", json=wrong)
    assert refused.status_code == 400
    assert "PNG" in refused.json()["detail"]
    assert all(
        "mask_png" not in job["options"] for job in running.ask("GET", "/jobs").json()["items"]
    )


def test_an_evaluation_goes_on_after_a_restart(trained, tmp_path):
    """What the service's end interrupted is done by the next one, with nobody asking again."""
    home = tmp_path / "home"
    shutil.copytree(trained / "home" / "models", home / "models")
    settings = Settings(home=home, dataset_roots=(trained / "parts",))
    first = build_service(settings, CHEAP)
    first.start()
    folder = str(trained / "parts" / "flange")
    dataset = first.datasets.register("flange", "measured", folder, ADMIN).id
    busy = threading.Event()
    first.evaluations._work._worker.submit(busy.wait)  # the evaluation waits
    first.evaluations.start("flange-1", dataset, ADMIN)
    threading.Timer(0.2, busy.set).start()
    first.close()
    second = build_service(settings, CHEAP)
    try:
        second.start()
        until = time.monotonic() + 60
        while (known := second.evaluations.get("flange-1", dataset, ADMIN)).state != "done":
            assert known.state in ("queued", "running"), known
            assert time.monotonic() < until
            time.sleep(0.05)
        assert known.result is not None
    finally:
        second.close()


def test_what_is_learned_stands_beside_the_memory(trained, tmp_path):
    """As on the command line: the newest memory of the product, in the record and the report."""
    home = tmp_path / "home"
    shutil.copytree(trained / "home" / "models", home / "models")
    settings = Settings(home=home, dataset_roots=(trained / "parts",))
    folder = trained / "parts" / "flange"
    short = okng.TrainingOptions("autoencoder", size=(64, 64), config={"epochs": 1, "steps": 1})
    assert okng.train(folder, options=short, settings=settings).model.name == "flange-3"
    service = build_service(settings, CHEAP)
    try:
        service.start()
        dataset = service.datasets.register("flange", "measured", str(folder), ADMIN).id
        service.evaluations.start("flange-3", dataset, ADMIN)
        until = time.monotonic() + 60
        while (known := service.evaluations.get("flange-3", dataset, ADMIN)).state != "done":
            assert known.state in ("queued", "running"), known
            assert time.monotonic() < until
            time.sleep(0.05)
        (other,) = known.result["beside"]
        assert (other["model"], other["detector"]) == ("flange-2", "memory")
        report = service.evaluations.page("flange-3", dataset, ADMIN)
        assert b"Beside other models" in report
    finally:
        service.close()
