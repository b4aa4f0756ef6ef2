"""Images made of others: some of them, or all with copies beside them."""

from collections.abc import Sequence
from dataclasses import dataclass

from okng.algorithms.alteration import Alteration, altered
from okng.domain.arrays import Pixels
from okng.domain.ports import Images
from okng.domain.view import MASKED


class Chosen:
    """Some of the images, by index."""

    def __init__(self, images: Images, indices: Sequence[int]) -> None:
        self._images = images
        self._indices = indices
        self.inspected = images.inspected

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Pixels:
        return self._images[self._indices[index]]


@dataclass(frozen=True)
class Copy:
    """The image `of`, altered."""

    of: int
    alteration: Alteration


class WithCopies:
    """The images, and after them their copies, made when they are asked for."""

    def __init__(self, images: Images, copies: Sequence[Copy]) -> None:
        self._images = images
        self._copies = copies
        self.inspected = images.inspected

    def __len__(self) -> int:
        return len(self._images) + len(self._copies)

    def __getitem__(self, index: int) -> Pixels:
        own = len(self._images)
        if index < own:
            return self._images[index]
        copy = self._copies[index - own]
        pixels = altered(self._images[copy.of], copy.alteration)
        pixels[~self.inspected] = MASKED
        return pixels

    @property
    def origins(self) -> list[int]:
        """Return the image that each one shows, itself or as a copy."""
        return [*range(len(self._images)), *(copy.of for copy in self._copies)]
