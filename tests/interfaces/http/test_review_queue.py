"""Reviews over HTTP: the queue, masks, undoing, and labels as a dataset."""

import base64
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from okng.adapters.datasets import read_dataset
from okng.domain.people import Role


def png(array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.asarray(array, np.uint8)).save(file, "PNG")
    return file.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.fixture
def inspected(running):
    """Inspect three odd images of the product; return the answers' records."""
    made = []
    for shade in (20, 120, 220):
        content = png(np.full((40, 60, 3), shade))
        sent = {"Content-Type": "image/png"}
        answer = running.ask(
            "POST", "/products/flange/inspections", content=content, headers=sent
        ).json()
        assert answer["verdict"] in ("NG", "REVIEW")
        made.append(answer)
    return made


def take(running, role, count, have=()):
    body = {"count": count, "have": list(have)}
    answer = running.ask("POST", "/products/flange/review-queue", role, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_nobody_gets_what_another_has(running, inspected):
    """Two reviewers share out what there is; what is reviewed is gone for both."""
    mine = take(running, Role.REVIEWER, 2)
    assert [one["id"] for one in mine["items"]] == [inspected[2]["id"], inspected[1]["id"]]
    theirs = take(running, Role.ENGINEER, 5)
    assert inspected[0]["id"] in [one["id"] for one in theirs["items"]]
    both = {one["id"] for one in mine["items"]} & {one["id"] for one in theirs["items"]}
    assert both == set()
    held = inspected[2]["id"]
    running.ask("POST", f"/inspections/{held}/reviews", Role.REVIEWER, json={"verdict": "OK"})
    after = take(running, Role.REVIEWER, 0, [one["id"] for one in mine["items"]])
    assert after["held"] == [inspected[1]["id"]]
    assert after["left"] == mine["left"] - 1 - len(theirs["items"])


def test_a_mark_is_kept_and_comes_with_the_labels(running, inspected, tmp_path):
    """The mask is of the image's size; the ZIP is a dataset that okng reads, masks and all."""
    bad, good = inspected[0]["id"], inspected[1]["id"]
    marked = np.zeros((40, 60))
    marked[10:20, 30:50] = 1
    said = {
        "verdict": "NG", "defect": "deep scratch",
        "mask_png": base64_of(png(marked)),
    }  # fmt: skip
    review = running.ask("POST", f"/inspections/{bad}/reviews", json=said).json()
    kept = running.ask("GET", review["mask_url"].removeprefix("/api/v1"))
    assert kept.headers["Content-Type"] == "image/png"
    pixels = np.asarray(Image.open(io.BytesIO(kept.content)))
    assert (pixels == 255 * marked).all()
    running.ask("POST", f"/inspections/{good}/reviews", json={"verdict": "OK"})
    listed = running.ask("GET", f"/inspections/{bad}").json()
    assert (listed["reviewed"], listed["defect"]) == ("NG", "deep scratch")
    archive = running.ask("GET", "/exports/labels?product=flange")
    with zipfile.ZipFile(io.BytesIO(archive.content)) as opened:
        assert opened.testzip() is None
        opened.extractall(tmp_path)
    dataset = read_dataset(tmp_path / "flange")
    labels = {sample.path.stem: sample for sample in dataset.samples}
    assert labels[good].is_good
    assert (labels[bad].label, len(labels[bad].masks)) == ("deep scratch", 1)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"verdict": "NG", "mask_png": "no base64!"}, "no PNG"),
        ({"verdict": "NG", "mask_png": base64_of(b"GIF89a")}, "no PNG"),
        ({"verdict": "NG", "mask_png": base64_of(png(np.ones((40, 40))))}, "60 x 40"),
        ({"verdict": "NG", "mask_png": base64_of(png(np.zeros((40, 60))))}, "nothing"),
        ({"verdict": "OK", "mask_png": base64_of(png(np.ones((40, 60))))}, "OK has no"),
    ],
)
def test_masks_that_cannot_be(running, inspected, said, why):
    """A mask is a PNG of the image's size that marks something, on a part that is not good."""
    answer = running.ask("POST", f"/inspections/{inspected[0]['id']}/reviews", json=said)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")
    assert why in answer.json()["detail"]


def test_a_review_is_taken_back_by_whoever_said_it(running, inspected):
    """It stays in the list as withdrawn, the inspection is as before; once, by nobody else."""
    one = inspected[0]["id"]
    place = f"/inspections/{one}/reviews"
    review = running.ask("POST", place, Role.REVIEWER, json={"verdict": "OK"}).json()
    undo = f"{place}/{review['id']}/withdraw"
    assert running.ask("POST", undo, Role.ENGINEER).status_code == 403
    assert running.ask("POST", undo, Role.REVIEWER).json()["withdrawn"] is not None
    assert running.ask("POST", undo, Role.REVIEWER).status_code == 409
    assert running.ask("GET", f"/inspections/{one}").json()["reviewed"] is None
    listed = running.ask("GET", place).json()["items"]
    assert [each["withdrawn"] is None for each in listed] == [False]


def test_the_map_comes_again(running):
    """It is the one that the inspection had, though maps are not kept; and nothing is counted."""
    content = png(np.full((40, 60, 3), 220))
    first = running.ask(
        "POST", "/products/flange/inspections?include=map", content=content,
        headers={"Content-Type": "image/png"},
    ).json()  # fmt: skip
    before = running.service.pool.statistics().verdicts
    again = running.ask("GET", f"/inspections/{first['id']}/map").json()
    assert again == first["map"]
    assert running.service.pool.statistics().verdicts == before
