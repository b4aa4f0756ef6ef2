"""Which images show the same part, and which images are kept for the test."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from okng.algorithms.splitting import TEST_SHARE
from okng.domain.dataset import Sample, Split
from okng.domain.errors import BadDataset

MIN_GOOD = 10
"""With fewer good images, all of them train."""


@dataclass(frozen=True)
class Grouping:
    """Takes a part's id from a file's name: the first group of `pattern` where it is found."""

    pattern: re.Pattern[str] | None = None

    def part_of(self, path: PurePath) -> str | None:
        found = self.pattern.search(path.name) if self.pattern else None
        return found.group(1) if found else None


def grouping_from(pattern: str | None) -> Grouping:
    """Compile `pattern`; without one, file names say nothing of parts.

    Raises:
        BadDataset: it is no regular expression, or has no group.
    """
    if pattern is None:
        return Grouping()
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise BadDataset(f"the group pattern {pattern!r} is no regular expression: {error}") from (
            error
        )
    if compiled.groups < 1:
        raise BadDataset(
            f"the group pattern {pattern!r} has no group: put the part's id in brackets, "
            r"as in '(part\d+)_'"
        )
    return Grouping(compiled)


def split_by_name(samples: Sequence[Sample]) -> tuple[tuple[Sample, ...], list[str]]:
    """Split samples that nobody has split; return them and what to tell the user.

    Defective and unlabelled ones go to the test. Of the good ones, where there are defective ones
    to tell them from, those go whose part (where none is known: whose file name) has one of the
    lowest TEST_SHARE of all hashes: so an image stays on its side when others are added or the
    folder moves, and images of a part stay together. Near-duplicates under other names may still
    fall on both sides.
    """
    good = [sample for sample in samples if sample.is_good]
    test: set[str] = set()
    notes = []
    if len(good) >= MIN_GOOD and any(sample.is_defective for sample in samples):
        parts = {_part(sample) for sample in good}
        test = {part for part in parts if _place(part) < TEST_SHARE} or {min(parts, key=_place)}
        test = set() if test == parts else test
        kept = sum(_part(sample) in test for sample in good)
        notes.append(
            f"no split was given: {kept} of {len(good)} good images are kept for the test, chosen "
            "by their names, and all defective ones; put them in train/ and test/ to choose"
        )
    elif not good:
        notes.append("no split was given: all images are the test")
    elif any(sample.is_defective for sample in samples):
        notes.append(
            f"no split was given: all {len(good)} good images train, since they are fewer than "
            f"{MIN_GOOD}; the defective ones are the test"
        )
    else:
        notes.append("there are no defective images: all good ones train, and none is tested")
    return tuple(
        replace(
            sample,
            split=Split.TRAIN if sample.is_good and _part(sample) not in test else Split.TEST,
        )
        for sample in samples
    ), notes


def _part(sample: Sample) -> str:
    return sample.group if sample.group is not None else sample.path.name


def _place(part: str) -> float:
    """Place a part in 0 to 1 by its hash."""
    digest = hashlib.sha256(part.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
