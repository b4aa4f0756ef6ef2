"""Inspections over HTTP, in every way that an image can be sent."""

import base64
import io
import json
import zipfile
from functools import cache

import numpy as np
import pytest
from PIL import Image

from okng.domain.people import Role
from okng.domain.records import is_sampled
from okng.testing.images import good_parts

FIGURES = {"id", "verdict", "score", "p_value", "review_threshold", "ng_threshold", "regions",
           "timing", "model", "graph_sha256", "calibration"}  # fmt: skip
PLACE = "/products/flange/inspections"


def send(running, image, headers=None, **query):
    headers = {"Content-Type": "image/png"} | (headers or {})
    return running.ask("POST", PLACE, Role.OPERATOR, content=image, headers=headers, params=query)


def test_a_good_and_a_bad_part(running, good, bad):
    """A good part is OK, one with a hole is NG with its region; both answers have every figure."""
    answers = [send(running, image) for image in (good, bad)]
    assert [answer.status_code for answer in answers] == [201, 201]
    ok, ng = (answer.json() for answer in answers)
    assert (ok["verdict"], ng["verdict"]) == ("OK", "NG")
    assert ok["score"] < ok["review_threshold"] <= ng["ng_threshold"] < ng["score"]
    assert ng["regions"]
    assert set(ng) >= FIGURES
    assert ng["model"] == "flange-2"


def test_every_way_to_send_it_gives_one_score(running):
    """A form, raw bytes and raw pixels of one image get the same score; grey is RGB of equals."""
    pixels = good_parts(1, 64, start=70)[0]
    grey = np.repeat(pixels[..., :1], 3, axis=2)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "BMP")
    raw = {"Content-Type": "application/octet-stream"}
    scores = [
        send(running, file.getvalue(), {"Content-Type": "image/bmp"}),
        send(running, file.getvalue(), raw),
        send(running, grey.tobytes(), raw | {"X-Image-Shape": "64,64,3"}),
        send(running, grey[..., 0].tobytes(), raw | {"X-Image-Shape": "64, 64"}),
        running.ask("POST", PLACE, files={"image": ("part.bmp", file.getvalue())}),
    ]
    assert {answer.status_code for answer in scores} == {201}
    assert len({answer.json()["score"] for answer in scores}) == 1


def test_what_is_known_of_it_is_kept(running, good):
    """Part, lot, view, camera and station come back and can be searched for, from form or query."""
    said = {"part_id": "A-17", "lot": "L1", "view": "top", "camera": "c1", "station": "s1"}
    form = running.ask(
        "POST", PLACE, files={"image": ("a/b/x<i>.png", good)}, data=said | {"model": "flange-1"}
    ).json()
    assert {name: form[name] for name in said} == said
    assert (form["model"], form["image"]) == ("flange-1", "x<i>.png")
    assert send(running, good, **said).status_code == 201
    found = running.ask("GET", "/inspections", params={"part_id": "A-17", "lot": "L1"}).json()
    assert len(found["items"]) == 2
    assert running.ask("GET", f"/inspections/{form['id']}").json() == form


def test_overlay_and_map_on_request(running, bad):
    """They come where they are asked for: a JPEG, and float32 whose maximum is the peak's score."""
    answer = send(running, bad, include=["overlay", "map"]).json()
    assert Image.open(io.BytesIO(base64.b64decode(answer["overlay"]))).size == (64, 64)
    values = np.frombuffer(base64.b64decode(answer["map"]["data"]), "<f4")
    assert values.reshape(answer["map"]["shape"]).max() >= answer["regions"][0]["peak_score"]
    assert "overlay" not in send(running, bad).json()


def test_a_repeat_is_not_inspected_twice(running, good, bad):
    """The same key gets the first answer, with 200; the same key for another product is refused."""
    key = {"Idempotency-Key": "once-1"}
    first, second = (send(running, bad, key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert send(running, good, key).status_code == 409


def test_batch(running, good, bad):
    """Every image of a batch has its own answer, a broken one the verdict ERROR."""
    files = [("images", (name, data)) for name, data in
             (("1.png", good), ("2.png", bad), ("3.png", b"nonsense"))]  # fmt: skip
    answer = running.ask("POST", f"{PLACE}/batch", files=files, params={"lot": "batch-1"})
    assert answer.status_code == 200
    verdicts = [item["inspection"]["verdict"] for item in answer.json()["items"]]
    assert verdicts == ["OK", "NG", "ERROR"]
    found = running.ask("GET", "/inspections", params={"lot": "batch-1", "verdict": "NG"}).json()
    assert [item["image"] for item in found["items"]] == ["2.png"]


def test_batch_of_too_many_is_refused(running, good):
    """A batch beyond the limit is refused before anything is inspected."""
    most = running.service.settings.max_batch_images
    files = [("images", (f"{i}.png", good)) for i in range(most + 1)]
    answer = running.ask("POST", f"{PLACE}/batch", files=files)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad-request")


def test_a_part_is_as_bad_as_its_worst(running, good, bad):
    """A part's verdict is the worst of its inspections."""
    for image in (good, bad, good):
        send(running, image, part_id="P/9")
    part = running.ask("GET", "/products/flange/parts/P%2F9")
    assert (part.json()["verdict"], part.json()["inspections"]) == ("NG", 3)
    listed = running.ask("GET", "/parts", params={"product": "flange"}).json()["items"]
    assert "P/9" in [one["part_id"] for one in listed]


def test_images_come_back_as_they_were(running, good, bad):
    """An NG part's image comes back byte for byte, an OK part's as a thumbnail; never as a page."""
    ng, ok = send(running, bad).json(), send(running, good).json()
    while is_sampled(ok["id"]):  # people review one in so many, and see it whole
        ok = send(running, good).json()
    image = running.client.get(ng["image_url"], headers=running.headers())
    assert image.content == bad
    assert image.headers["Content-Type"] == "image/png"
    assert image.headers["X-Content-Type-Options"] == "nosniff"
    assert ok["image_url"] is None
    thumbnail = running.client.get(ok["thumbnail_url"], headers=running.headers())
    assert thumbnail.headers["Content-Type"] == "image/jpeg"


def test_pages_go_on_where_the_last_ended(running, good):
    """Pages hold each inspection once, newest first."""
    for _ in range(5):
        send(running, good, lot="paged")
    seen, cursor = [], None
    while True:
        query = {"lot": "paged", "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = running.ask("GET", "/inspections", params=query).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5
    assert seen == sorted(seen, reverse=True)
    odd = running.ask("GET", "/inspections", params={"cursor": "nonsense"})
    assert (odd.status_code, odd.json()["code"]) == (400, "bad-request")


def test_reviews(running, bad):
    """A review is kept, shows in the inspection, and a later one replaces it."""
    made = send(running, bad).json()
    place = f"/inspections/{made['id']}/reviews"
    for body in ({"verdict": "NG", "defect": "hole"}, {"verdict": "OK", "note": "only dust"}):
        sent = running.ask("POST", place, Role.REVIEWER, json=body)
        assert sent.status_code == 201
    assert running.ask("GET", f"/inspections/{made['id']}").json()["reviewed"] == "OK"
    assert len(running.ask("GET", place).json()["items"]) == 2


def test_exports(running, bad):
    """CSV and JSON lines hold what the filter wants; formulas in names are not computed."""
    running.ask("POST", PLACE, files={"image": ("=1+1.png", bad)}, data={"lot": "exported"})
    query = {"lot": "exported"}
    text = running.ask("GET", "/exports/inspections", params=query)
    assert text.headers["Content-Type"].startswith("text/csv")
    assert "'=1+1.png" in text.text
    assert len(text.text.splitlines()) == 2
    lines = running.ask("GET", "/exports/inspections", params=query | {"format": "jsonl"}).text
    assert [json.loads(line)["lot"] for line in lines.splitlines()] == ["exported"]
    audit = running.ask("GET", "/audit", params={"action": "inspections.export"}).json()["items"]
    assert len(audit) >= 2


@pytest.mark.parametrize(
    ("headers", "query", "status", "code"),
    [
        ({"Content-Type": "text/html"}, {}, 400, "bad-request"),
        ({"Content-Type": "application/octet-stream", "X-Image-Shape": "9,9,3"}, {}, 400,
         "bad-request"),
        ({"Content-Type": "application/octet-stream", "X-Image-Shape": "999999,999999,3"}, {}, 413,
         "too-large"),
        ({"Content-Type": "application/octet-stream", "X-Image-Shape": "a"}, {}, 400,
         "bad-request"),
        ({}, {"model": "cap-1"}, 400, "bad-request"),
        ({}, {"model": "flange-99"}, 404, "not-found"),
        ({}, {"calibration": "99"}, 404, "not-found"),
        ({}, {"calibration": "-1"}, 422, "invalid"),
        ({}, {"include": "secrets"}, 422, "invalid"),
        ({}, {"part_id": "x" * 201}, 422, "invalid"),
        ({}, {"part_id": "a\x00b"}, 422, "invalid"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, {}, 400, "bad-request"),
        ({"Content-Type": "multipart/form-data"}, {}, 400, "bad-request"),
        ({"Content-Type": "multipart/form-data; boundary=x; charset=rot13"}, {}, 400,
         "bad-request"),
    ],
)  # fmt: skip
def test_what_cannot_be(running, good, headers, query, status, code):
    """A request that makes no sense is one clear problem."""
    answer = send(running, good, headers, **query)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_no_such_product(running, good):
    """A product without models is not found; a name that cannot be one is refused."""
    headers = {"Content-Type": "image/png"}
    answer = running.ask("POST", "/products/nothing/inspections", content=good, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    answer = running.ask("POST", "/products/..%2f..%2fetc/inspections", content=good)
    assert answer.status_code in (404, 405, 422)


@cache
def nasty_images() -> dict[str, bytes]:
    """Files that somebody may send to do harm."""
    file = io.BytesIO()
    Image.new("L", (30_000, 30_000)).save(file, "PNG")
    bomb = file.getvalue()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("a", b"0")
    whole = io.BytesIO()
    Image.new("RGB", (64, 64)).save(whole, "JPEG")
    frames = io.BytesIO()
    pictures = [Image.new("RGB", (8, 8), (i, 0, 0)) for i in (0, 200)]
    pictures[0].save(frames, "TIFF", save_all=True, append_images=pictures[1:])
    return {
        "bomb": bomb,
        "empty": b"",
        "truncated": whole.getvalue()[: len(whole.getvalue()) // 3],
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "html": b"<html><script>alert(1)</script></html>",
        "zip": archive.getvalue(),
        "gif": b"GIF89a" + b"\0" * 40,
        "pages": frames.getvalue(),
        "png without end": b"\x89PNG\r\n\x1a\n" + b"\0" * 100,
    }


@pytest.mark.parametrize("name", nasty_images())
def test_nasty_images(running, name):
    """Each gets the verdict ERROR and says why; it is kept as a record, never as an image."""
    answer = send(running, nasty_images()[name])
    assert answer.status_code == 201
    content = answer.json()
    assert content["verdict"] == "ERROR"
    assert content["error"]
    assert content["image_url"] is None


def test_a_polyglot_is_served_as_the_image_that_it_is(running, bad):
    """A PNG with a page behind its end is inspected, and served as an image and no more."""
    made = send(running, bad + b"<script>alert(1)</script>").json()
    assert made["verdict"] in ("NG", "ERROR")
    if made["image_url"]:
        image = running.client.get(made["image_url"], headers=running.headers())
        assert image.headers["Content-Type"] == "image/png"
        assert "default-src 'none'" in image.headers["Content-Security-Policy"]


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>.png", "../../etc/passwd", "a\r\nb"])
def test_names_with_markup(running, good, name):
    """A file's name is text: it comes back in JSON, without its folders, and names no file."""
    answer = running.ask("POST", PLACE, files={"image": (name, good)})
    assert answer.status_code == 201
    assert "/" not in answer.json()["image"]
    assert answer.headers["Content-Type"] == "application/json"


def test_too_many_bytes_are_refused_before_they_are_read(running):
    """By its stated length at once; without one, when it has grown too long."""
    limit = running.service.settings.max_image_bytes
    stated = {"Content-Type": "image/png", "Content-Length": str(limit * 2)}
    answer = running.ask("POST", PLACE, content=b"", headers=stated)
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 1 << 20
            yield bytes(1 << 20)

    answer = running.ask("POST", PLACE, content=endless(), headers={"Content-Type": "image/png"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    assert sent <= limit + (2 << 20)


def test_everything_works_on_both_databases(either, good, bad):
    """Inspecting, repeating, searching, reviewing and exporting are the same on each database."""
    made = send(either, bad, {"Idempotency-Key": "k"}, part_id="p").json()
    assert send(either, bad, {"Idempotency-Key": "k"}).json()["id"] == made["id"]
    send(either, good, part_id="p")
    page = either.ask("GET", "/inspections", params={"order": "highest-score"}).json()
    assert [item["verdict"] for item in page["items"]] == ["NG", "OK"]
    assert either.ask("GET", "/products/flange/parts/p").json()["verdict"] == "NG"
    place = f"/inspections/{made['id']}/reviews"
    assert either.ask("POST", place, json={"verdict": "OK"}).status_code == 201
    assert len(either.ask("GET", "/exports/inspections").text.splitlines()) == 3
    assert either.ask("POST", "/audit/verify").json()["sound"]
