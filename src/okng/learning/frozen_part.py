"""The layers of a network that stay as they are, and what they give for each picture."""

from collections.abc import Callable, Sequence
from typing import IO

import numpy as np
import torch
from torch import Tensor, nn

from okng.detectors.temporary_files import append


class FrozenPart:
    """Layers that do not learn; remembers what they give for a picture that never changes.

    Args:
        layers: they are put on the device and frozen.
        file: a temporary file for what is remembered, so that memory does not grow with it.
        device: where to compute.
    """

    def __init__(self, layers: nn.Module, file: IO[bytes], device: torch.device) -> None:
        self.layers = layers.to(device).eval().requires_grad_(False)
        self.layers.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._file, self._device = file, device
        self._places: dict[int, int] = {}
        self._shape: tuple[int, ...] = ()

    def __call__(self, x: Tensor) -> Tensor:
        """Return what is given for pictures, `[N, C, h, w]`."""
        with torch.no_grad():
            found: Tensor = self.layers(x.contiguous(memory_format=torch.channels_last))
        return found.float()

    def remembered(self, rows: Sequence[int], picture: Callable[[int], Tensor]) -> Tensor:
        """Return the same of pictures by number; `picture` gives one, `[1, 3, h, w]`, when asked.

        Each goes through alone: its numbers may not depend on those that came with it.
        """
        return torch.cat([self._one(row, picture) for row in rows])

    def _one(self, row: int, picture: Callable[[int], Tensor]) -> Tensor:
        if row not in self._places:
            found = self(picture(row))
            self._shape, self._places[row] = tuple(found.shape), len(self._places)
            self._file.seek(self._places[row] * self._bytes)
            append(self._file, found.cpu().numpy().tobytes())
        self._file.seek(self._places[row] * self._bytes)
        values = np.frombuffer(self._file.read(self._bytes), np.float32).reshape(self._shape)
        return torch.from_numpy(values.copy()).to(self._device)

    @property
    def _bytes(self) -> int:
        return int(np.prod(self._shape)) * 4
