"""Pictures that no part looks like: good ones distorted, with pieces pasted in, or made up whole.

A network that is to tell strange from usual must have seen something strange. Where there are no
other pictures, these stand in: made-up ones are dead leaves, overlapping shapes of all sizes, from
which networks learn nearly as well as from photographs (Baradad et al. 2021, arXiv:2106.05963).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from okng.domain.arrays import Floats, Pixels
from okng.domain.ports import Pictures

_AS_IT_IS, _LEAVES, _DISTORTED = 0.15, 0.15, 0.15
"""Shares of pictures; the rest have pieces pasted in."""


@dataclass(frozen=True)
class StrangePicture:
    """`pixels` is uint8 `[H, W, 3]`; `share` float32 `[H, W]`: how much of each is strange."""

    pixels: Pixels = field(repr=False)
    share: Floats = field(repr=False)


def strange_picture(
    good: Sequence[Pixels], rng: np.random.Generator, others: Pictures | None = None
) -> StrangePicture:
    """Draw one picture.

    Args:
        good: a few pictures of good parts, of one size; the first is the one that is altered.
        rng: all that is random.
        others: unrelated pictures of that size, where there are some: half of what is strange
            comes from them.
    """
    own, kind = good[0], rng.random()
    height, width = own.shape[:2]
    nothing = np.zeros((height, width), np.float32)
    if kind < _AS_IT_IS:
        return StrangePicture(own, nothing)
    if kind < _AS_IT_IS + _LEAVES:
        return StrangePicture(_unrelated(height, width, rng, others), nothing + 1)
    if kind < _AS_IT_IS + _LEAVES + _DISTORTED:
        return StrangePicture(_recoloured(_moved(own, rng), rng), nothing + 1)
    return _patched(good, rng, others)


def with_gain(pixels: Pixels, gain: float) -> Pixels:
    """Return the picture lighter or darker."""
    lit: Pixels = np.clip(pixels * np.float32(gain), 0, 255).astype(np.uint8)
    return lit


def dead_leaves(height: int, width: int, count: int, rng: np.random.Generator) -> Pixels:
    """Paint `count` discs, boxes and lines of random place, size and colour over each other."""
    side = min(height, width)
    paper = np.full((height, width, 3), rng.integers(0, 256, 3), np.uint8)
    for _ in range(count):
        colour = tuple(int(value) for value in rng.integers(0, 256, 3))
        x, y = int(rng.integers(width)), int(rng.integers(height))
        radius = max(2, int(side * (0.02 + 0.35 * rng.random() ** 3)))
        shape = rng.integers(3)
        if shape == 0:
            cv2.circle(paper, (x, y), radius, colour, cv2.FILLED, cv2.LINE_AA)
        elif shape == 1:
            size = (2.0 * radius, 2.0 * radius * float(rng.uniform(0.1, 1)))
            box = cv2.boxPoints(((float(x), float(y)), size, float(rng.uniform(0, 180))))
            cv2.fillPoly(paper, [box.astype(np.int32)], colour, cv2.LINE_AA)
        else:
            end = (int(rng.integers(width)), int(rng.integers(height)))
            cv2.line(paper, (x, y), end, colour, int(rng.integers(1, 8)), cv2.LINE_AA)
    return _noisy(paper, rng) if rng.random() < 0.5 else paper


def _unrelated(
    height: int, width: int, rng: np.random.Generator, others: Pictures | None
) -> Pixels:
    if others is not None and rng.random() < 0.5:
        return others[int(rng.integers(len(others)))]
    return dead_leaves(height, width, int(rng.integers(5, 120)), rng)


def _patched(
    good: Sequence[Pixels], rng: np.random.Generator, others: Pictures | None
) -> StrangePicture:
    """Paste soft or sharp pieces of strange pictures, of all sizes, into a good one."""
    pixels = with_gain(good[0], rng.uniform(0.9, 1.1))
    height, width = pixels.shape[:2]
    share = np.zeros((height, width), np.float32)
    for _ in range(int(rng.integers(1, 8))):
        if rng.random() < 0.6:
            source = _recoloured(_moved(good[int(rng.integers(len(good)))], rng), rng)
        else:
            source = _unrelated(height, width, rng, others)
        piece = _piece(height, width, rng)
        share = np.maximum(share, piece)
        blend = piece[..., None]
        pixels = (pixels * (1 - blend) + source * blend).astype(np.uint8)
    return StrangePicture(pixels, share)


def _piece(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Return how strongly each pixel is covered by one random ellipse, float32 `[H, W]`."""
    side = min(height, width)
    axes = [side * (0.015 + 0.4 * rng.random() ** 2) for _ in range(2)]
    middle = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
    piece = np.zeros((height, width), np.float32)
    ellipse = (middle, (float(axes[0]), float(axes[1])), float(rng.uniform(0, 180)))
    cv2.ellipse(piece, ellipse, 1.0, cv2.FILLED)
    if rng.random() < 0.5:
        piece = np.asarray(cv2.GaussianBlur(piece, (0, 0), side / 85), np.float32)
    found: Floats = piece * np.float32(rng.uniform(0.3, 1))
    return found


def _moved(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Turn, zoom and shift at random; what comes in at the borders is reflected."""
    height, width = pixels.shape[:2]
    zoom = float(np.exp(rng.uniform(np.log(0.6), np.log(2))))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-180, 180), zoom)
    matrix[:, 2] += rng.uniform(-0.25, 0.25, 2) * np.array([width, height])
    moved = cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(moved, np.uint8)


def _recoloured(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Swap channels, and change saturation, contrast and light at random."""
    x = pixels.astype(np.float32)
    if rng.random() < 0.5:
        x = x[:, :, rng.permutation(3)]
    grey = x.mean(axis=2, keepdims=True)
    x = grey + (x - grey) * np.float32(rng.uniform(0, 2))
    x = (x - 128) * np.float32(rng.uniform(0.5, 1.5)) + np.float32(128 + rng.uniform(-50, 50))
    if rng.random() < 0.1:
        x = 255 - x
    recoloured: Pixels = np.clip(x, 0, 255).astype(np.uint8)
    return recoloured


def _noisy(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Add noise whose grains have 1, 2 or 4 pixels."""
    height, width = pixels.shape[:2]
    grain = int(rng.choice([1, 2, 4]))
    size = (max(1, height // grain), max(1, width // grain), 3)
    noise = rng.normal(0, rng.uniform(2, 25), size).astype(np.float32)
    noise = np.asarray(cv2.resize(noise, (width, height)))
    noisy: Pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    return noisy
