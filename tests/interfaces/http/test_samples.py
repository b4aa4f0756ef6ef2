"""A few images to try a product with, and the demo's images as a dataset."""

import io
from base64 import b64decode

import pytest
from PIL import Image

from okng.bootstrap.demo import DEMO_DATASET, show_demo
from okng.domain.errors import Forbidden
from okng.domain.people import CONSOLE
from okng.services.samples import MOST
from okng.testing.images import write_folder


def samples(running, product="flange"):
    answer = running.ask("GET", f"/products/{product}/samples")
    assert answer.status_code == 200
    return answer.json()["items"]


def picture(running, url):
    answer = running.client.get(url, headers=running.headers())
    assert answer.status_code == 200
    return Image.open(io.BytesIO(answer.content))


def test_without_a_dataset_they_are_the_models_own(either):
    """Where nobody has given the service a dataset, the golden images of the model stand in."""
    found = samples(either)
    assert found
    assert {one["label"] for one in found} == {None}
    assert picture(either, found[0]["image_url"]).size == (64, 64)


def test_a_dataset_gives_some_of_each_label(fresh, tmp_path):
    """Of a dataset they are test images, good ones first; small pictures are JPEG."""
    folder = write_folder(tmp_path / "home" / "demo" / "bolt", 5, 9, 9, 64)
    fresh.service.products.create("bolt", "", CONSOLE)
    show_demo(fresh.service, folder, "bolt")
    found = samples(fresh, "bolt")
    assert [one["label"] for one in found] == ["good"] * 4 + ["hole"] * 4
    assert len(found) <= MOST
    assert picture(fresh, found[-1]["thumbnail_url"]).format == "JPEG"
    (folder / "test" / found[-1]["name"]).unlink()
    gone = fresh.client.get(found[-1]["image_url"], headers=fresh.headers())
    assert (gone.status_code, gone.json()["code"]) == (404, "not-found")


def test_the_demo_is_taken_once(fresh, tmp_path):
    """However often it is shown, there is one dataset of it; other folders are not taken so."""
    folder = write_folder(tmp_path / "home" / "demo" / "bolt", 5, 1, 1, 64)
    fresh.service.products.create("bolt", "", CONSOLE)
    for _ in range(2):
        show_demo(fresh.service, folder, "bolt")
    (kept,) = fresh.service.datasets.list("bolt", CONSOLE)
    assert (kept.name, kept.folder) == (DEMO_DATASET, "demo/bolt")
    assert kept.counts["train/good"] == 5
    with pytest.raises(Forbidden):
        fresh.service.datasets.adopt("bolt", "x", tmp_path / "elsewhere", CONSOLE)


@pytest.mark.parametrize("sample_id", ["0" * 16, "../../../etc/passwd", "x", "0" * 17])
def test_what_is_no_sample_is_not_there(running, sample_id):
    """Only what the list names can be had."""
    answer = running.ask("GET", f"/products/flange/samples/{sample_id}/image")
    assert answer.status_code in (404, 422)
    assert samples(running)
    assert running.ask("GET", "/products/nothing/samples").status_code == 404


def test_named_inspections_as_a_table(running, good, bad):
    """The named inspections are rows in the order of their names; unknown ones are refused."""
    headers = {"Content-Type": "image/png"}
    ids = [
        running.ask(
            "POST", f"/products/flange/inspections?name={name}", content=image, headers=headers
        ).json()["id"]
        for name, image in (("b.png", bad), ("a.png", good))
    ]
    table = running.ask("POST", "/exports/inspections", json={"ids": ids}).text.splitlines()
    assert [line.split(",")[0] for line in table] == ["id", *ids]
    unknown = "019a9f5e-7c00-7000-8000-000000000000"
    assert running.ask("POST", "/exports/inspections", json={"ids": [unknown]}).status_code == 404
    assert running.ask("POST", "/exports/inspections", json={"ids": []}).status_code == 422


def test_a_map_says_where_it_lies(running, good):
    """With the map come its place in the image and where its heat begins and is full."""
    answer = running.ask(
        "POST", "/products/flange/inspections?include=map", content=good,
        headers={"Content-Type": "image/png"},
    ).json()  # fmt: skip
    assert answer["map"]["box"] == {"x": 0, "y": 0, "width": 64, "height": 64}
    assert answer["map"]["low"] < answer["map"]["high"]


def test_a_tiff_as_browsers_can_show_it(running, bad):
    """On request an image comes as PNG: with the answer, and later from what was kept."""
    tiff = io.BytesIO()
    Image.open(io.BytesIO(bad)).save(tiff, "TIFF")
    answer = running.ask(
        "POST", "/products/flange/inspections?include=picture", content=tiff.getvalue(),
        headers={"Content-Type": "image/tiff"},
    ).json()  # fmt: skip
    with_answer = Image.open(io.BytesIO(b64decode(answer["picture"])))
    assert (with_answer.format, with_answer.size) == ("PNG", (64, 64))
    if answer["image_url"]:
        assert picture(running, f"{answer['image_url']}?format=png").format == "PNG"
        assert picture(running, answer["image_url"]).format == "TIFF"
