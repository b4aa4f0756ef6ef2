"""The layers of a network that stay as they are, and what they give for each picture."""

from collections.abc import Callable, Sequence
from typing import IO

import numpy as np
import torch
from torch import Tensor, nn

from okng.detectors.temporary_files import append
from okng.domain.arrays import Floats


class Remembered:
    """What layers that do not learn gave, by the picture's number.

    In a temporary file, so that memory does not grow with it. All trainings of a cross-fitting
    may share one, for their frozen layers are the same.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._places: dict[int, int] = {}
        self._shape: tuple[int, ...] = ()

    def of(self, number: int, compute: Callable[[], Tensor]) -> Floats:
        """Return float32 `[1, C, h, w]`; `compute` gives it where it is not there yet."""
        if number not in self._places:
            found = compute()
            self._shape = tuple(found.shape)
            self._seek(len(self._places))
            append(self._file, found.cpu().numpy().tobytes())
            self._places[number] = len(self._places)
        self._seek(self._places[number])
        read = self._file.read(self._bytes)
        values: Floats = np.frombuffer(read, np.float32).reshape(self._shape)
        return values

    def _seek(self, place: int) -> None:
        self._file.seek(place * self._bytes)

    @property
    def _bytes(self) -> int:
        return int(np.prod(self._shape)) * 4


class FrozenPart:
    """Layers that do not learn; remembers what they give for a picture that never changes.

    Args:
        layers: they are put on the device and frozen.
        remembered: where that is kept, by the numbers that pictures have there.
        numbers: the number of each of this training's pictures.
        device: where to compute.
        below: more such layers, which pictures pass before.
    """

    def __init__(
        self,
        layers: nn.Module,
        remembered: Remembered,
        numbers: Sequence[int],
        device: torch.device,
        below: "FrozenPart | None" = None,
    ) -> None:
        self._layers = layers.to(device).eval().requires_grad_(False)
        self._layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._remembered, self._numbers = remembered, numbers
        self._device, self._below = device, below

    def __call__(self, x: Tensor) -> Tensor:
        """Return what is given for pictures, `[N, C, h, w]`."""
        return self._given(x if self._below is None else self._below(x))

    def remembered(self, rows: Sequence[int], picture: Callable[[int], Tensor]) -> Tensor:
        """Return the same of pictures by row; `picture` gives one, `[1, 3, h, w]`, when asked.

        Each goes through alone: its numbers may not depend on those that came with it.
        """
        return torch.cat([self._one(row, picture) for row in rows])

    def _one(self, row: int, picture: Callable[[int], Tensor]) -> Tensor:
        def compute() -> Tensor:
            below = self._below
            return self._given(picture(row) if below is None else below._one(row, picture))

        values = self._remembered.of(self._numbers[row], compute)
        return torch.from_numpy(values.copy()).to(self._device)

    def _given(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = self._layers(x.contiguous(memory_format=torch.channels_last))
        return found.float()
