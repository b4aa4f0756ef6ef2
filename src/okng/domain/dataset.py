"""Samples and the sets they form."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from okng.domain.masks import MaskSource

GOOD = "good"


class Split(StrEnum):
    """What an image is for.

    `validation`: thresholds and choices are made by it; a detector that learns from good images
    alone trains on it.
    """

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class Sample:
    """One image on disk and what is known of it.

    `label` is `good`, a defect's name, or None where nobody has said. `masks` say where the
    defect is; several are united. `group` names the physical part where
    several images show the same one.
    """

    path: Path
    label: str | None
    split: Split
    masks: tuple[MaskSource, ...] = ()
    group: str | None = None

    @property
    def is_good(self) -> bool:
        return self.label == GOOD

    @property
    def is_defective(self) -> bool:
        return self.label is not None and self.label != GOOD


@dataclass(frozen=True)
class NewSample:
    """An image that is to become a sample: a file, or the content of one; `mask` is a PNG."""

    content: Path | bytes = field(repr=False)
    suffix: str
    label: str
    split: Split
    group: str | None = None
    mask: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Dataset:
    """Samples with a split.

    `layout` says how the folder was understood, `notes` what its user should know of it (files
    passed over, a split that okng chose).
    """

    name: str
    root: Path
    layout: str
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = field(default=())

    def of(self, split: Split) -> tuple[Sample, ...]:
        return tuple(sample for sample in self.samples if sample.split is split)

    @property
    def train_labelled(self) -> tuple[Sample, ...]:
        """What a classifier learns from and is checked with: all labelled ones but the test's."""
        return tuple(s for s in self.samples if s.split is not Split.TEST and s.label is not None)

    @property
    def train_good(self) -> tuple[Sample, ...]:
        return tuple(s for s in self.samples if s.split is not Split.TEST and s.is_good)

    def counts(self) -> dict[tuple[Split, str], int]:
        """Number of samples by split and label; unlabelled ones count under `unlabelled`."""
        return dict(Counter((s.split, s.label or "unlabelled") for s in self.samples))


def class_names(samples: Sequence[Sample]) -> tuple[str, ...]:
    """Return the classes of the samples: `good` first where there is one, then the defects."""
    good = (GOOD,) if any(sample.is_good for sample in samples) else ()
    return (*good, *defect_names(samples))


def defect_names(samples: Sequence[Sample]) -> list[str]:
    """Return the names of the defects among the samples, sorted."""
    return sorted({sample.label for sample in samples if sample.label and sample.is_defective})
