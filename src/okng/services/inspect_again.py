"""Inspect a kept image again, to see where its score came from: maps are not kept."""

from concurrent.futures import TimeoutError as NoAnswer
from typing import Protocol

from okng.domain.arrays import Pixels
from okng.domain.errors import Conflict, Unavailable
from okng.domain.inspection import Inspection
from okng.domain.people import Principal, Right
from okng.domain.records import InspectionRecord
from okng.services.inspection_pool import InspectionPool

_ANSWER_SECONDS = 60.0


class KeptImages(Protocol):
    """Gives inspections back, with their images."""

    def get(self, inspection_id: str, by: Principal) -> InspectionRecord: ...

    def image(self, inspection_id: str, by: Principal) -> bytes: ...


class InspectAgain:
    """Judges kept images again by the model and calibration that judged them, keeping nothing.

    The same graph gives the same image the same score, so the map is that of the first time.
    """

    def __init__(self, kept: KeptImages, pool: InspectionPool) -> None:
        self._kept = kept
        self._pool = pool

    def inspection(self, inspection_id: str, by: Principal, model: str | None = None) -> Inspection:
        """Return an inspection with its map; by another `model`, if that is named.

        Raises:
            NotFound: there is no such inspection, its image was not kept, or its model is gone.
            Conflict: the image cannot be inspected.
            TooMany: the queue is full.
        """
        record = self._kept.get(inspection_id, by)
        first = record.inspection
        image = self._kept.image(inspection_id, by)
        calibration = first.calibration if model is None else None
        return self._judged(model or first.model, image, first.image, calibration)

    def look(self, model: str, image: Pixels, by: Principal) -> Inspection:
        """Return what a model finds in an image, uint8 `[H, W, 3]` RGB, with its map.

        Raises:
            NotFound: there is no such model.
            Conflict: the image cannot be inspected.
            TooMany: the queue is full.
        """
        by.require(Right.INSPECT)
        return self._judged(model, image, "", None)

    def _judged(
        self, model: str, image: bytes | Pixels, name: str, calibration: int | None
    ) -> Inspection:
        coming = self._pool.submit(model, image, name, calibration=calibration, counted=False)
        try:
            again = coming.result(_ANSWER_SECONDS).inspection
        except NoAnswer as error:
            raise Unavailable("no worker is free to look at this image: try again later") from error
        if again.prediction is None:
            raise Conflict(f"this image cannot be inspected again: {again.error}")
        return again
