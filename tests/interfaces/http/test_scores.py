"""Scores whose truth is known, over HTTP."""

import time

from okng.testing.images import write_folder


def scored(running, place: str) -> dict:
    for _ in range(600):
        found = running.ask("GET", place).json()
        if found["scoring"]["state"] in ("done", "failed"):
            return found
        time.sleep(0.05)
    raise AssertionError(f"the scoring does not end: {found['scoring']}")


def of(found: dict, source: str) -> list[dict]:
    return [one for one in found["scores"] if one["source"] == source]


def test_scores_come_from_calibration_samples_and_reviews(either, trained, bad):
    """All that is known joins one list, each with its truth and, where there is one, a picture."""
    place = "/products/flange/models/1/scores"
    first = either.ask("GET", place).json()
    assert (first["scoring"]["state"], first["scoring"]["newest"]) == (None, None)
    calibration = either.service.registry.calibrations("flange-1")[-1]
    assert [one["score"] for one in first["scores"]] == list(calibration.good_scores)
    assert all(one["good"] and one["thumbnail_url"] is None for one in first["scores"])
    refused = either.ask("POST", place)
    assert (refused.status_code, "test/good" in refused.json()["detail"]) == (404, True)

    folder = {"name": "first", "folder": str(trained / "parts" / "flange")}
    assert either.ask("POST", "/products/flange/datasets/folder", json=folder).status_code == 201
    begun = either.ask("POST", place)
    assert begun.status_code == 202
    assert begun.json()["state"] in ("queued", "running", "done")
    found = scored(either, place)
    assert (found["scoring"]["error"], found["scoring"]["dataset"]) == (None, "first")
    samples = of(found, "sample")
    assert [(one["label"], one["good"]) for one in samples] == [("good", True)] * 2 + [
        ("hole", False)
    ] * 2
    assert min(one["score"] for one in samples[2:]) > max(one["score"] for one in samples[:2])
    picture = either.client.get(samples[0]["thumbnail_url"], headers=either.headers())
    assert picture.headers["Content-Type"] == "image/jpeg"
    assert str(trained) not in str(found)

    sent = {"Content-Type": "image/png"}
    made = either.ask(
        "POST", "/products/flange/inspections?model=flange-1", content=bad, headers=sent
    ).json()
    review = {"verdict": "NG", "defect": "hole"}
    either.ask("POST", f"/inspections/{made['id']}/reviews", json=review)
    (reviewed,) = of(either.ask("GET", place).json(), "review")
    assert (reviewed["score"], reviewed["good"]) == (made["score"], False)
    assert reviewed["thumbnail_url"] == f"/api/v1/inspections/{made['id']}/thumbnail"
    assert of(either.ask("GET", "/products/flange/models/2/scores").json(), "review") == []


def test_what_the_model_was_made_from_is_left_out(either, trained):
    """Its training images, put among the test images, get no score."""
    root = trained / "parts" / "known"
    if not root.exists():
        write_folder(root, good=8, test_good=2, defective=1, size=64)
        (root / "test" / "good" / "seen.png").write_bytes(
            (trained / "parts" / "flange" / "train" / "good" / "000.png").read_bytes()
        )
    folder = {"name": "known", "folder": str(root)}
    assert either.ask("POST", "/products/flange/datasets/folder", json=folder).status_code == 201
    place = "/products/flange/models/2/scores"
    either.ask("POST", place)
    found = scored(either, place)
    assert found["scoring"]["left_out"] == 1
    assert "test/good/seen.png" not in [one["name"] for one in of(found, "sample")]
    entry = either.ask("GET", "/audit", params={"action": "model.score"}).json()["items"][0]
    assert entry["subject"] == "flange-2"


def test_a_calibration_says_who_set_it_and_why(either):
    """Name and note stay with it; the one before stays as it was."""
    place = "/products/flange/models/1/calibrations"
    before = either.ask("GET", place).json()["items"]
    body = {"threshold": 30.0, "ng_threshold": 40.0, "note": "  too many escapes "}
    made = either.ask("POST", place, json=body).json()
    assert (made["author"], made["note"]) == ("the-administrator:test", "too many escapes")
    after = either.ask("GET", place).json()["items"]
    assert after == [*before, made]
    assert before[0]["author"] == ""
    long = either.ask("POST", place, json=body | {"note": "x" * 501})
    assert (long.status_code, long.json()["errors"][0]["pointer"]) == (422, "/body/note")
