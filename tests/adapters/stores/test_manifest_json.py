import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from okng.adapters.stores.manifest_json import (
    LARGEST_JSON,
    calibration_bytes,
    manifest_bytes,
    read_calibration,
    read_manifest,
)
from okng.domain.calibration import Calibration, Method, Promise
from okng.domain.errors import BadModel
from okng.domain.model import BackboneCard, DataCard, Golden, Manifest, Unseen
from okng.domain.view import Box, View, parse_preparations
from okng.testing.models import tiny_model

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
finite = st.floats(allow_nan=False, allow_infinity=False)
sides = st.integers(1, 4096)
STEPS = parse_preparations(["grey", "denoise=5", "clahe"])
hashes = st.text("0123456789abcdef", min_size=64, max_size=64)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
promises = st.builds(
    Promise, texts, finite, finite, st.booleans(), st.sampled_from(Method), sides, finite, sides
)


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    review, ng = sorted([draw(finite), draw(finite)])
    scores = tuple(sorted(draw(st.lists(finite, max_size=5))))
    return Calibration(
        version=draw(sides),
        graph_sha256=draw(hashes),
        review_threshold=review,
        ng_threshold=ng,
        promises=tuple(draw(st.lists(promises, max_size=2))),
        good_scores=scores,
        method=draw(st.sampled_from(Method)),
        ng_rule=draw(texts),
        created=draw(texts),
        note=draw(texts),
    )


manifests = st.builds(
    Manifest,
    product=st.sampled_from(["bottle", "a_3", "x.y-z"]),
    version=sides,
    created=texts,
    okng=texts,
    detector=texts,
    config=st.dictionaries(texts, plain, max_size=3),
    backbones=st.lists(st.builds(BackboneCard, texts, hashes, texts), max_size=3).map(tuple),
    view=st.builds(
        View,
        sides,
        sides,
        st.none() | st.builds(Box, sides, sides, sides, sides),
        st.none() | texts,
        st.lists(st.sampled_from(STEPS), max_size=3).map(tuple),
    ),
    map_height=sides,
    map_width=sides,
    data=st.builds(DataCard, texts, texts, hashes, sides, sides, sides),
    calibration=calibrations(),
    golden=st.lists(st.builds(Golden, texts, finite), max_size=2).map(tuple),
    tolerance=st.floats(0, 1),
    trained_on=texts,
    facts=st.dictionaries(texts, finite | st.integers() | texts, max_size=3),
    files=st.dictionaries(texts, hashes, max_size=3),
    format=st.just(1),
)


@given(manifests)
@settings(max_examples=60, deadline=None)
def test_manifest_identity(manifest: Manifest) -> None:
    """Any manifest comes back equal, and equal manifests give equal bytes."""
    data = manifest_bytes(manifest)
    again = read_manifest(data)
    assert again == manifest
    assert manifest_bytes(again) == data


def test_digests_of_very_many_images() -> None:
    """A model of as many images as a dataset may have comes back equal."""
    digests = tuple(f"{i:064x}" for i in range(200_000))
    model = tiny_model()
    scores = tuple(i / 3e5 for i in range(200_000))
    manifest = replace(
        model.manifest,
        data=replace(model.manifest.data, digests=digests, images=200_000, group_pattern="(x)"),
        calibration=replace(model.manifest.calibration, good_scores=scores),
        unseen=Unseen(scores, tuple(range(200_000)), tuple(range(0, 200_000, 2))),
    )
    assert read_manifest(manifest_bytes(manifest)) == manifest


@pytest.mark.parametrize(
    ("digests", "reason"),
    [
        (("b" * 64, "a" * 64), "ascending"),
        (("A" * 64, "b" * 64), "64 hexadecimal"),
        (("a" * 64,), "digests are 1, but the images 2"),
    ],
)
def test_digests_must_be_those_of_the_images(digests: tuple[str, ...], reason: str) -> None:
    """Digests that are none, unordered, or not as many as the images are refused."""
    model = tiny_model()
    data = replace(model.manifest.data, digests=digests, images=2)
    with pytest.raises(BadModel, match=reason):
        manifest_bytes(replace(model.manifest, data=data))


@given(calibrations())
@settings(max_examples=60, deadline=None)
def test_calibration_identity(calibration: Calibration) -> None:
    """Any calibration comes back equal, and equal calibrations give equal bytes."""
    data = calibration_bytes(calibration)
    again = read_calibration(data)
    assert again == calibration
    assert calibration_bytes(again) == data


@pytest.mark.parametrize(
    ("unseen", "reason"),
    [
        (Unseen((0.5, None), (0, 1), (1,)), None),
        (Unseen((0.5,), (0, 1)), "not as many as data.digests"),
        (Unseen((0.5, 0.5), (0, 1), (2,)), "an image that is not there"),
    ],
)
def test_unseen_scores_are_those_of_the_images(unseen: Unseen, reason: str | None) -> None:
    """Scores and parts belong to the digests one by one; what does not fit is refused."""
    manifest = tiny_model().manifest
    data = replace(manifest.data, digests=("a" * 64, "b" * 64), images=2)
    manifest = replace(manifest, data=data, unseen=unseen)
    if reason is None:
        assert read_manifest(manifest_bytes(manifest)) == manifest
    else:
        with pytest.raises(BadModel, match=reason):
            manifest_bytes(manifest)


def test_manifests_from_before_preparation() -> None:
    """A view without the field is read as one that prepares nothing."""
    values = json.loads(manifest_bytes(tiny_model().manifest))
    del values["view"]["prepare"]
    assert read_manifest(json.dumps(values).encode()).view.prepare == ()


def test_bytes_do_not_depend_on_order() -> None:
    """Mappings in another order give the same bytes."""
    manifest = tiny_model().manifest
    one = replace(manifest, config={"a": 1, "b": 2}, facts={"x": 1, "y": 2})
    other = replace(manifest, config={"b": 2, "a": 1}, facts={"y": 2, "x": 1})
    assert manifest_bytes(one) == manifest_bytes(other)


def refusal(change: Callable[[dict[str, Any]], object]) -> str:
    values = json.loads(manifest_bytes(tiny_model().manifest))
    change(values)
    with pytest.raises(BadModel) as caught:
        read_manifest(json.dumps(values).encode(), "tiny-1")
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda v: v.update(format=7), "made by a newer okng (format 7; this version reads 1)"),
        (lambda v: v.update(format=0), "format 0 is unknown"),
        (lambda v: v.update(format="1"), "the field format"),
        (lambda v: v.pop("format"), "the field format"),
        (lambda v: v.pop("product"), "the field product is missing"),
        (lambda v: v["data"].pop("fingerprint"), "the field data.fingerprint is missing"),
        (lambda v: v["calibration"]["promises"][0].pop("n"), "calibration.promises.0.n is missing"),
        (lambda v: v.update(pickle="!"), "the field pickle is unknown"),
        (lambda v: v["view"].update(rotate=1), "the field view.rotate is unknown"),
        (lambda v: v.update(version="1"), "the field version is wrong"),
        (lambda v: v.update(version=0), "version 0"),
        (lambda v: v.update(tolerance=float("nan")), "finite"),
        (lambda v: v["config"].update(deep=[float("inf")]), "finite"),
        (lambda v: v["calibration"].update(method="magic"), "calibration.method is wrong"),
        (lambda v: v["calibration"].update(review_threshold=9e9), "ng_threshold"),
        (lambda v: v["calibration"].update(good_scores=[2, 1]), "ascending"),
        (lambda v: v["calibration"].update(graph_sha256="abc"), "64 hexadecimal"),
        (lambda v: v["files"].update({"model.onnx": "XYZ"}), "64 hexadecimal"),
        (lambda v: v.update(product="../../etc"), "not a possible name"),
        (lambda v: v.update(product="part-3"), "not a possible name"),
        (lambda v: v["view"].update(width=10**9), "pixels a side"),
        (lambda v: v["view"].update(roi={"x": -1, "y": 0, "width": 1, "height": 1}), "view.roi"),
        (
            lambda v: v["view"].update(prepare=[{"name": "sharpen", "amount": 1}]),
            "no step 'sharpen'",
        ),
        (lambda v: v["view"].update(prepare=[{"name": "clahe", "amount": 99}]), "at most 40"),
        (lambda v: v["view"].update(prepare=[{"name": "grey", "amount": 1}]), "takes no number"),
        (lambda v: v["config"].update(name="\ud800"), "not valid JSON"),
    ],
)
def test_refused(change: Callable[[dict[str, Any]], object], reason: str) -> None:
    """A manifest that is wrong anywhere is refused with the place and the reason."""
    assert reason in refusal(change)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"format": 1, "format": 1}',
        b'{"format": 1, "x": 1e999}',
        b'{"format": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_malformed(data: bytes) -> None:
    """What is no proper JSON object is refused, however deep or odd."""
    with pytest.raises(BadModel):
        read_manifest(data)


def test_too_large() -> None:
    """A manifest beyond the limit is refused before it is parsed, and never written."""
    with pytest.raises(BadModel, match="at most"):
        read_manifest(b" " * (LARGEST_JSON + 1))
    with pytest.raises(BadModel, match="at most"):
        manifest_bytes(replace(tiny_model().manifest, trained_on="x" * LARGEST_JSON))


@pytest.mark.parametrize(
    "config",
    [{"a": object()}, {"a": float("nan")}, {"a": b"bytes"}, {"a": "\ud800"}, {"a": {1, 2}}],
)
def test_not_plain(config: dict[str, object]) -> None:
    """What JSON cannot hold is refused when it is written."""
    with pytest.raises(BadModel):
        manifest_bytes(replace(tiny_model().manifest, config=config))
