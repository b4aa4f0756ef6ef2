"""Images in any folders, and lists beside them that say what they show and where."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from okng.adapters.datasets.annotation_files import (
    FOLDERS,
    SUFFIXES,
    Format,
    Listed,
    lists_in,
    read_list,
    split_named,
)
from okng.adapters.datasets.coco import COCO
from okng.adapters.datasets.image_names import ImageNames
from okng.adapters.datasets.label_studio import LABEL_STUDIO
from okng.adapters.datasets.listing import MAX_FILES, Listing, scan
from okng.adapters.datasets.lookout import LOOKOUT
from okng.adapters.datasets.masks import is_in_masks, mask_notes
from okng.adapters.datasets.parts import Grouping, split_by_name
from okng.domain.counting import chosen, counted
from okng.domain.dataset import Dataset, Sample, Split
from okng.domain.errors import BadDataset
from okng.domain.masks import picture_of

FORMATS = (COCO, LABEL_STUDIO, LOOKOUT)

_Read = tuple[Path, list[Listed]]


@dataclass(frozen=True)
class Annotated:
    """Reads what labelling tools export: COCO, Label Studio, Amazon Lookout for Vision.

    `root` is a list, or a folder with lists at its top, in `annotations/` or beside the images in
    `train/`, `valid/` and `test/`. The split is the one that a list's name or folder says.
    """

    grouping: Grouping = field(default_factory=Grouping)

    @property
    def name(self) -> str:
        return "annotated images"

    def read(self, root: Path) -> Dataset | None:
        """Read `root`; None if it is no such list, and holds none.

        Raises:
            BadDataset: a list is damaged, names an image that is not there, or contradicts another.
        """
        if root.is_file():
            files = [root] if root.suffix.lower() in SUFFIXES else []
        else:
            files = lists_in(root)
        known = [(file, content, form) for file, content, form in map(_recognised, files) if form]
        if not known:
            return None
        forms = {form.name: form for _, _, form in known}
        if len(forms) > 1:
            names = ", ".join(str(file) for file, _, _ in known)
            raise BadDataset(
                f"several lists say what the images are ({names}); name the one to use"
            )
        folder = root if root.is_dir() else _images_of(root)
        listing = scan(folder, MAX_FILES)
        read: list[_Read] = []
        for file, content, form in known:
            near = PurePath(file.parent.relative_to(folder))
            near = near.parent if near.name.lower() in FOLDERS else near
            read.append((file, form.entries(content, str(file), ImageNames(listing, near))))
        (form,) = forms.values()
        return self._dataset(root, listing, form, read)

    def _dataset(
        self, root: Path, listing: Listing, form: Format, read: Sequence[_Read]
    ) -> Dataset:
        splits = [split_named(file) for file, _ in read]
        samples = []
        first: dict[Path, str] = {}
        for (_, entries), split in zip(read, splits, strict=True):
            for one in entries:
                where = first.setdefault(one.path, one.where)
                if where != one.where:
                    raise BadDataset(
                        f"{one.where}: {one.path.relative_to(listing.root)} is there already, in "
                        f"{where}; name one list, or the files apart"
                    )
                part = self.grouping.part_of(one.path)
                side = _split(split, "test" in splits)
                samples.append(Sample(one.path, one.label, side, one.masks, part))
        if not samples:
            raise BadDataset(f"{root}: the list names no images")
        notes = [*_notes(listing, samples), *form.notes]
        notes += mask_notes(samples, any(sample.masks for sample in samples))
        kept = tuple(samples)
        if not any(splits):
            kept, split_notes = split_by_name(samples)
            notes += split_notes
        name = root.stem if root.is_file() else root.resolve().name
        return Dataset(name, listing.root, form.name, kept, tuple(notes))


def _recognised(file: Path) -> tuple[Path, object, Format | None]:
    content = read_list(file)
    return file, content, next((form for form in FORMATS if form.fits(content)), None)


def _images_of(file: Path) -> Path:
    """Return the folder below which a list's images may lie."""
    return file.parent.parent if file.parent.name.lower() in FOLDERS else file.parent


def _split(said: str | None, is_tested: bool) -> Split:
    """A validation set trains where there is a test set besides, and is the test where not."""
    if said == "validation":
        return Split.VALIDATION if is_tested else Split.TEST
    return Split.TEST if said == "test" else Split.TRAIN


def _notes(listing: Listing, samples: Sequence[Sample]) -> list[str]:
    used = {sample.path for sample in samples}
    used |= {path for s in samples for mask in s.masks if (path := picture_of(mask))}
    unlisted = sum(
        listing.root / image not in used and not is_in_masks(image) for image in listing.images
    )
    if not unlisted:
        return []
    is_in = chosen(unlisted, "is", "are")
    return [f"passed over {counted(unlisted, 'image')} that {is_in} in no list"]
