"""Export: prove that a graph for the camera's own size scores as the model does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from okng.algorithms.pixels import MAX_PIXELS, decode
from okng.algorithms.view import Preparer
from okng.domain.arrays import Pixels
from okng.domain.errors import BadImage, OkngError, ParityError
from okng.domain.model import Golden, Model
from okng.domain.ports import Runtime, Session
from okng.domain.view import View
from okng.graphs.camera import Channels
from okng.graphs.resize import Size


@dataclass(frozen=True)
class Checked:
    """A golden image at the camera's size, uint8 `[H, W, 3]` RGB, and the score it must get.

    `is_original`: it has this size by itself, so its score is the manifest's; others are resized.
    """

    file: str
    score: float
    is_original: bool
    pixels: Pixels = field(repr=False)


@dataclass(frozen=True)
class Agreement:
    """How far a runtime's answers are from those wanted at most: scores, and maps cell by cell."""

    runtime: str
    score_difference: float
    map_difference: float


def golden_at(
    model: Model, size: Size, max_pixels: int = MAX_PIXELS
) -> Iterator[tuple[Golden, Pixels, bool]]:
    """Yield the golden images brought to `size` as a view brings its own, and who had it already.

    Raises:
        ParityError: one cannot be decoded.
    """
    bring = Preparer(View(size.width, size.height))
    for golden in model.manifest.golden:
        try:
            pixels = decode(model.golden[golden.file], max_pixels)
        except BadImage as error:
            raise ParityError(f"{golden.file} cannot be used: {error}") from error
        yield golden, bring(pixels), pixels.shape[:2] == (size.height, size.width)


def check_export(
    model: Model,
    exported: bytes,
    size: Size,
    channels: Channels,
    runtimes: Sequence[Runtime],
    max_pixels: int = MAX_PIXELS,
) -> tuple[tuple[Checked, ...], tuple[Agreement, ...]]:
    """Hold the exported graph against the model's own way from pixels to scores, on each runtime.

    An image that has the camera's size must get the manifest's score; others are resized, and must
    get the score that the model gives them by the normal path on the first runtime.

    Raises:
        ParityError: there are no golden images, a score is further off than the manifest's
            tolerance, or a runtime cannot run the graph.
    """
    if not model.manifest.golden:
        raise ParityError(f"{model.name} has no golden images, so the export cannot be verified")
    prepare = Preparer(model.manifest.view)
    sessions = [(r, _load(r, model.graph, model.name), _load(r, exported, "the exported graph"))
                for r in runtimes]  # fmt: skip
    checked: list[Checked] = []
    largest = [[0.0, 0.0] for _ in runtimes]
    for golden, pixels, is_original in golden_at(model, size, max_pixels):
        given = np.ascontiguousarray(pixels[..., ::-1]) if channels == "bgr" else pixels
        for index, (runtime, normal, session) in enumerate(sessions):
            wanted = normal.run({"image": prepare(pixels)[None]})
            found = session.run({"image": given[None]})
            if index == 0:
                score = golden.score if is_original else float(wanted["score"][0])
                checked.append(Checked(golden.file, score, is_original, pixels))
            score = float(found["score"][0])
            difference = abs(score - checked[-1].score)
            if not difference <= model.manifest.tolerance:
                raise ParityError(
                    f"{runtime.label} gives {golden.file} the score {score:.6g} by the exported "
                    f"graph, but {checked[-1].score:.6g} by the model; they may differ by "
                    f"{model.manifest.tolerance:.2g}. Nothing was written"
                )
            off = float(np.abs(found["anomaly_map"] - wanted["anomaly_map"]).max())
            largest[index] = [max(largest[index][0], difference), max(largest[index][1], off)]
    agreements = zip(runtimes, largest, strict=True)
    return tuple(checked), tuple(Agreement(r.label, *most) for r, most in agreements)


def _load(runtime: Runtime, graph: bytes, what: str) -> Session:
    try:
        return runtime.load(graph)
    except OkngError as error:
        raise ParityError(f"{runtime.label} cannot run {what}: {error}") from error
