"""Survey: read every image of a dataset once, and keep the little that a check-up needs of each."""

from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from okng.algorithms.image_health import Health, image_health
from okng.algorithms.pixels import check_header
from okng.algorithms.turned_duplicates import TurnedPair, Turns, find_turned, unite
from okng.algorithms.view import Preparer
from okng.domain.arrays import Pixels
from okng.domain.dataset import Dataset, Sample
from okng.domain.ports import Progress
from okng.domain.view import View
from okng.services.prepare import PreparedImages, Refused


@dataclass(frozen=True)
class Facts:
    """What is kept of an image: its size in pixels, its file's mode, how it looks, and the
    digests of its decoded pixels."""

    width: int
    height: int
    mode: str
    health: Health
    pixels: bytes


class Survey:
    """The readable images of a dataset, by index. A context manager, like its `prepared` images.

    `identical` numbers the different pictures, pixel by pixel; `near` puts those together that
    show the same part in the same place, `parts` also those that show it turned, or that the
    dataset says to be one part's. `turned` are the pairs that joined them.
    """

    def __init__(
        self,
        dataset: Dataset,
        view: View,
        max_pixels: int,
        progress: Progress,
        seed: int = 0,
    ) -> None:
        self.facts: list[Facts] = []

        def observe(_sample: Sample, data: bytes, pixels: Pixels) -> None:
            height, width = pixels.shape[:2]
            mode = check_header(BytesIO(data), max_pixels)[2]
            digest = blake2b(pixels.tobytes(), digest_size=32, person=f"{width}x{height}".encode())
            self.facts.append(Facts(width, height, mode, image_health(pixels), digest.digest()))

        self.prepared = PreparedImages(
            dataset.samples, Preparer(view), max_pixels, progress, observe
        )
        try:
            self.turns = Turns(self.prepared.sketches)
            self.identical = _numbered([facts.pixels for facts in self.facts])
            self.near = joined(self.prepared.groups, self.identical)
            self.turned: list[TurnedPair] = find_turned(self.turns, self.near, seed, progress)
            said = _numbered([s.group or index for index, s in enumerate(self.samples)])
            self.parts = joined(unite(self.near, self.turned), said)
        except BaseException:
            self.close()
            raise

    @property
    def samples(self) -> list[Sample]:
        return self.prepared.samples

    @property
    def refused(self) -> list[Refused]:
        return self.prepared.refused

    @property
    def files(self) -> list[bytes]:
        """The SHA-256 of each file."""
        return self.prepared.digests

    def __len__(self) -> int:
        return len(self.samples)

    def close(self) -> None:
        self.prepared.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def members(groups: NDArray[np.int64]) -> list[list[int]]:
    """Return the indices of each group, in order of first appearance."""
    found: dict[int, list[int]] = {}
    for index, group in enumerate(groups.tolist()):
        found.setdefault(group, []).append(index)
    return list(found.values())


def _numbered(keys: list[bytes] | list[str | int]) -> NDArray[np.int64]:
    first = {key: number for number, key in enumerate(dict.fromkeys(keys))}
    return np.array([first[key] for key in keys], np.int64)


def joined(groups: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the finest groups that keep together what either keeps together; int64 `[n]`."""
    joined = groups.copy()
    for group in members(others):
        for index in group[1:]:
            if joined[index] != joined[group[0]]:
                joined[joined == joined[index]] = joined[group[0]]
    return np.unique(joined, return_inverse=True)[1].astype(np.int64)
