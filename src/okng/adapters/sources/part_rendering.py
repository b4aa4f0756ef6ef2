"""How a piece of the part is lit and photographed; what varies between good pieces.

Surfaces are shaded in the part's own frame, then turned and shifted into the camera's.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np

from okng.adapters.sources.part_geometry import Geometry
from okng.domain.arrays import Array, Floats, Pixels

Window = tuple[slice, slice]
Rng = np.random.Generator


@dataclass(frozen=True)
class Light:
    """A lamp: the surface slope that mirrors it into the camera, its fall-off and its strength."""

    u: float
    v: float
    gather: float
    strength: float


@dataclass(frozen=True)
class Piece:
    """One good piece of the part, as it lies under the camera: what the dice decided.

    `gain` (float32 `[S, S]`) is the harmless staining, `grain` the cast texture's slopes, `marks`
    the tool marks in polar coordinates. `pose` maps the part's pixels to the camera's, 2 x 3.
    """

    key: Light
    fill: Light
    ambient: float
    colour: tuple[float, float, float]
    exposure: float
    gain: Floats = field(repr=False)
    grain: tuple[Floats, Floats] = field(repr=False)
    marks: Floats = field(repr=False)
    mark_depth: float
    pose: Array = field(repr=False)
    mat: Floats = field(repr=False)
    mat_level: float
    noise: tuple[Floats, ...] = field(repr=False)


@dataclass
class Surface:
    """A window of a piece's surface, in fresh arrays that a defect may change."""

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
    tint: Floats
    jitter: Floats


MARK_ROWS, MARK_COLUMNS = 1024, 48


class Textures:
    """Random fields, made once, from which every piece takes its own cut."""

    def __init__(self, size: int) -> None:
        rng = np.random.default_rng(7208)
        self.size = size
        self.side = max(1024, size + size // 2)
        self.noise = rng.standard_normal((self.side, self.side), np.float32)
        grain = self._sand(rng, max(0.0026 * size, 0.6)) + 0.35 * self._sand(rng, 0.008 * size)
        self.grain_p, self.grain_q = (
            np.ascontiguousarray(np.asarray(cv2.filter2D(grain, -1, k)) * 0.2, np.float32)
            for k in (np.array([[-1.0, 0, 1]]), np.array([[-1.0], [0], [1]]))
        )
        self.mat = self._sand(rng, max(0.003 * size, 0.7)) + 0.5 * self._sand(rng, 0.09 * size)
        self.marks = self._tool_marks(rng, MARK_ROWS / 1.1 / size)

    def _sand(self, rng: Rng, sigma: float) -> Floats:
        side = min(self.side, max(64, int(self.side / max(sigma, 1) * 2)))
        coarse = rng.standard_normal((side, side), np.float32)
        coarse = np.asarray(cv2.GaussianBlur(coarse, (0, 0), max(sigma * side / self.side, 0.6)))
        sand = np.asarray(
            cv2.resize(coarse, (self.side, self.side), interpolation=cv2.INTER_CUBIC), np.float32
        )
        return np.asarray(sand / sand.std(), np.float32)

    @staticmethod
    def _tool_marks(rng: Rng, finest: float) -> Floats:
        """Return `[rows, columns, 2]`: brightness and slant of the marks; the columns wrap.

        `finest`: no mark is finer than this many rows, lest the pixels alias.
        """
        fields = []
        for fine, coarse in ((0.9, 6.0), (0.9, 14.0)):
            rows = 4 * MARK_ROWS
            rough = np.zeros((rows, MARK_COLUMNS), np.float32)
            for sigma, lag, weight in ((fine, 9.0, 1.0), (coarse, 5.0, 0.7), (fine, 3.0, 0.6)):
                layer = rng.standard_normal((rows, MARK_COLUMNS), np.float32)
                wide = np.concatenate([layer] * 3, 1)
                tall = max(sigma, finest)
                wide = np.asarray(cv2.GaussianBlur(wide, (0, 0), sigmaX=lag, sigmaY=tall))
                layer = wide[:, MARK_COLUMNS : 2 * MARK_COLUMNS]
                rough += weight * layer / layer.std()
            fields.append(rough / rough.std())
        return np.ascontiguousarray(np.stack(fields, -1), np.float32)

    def cut(self, texture: Floats, rng: Rng) -> Floats:
        """Return a random `[S, S]` part of a texture (a view)."""
        top, left = (int(v) for v in rng.integers(0, self.side - self.size + 1, 2))
        return texture[top : top + self.size, left : left + self.size]


def draw_piece(geometry: Geometry, textures: Textures, rng: Rng, variation: float) -> Piece:
    """Roll the dice for one good piece: light, position, texture, stains and noise."""
    size, vary = geometry.size, variation

    def about(centre: float, spread: float) -> float:
        return centre + vary * spread * float(rng.uniform(-1, 1))

    azimuth = np.deg2rad(about(-118, 17))
    slope = about(0.36, 0.05)
    fill_azimuth = azimuth + np.deg2rad(about(150, 22))
    turn = np.deg2rad(about(0, 3.5))
    # The part is shaded in its own frame, so the lamps turn the other way.
    key = Light(
        slope * float(np.cos(azimuth - turn)),
        slope * float(np.sin(azimuth - turn)),
        about(0.10, 0.05),
        about(1.25, 0.16),
    )
    fill = Light(
        0.42 * float(np.cos(fill_azimuth - turn)),
        0.42 * float(np.sin(fill_azimuth - turn)),
        about(0.06, 0.03),
        about(0.42, 0.14),
    )
    warm = about(0.0, 0.025)
    row = int(rng.integers(0, 3 * MARK_ROWS))
    return Piece(
        key=key,
        fill=fill,
        ambient=about(0.24, 0.05),
        colour=(1.0 + warm, 1.0, 1.02 - warm),
        exposure=about(1.0, 0.09),
        gain=_stains(size, rng, vary),
        grain=_same_cut(textures, rng),
        marks=np.roll(
            textures.marks[row : row + MARK_ROWS], int(rng.integers(MARK_COLUMNS)), axis=1
        ),
        mark_depth=about(1.0, 0.3),
        pose=_pose(size, turn, about(1.0, 0.008), about(0, 0.016), about(0, 0.016)),
        mat=textures.cut(textures.mat, rng),
        mat_level=about(0.042, 0.014),
        noise=tuple(textures.cut(textures.noise, rng) for _ in range(4)),
    )


def _same_cut(textures: Textures, rng: Rng) -> tuple[Floats, Floats]:
    span = textures.side - textures.size + 1
    top, left = (int(v) for v in rng.integers(0, span, 2))
    window = (slice(top, top + textures.size), slice(left, left + textures.size))
    return textures.grain_p[window], textures.grain_q[window]


def _pose(size: int, turn: float, scale: float, shift_x: float, shift_y: float) -> Array:
    c, s, centre = scale * np.cos(turn), scale * np.sin(turn), (size - 1) / 2
    return np.array(
        [
            [c, -s, centre - c * centre + s * centre + shift_x * size / 2],
            [s, c, centre - s * centre - c * centre + shift_y * size / 2],
        ]
    )


def _stains(size: int, rng: Rng, vary: float) -> Floats:
    """Return brightness factors: smears of oil, hairlines and dust, as good parts have them."""
    coarse = np.asarray(
        cv2.resize(rng.standard_normal((7, 7), np.float32), (64, 64), interpolation=cv2.INTER_CUBIC)
    )
    stain = 1 + vary * 0.02 * coarse
    at = (np.arange(64, dtype=np.float32) + 0.5) / 32 - 1
    for _ in range(int(rng.integers(0, 4))):
        cx, cy = rng.uniform(-0.8, 0.8, 2)
        rx, ry = rng.uniform(0.05, 0.22, 2)
        blob = ((at[None] - cx) / rx) ** 2 + ((at[:, None] - cy) / ry) ** 2
        stain -= np.float32(vary * rng.uniform(-0.05, 0.13)) * np.exp(-blob, dtype=np.float32)
    gain = np.asarray(cv2.resize(stain, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
    lines = np.zeros((size, size), np.uint8)
    for _ in range(int(rng.poisson(4))):
        start, angle = rng.uniform(-0.85, 0.85, 2), rng.uniform(0, np.pi)
        end = start + rng.uniform(0.04, 0.3) * np.array([np.cos(angle), np.sin(angle)])
        ends = np.rint((np.stack([start, end]) + 1) * size / 2 * 16).astype(np.int32)
        level = int(rng.integers(20, 90))
        thick = max(1, size // 640)
        cv2.polylines(lines, [ends], False, level, thick, cv2.LINE_AA, 4)
    for _ in range(int(rng.poisson(5))):
        spot = rng.integers(0, 16 * size, 2)
        radius = max(6, round(rng.uniform(0.3, 1.1) * size / 320 * 16))
        centre = (int(spot[0]), int(spot[1]))
        cv2.circle(lines, centre, radius, int(rng.integers(30, 140)), -1, cv2.LINE_AA, 4)
    sign = -1.0 if rng.random() < 0.6 else 0.8
    gain += np.float32(vary * sign * 0.35 / 255) * lines
    return gain


def surface(geometry: Geometry, piece: Piece, window: Window) -> Surface:
    """Lay the piece's own texture over a window of the geometry; arrays `[h, w]` float32."""
    g = geometry
    scale = MARK_ROWS / 1.1
    polar = cv2.remap(
        piece.marks,
        (g.turn[window] + np.float32(np.pi)) * np.float32(MARK_COLUMNS / (2 * np.pi)),
        g.radius[window] * np.float32(scale),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )
    marks = np.asarray(polar, np.float32)
    turned = g.turned[window] * np.float32(piece.mark_depth)
    cast, gain = g.cast[window], piece.gain[window]
    line = 1 + np.float32(0.15) * turned * marks[..., 0]
    return Surface(
        x=g.x[window],
        y=g.y[window],
        p=g.p[window] + cast * piece.grain[0][window],
        q=g.q[window] + cast * piece.grain[1][window],
        tx=g.tx[window],
        ty=g.ty[window],
        along=g.along[window],
        across=g.across[window],
        soft_along=g.soft_along[window],
        soft_across=g.soft_across[window],
        albedo=g.albedo[window] * gain * (1 + np.float32(0.5) * (line - 1)),
        gloss=g.gloss[window] * gain * np.maximum(line, np.float32(0.2)),
        openness=g.openness[window].copy(),
        cover=g.cover[window].copy(),
        tint=g.tint[window],
        jitter=np.float32(0.035) * turned * marks[..., 1],
    )


def _lobe(s: Surface, light: Light, along: Floats, across: Floats) -> Floats:
    """Return the mirrored light, Beckmann's distribution of slopes with two roughnesses.

    Ward 1992, Measuring and modeling anisotropic reflection, in the slopes of the facets.
    """
    u = np.float32(light.u) - np.float32(light.gather) * s.x - s.p
    v = np.float32(light.v) - np.float32(light.gather) * s.y - s.q
    a = u * s.tx
    a += v * s.ty
    a += s.jitter
    v *= s.tx
    u *= s.ty
    v -= u
    a *= a
    a *= along
    v *= v
    v *= across
    a += v
    np.negative(a, out=a)
    np.maximum(a, -30, out=a)
    return np.asarray(cv2.exp(a), np.float32)


def radiance(s: Surface, piece: Piece) -> Floats:
    """Light a surface; float32 `[h, w, 4]`, linear RGB times coverage, then coverage."""
    key, fill = piece.key, piece.fill
    shine = _lobe(s, key, s.along, s.across)
    shine *= np.float32(key.strength)
    shine += np.float32(fill.strength * 0.6) * _lobe(s, fill, s.soft_along, s.soft_across)
    shine += np.float32(piece.ambient * 0.22)
    shine *= s.gloss
    # Twice the mirror slope is the lamp's own direction; nz follows from the slopes.
    lit = np.float32(2 * key.u) * s.p
    lit += np.float32(2 * key.v) * s.q
    lit += 1
    np.maximum(lit, 0, out=lit)
    lit *= np.float32(0.62 * key.strength)
    lit += np.float32(piece.ambient + 0.35 * fill.strength)
    steep = s.p * s.p
    steep += s.q * s.q
    steep += 1
    lit /= np.sqrt(steep)
    lit *= s.albedo
    lit += shine
    lit *= s.openness
    lit *= s.cover
    out = np.empty((*lit.shape, 4), np.float32)
    for channel in range(3):
        np.multiply(lit, s.tint[..., channel], out=out[..., channel])
        out[..., channel] *= np.float32(piece.colour[channel])
    out[..., 3] = s.cover
    return out


def tone(linear: Floats, exposure: float) -> Floats:
    """Return the camera's response to linear light, 0 to 255 and beyond where it clips."""
    bent = linear * np.float32(exposure)
    np.maximum(bent, 0, out=bent)
    bent *= np.float32(1.8) / (bent + np.float32(0.8))
    np.sqrt(bent, out=bent)
    bent *= np.float32(262)
    bent -= np.float32(14)
    return bent


def photograph(geometry: Geometry, piece: Piece, shaded: Floats) -> Pixels:
    """Turn shaded surface (float32 `[S, S, 4]`) into the camera's picture of the scene."""
    size = geometry.size
    flags = cv2.INTER_LINEAR
    seen = np.asarray(cv2.warpAffine(shaded, piece.pose, (size, size), flags=flags), np.float32)
    scene, cover = seen[..., :3], seen[..., 3]
    cast_shadow = piece.pose.copy()
    reach = -0.055 * size / 2 / 0.36
    cast_shadow[0, 2] += piece.key.u * reach
    cast_shadow[1, 2] += piece.key.v * reach
    shadow = np.asarray(
        cv2.warpAffine(geometry.shade, cast_shadow, (size, size), flags=flags), np.float32
    )
    mat = np.float32(piece.mat_level) * (1 + np.float32(0.045) * piece.mat)
    away = (
        np.float32(-0.25 * piece.key.u) * geometry.x + np.float32(-0.25 * piece.key.v) * geometry.y
    )
    mat *= (1 - away) * (1 - np.float32(0.8) * shadow) * (1 - cover)
    for channel in range(3):
        scene[..., channel] += mat * np.float32(piece.colour[channel] * (0.92, 1.0, 1.1)[channel])
    scene = scene * geometry.vignette[..., None]
    scene = _lens(scene, size)
    level = tone(scene, piece.exposure)
    luma = np.float32(1.7) * piece.noise[0]
    for channel in range(3):
        level[..., channel] += luma + np.float32(0.9) * piece.noise[channel + 1]
    np.clip(level, 0, 255, out=level)
    return level.astype(np.uint8)


def _lens(scene: Floats, size: int) -> Floats:
    """Blur as the lens does, and let the brightest places glow a little."""
    small = cv2.resize(scene, (size // 4, size // 4), interpolation=cv2.INTER_AREA)
    glow = np.maximum(np.asarray(small, np.float32) - np.float32(0.75), 0)
    glow = np.asarray(cv2.GaussianBlur(glow, (0, 0), max(size / 4 * 0.014, 0.5)), np.float32)
    sharp = np.asarray(cv2.GaussianBlur(scene, (3, 3), 0.6 if size >= 256 else 0.45), np.float32)
    sharp += np.float32(0.3) * np.asarray(cv2.resize(glow, (size, size)), np.float32)
    return sharp
