"""Inspect: an image in, a verdict out."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from time import perf_counter

import numpy as np

from okng.algorithms.logistic import softmax
from okng.algorithms.pixels import MAX_PIXELS, decode, read
from okng.algorithms.regions import find_regions, named
from okng.algorithms.view import Preparer
from okng.domain.arrays import Floats, Pixels
from okng.domain.calibration import Calibration
from okng.domain.errors import BadImage, BadModel, OkngError
from okng.domain.inspection import Inspection, Timing
from okng.domain.model import Model
from okng.domain.ports import Session
from okng.domain.verdict import Policy, Prediction, Verdict, decide
from okng.domain.view import Box


class Inspector:
    """A model, ready to judge images on one worker."""

    def __init__(
        self,
        model: Model,
        session: Session,
        calibration: Calibration | None = None,
        policy: Policy | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.model = model
        self.calibration = calibration or model.manifest.calibration
        self.policy = policy or Policy()
        self._session = session
        self._prepare = Preparer(model.manifest.view)
        self._max_pixels = max_pixels

    def inspect(self, image: Path | str | bytes | Pixels, name: str | None = None) -> Inspection:
        """Judge one image; one that cannot be used gets the verdict `ERROR`.

        Args:
            image: a file, a file's content, or uint8 `[H, W, 3]` RGB.
            name: what the inspection calls it; the path unless given.
        """
        if isinstance(image, str):
            image = Path(image)
        if name is None:
            name = str(image) if isinstance(image, Path) else ""
        try:
            return self._judge(image, name)
        except OkngError as error:
            return self._inspection(name, Verdict.ERROR, error=str(error))

    def _judge(self, image: Path | bytes | Pixels, name: str) -> Inspection:
        start = perf_counter()
        data = read(image, self._max_pixels) if isinstance(image, Path) else image
        pixels = decode(data, self._max_pixels) if isinstance(data, bytes) else _checked(data)
        decoded = perf_counter()
        prepared = self._prepare(pixels)
        viewed = perf_counter()
        outputs = self._session.run({"image": prepared[None]})
        ran = perf_counter()
        score, anomaly_map = float(outputs["score"][0]), outputs["anomaly_map"][0]
        if not isfinite(score):
            raise BadModel(f"{self.model.name} gives this image the score {score}: train it again")
        height, width = pixels.shape[:2]
        place = self.model.manifest.view.roi or Box(0, 0, width, height)
        regions = find_regions(anomaly_map, self.calibration.review_threshold, place)
        classes = self._classes(outputs)
        prediction = Prediction(score, anomaly_map, regions, classes)
        verdict = decide(prediction, self.calibration, self.policy)
        if verdict is not Verdict.OK:
            prediction = replace(prediction, regions=named(regions, classes))
        end = perf_counter()
        stages = (decoded - start, viewed - decoded, ran - viewed, end - ran)
        return self._inspection(
            name,
            verdict,
            score=score,
            p_value=self.calibration.p_value(score),
            image_width=width,
            image_height=height,
            timing=Timing(*(1000 * seconds for seconds in stages)),
            prediction=prediction,
        )

    def _classes(self, outputs: Mapping[str, Floats]) -> dict[str, float]:
        """Return the probability of each class; nothing where the model names none."""
        card = self.model.manifest.classes
        if card is None:
            return {}
        shares = softmax(outputs["class_scores"][0] / card.temperature)
        return dict(zip(card.names, shares.tolist(), strict=True))

    def _inspection(self, name: str, verdict: Verdict, **known: object) -> Inspection:
        return Inspection(
            image=name,
            verdict=verdict,
            product=self.model.manifest.product,
            model=self.model.name,
            graph_sha256=self.calibration.graph_sha256,
            calibration=self.calibration.version,
            review_threshold=self.calibration.review_threshold,
            ng_threshold=self.calibration.ng_threshold,
            time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            **known,  # type: ignore[arg-type]
        )


def _checked(pixels: Pixels) -> Pixels:
    """Return the pixels if they are what they should be.

    Raises:
        BadImage: they are not uint8 `[H, W, 3]`, or there are none.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise BadImage(
            f"pixels must be uint8 [height, width, 3], RGB, not {pixels.dtype} "
            f"{list(pixels.shape)}: convert them"
        )
    return pixels
