"""Which mask belongs to which image."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from okng.domain.counting import counted
from okng.domain.dataset import Sample

MASK_FOLDERS = frozenset({"ground_truth", "ground-truth", "groundtruth", "masks", "mask", "gt"})


def is_in_masks(image: PurePath) -> bool:
    """Tell whether one of the folders above an image is one of masks."""
    return any(part.lower() in MASK_FOLDERS for part in image.parts[:-1])


class MaskIndex:
    """Finds masks below a ground truth folder by a defect's kind and an image's stem.

    Known are `<kind>/<stem>.png`, `<kind>/<stem>_mask.png`, several as `<kind>/<stem>/000.png`
    (MVTec LOCO), each also below the split's folder, and, where there are no folders at all,
    `<stem>.png` and `<stem>_mask.png`. Case does not count.
    """

    def __init__(self, root: Path, masks: Iterable[PurePath]) -> None:
        """Index masks, paths relative to `root` whose first part is the ground truth folder."""
        self._folders: dict[tuple[str, ...], dict[str, list[Path]]] = {}
        for mask in masks:
            folder = tuple(part.lower() for part in mask.parts[1:-1])
            stems = self._folders.setdefault(folder, {})
            stems.setdefault(mask.stem.lower(), []).append(root / mask)

    def __bool__(self) -> bool:
        return bool(self._folders)

    @property
    def is_flat(self) -> bool:
        """Whether masks lie side by side, so that only an image's stem says whose they are."""
        return set(self._folders) == {()}

    def of(self, kind: str, stem: str, split: str = "") -> tuple[Path, ...]:
        """Return the masks of an image, none where there are none."""
        kind, stem = kind.lower(), stem.lower()
        places: list[tuple[str, ...]] = [()] if self.is_flat else [(kind,), (split.lower(), kind)]
        for place in places:
            stems = self._folders.get(place, {})
            for name in (stem, f"{stem}_mask"):
                if name in stems:
                    return tuple(stems[name])
            if place:
                several = self._folders.get((*place, stem), {})
                if several:
                    return tuple(path for paths in several.values() for path in paths)
        return ()


def mask_notes(samples: Sequence[Sample], has_masks: bool) -> list[str]:
    """Say how many defective images lack a mask, where masks are kept at all."""
    defective = [sample for sample in samples if sample.is_defective]
    missing = sum(not sample.masks for sample in defective)
    if not has_masks or not missing:
        return []
    return [f"{missing} of {counted(len(defective), 'defective image')} without a mask"]
