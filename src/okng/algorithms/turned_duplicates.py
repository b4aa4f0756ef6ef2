"""Find images that show the same part turned: by any angle, mirrored, a little moved or scaled.

Goes on where `duplicates` ends, which sees only what lies in the same place. Two steps:

1. Candidates. In polar coordinates about the centre a turn is a shift and a mirror image a
   reversal, so the magnitudes of the Fourier coefficients along the angle stay as they are
   (Reddy & Chatterji 1996, IEEE TIP 5(8), section II). Each image is compared with the few whose
   magnitudes are nearest.
2. Proof. The best turn is refined to an affine one (Evangelidis & Psarakis 2008, IEEE TPAMI
   30(10)), and the fine texture of both images must then agree, by far better than that of
   unrelated images of the set does after the same refinement: parts of one kind share their
   outlines, but not their grain, dust and scratches.
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from okng.domain.arrays import Array, Floats, Mask, Pixels
from okng.domain.ports import Progress, silent

SKETCH = 96
"""Side of a sketch."""

MAX_SHARE = 0.08
"""How far the textures of two images may be from equal (one minus their correlation), as a share
of what unrelated images of the set have. Turned, mirrored, sheared and re-encoded copies were seen
around 0.03 of it, the nearest different parts from 0.16."""

NEIGHBOURS = 8
"""Candidates for each image. In sets of 200 the source of a copy was among the first five."""

_MAX_MISSES = 2  # candidates of an image that may fail before the next ones are not tried
_RINGS, _ANGLES, _WAVES = 12, 64, 16
_REACH = 0.97  # of the inscribed circle
_LEAST_ALIKE = 0.5  # correlation of the best turn, below which refining would be in vain
_ITERATIONS = 30
_UNRELATED = 60  # pairs that say what unrelated images have
_FINE, _COARSE, _LOCAL = 0.8, 2.4, 4.5  # the texture's band, and over what it is levelled, in px
_LARGEST_SCALE = 1.6  # in area; a refinement beyond has lost its way
_ROWS = 128
_ALL = np.full((SKETCH, SKETCH), 255, np.uint8)

Affine = NDArray[np.float32]
"""`[2, 3]`, from places in one image to places in another, x before y."""


@dataclass(frozen=True)
class TurnedPair:
    """Two images, by index, of the same part.

    The second is the first, mirrored where it says so, then turned by `degrees` (-180 to 180,
    clockwise as one looks at it). `likeness` is the correlation of their textures.
    """

    first: int
    second: int
    degrees: float
    mirrored: bool
    likeness: float


def sketch(pixels: Pixels) -> Pixels:
    """Reduce `[H, W, 3]` to the grey central square, uint8 `[SKETCH, SKETCH]`.

    The aspect ratio is kept: a part that was turned is looked for.
    """
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    grey = cv2.cvtColor(pixels[top : top + side, left : left + side], cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (SKETCH, SKETCH), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def find_turned(
    turns: "Turns", groups: NDArray[np.int64], seed: int = 0, progress: Progress = silent
) -> list[TurnedPair]:
    """Find pairs that join groups of images of the same part.

    Args:
        turns: of all images.
        groups: int64 `[n]`, what is known to belong together; one image of each is compared.
        seed: of the choice of unrelated pairs.
        progress: is told how far it is, as the stage `turned`.

    Returns:
        Pairs of different groups that no pair before has joined; nearest candidates first.

    A set of one part alone has no unrelated images to be told from, so its turned copies are
    taken for different parts. What differs by a perspective, or lies far from the centre, is not
    found.
    """
    chosen = np.unique(groups, return_index=True)[1]
    if len(chosen) < 3:
        return []
    limit = MAX_SHARE * min(1.0, _unrelated(turns, chosen, seed))
    joined, misses = groups.copy(), np.zeros(len(groups), np.int64)
    found = []
    candidates = _candidates(turns.magnitudes[chosen])
    for done, (a, b) in enumerate(candidates, start=1):
        i, j = int(chosen[a]), int(chosen[b])
        if joined[i] != joined[j] and max(misses[i], misses[j]) < _MAX_MISSES:
            pair = turns.compare(i, j)
            if pair is not None and 1 - pair.likeness < limit:
                joined[joined == joined[j]] = joined[i]
                found.append(pair)
            else:
                misses[[i, j]] += 1
        progress("turned", done, len(candidates))
    return found


def unite(groups: NDArray[np.int64], pairs: list[TurnedPair]) -> NDArray[np.int64]:
    """Return the groups, int64 `[n]`, after each pair has joined two, numbered from 0 by place."""
    united = groups.copy()
    for pair in pairs:
        united[united == united[pair.second]] = united[pair.first]
    first = {group: number for number, group in enumerate(dict.fromkeys(united.tolist()))}
    return np.array([first[group] for group in united.tolist()], np.int64)


class Sketches(Protocol):
    """Sketches by number, each uint8 `[SKETCH, SKETCH]`: an array, or what is kept in a file."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Pixels: ...


class Turns:
    """Aligns images with each other, by their sketches.

    `magnitudes`, float32 `[n, k]`, is what no turn changes, each value over its spread in the set.
    """

    def __init__(self, sketches: Sketches) -> None:
        self._sketches = sketches
        self._spectra = np.array([_spectrum(self._grey(i)) for i in range(len(sketches))])
        self.magnitudes: Floats = (
            _magnitudes(self._spectra) if len(sketches) else np.zeros((0, 1), np.float32)
        )
        y, x = np.mgrid[:SKETCH, :SKETCH] - (SKETCH - 1) / 2
        self._disc: Mask = np.hypot(x, y) < SKETCH / 2 * _REACH

    def compare(self, i: int, j: int) -> TurnedPair | None:
        """Return how well j shows what i shows; None where they are not alike at all."""
        alike, start = self._best_turn(i, j)
        if alike < _LEAST_ALIKE:
            return None
        criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, _ITERATIONS, 1e-4)
        try:
            _, turn = cv2.findTransformECC(
                self._grey(i), self._grey(j), start, cv2.MOTION_AFFINE, criteria, _ALL, 1
            )
        except cv2.error:  # it does not converge: not the same
            return None
        affine = np.asarray(turn, np.float32)
        if not 1 / _LARGEST_SCALE < abs(float(np.linalg.det(affine[:, :2]))) < _LARGEST_SCALE:
            return None
        return TurnedPair(i, j, *_angle(affine), self._likeness(i, j, affine))

    def nearest(self, i: int, among: NDArray[np.int64]) -> TurnedPair:
        """Return the pair of i and the one that is most like it, with a rough turn, unrefined."""
        away = np.square(self.magnitudes[among] - self.magnitudes[i]).sum(axis=1)
        j = int(among[away.argmin()])
        alike, turn = self._best_turn(i, j)
        return TurnedPair(i, j, *_angle(turn), alike)

    def _grey(self, i: int) -> Floats:
        grey: Floats = self._sketches[i].astype(np.float32)
        return grey

    def _best_turn(self, i: int, j: int) -> tuple[float, Affine]:
        """Return the highest correlation over all turns, mirrored or not, and that turn."""
        a, b = self._spectra[i], self._spectra[j]
        power = np.sqrt(_energy(a) * _energy(b)) + 1e-9
        plain = np.fft.irfft((a * b.conj()).sum(axis=0), n=_ANGLES)
        mirror = np.fft.irfft((a * b).sum(axis=0), n=_ANGLES)
        is_mirrored = bool(mirror.max() > plain.max())
        best = mirror if is_mirrored else plain
        shift = int(best.argmax()) * 2 * np.pi / _ANGLES
        return float(best.max() / power), _turn(shift if is_mirrored else -shift, is_mirrored)

    def _likeness(self, i: int, j: int, turn: Affine) -> float:
        size, back = (SKETCH, SKETCH), cv2.WARP_INVERSE_MAP
        inside = cv2.warpAffine(np.ones(size, np.uint8), turn, size, flags=cv2.INTER_NEAREST | back)
        where = self._disc & (np.asarray(inside) > 0)
        if where.sum() < self._disc.sum() / 2:
            return 0.0
        moved = cv2.warpAffine(_texture(self._grey(j)), turn, size, flags=cv2.INTER_LINEAR | back)
        a, b = _texture(self._grey(i))[where], np.asarray(moved)[where]
        a, b = a - a.mean(), b - b.mean()
        return float(a @ b / np.sqrt((a @ a) * (b @ b) + 1e-9))


def _spectrum(grey: Floats) -> NDArray[np.complex64]:
    """Return the Fourier coefficients along the angle for each ring, complex64 `[rings, k]`.

    A ring weighs as much as its area; the mean of the whole is taken out.
    """
    centre = (SKETCH - 1) / 2
    radii = (np.arange(_RINGS) + 0.5)[:, None] / _RINGS * centre * _REACH
    angles = np.arange(_ANGLES) * 2 * np.pi / _ANGLES
    xs = (centre + radii * np.cos(angles)).astype(np.float32)
    ys = (centre + radii * np.sin(angles)).astype(np.float32)
    rings = cv2.remap(cv2.GaussianBlur(grey, (0, 0), 1.0), xs, ys, cv2.INTER_LINEAR)
    level = np.asarray(rings) - np.average(rings, weights=np.broadcast_to(radii, rings.shape))
    return np.fft.rfft(level * np.sqrt(radii / radii.sum()), axis=1).astype(np.complex64)


def _magnitudes(spectra: NDArray[np.complex64]) -> Floats:
    """Return the logarithms of the coefficients' sizes over their spread, float32 `[n, k]`.

    The first coefficient is left out: the mean of a ring tells how large the part is in the
    picture, and a copy may be scaled.
    """
    sizes = np.abs(spectra[:, :, 1 : _WAVES + 1]).reshape(len(spectra), -1)
    logs = np.log(sizes + np.median(sizes) + 1e-6)
    return np.asarray(logs / (logs.std(axis=0) + 1e-6), np.float32)


def _energy(spectrum: NDArray[np.complex64]) -> float:
    """Return the correlation of a spectrum with itself, unturned."""
    power = np.fft.irfft((spectrum * spectrum.conj()).sum(axis=0), n=_ANGLES)
    return float(power[0])


def _texture(grey: Floats) -> Floats:
    """Keep what is fine, and level it by its local strength, so that outlines do not outweigh it.

    The finest is left out: interpolation and JPEG change it.
    """
    band = cv2.GaussianBlur(grey, (0, 0), _FINE) - cv2.GaussianBlur(grey, (0, 0), _COARSE)
    strength = np.sqrt(cv2.GaussianBlur(band * band, (0, 0), _LOCAL))
    return np.asarray(band / (strength + 1.0), np.float32)


def _turn(angle: float, mirrored: bool) -> Affine:
    """Return the turn about the centre that takes the direction `a` to `a + angle`, or mirrored
    to `angle - a`."""
    cosine, sine = np.cos(angle), np.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]])
    if mirrored:
        linear = linear @ np.diag([1.0, -1.0])
    centre = np.full(2, (SKETCH - 1) / 2)
    return np.column_stack([linear, centre - linear @ centre]).astype(np.float32)


def _angle(turn: Array) -> tuple[float, bool]:
    """Return the degrees of an affine map's nearest turn, after a mirroring left to right."""
    linear = np.asarray(turn[:, :2], np.float64)
    mirrored = bool(np.linalg.det(linear) < 0)
    if mirrored:
        linear = linear @ np.diag([-1.0, 1.0])
    u, _, v = np.linalg.svd(linear)
    nearest = u @ v
    return float(np.degrees(np.arctan2(nearest[1, 0], nearest[0, 0]))), mirrored


def _unrelated(turns: Turns, chosen: NDArray[np.int64], seed: int) -> float:
    """Return the median of one minus the likeness over pairs taken at random."""
    rng, n = np.random.default_rng(seed), len(chosen)
    if n * (n - 1) // 2 > _UNRELATED:
        first = rng.integers(0, n, _UNRELATED)
        second = (first + rng.integers(1, n, _UNRELATED)) % n
    else:
        first, second = np.triu_indices(n, 1)
    ends = zip(chosen[first].tolist(), chosen[second].tolist(), strict=True)
    pairs = [turns.compare(i, j) for i, j in ends]
    return float(np.median([1.0 if pair is None else 1 - pair.likeness for pair in pairs]))


def _candidates(points: Floats) -> list[tuple[int, int]]:
    """Return pairs of near neighbours, the nearest first, each once."""
    n, k = len(points), min(NEIGHBOURS, len(points) - 1)
    power = np.einsum("ij,ij->i", points, points)
    nearest: dict[tuple[int, int], float] = {}
    for start in range(0, n, _ROWS):
        rows = np.arange(start, min(start + _ROWS, n))
        squares = power[rows, None] + power - 2 * points[rows] @ points.T
        squares[np.arange(len(rows)), rows] = np.inf
        chosen = np.argpartition(squares, k - 1, axis=1)[:, :k]
        for row, i in enumerate(rows.tolist()):
            for j in chosen[row].tolist():
                nearest[min(i, j), max(i, j)] = float(squares[row, j])
    return sorted(nearest, key=nearest.__getitem__)
