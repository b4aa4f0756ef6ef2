import io
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from okng.algorithms.view import mask_png_from
from okng.domain.arrays import Array, Floats
from okng.domain.model import Model
from okng.domain.ports import Runtime
from okng.domain.verdict import Policy, Verdict
from okng.domain.view import Box, View
from okng.services.inspect import Inspector
from okng.testing.models import tiny_calibration, tiny_model

GREY = 128
# The tiny model's score is the distance to middle grey: 0 at 127.5, 1 at 0 and 255. Its review
# threshold is .5 and its NG threshold .625.
OK_LEVEL, REVIEW_LEVEL, NG_LEVEL = 150, 200, 230


def plain(level: int, height: int = 8, width: int = 8) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def inspector(runtime: Runtime, model: Model | None = None, **options: object) -> Inspector:
    model = model or tiny_model()
    return Inspector(model, runtime.load(model.graph), **options)


def with_view(view: View) -> Model:
    model = tiny_model(height=view.height, width=view.width)
    return replace(model, manifest=replace(model.manifest, view=view))


@pytest.mark.parametrize(
    ("level", "verdict"),
    [(OK_LEVEL, Verdict.OK), (REVIEW_LEVEL, Verdict.REVIEW), (NG_LEVEL, Verdict.NG)],
)
def test_verdicts(runtime: Runtime, level: int, verdict: Verdict) -> None:
    """An image is judged by its raw score and both thresholds."""
    found = inspector(runtime).inspect(plain(level))
    assert found.verdict is verdict
    assert found.score == pytest.approx((level - 127.5) / 127.5)
    assert found.error is None
    assert bool(found.regions) == (verdict is not Verdict.OK)


def test_an_inspection_names_what_judged(runtime: Runtime) -> None:
    """Product, model, graph, calibration, thresholds and time stand in every answer."""
    model = tiny_model("cap", 4)
    found = inspector(runtime, model).inspect(plain(GREY), name="camera 1")
    calibration = model.manifest.calibration
    assert (found.image, found.product, found.model) == ("camera 1", "cap", "cap-4")
    assert found.graph_sha256 == calibration.graph_sha256
    assert found.calibration == 1
    assert (found.review_threshold, found.ng_threshold) == (0.5, 0.625)
    assert datetime.fromisoformat(found.time).tzinfo is not None
    assert (found.image_width, found.image_height) == (8, 8)


def test_p_value_is_against_the_good_scores(runtime: Runtime) -> None:
    """The p-value is the share of good parts that look at least as abnormal."""
    usual = inspector(runtime).inspect(plain(GREY)).p_value
    assert usual is not None
    assert usual > 0.9
    assert inspector(runtime).inspect(plain(NG_LEVEL)).p_value == pytest.approx(1 / 300)


def test_files_bytes_and_pixels_are_the_same(runtime: Runtime, tmp_path: Path) -> None:
    """A path, its text, a file's bytes and pixels get the same score; paths give the name."""
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(png(pixels))
    judge = inspector(runtime)
    found = [judge.inspect(image) for image in (path, str(path), path.read_bytes(), pixels)]
    assert len({inspection.score for inspection in found}) == 1
    assert [inspection.image for inspection in found] == [str(path), str(path), "", ""]


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (b"", "empty file"),
        (b"GIF89a not really", "JPEG"),
        (png(plain(GREY, 40, 40))[:70], "truncated or damaged"),
        (Path("nowhere/at all.png"), "no such file"),
        ("nowhere/at all.png", "no such file"),
        (Path(), "a folder"),
        (np.zeros((8, 8), np.uint8), "uint8"),
        (np.zeros((8, 8, 4), np.uint8), "uint8"),
        (np.zeros((8, 8, 3), np.float32), "float32"),
        (np.zeros((0, 8, 3), np.uint8), "uint8"),
    ],
)
def test_an_image_that_cannot_be_used_is_an_error(
    runtime: Runtime, image: object, reason: str
) -> None:
    """A broken image gets the verdict ERROR with the reason, never an exception or silence."""
    found = inspector(runtime).inspect(image, name="x")
    assert found.verdict is Verdict.ERROR
    assert found.error is not None
    assert reason in found.error
    assert (found.score, found.p_value, found.timing, found.prediction) == (None,) * 4
    assert found.regions == ()
    assert found.image == "x"
    assert json.loads(json.dumps(found.record()))["verdict"] == "ERROR"


class Broken:
    """A session whose score is no number."""

    def run(self, inputs: Mapping[str, Array]) -> Mapping[str, Floats]:
        return {
            "score": np.array([np.nan], np.float32),
            "anomaly_map": np.zeros((1, 8, 8), np.float32),
        }


def test_a_score_that_is_no_number_is_an_error() -> None:
    """A graph that gives NaN gets the verdict ERROR, not REVIEW."""
    found = Inspector(tiny_model(), Broken()).inspect(plain(GREY))
    assert found.verdict is Verdict.ERROR
    assert "score nan" in str(found.error)


def test_pixel_limit(runtime: Runtime) -> None:
    """An image beyond the limit is an error that names the limit."""
    found = inspector(runtime, max_pixels=100).inspect(png(plain(GREY, 20, 20)))
    assert found.verdict is Verdict.ERROR
    assert "100 pixels" in str(found.error)


def test_region_of_interest(runtime: Runtime) -> None:
    """Only the region of interest counts, and regions lie in the whole image's pixels."""
    roi = Box(40, 20, 32, 16)
    judge = inspector(runtime, with_view(View(16, 8, roi)))
    pixels = plain(GREY, 60, 100)
    pixels[:10, :10] = 255  # outside
    assert judge.inspect(pixels).verdict is Verdict.OK
    pixels[24:28, 60:66] = 255
    found = judge.inspect(pixels)
    assert found.verdict is Verdict.NG
    (region,) = found.regions
    box = region.box
    assert abs(box.x - 60) <= 2
    assert abs(box.y - 24) <= 2
    assert abs(box.x + box.width - 66) <= 2
    assert abs(box.y + box.height - 28) <= 2
    assert (found.image_width, found.image_height) == (100, 60)


def test_an_image_that_lacks_the_region_of_interest(runtime: Runtime) -> None:
    """An image that is too small for the region of interest is an error, with both sizes."""
    judge = inspector(runtime, with_view(View(16, 8, Box(40, 20, 32, 16))))
    found = judge.inspect(plain(GREY, 30, 70))
    assert found.verdict is Verdict.ERROR
    assert "70 x 30" in str(found.error)
    assert "72 x 36" in str(found.error)


def test_mask(runtime: Runtime) -> None:
    """What the mask hides changes nothing."""
    mask = np.zeros((8, 8), bool)
    mask[:, :4] = True
    judge = inspector(runtime, with_view(View(8, 8, None, mask_png_from(mask, 8, 8))))
    pixels = plain(GREY)
    pixels[:, 4:] = 255
    assert judge.inspect(pixels).verdict is Verdict.OK
    pixels[2, 1] = 255
    assert judge.inspect(pixels).verdict is Verdict.NG


def test_another_calibration(runtime: Runtime) -> None:
    """A calibration of its own moves the verdict and is named; the score stays."""
    model = tiny_model()
    strict = tiny_calibration(model.manifest.calibration.graph_sha256, 3, threshold=0.1)
    found = inspector(runtime, model, calibration=strict).inspect(plain(OK_LEVEL))
    assert found.verdict is Verdict.NG
    assert (found.calibration, found.review_threshold) == (3, 0.1)
    assert found.score == inspector(runtime, model).inspect(plain(OK_LEVEL)).score


def test_policy(runtime: Runtime) -> None:
    """Small regions go to REVIEW where a least area is asked for; without review, REVIEW is NG."""
    pixels = plain(GREY)
    pixels[3, 3] = 255
    assert inspector(runtime).inspect(pixels).verdict is Verdict.NG
    careful = Policy(min_area_px=30)
    assert inspector(runtime, policy=careful).inspect(pixels).verdict is Verdict.REVIEW
    nobody = Policy(review=False)
    found = inspector(runtime, policy=nobody).inspect(plain(REVIEW_LEVEL))
    assert found.verdict is Verdict.NG


def test_timing_adds_up(runtime: Runtime) -> None:
    """Each stage takes some time, and the total is their sum."""
    timing = inspector(runtime).inspect(png(plain(GREY, 50, 50))).timing
    assert timing is not None
    stages = (timing.decode_ms, timing.view_ms, timing.graph_ms, timing.decide_ms)
    assert all(stage >= 0 for stage in stages)
    assert timing.decode_ms > 0
    assert timing.total_ms == pytest.approx(sum(stages))


def test_record_is_plain(runtime: Runtime) -> None:
    """The record goes through JSON unchanged, with regions and timing, without the map."""
    pixels = plain(GREY)
    pixels[2:5, 2:5] = 255
    record = inspector(runtime).inspect(pixels, name="part 7").record()
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert record["verdict"] == "NG"
    assert record["image"] == "part 7"
    (region,) = record["regions"]
    assert set(region) == {"box", "area_px", "peak_score", "kind"}
    assert set(region["box"]) == {"x", "y", "width", "height"}
    assert record["timing"]["total_ms"] > 0
    assert "prediction" not in record
