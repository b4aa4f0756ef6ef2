"""The five kinds of defect: each changes a window of a piece's surface.

A defect is physical: it alters slopes, reflectance or what is left of the material, and the light
does the rest, so that the same dent can glare on one piece and hide on the next.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import cv2
import numpy as np

from okng.adapters.sources.part_geometry import BODY, BORE, CORNER, EDGES, HOLES, HUB, Geometry
from okng.adapters.sources.part_rendering import Rng, Surface, Window
from okng.domain.arrays import Array, Floats, Mask

Change = Callable[[Surface], tuple[Surface, Mask]]


@dataclass(frozen=True)
class Defect:
    """Where a defect lies, and what it does to the surface there.

    `change` takes the surface of `window`, about `x`, `y`, and returns it changed, with the
    defect's reach (bool `[h, w]`): nothing changes beyond it.
    """

    window: Window
    change: Change
    x: float
    y: float


def draw_defect(
    kind: str, geometry: Geometry, rng: Rng, severity: float, scale: float = 1.0
) -> Defect:
    """Roll the dice for one defect; `severity` runs from 0, barely visible, upwards.

    With a `scale` below 1 it is as much smaller, and its slopes are as steep as ever.
    """
    found = KINDS[kind](geometry, rng, severity, scale * geometry.size / 2)
    if scale == 1:
        return found
    x, y = np.float32(found.x), np.float32(found.y)
    shrink = np.float32(scale)

    def change(surface: Surface) -> tuple[Surface, Mask]:
        # Seen through a glass that enlarges, the small defect is the large one.
        enlarged = replace(surface, x=x + (surface.x - x) / shrink, y=y + (surface.y - y) / shrink)
        hurt, reach = found.change(enlarged)
        return replace(hurt, x=surface.x, y=surface.y), reach

    return replace(found, change=change)


def _window(size: int, x: float, y: float, reach_px: float) -> Window:
    """Return the window of pixels within `reach_px` of a place, which is in half image widths."""
    half = max(6, round(reach_px) + 3)
    bounds = []
    for at in (y, x):
        centre = min(max(round((at + 1) * size / 2), 0), size)
        bounds.append(slice(max(0, centre - half), min(size, centre + half)))
    return bounds[0], bounds[1]


def _somewhere(rng: Rng, margin: float) -> tuple[float, float]:
    """Pick a place on the metal, clear of the bore and the holes, more often on the turned face."""
    while True:
        if rng.random() < 0.75:
            r, turn = rng.uniform(BORE + 0.05 + margin, HUB - margin), rng.uniform(0, 2 * np.pi)
            x, y = float(r * np.cos(turn)), float(r * np.sin(turn))
        else:
            span = BODY - 0.06 - margin
            x, y = (float(v) for v in rng.uniform(-span, span, 2))
            if np.hypot(x, y) < HUB + margin or min(abs(x), abs(y)) > BODY - CORNER:
                continue
        if all(np.hypot(x - hx, y - hy) > 1.25 * hr + 0.3 * margin for hx, hy, hr in HOLES):
            return x, y


def _rough(rng: Rng, shape: tuple[int, ...], cell_px: float) -> Floats:
    """Return smooth random values of unit spread with features of `cell_px` pixels."""
    coarse = [max(3, int(n / max(cell_px, 1)) + 2) for n in shape]
    field = cv2.resize(
        rng.standard_normal(coarse, np.float32),
        (shape[1], shape[0]),
        interpolation=cv2.INTER_CUBIC,
    )
    return np.asarray(field, np.float32)


def _step(field: Array, width: float) -> Floats:
    """Rise smoothly from 0 to 1 where `field` passes 0."""
    t = np.clip(field / width + 0.5, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _mix(old: Floats, weight: Floats, new: Array | float) -> Floats:
    return np.asarray(old + weight * (np.asarray(new, np.float32) - old), np.float32)


def _scratch(geometry: Geometry, rng: Rng, severity: float, px: float) -> Defect:
    x0, y0 = _somewhere(rng, 0.03)
    turn, bend = rng.uniform(0, np.pi), rng.uniform(-0.5, 0.5)
    half = (0.09 + 0.22 * min(severity, 1.5)) * float(rng.uniform(0.7, 1.2))
    width = max(0.0043 + 0.0036 * severity * float(rng.uniform(0.5, 1.5)), 0.45 / px)
    depth = 0.3 + 1.0 * severity
    bright = float(rng.uniform(-0.35, 0.6)) * (0.35 + 0.65 * severity)
    phase = rng.uniform(0, 6, 2)

    def change(s: Surface) -> tuple[Surface, Mask]:
        c, n = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        dx, dy = s.x - np.float32(x0), s.y - np.float32(y0)
        along, aside = dx * c + dy * n, dy * c - dx * n
        aside -= np.float32(bend) * (half * half - along * along)
        aside += 0.004 * np.sin(along * 40 + phase[0])
        press = _step(half - np.abs(along), half * 0.5) * (
            0.8 + 0.2 * np.sin(along * 55 + phase[1])
        )
        z = aside / width
        bell = press * np.exp(-0.5 * np.minimum(z * z, 40))
        slope = np.asarray(depth * 1.65 * z * bell, np.float32)
        factor = np.asarray(1 + bright * bell, np.float32)
        return (
            replace(
                s,
                p=s.p + slope * n,
                q=s.q - slope * c,
                gloss=s.gloss * factor,
                albedo=s.albedo * factor,
                openness=s.openness * np.asarray(1 - 0.12 * bell, np.float32),
            ),
            np.asarray((np.abs(z) < 3.5) & (press > 0.02)),
        )

    return Defect(_window(geometry.size, x0, y0, (half + 0.03) * px), change, x0, y0)


def _dent(geometry: Geometry, rng: Rng, severity: float, px: float) -> Defect:
    x0, y0 = _somewhere(rng, 0.05)
    radius = (0.024 + 0.036 * min(severity, 1.5)) * float(rng.uniform(0.8, 1.25))
    turn, stretch = rng.uniform(0, np.pi), float(rng.uniform(1.0, 1.7))
    steep = 0.2 + 0.7 * severity
    skew = rng.uniform(-0.25, 0.25, 2)

    def change(s: Surface) -> tuple[Surface, Mask]:
        c, n = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        dx, dy = s.x - np.float32(x0), s.y - np.float32(y0)
        a = (dx * c + dy * n) / (radius * stretch)
        b = (dy * c - dx * n) / radius
        rho2 = np.minimum((a * (1 + skew[0] * b)) ** 2 + (b * (1 + skew[1] * a)) ** 2, 30)
        # A bowl with a raised lip: the derivative of (0.15 rho^4 - 1) exp(-rho^2).
        bell = np.exp(-rho2)
        push = -steep * 1.6 * (1 + 0.3 * rho2 - 0.15 * rho2 * rho2) * bell
        pa, pb = push * a / stretch, push * b
        return (
            replace(
                s,
                p=s.p + np.asarray(pa * c - pb * n, np.float32),
                q=s.q + np.asarray(pa * n + pb * c, np.float32),
                openness=s.openness * np.asarray(1 - min(0.3 * severity, 0.5) * bell, np.float32),
            ),
            np.asarray(rho2 < 6.0),
        )

    return Defect(_window(geometry.size, x0, y0, (radius * stretch * 2.8) * px), change, x0, y0)


def _corrosion(geometry: Geometry, rng: Rng, severity: float, px: float) -> Defect:
    x0, y0 = _somewhere(rng, 0.04)
    radius = (0.045 + 0.085 * min(severity, 1.5)) * float(rng.uniform(0.75, 1.3))
    strength = min(0.22 + 0.75 * severity, 1.0)
    brown = np.array([1.0, 0.645, 0.42]) * float(rng.uniform(0.93, 1.0))
    child = int(rng.integers(2**32))

    def change(s: Surface) -> tuple[Surface, Mask]:
        dice = np.random.default_rng(child)
        rho = np.hypot(s.x - np.float32(x0), s.y - np.float32(y0)) / radius
        wild = 0.30 * _rough(dice, rho.shape, radius * px * 0.55)
        wild += 0.16 * _rough(dice, rho.shape, radius * px * 0.2)
        edge = 1 - rho + wild * np.clip(2.2 - rho, 0, 1)
        blob = _step(edge, 0.45)
        mottle = np.clip(0.75 + 0.3 * _rough(dice, rho.shape, radius * px * 0.16), 0.2, 1.2)
        weight = np.asarray(np.clip(strength * blob * mottle, 0, 1), np.float32)
        pitted = weight * 0.16 * severity
        cell = max(1.5, radius * px * 0.1)
        return (
            replace(
                s,
                gloss=s.gloss * (1 - 0.93 * weight),
                albedo=_mix(s.albedo, weight, 0.1),
                tint=_mix(s.tint, weight[..., None], brown),
                p=s.p + np.asarray(pitted * _rough(dice, rho.shape, cell), np.float32),
                q=s.q + np.asarray(pitted * _rough(dice, rho.shape, cell), np.float32),
            ),
            np.asarray(blob > 0.05),
        )

    return Defect(_window(geometry.size, x0, y0, (radius * 2.2) * px), change, x0, y0)


def _chip(geometry: Geometry, rng: Rng, severity: float, px: float) -> Defect:
    radius = (0.03 + 0.055 * min(severity, 1.5)) * float(rng.uniform(0.8, 1.25))
    outer = bool(rng.random() < 0.25)
    turn = float(rng.uniform(0, 2 * np.pi))
    if outer:
        t = float(rng.uniform(-1, 1)) * (BODY - CORNER)
        x0, y0 = ((t, BODY), (t, -BODY), (BODY, t), (-BODY, t))[int(rng.integers(4))]
        ox, oy = np.sign(x0) * (abs(x0) == BODY), np.sign(y0) * (abs(y0) == BODY)
    else:
        at = float(rng.choice(EDGES))
        ox, oy = float(np.cos(turn)), float(np.sin(turn))
        x0, y0 = at * ox, at * oy
    strength = min(0.35 + 0.75 * severity, 1.0)
    stretch = float(rng.uniform(1.0, 2.2))
    child = int(rng.integers(2**32))

    def change(s: Surface) -> tuple[Surface, Mask]:
        dice = np.random.default_rng(child)
        dx, dy = s.x - np.float32(x0), s.y - np.float32(y0)
        across = (dx * ox + dy * oy) / radius
        along = (dy * ox - dx * oy) / (radius * stretch)
        rho = np.hypot(across, along)
        edge = (
            1 - rho + 0.28 * _rough(dice, rho.shape, radius * px * 0.4) * np.clip(1.9 - rho, 0, 1)
        )
        weight = strength * _step(edge, max(0.3, 2 / (radius * px)))
        facet, shape = max(2.0, radius * px * 0.5), rho.shape
        # The break falls away towards the edge's open side, and glitters where its facets tilt.
        fall_p = 0.55 * ox + 0.4 * _rough(dice, shape, facet)
        fall_q = 0.55 * oy + 0.4 * _rough(dice, shape, facet)
        gone = _step(across + 0.15 - 0.2 * np.abs(along), 0.5) * weight if outer else 0 * weight
        return (
            replace(
                s,
                p=_mix(s.p, weight, fall_p),
                q=_mix(s.q, weight, fall_q),
                jitter=s.jitter * (1 - weight),
                along=_mix(s.along, weight, 7.0),
                across=_mix(s.across, weight, 7.0),
                albedo=_mix(s.albedo, weight, 0.13),
                gloss=_mix(s.gloss, weight, 0.3),
                openness=s.openness * np.asarray(1 - 0.35 * weight, np.float32),
                tint=_mix(s.tint, weight[..., None], 0.98),
                cover=s.cover * np.asarray(1 - gone, np.float32),
            ),
            np.asarray(weight > 0.04),
        )

    return Defect(_window(geometry.size, x0, y0, (radius * stretch * 1.9) * px), change, x0, y0)


def _blocked_hole(geometry: Geometry, rng: Rng, severity: float, px: float) -> Defect:
    hx, hy, hr = HOLES[int(rng.integers(len(HOLES)))]
    turn = float(rng.uniform(0, 2 * np.pi))
    share = min(0.25 + 0.85 * severity, 1.0)
    level = float(rng.uniform(0.55, 0.95)) * (0.45 + 0.55 * min(severity, 1.0))
    child = int(rng.integers(2**32))

    def change(s: Surface) -> tuple[Surface, Mask]:
        dice = np.random.default_rng(child)
        dx, dy = (s.x - np.float32(hx)) / hr, (s.y - np.float32(hy)) / hr
        rho = np.hypot(dx, dy)
        inside = _step(0.98 - rho, max(0.25, 1.5 / (hr * px)))
        side = dx * np.cos(turn) + dy * np.sin(turn)
        wild = 0.25 * _rough(dice, rho.shape, hr * px * 0.5)
        fill = _step(side + wild - 1 + 2.1 * share, 0.4) * inside
        cell = max(2.0, hr * px * 0.25)
        return (
            replace(
                s,
                p=_mix(s.p, fill, 0.3 * _rough(dice, rho.shape, cell)),
                q=_mix(s.q, fill, 0.3 * _rough(dice, rho.shape, cell)),
                along=_mix(s.along, fill, 6.0),
                across=_mix(s.across, fill, 6.0),
                albedo=_mix(s.albedo, fill, 0.16),
                gloss=_mix(s.gloss, fill, 0.25),
                openness=np.maximum(s.openness, _mix(s.openness, fill, level)),
            ),
            np.asarray(fill > 0.04),
        )

    return Defect(_window(geometry.size, hx, hy, (hr * 1.2) * px), change, hx, hy)


KINDS: Mapping[str, Callable[[Geometry, Rng, float, float], Defect]] = MappingProxyType(
    {
        "scratch": _scratch,
        "dent": _dent,
        "corrosion": _corrosion,
        "chip": _chip,
        "blocked_hole": _blocked_hole,
    }
)
