"""Products, datasets, trainings, models, aliases, calibrations, people and audit over HTTP."""

import io
import json
import threading
import time
import zipfile
from pathlib import Path

import pytest

from okng.adapters.security.signatures import new_key, sign
from okng.domain.people import Role
from okng.settings import Settings
from okng.testing.images import good_parts, save

NOBODY = "019a9f5e-7c00-7000-8000-000000000000"


def zipped(folder: Path) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder.parent).as_posix())
    return file.getvalue()


def created(running, name):
    answer = running.ask("POST", "/products", json={"name": name, "title": "A part"})
    assert answer.status_code == 201, answer.text
    return name


def ended(running, job):
    until = time.monotonic() + 120
    while job["state"] in ("queued", "running"):
        assert time.monotonic() < until, job
        time.sleep(0.2)
        job = running.ask("GET", f"/jobs/{job['id']}").json()
    return job


def test_products(running):
    """Created, listed with those that were trained before, deleted and restored; each audited."""
    name = created(running, "cap")
    names = [one["name"] for one in running.ask("GET", "/products").json()["items"]]
    assert {"cap", "flange"} <= set(names)
    assert running.ask("POST", "/products", json={"name": name}).status_code == 409
    assert running.ask("DELETE", f"/products/{name}").json()["deleted"]
    assert running.ask("DELETE", f"/products/{name}").status_code == 409
    hidden = running.ask("GET", "/products", params={"deleted": True}).json()["items"]
    assert [one["name"] for one in hidden] == [name]
    assert running.ask("POST", f"/products/{name}/restore").json()["deleted"] is None
    entries = running.ask("GET", "/audit", params={"subject": name}).json()["items"]
    assert [entry["action"] for entry in entries] == [
        "product.restore", "product.delete", "product.create",
    ]  # fmt: skip


def test_from_images_to_a_verdict(either, good, trained):
    """Upload in parts, train, promote and inspect: all over HTTP, on each database."""
    product = created(either, "disc")
    data = zipped(trained / "parts" / "flange")
    upload = either.ask(
        "POST", f"/products/{product}/uploads", json={"name": "parts", "size": len(data)}
    ).json()
    place, half = f"/uploads/{upload['id']}", len(data) // 2
    for start, end in ((0, half), (half, len(data))):
        part = either.ask(
            "PATCH", place, content=data[start:end], headers={"Upload-Offset": str(start)}
        )
        assert part.json()["received"] == end
    again = either.ask("PATCH", place, content=data[:half], headers={"Upload-Offset": "0"})
    assert again.status_code == 409
    received = either.ask("POST", f"{place}/complete")
    assert received.status_code == 200, received.text
    dataset = received.json()["dataset"]
    body = {"dataset_id": dataset["id"], "size": [64, 64], "config": {"bank_size": 64}}
    started = either.ask("POST", f"/products/{product}/jobs", json=body)
    assert started.status_code == 202, started.text
    job = ended(either, started.json())
    assert (job["state"], job["model"], job["error"]) == ("done", "disc-1", None)
    lines = either.ask("GET", f"/jobs/{job['id']}/log").json()["lines"]
    assert any("good image" in line["text"] for line in lines)
    put = either.ask("PUT", f"/products/{product}/aliases/champion", json={"model": "disc-1"})
    assert put.json()["model"] == "disc-1"
    answer = either.ask(
        "POST",
        f"/products/{product}/inspections",
        content=good,
        headers={"Content-Type": "image/png"},
    )
    assert answer.json()["verdict"] in ("OK", "REVIEW")
    assert either.ask("POST", "/audit/verify").json()["sound"]


def test_unrelated_pictures_lie_where_datasets_may(running, trained):
    """A training over HTTP learns from a folder below the allowed ones, and from no other."""
    product = created(running, "washer")
    parts = trained / "parts"
    dataset = running.ask(
        "POST",
        f"/products/{product}/datasets/folder",
        json={"name": "parts", "folder": str(parts / "flange")},
    ).json()
    short = {"epochs": 1, "steps": 1, "strange": 4, "teacher_epochs": 1, "width": 4}
    found = {}
    for folder in (parts / "flange" / "test", trained / "home"):
        config = {**short, "unrelated": str(folder)}
        body = {"dataset_id": dataset["id"], "detector": "student", "size": [64, 64]}
        answer = running.ask("POST", f"/products/{product}/jobs", json={**body, "config": config})
        found[folder.name] = ended(running, answer.json())
    assert (found["test"]["state"], found["test"]["model"]) == ("done", "washer-1")
    lines = running.ask("GET", f"/jobs/{found['test']['id']}/log").json()["lines"]
    assert any("learned from 4 unrelated pictures" in line["text"] for line in lines)
    assert "OKNG_DATASET_ROOTS" in found["home"]["error"]


def test_archive_at_once_and_folder(running, trained):
    """A ZIP in one request, or a folder below an allowed root; any other folder is forbidden."""
    product = created(running, "lid")
    place = f"/products/{product}/datasets"
    data = zipped(trained / "parts" / "flange")
    sent = running.ask("POST", f"{place}/archive", content=data, params={"name": "zip"})
    assert sent.status_code == 201, sent.text
    folder = str(trained / "parts" / "flange")
    body = {"name": "in place", "folder": folder}
    assert running.ask("POST", f"{place}/folder", json=body).status_code == 201
    for elsewhere in ("/etc", "/", f"{folder}/../../home", "relative"):
        refused = running.ask("POST", f"{place}/folder", json={"name": "x", "folder": elsewhere})
        assert refused.status_code == 403
    listed = running.ask("GET", place).json()["items"]
    assert {one["name"] for one in listed} == {"zip", "in place"}
    assert "folder" not in listed[0]


def test_archive_with_annotations(running, tmp_path):
    """A zip of images with the list of a labelling tool is understood; the list is kept."""
    product = created(running, "boxed")
    save(tmp_path / "boxed" / "images", good_parts(2, 32))
    sides = {"width": 32, "height": 32}
    content = {
        "images": [{"id": k, "file_name": f"00{k}.png", **sides} for k in range(2)],
        "categories": [{"id": 1, "name": "hole"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [2, 2, 8, 8]}],
    }
    (tmp_path / "boxed" / "result.json").write_text(json.dumps(content))
    place = f"/products/{product}/datasets/archive"
    sent = running.ask(
        "POST", place, content=zipped(tmp_path / "boxed"), params={"name": "labelled"}
    )
    assert sent.status_code == 201, sent.text
    assert sent.json()["dataset"]["layout"] == "COCO"
    assert sent.json()["dataset"]["counts"] == {"test/hole": 1, "train/good": 1}


@pytest.mark.parametrize("name", ["../../outside.png", "/etc/passwd.png", "C:\\windows\\x.png"])
def test_archive_that_leads_out(running, name):
    """An archive whose names lead out of its folder is refused whole."""
    product = created(running, f"zip{abs(hash(name)) % 10**6}x")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"x")
    place = f"/products/{product}/datasets/archive"
    answer = running.ask("POST", place, content=file.getvalue(), params={"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (422, "bad-dataset")


@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04" + b"\0" * 100])
def test_what_is_no_archive(running, data):
    """It is refused with the reason, as a dataset and as a model."""
    answers = [
        running.ask(
            "POST", "/products/flange/datasets/archive", content=data, params={"name": "odd"}
        ),
        running.ask("POST", "/models/import", content=data),
    ]
    for answer in answers:
        assert answer.status_code in (400, 422), answer.text
        assert answer.json()["detail"]


def test_cancelled_training(running, trained):
    """A training that is cancelled ends, and leaves no model."""
    product = created(running, "ring")
    body = {"name": "ring", "folder": str(trained / "parts" / "flange")}
    dataset = running.ask("POST", f"/products/{product}/datasets/folder", json=body).json()
    job = running.ask(
        "POST", f"/products/{product}/jobs", json={"dataset_id": dataset["id"]}
    ).json()
    assert running.ask("POST", f"/jobs/{job['id']}/cancel").json()["state"] == "cancelled"
    assert running.ask("POST", f"/jobs/{job['id']}/cancel").status_code == 409
    models = running.ask("GET", "/models", params={"product": product}).json()["items"]
    assert models == []


def test_models_travel(running):
    """A model is downloaded, imported under another product, deleted, and restored."""
    archive = running.ask("GET", "/products/flange/models/1/archive")
    assert archive.headers["Content-Disposition"] == 'attachment; filename="flange-1.okng"'
    taken = running.ask(
        "POST", "/models/import", content=archive.content, params={"product": "moved"}
    )
    assert (taken.status_code, taken.json()["model"]) == (201, "moved-1"), taken.text
    card = running.ask("GET", "/products/moved/models/1").json()
    assert card["card"]["detector"] == "memory"
    assert running.ask("DELETE", "/products/moved/models/1").status_code == 204
    assert running.ask("GET", "/products/moved/models/1").status_code == 404
    deleted = running.ask("GET", "/products/moved/models/deleted").json()["items"]
    assert deleted == ["moved-1"]
    assert running.ask("POST", "/products/moved/models/1/restore").status_code in (200, 204)
    names = [one["name"] for one in running.ask("GET", "/models").json()["items"]]
    assert {"flange-1", "flange-2", "moved-1"} <= set(names)


def test_foreign_models_must_be_signed(running, tmp_path, start):
    """Where a key is set, a model without its signature, or with another's, is not taken in."""
    data = running.ask("GET", "/products/flange/models/1/archive").content
    own, other = new_key(), new_key()
    settings = Settings(home=tmp_path / "home", signing_keys=(own.public,))
    with start(settings) as strict:

        def take_in(key):
            headers = {} if key is None else {"X-Model-Signature": sign(data, key.private).strip()}
            return strict.ask("POST", "/models/import", content=data, headers=headers)

        for key in (None, other):
            refused = take_in(key)
            assert (refused.status_code, refused.json()["code"]) == (422, "bad-model")
        assert take_in(own).json()["model"] == "flange-1"


def test_alias_moves_under_the_requests(either, good):
    """The next inspection after a promotion is by the new champion; a roll-back returns."""
    headers = {"Content-Type": "image/png"}

    def judge():
        return either.ask(
            "POST", "/products/flange/inspections", content=good, headers=headers
        ).json()["model"]

    assert judge() == "flange-2"
    for model in ("flange-1", "flange-2"):
        body = {"model": model}
        assert either.ask("PUT", "/products/flange/aliases/champion", json=body).status_code == 200
        assert judge() == model
    rolled = either.ask("POST", "/products/flange/aliases/champion/roll-back").json()
    assert rolled["model"] == judge() == "flange-1"
    assert either.ask("DELETE", "/products/flange/models/1").status_code == 409
    assert either.ask("DELETE", "/products/flange/aliases/champion").status_code == 204


def test_no_request_is_dropped_while_the_alias_moves(either, good):
    """Images that come while champions change are all answered, soon by the new one."""
    answers, over = [], threading.Event()

    def judge():
        headers = {"Content-Type": "image/png"}
        while not over.is_set():
            answers.append(
                either.ask("POST", "/products/flange/inspections", content=good, headers=headers)
            )

    asking = [threading.Thread(target=judge) for _ in range(3)]
    for thread in asking:
        thread.start()
    try:
        for turn in range(8):
            model, before = f"flange-{turn % 2 + 1}", len(answers)
            change = either.ask("PUT", "/products/flange/aliases/champion", json={"model": model})
            assert change.status_code == 200
            deadline = time.monotonic() + 30
            while model not in {one.json().get("model") for one in answers[before:]}:
                assert time.monotonic() < deadline, f"{model} is promoted, and never judges"
                time.sleep(0.01)
    finally:
        over.set()
        for thread in asking:
            thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["verdict"] for answer in answers} == {"OK"}
    assert {answer.json()["model"] for answer in answers} == {"flange-1", "flange-2"}


@pytest.mark.parametrize(
    ("body", "method"),
    [
        ({"max_overkill": 0.3}, "cross-fitted"),
        ({"threshold": 5.5, "ng_threshold": 9.5}, "manual"),
        ({"defects": True, "escape_cost": 20}, "cost"),
        ({"defects": True, "max_escapes": 0.9, "confidence": 0.5}, "escape-bound"),
    ],
)
def test_calibrations(running, trained, body, method):
    """Each way to choose thresholds makes a new calibration; the next inspection uses it."""
    body = dict(body)
    if body.pop("defects", False):
        made = running.ask(
            "POST", "/products/flange/datasets/folder",
            json={"name": f"defects {method}", "folder": str(trained / "parts" / "flange")},
        )  # fmt: skip
        body["defects_dataset_id"] = made.json()["id"]
    place = "/products/flange/models/1/calibrations"
    before = running.ask("GET", place).json()["items"]
    made = running.ask("POST", place, json=body)
    assert made.status_code == 201, made.text
    assert made.json()["method"] == method
    after = running.ask("GET", place).json()["items"]
    assert len(after) == len(before) + 1
    entry = running.ask("GET", "/audit", params={"action": "threshold.set"}).json()["items"][0]
    assert entry["subject"] == "flange-1"


@pytest.mark.parametrize(
    "body",
    [
        {"ng_threshold": 1.0},
        {"threshold": 2.0, "ng_threshold": 1.0},
        {"escape_cost": 2.0},
        {"threshold": "NaN"},
        {"max_overkill": 2},
        {"max_overkill": 0.02, "threshold": 2.0},
        {
            "max_overkill": 0.02,
            "defects_dataset_id": NOBODY,
            "escape_cost": 2.0,
        },
        {"threshold": 1.0, "ng_threshold": 2.0, "margin": 0.5},
        {"defect_rate": 0.1},
    ],
)
def test_calibrations_that_contradict_themselves(running, body):
    """They are refused with the reason, and nothing is made."""
    answer = running.ask("POST", "/products/flange/models/1/calibrations", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_people(running):
    """Made with a one-time password, given another role, disabled and enabled; the last
    administrators stay."""
    made = running.ask("POST", "/people", json={"name": "ada", "role": "operator"}).json()
    assert made["person"]["must_change"]
    place = "/people/ada"
    assert (
        running.ask("PUT", f"{place}/role", json={"role": "reviewer"}).json()["role"] == "reviewer"
    )
    assert not running.ask("POST", f"{place}/disable").json()["active"]
    assert running.ask("POST", f"{place}/enable").json()["active"]
    assert running.ask("POST", f"{place}/password").json()["password"] != made["password"]
    assert running.ask("GET", "/people/nobody").status_code == 404


def test_audit_pages_and_verification(running):
    """The log is paged, filtered, and holds together; no password or token is in it."""
    page = running.ask("GET", "/audit", params={"limit": 2}).json()
    assert len(page["items"]) == 2
    assert page["cursor"]
    check = running.ask("POST", "/audit/verify").json()
    assert (check["sound"], check["faults"]) == (True, [])
    whole = running.ask("GET", "/audit", params={"limit": 200}).text
    assert not any(token in whole for token in running.tokens.values())


def test_rights_are_lost_at_once(running):
    """A token of somebody who was disabled opens nothing from then on."""
    running.ask("POST", "/people/the-operator/disable")
    assert running.ask("GET", "/products", Role.OPERATOR).status_code == 401
    running.ask("POST", "/people/the-operator/enable")
    assert running.ask("GET", "/products", Role.OPERATOR).status_code == 200


def test_what_can_be_trained(running):
    """Every detector with its settings, as `okng detectors` tells them; asked once."""
    cards = {card["name"]: card for card in running.ask("GET", "/detectors").json()["detectors"]}
    assert {"memory", "probe", "cnn"} <= set(cards)
    settings = {setting["name"]: setting for setting in cards["cnn"]["settings"]}
    assert settings["activation"]["choices"] == ["relu", "silu", "gelu"]
    assert settings["batch_norm"]["kind"] == "flag"


def test_curves_of_a_training_that_does_not_exist(running):
    assert running.ask("GET", f"/jobs/{NOBODY}/curves").status_code == 404


def test_examples_of_a_product_that_was_not_trained(running):
    """Nothing was drawn, and that is said."""
    found = running.ask("GET", "/products/bolt/preview")
    assert found.status_code == 404
    assert "has drawn examples" in found.json()["detail"]
