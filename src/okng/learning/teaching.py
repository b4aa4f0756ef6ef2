"""A student learns to say what its teacher says of good parts, and nothing of strange ones."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from okng.algorithms.strange_pictures import with_gain
from okng.domain.arrays import Array
from okng.domain.ports import Images
from okng.learning.augmentation import augment
from okng.learning.devices import fabric_of
from okng.learning.engine import VALIDATION
from okng.learning.pictures import batch_of, to_tensor
from okng.learning.settings import LearningConfig
from okng.learning.student_networks import Pupils, Scaling, differences
from okng.learning.teacher import Pool
from okng.learning.training import validation_split

_HARDEST = 0.99
"""Differences above this quantile count once more: what is hard to learn is learned first."""
_HARD_WEIGHT = 0.1
_SCALED_BY = 0.995
"""The quantile of held-out differences that becomes 1."""
_LIGHT = 0.1
"""Good parts are shown up to so much lighter or darker."""


class Teaching:
    """Learns to say what the teacher says of good parts, and nothing of strange ones; a `Task`."""

    def __init__(
        self,
        images: Images,
        pool: Pool,
        teacher: nn.Module,
        pupils: Pupils,
        seen: tuple[int, int],
        config: LearningConfig,
    ) -> None:
        self._images, self._pool, self._config, self._seen = images, pool, config, seen
        self.fabric = fabric_of(config)
        self._device = self.fabric.device
        self._teacher = teacher
        self.network = pupils
        self._forward = self.fabric.setup_module(pupils)
        self.learned, self._held = validation_split(
            len(images), config.validation_share, config.seed
        )
        self._scaling = self._spread()

    def loss(self, chosen: Array, rng: np.random.Generator) -> Tensor:
        """Return the loss of a batch of good parts and half as many strange pictures."""
        good = batch_of(self._images, [self.learned[int(i)] for i in chosen])
        gains = rng.uniform(1 - _LIGHT, 1 + _LIGHT, len(good))
        good = np.stack([with_gain(*pair) for pair in zip(good, gains, strict=True)])
        drawn = rng.integers(len(self._pool), size=max(1, len(good) // 2))
        pixels = np.concatenate([good, self._pool.pictures[drawn]])
        usual = self._of_cells(self._pool.usual[drawn], len(good), fill=True)
        strange = self._of_cells(self._pool.strange[drawn], len(good), fill=False)
        x = to_tensor(pixels, self._seen, self._device)
        if steps := self._config.augmentation:
            shown = augment((x[: len(good)] + 1) / 2, steps, rng, self._images.inspected)
            x = torch.cat([2 * shown - 1, x[len(good) :]])
        described = self._described(x)
        local, whole, guess = self._forward(x)
        off = (described - local).square() * usual
        hard = off[off >= torch.quantile(off.flatten()[::13], _HARDEST)].mean()
        loss = off.sum() / (usual.sum() * off.shape[1]) + _HARD_WEIGHT * hard
        # Of what is strange the student is to say nothing: it must not know it by chance.
        loss = loss + (local.square() * strange).sum() / (strange.sum() * off.shape[1] + 1)
        count = len(good)
        loss = loss + (described[:count] - guess[:count]).square().mean()
        found: Tensor = loss + (guess[:count].detach() - whole[:count]).square().mean()
        return found

    def validate(self) -> Mapping[str, float]:
        """Return the mean differences of good parts that are not learned; see `Task`."""
        local, whole = self._held_out()
        return {VALIDATION: float(local.mean() + whole.mean())}

    def scaled(self) -> Scaling:
        """Return the scaling at which a high difference of a good part is 1, in both maps."""
        local, whole = (float(np.quantile(part, _SCALED_BY)) for part in self._held_out())
        tiny = float(np.finfo(np.float32).tiny)
        return replace(self._scaling, local=max(local, tiny), whole=max(whole, tiny))

    def _held_out(self) -> tuple[Array, Array]:
        """Return both differences of what is not learned, float32 `[n, h/8, w/8]`."""
        found: list[tuple[Array, Array]] = []
        with torch.no_grad():
            for i in self._held:
                x = to_tensor(batch_of(self._images, [i]), self._seen, self._device)
                pair = differences(self._described(x), self.network(x))
                found.append((pair[0].cpu().numpy(), pair[1].cpu().numpy()))
        return np.concatenate([a for a, _ in found]), np.concatenate([b for _, b in found])

    def _described(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            described: Tensor = self._teacher(x)
        return self._scaling.apply(described)

    def _spread(self) -> Scaling:
        """Return the mean and spread of the teacher's channels on good parts."""
        total, squares, count = 0.0, 0.0, 0
        with torch.no_grad():
            for i in self.learned:
                x = to_tensor(batch_of(self._images, [i]), self._seen, self._device)
                said = self._teacher(x).double()
                total = total + said.sum((0, 2, 3))
                squares = squares + said.square().sum((0, 2, 3))
                count += said[0, 0].numel()
        assert isinstance(total, Tensor)
        assert isinstance(squares, Tensor)
        mean = total / count
        spread = (squares / count - mean.square()).clamp_min(0).sqrt() + 1e-6
        return Scaling(mean.float().cpu().numpy(), spread.float().cpu().numpy())

    def _of_cells(self, cells: Array, good: int, fill: bool) -> Tensor:
        """Return `[n, 1, h/8, w/8]`: `fill` for the good parts, then what the pool says."""
        own = np.full((good, *cells.shape[1:]), fill)
        both = np.concatenate([own, cells])[:, None]
        return torch.from_numpy(both.astype(np.float32)).to(self._device)
