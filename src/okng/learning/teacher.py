"""A small teacher, distilled from a large frozen backbone on pictures, most of them strange."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.nn import functional

from okng.algorithms.strange_pictures import strange_picture
from okng.detectors.temporary_files import append
from okng.domain.arrays import Array, Floats, Pixels
from okng.domain.ports import Images, Pictures, Progress, Runtime, Session
from okng.graphs.features import Features
from okng.learning.devices import fabric_of
from okng.learning.engine import VALIDATION
from okng.learning.pictures import to_tensor
from okng.learning.settings import LearningConfig
from okng.learning.student_networks import STRIDE

_ASKED = 64
"""Good images whose features say what the teacher is to learn of them."""
_GOOD_AT_ONCE = 4
"""Good images that pieces of one strange picture come from."""


@dataclass(frozen=True)
class Projection:
    """The backbone's features, normalised and cut down to what varies most.

    `apply` takes float32 `[C, h, w]` and gives `[channels, h, w]`, on the mean of variance 1.
    """

    matrix: Floats = field(repr=False)
    shift: Floats = field(repr=False)

    def apply(self, features: Floats) -> Floats:
        flat = self.matrix @ features.reshape(len(features), -1) + self.shift[:, None]
        found: Floats = flat.reshape(-1, *features.shape[1:]).astype(np.float32)
        return found


def find_projection(
    features: Features, session: Session, images: Images, channels: int
) -> Projection:
    """Find the principal components of the features of good images."""
    asked = np.linspace(0, len(images) - 1, min(_ASKED, len(images))).astype(int)
    maps = [session.run({"image": images[int(i)][None]})["features"][0] for i in asked]
    cells = np.concatenate([one.reshape(len(one), -1) for one in maps], axis=1).astype(np.float64)
    mean, spread = cells.mean(axis=1), cells.std(axis=1) + 1e-6
    cells = (cells - mean[:, None]) / spread[:, None]
    with threadpool_limits(1, user_api="blas"):
        variances, axes = np.linalg.eigh(cells @ cells.T / cells.shape[1])
    kept = axes[:, ::-1][:, : min(channels, features.channels)].T
    kept /= np.sqrt(variances[::-1][: len(kept)].mean())
    matrix = kept / spread
    return Projection(matrix.astype(np.float32), (-matrix @ mean).astype(np.float32))


@dataclass(frozen=True)
class Pool:
    """Strange pictures, and what the backbone says of them, in temporary files.

    `strange` is bool `[n, h, w]`: the cells of which a fifth or more is; `usual` those of which
    nothing is.
    """

    pictures: "_Rows"
    targets: "_Rows"
    strange: NDArray[np.bool_] = field(repr=False)
    usual: NDArray[np.bool_] = field(repr=False)

    def __len__(self) -> int:
        return len(self.strange)


@contextmanager
def draw_pool(
    images: Images,
    others: Pictures | None,
    count: int,
    source: "Source",
    seed: int,
    progress: Progress,
    stage: str,
) -> Iterator[Pool]:
    """Draw `count` strange pictures and describe them; progress hears the stage `stage`."""
    height, width = images.inspected.shape
    rows, columns = source.seen[0] // STRIDE, source.seen[1] // STRIDE
    strange, usual = (np.zeros((count, rows, columns), np.bool_) for _ in range(2))
    with (
        tempfile.TemporaryFile(prefix="okng-pictures-") as pictures,
        tempfile.TemporaryFile(prefix="okng-targets-") as targets,
    ):
        for i in range(count):
            rng = np.random.default_rng([seed, 1, i])
            chosen = rng.integers(len(images), size=_GOOD_AT_ONCE)
            drawn = strange_picture([images[int(j)] for j in chosen], rng, others)
            share = _cells_of(drawn.share, rows, columns)
            strange[i], usual[i] = share > 0.2, share < 0.01
            append(pictures, drawn.pixels.tobytes())
            append(targets, source.describe(drawn.pixels).astype(np.float16).tobytes())
            progress(stage, i + 1, count)
        shape = (source.channels, rows, columns)
        yield Pool(
            _Rows(pictures, (height, width, 3), np.dtype(np.uint8)),
            _Rows(targets, shape, np.dtype(np.float16)),
            strange,
            usual,
        )


@dataclass(frozen=True)
class Source:
    """The frozen backbone, through which a picture becomes what the teacher is to say of it."""

    session: Session = field(repr=False)
    projection: Projection
    seen: tuple[int, int]

    @classmethod
    def of(
        cls, features: Features, runtime: Runtime, images: Images, channels: int,
        seen: tuple[int, int],
    ) -> "Source":  # fmt: skip
        """Find out what varies in good images."""
        session = runtime.load(features.graph.SerializeToString())
        return cls(session, find_projection(features, session, images, channels), seen)

    @property
    def channels(self) -> int:
        return len(self.projection.matrix)

    def describe(self, pixels: Pixels) -> Floats:
        """Return float32 `[channels, h/8, w/8]` of uint8 `[H, W, 3]`."""
        found = self.projection.apply(self.session.run({"image": pixels[None]})["features"][0])
        grid = (self.seen[0] // STRIDE, self.seen[1] // STRIDE)
        if found.shape[1:] == grid:
            return found
        resized = functional.interpolate(
            torch.from_numpy(found[None]), grid, mode="bilinear", align_corners=False
        )
        return np.asarray(resized[0].numpy(), np.float32)


class Distilling:
    """Learns to say what the backbone says; a `Task`. The last tenth of the pool is held out."""

    def __init__(
        self,
        network: nn.Module,
        pool: Pool,
        seen: tuple[int, int],
        config: LearningConfig,
    ) -> None:
        self.fabric = fabric_of(config)
        self._device = self.fabric.device
        self.network = network
        self._forward = self.fabric.setup_module(network)
        self._pool, self._seen, self._config = pool, seen, config
        held = max(1, len(pool) // 10)
        self.learned = max(1, len(pool) - held)
        self._held = range(self.learned, len(pool)) or range(len(pool))

    def loss(self, chosen: Array, rng: np.random.Generator) -> Tensor:  # noqa: ARG002 - the port's
        """Return the mean squared difference of a batch; see `Task`."""
        x = to_tensor(self._pool.pictures[chosen], self._seen, self._device)
        wanted = torch.from_numpy(self._pool.targets[chosen]).to(self._device).float()
        return functional.mse_loss(self._forward(x), wanted)

    def validate(self) -> Mapping[str, float]:
        """Return the same of what is held out; see `Task`."""
        rng = np.random.default_rng(0)
        parts = np.array_split(np.array(self._held), -(-len(self._held) // self._config.batch))
        total = sum(len(part) * float(self.loss(part, rng)) for part in parts)
        return {VALIDATION: total / len(self._held)}


class _Rows:
    """Arrays of one shape in a file, read back by number."""

    def __init__(self, file: IO[bytes], shape: tuple[int, ...], kind: np.dtype[np.generic]) -> None:
        self._file, self._shape, self._kind = file, shape, kind
        self._bytes = int(np.prod(shape)) * kind.itemsize

    def __getitem__(self, chosen: Array) -> Array:
        return np.stack([self._row(int(i)) for i in chosen])

    def _row(self, index: int) -> Array:
        self._file.seek(index * self._bytes)
        return np.frombuffer(self._file.read(self._bytes), self._kind).reshape(self._shape)


def _cells_of(share: Floats, rows: int, columns: int) -> Floats:
    """Average `[H, W]` over the cells of a grid."""
    plane = torch.from_numpy(share)[None, None]
    found = functional.interpolate(plane, (rows, columns), mode="area")[0, 0]
    return np.asarray(found.numpy(), np.float32)
