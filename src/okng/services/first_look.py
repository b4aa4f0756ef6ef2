"""First look: what can be told of a dataset in a moment, without decoding an image.

The short form of `okng.services.doctor`, which every training makes before it begins.
"""

from collections.abc import Callable, Hashable, Sequence
from hashlib import blake2b
from io import BytesIO
from os import SEEK_END

from okng.algorithms.pixels import MAX_PIXELS, check_header
from okng.domain.counting import chosen, counted
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.errors import BadImage

_END = 64 * 2**10  # bytes at both ends of a file that are compared before the whole is read
_BLOCK = 2**20
_MOST_HEADERS = 200
_HEADER = 256 * 2**10


def first_look(dataset: Dataset, max_pixels: int = MAX_PIXELS) -> tuple[str, ...]:
    """Say in sentences what a training should not begin with unseen; nothing where all is well.

    Equal files are found by their length first, then by their ends, and only then as a whole; sizes
    are those of at most some hundred headers. Files that cannot be read are left to the training.
    """
    groups = _equal_files(dataset.samples)
    return tuple(
        text
        for text in (
            _leaks(dataset, groups),
            _contradictions(groups),
            _sizes(dataset.train_good, max_pixels),
        )
        if text
    )


def _leaks(dataset: Dataset, groups: Sequence[Sequence[Sample]]) -> str:
    leaked = 0
    for group in groups:
        if any(sample.split is not Split.TEST for sample in group):
            leaked += sum(sample.split is Split.TEST for sample in group)
    if not leaked:
        return ""
    tested = len(dataset.of(Split.TEST))
    are = chosen(leaked, "is a copy", "are copies")
    return f"{leaked:,} of {counted(tested, 'test image')} {are} of training images, byte by byte"


def _contradictions(groups: Sequence[Sequence[Sample]]) -> str:
    for group in groups:
        labels = sorted({sample.label for sample in group if sample.label is not None})
        if len(labels) > 1:
            names = " and ".join(sample.path.name for sample in group[:2])
            return f"one picture has two labels, {' and '.join(labels)}: {names}"
    return ""


def _sizes(samples: Sequence[Sample], max_pixels: int) -> str:
    """Say that the good images to train on have several sizes, by some evenly chosen headers."""
    step = -(-len(samples) // _MOST_HEADERS) or 1
    found: dict[tuple[int, int], int] = {}
    for sample in samples[::step]:
        try:
            with sample.path.open("rb") as file:
                width, height, _ = check_header(BytesIO(file.read(_HEADER)), max_pixels)
        except (OSError, BadImage):
            continue
        found[width, height] = found.get((width, height), 0) + 1
    if len(found) < 2:
        return ""
    common = sorted(found, key=lambda size: -found[size])[:2]
    shown = " and ".join(f"{width} x {height}" for width, height in common)
    sizes = f"{'at least ' if step > 1 else ''}{len(found)} sizes"
    return f"the good images have {sizes}, such as {shown}; all are brought to one"


def _equal_files(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Return the samples whose files are equal, byte by byte, group by group."""
    groups = _grouped(samples, lambda sample: sample.path.stat().st_size)
    groups = [part for group in groups for part in _grouped(group, _ends)]
    return [part for group in groups for part in _grouped(group, _whole)]


def _grouped(samples: Sequence[Sample], key_of: Callable[[Sample], Hashable]) -> list[list[Sample]]:
    """Return the groups of two or more that share a key; what cannot be read is in none."""
    groups: dict[Hashable, list[Sample]] = {}
    for sample in samples:
        try:
            groups.setdefault(key_of(sample), []).append(sample)
        except (OSError, ValueError):
            continue
    return [group for group in groups.values() if len(group) > 1]


def _ends(sample: Sample) -> bytes:
    with sample.path.open("rb") as file:
        digest = blake2b(file.read(_END), digest_size=16)
        file.seek(max(0, file.seek(0, SEEK_END) - _END))
        digest.update(file.read(_END))
    return digest.digest()


def _whole(sample: Sample) -> bytes:
    digest = blake2b(digest_size=32)
    with sample.path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.digest()
