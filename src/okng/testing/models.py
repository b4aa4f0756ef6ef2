"""A whole model, sound in every part, that takes no training: for tests of what handles models."""

import io
from dataclasses import replace
from hashlib import sha256

import numpy as np
from PIL import Image

from okng.domain.arrays import Pixels
from okng.domain.calibration import Calibration, Method, Promise
from okng.domain.model import DataCard, Golden, Manifest, Model
from okng.domain.view import View
from okng.graphs.builder import GraphBuilder

_CREATED = "2024-05-01T12:00:00+00:00"
_GREY = 127.5


def tiny_graph(height: int = 8, width: int = 8, gain: float = 1.0) -> bytes:
    """Return ONNX that scores an image by how far its pixels are from middle grey.

    anomaly_map = gain * |mean over channels - 127.5| / 127.5, at full size; score = its maximum.
    """
    graph = GraphBuilder("tiny")
    image = graph.input("image", "uint8", ["N", height, width, 3])
    levels = graph.node("Cast", image, to=1)
    grey = graph.node("ReduceMean", levels, graph.ints(3), keepdims=0)
    off = graph.node("Abs", graph.node("Sub", grey, graph.constant(np.array(_GREY, np.float32))))
    away = graph.node("Mul", off, graph.constant(np.array(gain / _GREY, np.float32)))
    graph.output(graph.node("ReduceMax", away, graph.ints(1, 2), keepdims=0), "score", ["N"])
    graph.output(away, "anomaly_map", ["N", height, width])
    return bytes(graph.build().SerializeToString())


def tiny_score(pixels: Pixels, gain: float = 1.0) -> float:
    """Return what `tiny_graph` says of uint8 `[H, W, 3]`, computed without a runtime."""
    return float(gain * np.abs(pixels.mean(2) / _GREY - 1).max())


def tiny_calibration(graph_sha256: str, version: int = 1, threshold: float = 0.5) -> Calibration:
    """Return a calibration of 299 even good scores below `threshold`."""
    scores = tuple(threshold * i / 299 for i in range(1, 300))
    return Calibration(
        version=version,
        graph_sha256=graph_sha256,
        review_threshold=threshold,
        ng_threshold=1.25 * threshold,
        promises=(Promise("good", 0.01, 0.95, True, Method.SPLIT_CONFORMAL, 299, 0.01),),
        good_scores=scores,
        method=Method.SPLIT_CONFORMAL,
        ng_rule="a quarter beyond the review threshold",
        created=_CREATED,
    )


def tiny_model(
    product: str = "tiny",
    version: int = 1,
    *,
    height: int = 8,
    width: int = 8,
    gain: float = 1.0,
    golden: int = 2,
    seed: int = 0,
) -> Model:
    """Return a model of `tiny_graph` with `golden` PNG images of the graph's own size.

    The stated golden scores are right; `manifest.files` is complete, as from a store. Different
    `gain` gives different graphs.
    """
    graph = tiny_graph(height, width, gain)
    rng = np.random.default_rng(seed)
    images = {
        f"{i}.png": rng.integers(0, 256, (height, width, 3)).astype(np.uint8) for i in range(golden)
    }
    manifest = Manifest(
        product=product,
        version=version,
        created=_CREATED,
        okng="0.0.0",
        detector="tiny",
        config={"gain": gain, "seed": seed},
        backbones=(),
        view=View(width=width, height=height),
        map_height=height,
        map_width=width,
        data=DataCard("tiny", "flat", sha256(b"").hexdigest(), images=300, parts=300, held_out=299),
        calibration=tiny_calibration(sha256(graph).hexdigest()),
        golden=tuple(Golden(name, tiny_score(pixels, gain)) for name, pixels in images.items()),
        tolerance=1e-4,
        trained_on="nothing",
        facts={"seconds": 0.0},
    )
    files = {name: _png(pixels) for name, pixels in images.items()}
    report = "<!doctype html><title>tiny</title>\n"
    contents = {"model.onnx": graph, "report.html": report.encode()}
    contents |= {f"golden/{name}": data for name, data in files.items()}
    digests = {name: sha256(data).hexdigest() for name, data in contents.items()}
    return Model(replace(manifest, files=digests), graph, files, report)


def _png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
