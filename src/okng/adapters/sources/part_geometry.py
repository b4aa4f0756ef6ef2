"""The shape and material of the rendered part: all that is the same for every piece made.

Lengths are in half image widths: the image spans -1 to 1, x to the right and y down.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from okng.domain.arrays import Array, Floats, Mask

BODY, CORNER = 0.885, 0.2
HUB, GROOVE_OUT, GROOVE_IN, BUSH, BORE = 0.745, 0.47, 0.42, 0.29, 0.19
EDGES = (HUB - 0.012, GROOVE_OUT, GROOVE_IN, BORE + 0.014)
CORNER_HOLES = tuple((0.675 * x, 0.675 * y, 0.068) for x in (-1, 1) for y in (-1, 1))
FACE_HOLES = tuple(
    (0.6 * float(np.cos(a)), 0.6 * float(np.sin(a)), 0.042) for a in np.deg2rad(np.arange(6) * 60.0)
)
HOLES = CORNER_HOLES + FACE_HOLES
SPOT_FACE = 0.128
_STEEL, _CAST, _BRONZE = (1.0, 0.99, 0.98), (0.88, 0.98, 1.12), (1.06, 0.79, 0.45)

_GLYPHS = {  # single strokes, as an engraving machine draws them, on a grid of 4 x 6
    "O": (((1, 0), (3, 0), (4, 1), (4, 5), (3, 6), (1, 6), (0, 5), (0, 1), (1, 0)),),
    "K": (((0, 0), (0, 6)), ((4, 0), (0, 3.5)), ((1.3, 2.4), (4, 6))),
    "N": (((0, 6), (0, 0), (4, 6), (4, 0)),),
    "G": (((4, 1), (3, 0), (1, 0), (0, 1), (0, 5), (1, 6), (3, 6), (4, 5), (4, 3), (2.3, 3)),),
    "-": (((0.7, 3), (3.3, 3)),),
    "6": (((3.5, 0), (1, 1.6), (0, 4), (1, 6), (3, 6), (4, 4.6), (3, 3), (1, 3), (0, 4)),),
    "2": (((0, 1.2), (1, 0), (3, 0), (4, 1.2), (4, 2.2), (0, 6), (4, 6)),),
    "0": (((2, 0), (4, 1.5), (4, 4.5), (2, 6), (0, 4.5), (0, 1.5), (2, 0)),),
    "5": (((4, 0), (0.4, 0), (0, 2.8), (2.4, 2.4), (4, 3.6), (4, 5), (2.8, 6), (0, 5.6)),),
}
MARK = "OKNG-6205"


@dataclass(frozen=True)
class Geometry:
    """Static maps of the part, seen from above; float32 `[S, S]` unless said otherwise.

    `p`, `q`: surface slopes, so that the normal is (p, q, 1) before normalising. `tx`, `ty`: unit
    direction of the tool marks. `along`, `across`: inverse squared roughness (in slopes) along
    and across the tool marks; `soft_along`, `soft_across` the same for the larger fill light.
    `albedo`, `gloss`: diffuse and specular reflectance. `openness`: share of the sky that reaches
    a place. `cover`: 1 on the part, 0 beside it; `shade` is the same, blurred for the shadow.
    `cast`, `turned`: share of raw cast and of turned surface. `tint`: float32 `[S, S, 3]`.
    `radius`, `turn`: polar coordinates about the nearest axis, for the tool marks.
    """

    size: int
    x: Floats
    y: Floats
    p: Floats
    q: Floats
    tx: Floats
    ty: Floats
    along: Floats
    across: Floats
    soft_along: Floats
    soft_across: Floats
    albedo: Floats
    gloss: Floats
    openness: Floats
    cover: Floats
    shade: Floats
    cast: Floats
    turned: Floats
    tint: Floats
    radius: Floats
    turn: Floats
    vignette: Floats


@dataclass(frozen=True)
class _Places:
    """What lies where, on maps finer than the pixels; `step` is their spacing."""

    x: Floats
    y: Floats
    r: Floats
    body: Floats
    hole_x: Floats
    hole_y: Floats
    hole_r: Floats
    hole_at: Floats
    step: float

    @property
    def in_hole(self) -> Mask:
        return np.asarray(self.hole_at < self.hole_r)

    @property
    def in_bore(self) -> Mask:
        return np.asarray(self.r < BORE)

    @property
    def spot(self) -> Mask:
        return np.asarray((self.hole_r > 0.05) & (self.hole_at < SPOT_FACE))

    @property
    def turned(self) -> Mask:
        return np.asarray(((self.r < HUB) | self.spot) & ~self.in_bore & ~self.in_hole)


def build_geometry(size: int) -> Geometry:
    """Build the maps for images of `size` pixels, averaged over finer ones against jagged edges."""
    fine = max(1, min(3, 1536 // size))
    places, mark = _places(size * fine), _engraving(size * fine)
    height = _height(places.r, places.body, places.hole_at, places.hole_r, mark)

    def down(fine_map: Array) -> Floats:
        source = np.ascontiguousarray(fine_map, np.float32)
        if fine > 1:
            source = np.asarray(cv2.resize(source, (size, size), interpolation=cv2.INTER_AREA))
        return np.ascontiguousarray(source, np.float32)

    p, q = (down(slope) for slope in _slopes(places, height))
    optics = {name: down(values) for name, values in _optics(places, height, mark).items()}
    at, ab = optics.pop("rough_along"), optics.pop("rough_across")
    dx, dy = _from_axis(places)
    rho = np.hypot(dx, dy) + np.float32(1e-6)
    tx, ty = down(-dy / rho), down(dx / rho)
    length = np.hypot(tx, ty) + np.float32(1e-6)
    cover = down(np.clip(0.5 - places.body / places.step, 0, 1))
    # Angles and distances are read at the pixel's centre: averaged, they would tear at the seam.
    pick = slice(fine // 2, None, fine)
    x, y = down(places.x), down(places.y)
    return Geometry(
        size=size,
        x=x,
        y=y,
        p=p,
        q=q,
        tx=_float32(tx / length),
        ty=_float32(ty / length),
        along=_float32(1 / at**2),
        across=_float32(1 / ab**2),
        soft_along=_float32(1 / (at**2 + 0.22**2)),
        soft_across=_float32(1 / (ab**2 + 0.22**2)),
        cover=cover,
        shade=_blur(cover, max(0.015 * size, 0.5)),
        cast=down(~places.turned & ~places.in_hole & ~places.in_bore),
        turned=down(places.turned),
        radius=_float32(rho[pick, pick]),
        turn=_float32(np.arctan2(dy, dx)[pick, pick]),
        vignette=_float32(1 - 0.13 * (x * x + y * y)),
        **optics,
    )


def _float32(values: Array) -> Floats:
    return np.ascontiguousarray(values, np.float32)


def _blur(field: Floats, sigma: float) -> Floats:
    """Blur by a Gaussian; a wide one on a smaller map, where nobody sees the difference."""
    shrink = int(sigma // 5)
    if shrink < 2:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma), np.float32)
    small = (field.shape[1] // shrink, field.shape[0] // shrink)
    less = cv2.resize(field, small, interpolation=cv2.INTER_AREA)
    less = cv2.GaussianBlur(less, (0, 0), sigma / shrink)
    return np.asarray(cv2.resize(less, field.shape[::-1]), np.float32)


def _places(size: int) -> _Places:
    axis = (((np.arange(size) + 0.5) / size) * 2 - 1).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    hole_x, hole_y, hole_r = _nearest_hole(x, y)
    return _Places(
        x=x,
        y=y,
        r=_float32(np.hypot(x, y)),
        body=_rounded_square(x, y),
        hole_x=hole_x,
        hole_y=hole_y,
        hole_r=hole_r,
        hole_at=_float32(np.hypot(x - hole_x, y - hole_y)),
        step=2.0 / size,
    )


def _slopes(at: _Places, height: Floats) -> tuple[Array, Array]:
    """Return how the surface falls along x and y; the walls of holes lean like cones."""
    q, p = (-slope for slope in np.gradient(height, at.step))
    for inside, ex, ey, rr in (
        (at.in_hole, at.x - at.hole_x, at.y - at.hole_y, at.hole_at),
        (at.in_bore, at.x, at.y, at.r),
    ):
        p = np.where(inside, -1.1 * ex / (rr + 0.04), p)
        q = np.where(inside, -1.1 * ey / (rr + 0.04), q)
    limit = np.maximum(np.hypot(p, q) / 1.4, 1)
    return p / limit, q / limit


def _from_axis(at: _Places) -> tuple[Array, Array]:
    """Return the offsets from the axis about which each place was turned."""
    local = at.spot | (at.hole_at < 1.3 * at.hole_r)
    return np.where(local, at.x - at.hole_x, at.x), np.where(local, at.y - at.hole_y, at.y)


def _optics(at: _Places, height: Floats, mark: Floats) -> dict[str, Array]:
    """Return what the materials do to light: roughness, reflectance, openness and tint."""
    turned, inside = at.turned, at.in_hole | at.in_bore
    bronze = (at.r < BUSH) & ~at.in_bore
    groove = (at.r < GROOVE_OUT) & (at.r > GROOVE_IN)
    albedo = np.where(turned, np.where(bronze, 0.16, 0.12), 0.085) * (1 - 0.45 * mark)
    gloss = np.where(turned, np.where(bronze, 0.6, 0.68), 0.055) * (1 - 0.75 * mark)
    open_sky = _openness(height, at.step) * np.where(groove, 0.62, 1.0)
    depth = np.where(at.in_bore, at.r / BORE, np.minimum(at.hole_at / at.hole_r, 1))
    colours = zip(_STEEL, _CAST, _BRONZE, strict=True)
    tint = [
        np.where(bronze, bush, np.where(turned | inside, steel, cast))
        for steel, cast, bush in colours
    ]
    return {
        "rough_along": np.where(turned, np.where(bronze, 0.16, 0.115), 0.42),
        "rough_across": np.where(turned, 0.5, 0.42),
        "albedo": np.where(inside, 0.26, albedo),
        "gloss": np.where(inside, 0.35, gloss),
        "openness": np.where(inside, 0.02 + 0.37 * depth**5, open_sky),
        "tint": np.stack(tint, -1),
    }


def _rounded_square(x: Floats, y: Floats) -> Floats:
    """Return the signed distance to the body's outline, negative inside."""
    ax, ay = np.abs(x) - (BODY - CORNER), np.abs(y) - (BODY - CORNER)
    outside = np.hypot(np.maximum(ax, 0), np.maximum(ay, 0))
    return np.asarray(outside + np.minimum(np.maximum(ax, ay), 0) - CORNER, np.float32)


def _nearest_hole(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Return centre and radius of the hole nearest to each place."""
    best = np.full(x.shape, np.inf, np.float32)
    found = [np.zeros_like(best) for _ in range(3)]
    for hole in HOLES:
        distance = np.hypot(x - hole[0], y - hole[1]) / hole[2]
        nearer = distance < best
        np.copyto(best, distance, where=nearer)
        for values, value in zip(found, hole, strict=True):
            values[nearer] = value
    return found[0], found[1], found[2]


def _ramp(at: Array, low: float, high: float) -> Array:
    """Rise linearly from 0 at `low` to 1 at `high`."""
    return np.clip((at - low) / (high - low), 0, 1)


def _height(r: Floats, body: Floats, hole_at: Floats, hole_r: Floats, mark: Floats) -> Floats:
    rim = _ramp(-body, 0, 0.06)
    height = 0.06 * np.sqrt(1 - (1 - rim) ** 2)
    height += 0.03 * _ramp(-r, -HUB, -HUB + 0.028)
    height -= 0.022 * (
        _ramp(r, GROOVE_IN - 0.006, GROOVE_IN + 0.008)
        * _ramp(-r, -GROOVE_OUT - 0.006, -GROOVE_OUT + 0.008)
    )
    height -= 0.012 * np.exp(-(((r - BUSH) / 0.006) ** 2))
    height -= 0.028 * _ramp(-r, -BORE - 0.028, -BORE)
    corner = hole_r > 0.05
    height += np.where(corner, 0.012 * _ramp(-hole_at, -SPOT_FACE, -SPOT_FACE + 0.012), 0)
    chamfer = np.where(corner, 0.02, 0.014)
    height -= chamfer * np.clip(1 - (hole_at - hole_r) / chamfer, 0, 1)
    return np.asarray(height - 0.006 * mark, np.float32)


def _openness(height: Floats, step: float) -> Floats:
    """Darken what lies lower than its neighbourhood, as contact shadows do."""
    sigma = 0.028 / step
    sunk = _blur(height, sigma) - height
    return np.asarray(np.clip(1 - 14 * sunk, 0.45, 1.06), np.float32)


def _engraving(size: int) -> Floats:
    """Draw the mark along an arc above the bore; 1 in the stroke, 0 beside it."""
    canvas = np.zeros((size, size), np.uint8)
    tall, shift = 0.078, 4
    advance = tall / 0.345
    thick = max(1, round(0.012 * size / 2))
    for place, glyph in enumerate(MARK):
        middle = (place - (len(MARK) - 1) / 2) * advance
        for stroke in _GLYPHS[glyph]:
            points = np.array(stroke, np.float64)
            angle = middle + (points[:, 0] - 2) / 6 * tall / 0.345
            reach = 0.345 - (points[:, 1] - 3) / 6 * tall
            xy = np.stack([reach * np.sin(angle), -reach * np.cos(angle)], 1)
            pixels = np.rint(((xy + 1) / 2 * size - 0.5) * 2**shift).astype(np.int32)
            cv2.polylines(canvas, [pixels], False, 255, thick, cv2.LINE_AA, shift)
    return _float32(canvas / 255)
