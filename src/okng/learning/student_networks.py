"""The networks of `student`, and the graph that inspects with them."""

from dataclasses import dataclass

import numpy as np
import torch
from onnx import ModelProto
from torch import Tensor, nn

from okng.domain.arrays import Floats
from okng.graphs.builder import GraphBuilder
from okng.graphs.heads import MapScoring, finish
from okng.learning.pictures import front
from okng.learning.to_onnx import write

STRIDE = 8
"""Pixels of a map cell, in both directions."""
MULTIPLE = 64
"""What the sides of what is seen are multiples of: the guesser halves so often."""
_GUESSER_SHRINKS = 4


def describer(channels: int, width: int) -> nn.Sequential:
    """Build a network that describes small patches: float32 `[N, 3, h, w]` to `[N, channels, h/8,
    w/8]`; each cell sees 48 pixels of side. Teacher and student are of this kind."""
    return nn.Sequential(
        nn.Conv2d(3, width // 2, 8, 4, 2),
        nn.ReLU(),
        nn.Conv2d(width // 2, width, 3, 2, 1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, 1, 1),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, 1, 1),
        nn.ReLU(),
        nn.Conv2d(width, channels, 1),
    )


def guesser(channels: int, width: int, code: int) -> nn.Sequential:
    """Build an autoencoder that guesses the teacher's description from the whole picture."""
    layers: list[nn.Module] = [nn.AvgPool2d(_GUESSER_SHRINKS)]
    before = 3
    for after in (width // 2, width, width, width):
        layers += [nn.Conv2d(before, after, 4, 2, 1), nn.ReLU()]
        before = after
    layers += [nn.Conv2d(width, code, 1), nn.Conv2d(code, width, 1), nn.ReLU()]
    for after in (width, width // 2, width // 2):
        layers += [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, 1, 1), nn.ReLU()]
        before = after
    return nn.Sequential(*layers, nn.Conv2d(before, channels, 3, 1, 1))


class Pupils(nn.Module):
    """The student, whose second half of channels guesses at the guesser, and the guesser."""

    def __init__(self, channels: int, width: int, code: int) -> None:
        super().__init__()
        self.student = describer(2 * channels, width)
        self.guesser = guesser(channels, width, code)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the student's two halves and the guess, each `[N, channels, h/8, w/8]`."""
        local, whole = self.student(x).chunk(2, dim=1)
        return local, whole, self.guesser(x)


@dataclass(frozen=True)
class Scaling:
    """`mean` and `spread` of the teacher's channels, float32 `[C]`; `local` and `whole` are what
    the two differences are divided by, so that both weigh the same."""

    mean: Floats
    spread: Floats
    local: float = 1.0
    whole: float = 1.0

    def apply(self, described: Tensor) -> Tensor:
        """Bring a teacher's description to mean 0 and spread 1."""
        mean, spread = (
            torch.from_numpy(part).to(described.device)[:, None, None]
            for part in (self.mean, self.spread)
        )
        return (described - mean) / spread


def differences(described: Tensor, pupils: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the mean squared differences of each cell, `[N, h/8, w/8]`.

    The student's from the teacher: strange patches; and the student's from the guess: patches in a
    strange place (Batzner et al. 2024, arXiv:2303.14535, sections 3.2 and 3.3).
    """
    local, whole, guess = pupils
    return (described - local).square().mean(1), (guess - whole).square().mean(1)


def inspection_graph(
    size: tuple[int, int],
    seen: tuple[int, int],
    teacher: nn.Module,
    pupils: Pupils,
    scaling: Scaling,
    scoring: MapScoring,
) -> ModelProto:
    """Build the graph for images of `size`, (height, width)."""
    graph = GraphBuilder("okng")
    x = front(graph, *size, seen)
    described = write(graph, x, teacher)
    mean, spread = (part[:, None, None] for part in (scaling.mean, scaling.spread))
    described = graph.node("Sub", described, graph.constant(mean))
    described = graph.node("Div", described, graph.constant(spread))
    both = write(graph, x, pupils.student)
    channels = len(scaling.mean)
    halves = [
        graph.node("Slice", both, graph.ints(at), graph.ints(at + channels), graph.ints(1))
        for at in (0, channels)
    ]
    guess = write(graph, x, pupils.guesser)
    parts = []
    pairs = ((described, halves[0], scaling.local), (guess, halves[1], scaling.whole))
    for one, other, scale in pairs:
        off = graph.node("Sub", one, other)
        mean_square = graph.node("ReduceMean", graph.node("Mul", off, off), graph.ints(1))
        parts.append(graph.node("Div", mean_square, graph.constant(np.float32(2 * scale))))
    return finish(graph, graph.node("Add", *parts), scoring)
