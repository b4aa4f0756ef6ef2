"""Augmentation: each time a picture is shown it looks a little different, as declared.

All that is random is drawn from the generator handed in, so a training that goes on after an
interruption draws what it would have drawn. Geometry is sampled once, however many steps of it are
declared, with the picture reflected at its borders; then come the others, in the order declared.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil

import numpy as np
import torch
from kornia.filters import gaussian_blur2d
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from okng.domain.arrays import Array, Mask, Pixels
from okng.domain.steps import Kind, Step, parse_steps
from okng.domain.view import MASKED

AUGMENTATIONS: Mapping[str, Kind] = {
    "rotate": Kind("turned by up to so many degrees, either way", 0, 180, 10),
    "flip": Kind("half of all pictures are mirrored left to right"),
    "flip-vertical": Kind("half of all pictures are turned upside down, mirrored"),
    "shift": Kind("moved by up to this share of the side, along each axis", 0, 0.5, 0.05),
    "zoom": Kind("larger or smaller by up to this share", 0, 0.5, 0.1),
    "perspective": Kind("each corner moved by up to this share of the side", 0, 0.25, 0.05),
    "brightness": Kind("lighter or darker by up to this share of white", 0, 1, 0.2),
    "contrast": Kind("more or less contrast, by up to this share", 0, 1, 0.2),
    "blur": Kind("blurred, by a sigma of up to so many pixels", 0, 10, 1),
    "noise": Kind("noise, of a sigma of up to this share of white", 0, 0.5, 0.03),
    "cutout": Kind("a box hidden whose sides have up to this share of the picture's", 0, 0.5, 0.2),
}
"""What there is, by name."""

CORRUPTIONS = ("noise", "cutout")
"""What takes something away that a network may be asked to draw all the same."""

_Matrices = NDArray[np.float64]
_CORNERS = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])


def parse_augmentations(text: str) -> tuple[Step, ...]:
    """Read `flip,rotate=10`; nothing is none.

    Raises:
        BadSetting: there is no such step, or its amount is out of bounds.
    """
    return parse_steps(text.split(",") if text.strip() else (), AUGMENTATIONS, "augment")


def augment(
    batch: Tensor,
    steps: Sequence[Step],
    rng: np.random.Generator,
    inspected: Mask | None = None,
) -> Tensor:
    """Return the pictures, each changed at random; without steps as they are.

    Args:
        batch: float32 `[N, 3, h, w]` from 0 to 1.
        steps: what may happen to them.
        rng: gives all that is random.
        inspected: bool `[H, W]` of the view; what is hidden is hidden again. None: nothing is.

    Returns:
        Float32 `[N, 3, h, w]` from 0 to 1, on the device of `batch`.
    """
    if not steps:
        return batch
    count, _, height, width = batch.shape
    matrices = np.broadcast_to(np.eye(3), (count, 3, 3))
    for step in steps:
        if step.name in _GEOMETRY:
            matrices = matrices @ _GEOMETRY[step.name](count, step.amount or 0, rng, height, width)
    x = _sampled(batch, matrices, height, width)
    for step in steps:
        if step.name in _LOOKS:
            x = _LOOKS[step.name](x, step.amount or 0, rng)
    x = x.clamp(0, 1)
    return x if inspected is None or inspected.all() else _hidden(x, inspected)


def augmented_pixels(
    pixels: Pixels, steps: Sequence[Step], inspected: Mask, count: int, seed: int
) -> Array:
    """Return `count` augmented versions of one picture, to be looked at.

    Args:
        pixels: uint8 `[H, W, 3]`.
        steps: what may happen to it.
        inspected: bool `[H, W]`.
        count: how many.
        seed: of all that is random.

    Returns:
        Uint8 `[count, H, W, 3]`.
    """
    batch = torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float().div(255)
    rng = np.random.default_rng(seed)
    found = augment(batch.expand(count, -1, -1, -1), steps, rng, inspected)
    shown = found.mul(255).round().to(torch.uint8).permute(0, 2, 3, 1)
    return np.ascontiguousarray(shown.numpy())


def _hidden(x: Tensor, inspected: Mask) -> Tensor:
    """Give what is not inspected the grey that it has at inspection."""
    shown = torch.from_numpy(inspected[None, None].astype(np.float32)).to(x.device)
    if shown.shape[2:] != x.shape[2:]:
        shown = functional.interpolate(shown, tuple(x.shape[2:]), mode="area")
    return x * shown + (1 - shown) * (MASKED / 255)


# Geometry: float64 [n, 3, 3], from where a pixel of the new picture is to where it comes from.
# Both in pixels, x before y, 0 in the middle.


def _rotation(
    count: int, most: float, rng: np.random.Generator, _height: int, _width: int
) -> _Matrices:
    angles = np.radians(rng.uniform(-most, most, count))
    return _linear(np.cos(angles), -np.sin(angles), np.sin(angles), np.cos(angles))


def _mirror(
    count: int, _most: float, rng: np.random.Generator, _height: int, _width: int
) -> _Matrices:
    return _linear(rng.choice([-1.0, 1.0], count), 0, 0, np.ones(count))


def _upside_down(
    count: int, _most: float, rng: np.random.Generator, _height: int, _width: int
) -> _Matrices:
    return _linear(np.ones(count), 0, 0, rng.choice([-1.0, 1.0], count))


def _shift(count: int, most: float, rng: np.random.Generator, height: int, width: int) -> _Matrices:
    matrices = np.tile(np.eye(3), (count, 1, 1))
    matrices[:, :2, 2] = rng.uniform(-most, most, (count, 2)) * (width, height)
    return matrices


def _zoom(
    count: int, most: float, rng: np.random.Generator, _height: int, _width: int
) -> _Matrices:
    smaller = 1 / rng.uniform(1 - most, 1 + most, count)
    return _linear(smaller, 0, 0, smaller)


def _perspective(
    count: int, most: float, rng: np.random.Generator, height: int, width: int
) -> _Matrices:
    """Return the projections that move the corners; their 8 numbers solve 8 linear equations."""
    half = np.array([width / 2, height / 2])
    old = np.broadcast_to(_CORNERS * half, (count, 4, 2))
    new = old + rng.uniform(-most, most, (count, 4, 2)) * 2 * half
    one, nil = np.ones((count, 4)), np.zeros((count, 4))
    x, y = old[..., 0], old[..., 1]
    rows = [
        np.stack([x, y, one, nil, nil, nil, -x * new[..., 0], -y * new[..., 0]], axis=-1),
        np.stack([nil, nil, nil, x, y, one, -x * new[..., 1], -y * new[..., 1]], axis=-1),
    ]
    wanted = np.concatenate([new[..., 0], new[..., 1]], axis=1)[..., None]
    solved = np.linalg.solve(np.concatenate(rows, axis=1), wanted)[..., 0]
    return np.concatenate([solved, np.ones((count, 1))], axis=1).reshape(count, 3, 3)


_GEOMETRY: Mapping[str, Callable[[int, float, np.random.Generator, int, int], _Matrices]] = {
    "rotate": _rotation,
    "flip": _mirror,
    "flip-vertical": _upside_down,
    "shift": _shift,
    "zoom": _zoom,
    "perspective": _perspective,
}


def _linear(a: Array, b: Array | float, c: Array | float, d: Array) -> _Matrices:
    matrices = np.zeros((len(a), 3, 3))
    matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 0], matrices[:, 1, 1] = a, b, c, d
    matrices[:, 2, 2] = 1
    return matrices


def _sampled(x: Tensor, matrices: _Matrices, height: int, width: int) -> Tensor:
    """Take each pixel from where its matrix says, bilinearly."""
    if np.array_equal(matrices, np.broadcast_to(np.eye(3), matrices.shape)):
        return x
    # grid_sample counts from -1 to 1, from edge to edge.
    unit = np.diag([width / 2, height / 2, 1])
    scaled = np.linalg.inv(unit) @ matrices @ unit
    columns = (np.arange(width) + 0.5) / width * 2 - 1
    rows = (np.arange(height) + 0.5) / height * 2 - 1
    places = np.stack([*np.meshgrid(columns, rows), np.ones((height, width))], axis=-1)
    flat = torch.from_numpy(places.reshape(-1, 3).astype(np.float32)).to(x.device)
    turned = torch.from_numpy(scaled.transpose(0, 2, 1).astype(np.float32)).to(x.device)
    found = flat @ turned
    grid = (found[..., :2] / found[..., 2:]).reshape(len(x), height, width, 2)
    return functional.grid_sample(
        x, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def _brightness(x: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    return x + _each(rng.uniform(-most, most, len(x)), x)


def _contrast(x: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    middle = x.mean((1, 2, 3), keepdim=True)
    return middle + (x - middle) * _each(rng.uniform(1 - most, 1 + most, len(x)), x)


def _blur(x: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    # A reflected border is narrower than the picture.
    reach = min(ceil(3 * most), x.shape[2] - 1, x.shape[3] - 1)
    # A sigma of 0 would divide by it; this one leaves the picture as it is.
    sigmas = _each(rng.uniform(0, most, len(x)).clip(0.05), x).reshape(-1, 1).expand(-1, 2)
    return gaussian_blur2d(x, (2 * reach + 1, 2 * reach + 1), sigmas, border_type="reflect")


def _noise(x: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    sigmas = _each(rng.uniform(0, most, len(x)), x)
    drawn = rng.standard_normal(tuple(x.shape), dtype=np.float32)
    return x + torch.from_numpy(drawn).to(x.device) * sigmas


def _cutout(x: Tensor, most: float, rng: np.random.Generator) -> Tensor:
    """Give a box of each picture, half to the whole of the largest, the picture's mean colour."""
    count, _, height, width = x.shape
    shares = rng.uniform(most / 2, most, (count, 2))
    places = rng.uniform(0, 1, (count, 2))
    x, colours = x.clone(), x.mean((2, 3), keepdim=True)
    for i in range(count):
        tall, wide = (max(1, round(s * n)) for s, n in zip(shares[i], (height, width), strict=True))
        top, left = int(places[i, 0] * (height - tall)), int(places[i, 1] * (width - wide))
        x[i, :, top : top + tall, left : left + wide] = colours[i]
    return x


_LOOKS: Mapping[str, Callable[[Tensor, float, np.random.Generator], Tensor]] = {
    "brightness": _brightness,
    "contrast": _contrast,
    "blur": _blur,
    "noise": _noise,
    "cutout": _cutout,
}


def _each(values: Array, x: Tensor) -> Tensor:
    """Return one value for each picture, `[N, 1, 1, 1]`."""
    return torch.from_numpy(values.astype(np.float32)).to(x.device).reshape(-1, 1, 1, 1)
