"""Find the image that a list names, in the folder and nowhere else."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePath
from urllib.parse import parse_qs, unquote, urlsplit

from okng.adapters.datasets.listing import Listing
from okng.adapters.datasets.masks import is_in_masks
from okng.domain.errors import BadDataset

_SHOWN = 3


@dataclass(frozen=True)
class ImageNames:
    """The images of a folder, by what lists call them.

    Lists name images as they lay where the labelling was done: `s3://bucket/a/1.png`,
    `/data/upload/7/1.png`, `C:\\pictures\\1.png`. So the name is compared with the paths of the
    images that lie in the folder, from the end; it opens nothing by itself, and cannot lead out.
    `near` is the list's own folder, relative: it decides between images of the same name.
    """

    listing: Listing
    near: PurePath = field(default_factory=PurePath)

    def find(self, where: str, *names: str, is_mask: bool = False) -> Path:
        """Return the image with one of these names, the first that is there.

        Raises:
            BadDataset: there is none, or several fit equally well; begins with `where`.
        """
        for name in names:
            for parts in _parts(name):
                if best := self._best(parts, is_mask):
                    if len(best) > 1:
                        shown = " or ".join(str(path) for path in best[:_SHOWN])
                        raise BadDataset(
                            f"{where}: {name[:200]} may be {shown}; name more of its path, or "
                            "name the files apart"
                        )
                    return self.listing.root / best[0]
        raise BadDataset(
            f"{where}: there is no image {names[0][:200]} in {self.listing.root}; put it there, or "
            "take it from the list"
        )

    @cached_property
    def _by_name(self) -> dict[str, list[PurePath]]:
        found: dict[str, list[PurePath]] = {}
        for image in self.listing.images:
            found.setdefault(image.name, []).append(image)
        return found

    def _best(self, parts: tuple[str, ...], is_mask: bool) -> list[PurePath]:
        """Return the images that fit best: by the path's end, then by where they lie."""
        ranked: dict[tuple[int, bool, bool], list[PurePath]] = {}
        for image in self._by_name.get(parts[-1], []):
            shared = 0
            while shared < min(len(parts), len(image.parts)) and (
                parts[-1 - shared] == image.parts[-1 - shared]
            ):
                shared += 1
            rank = (shared, is_in_masks(image) == is_mask, image.is_relative_to(self.near))
            ranked.setdefault(rank, []).append(image)
        return ranked[max(ranked)] if ranked else []


def _parts(name: str) -> list[tuple[str, ...]]:
    """Return a name's path as its parts, without `..`; several readings where it may be a URL."""
    readings = [name]
    try:
        url = urlsplit(name)
    except ValueError:
        url = urlsplit("")
    local = parse_qs(url.query).get("d")
    if local:
        readings = [local[0]]
    elif url.scheme and url.netloc:
        readings = [url.path, unquote(url.path)]
    elif url.scheme == "file":
        readings = [unquote(url.path)]
    found = []
    for reading in [*readings, unquote(readings[-1])]:
        parts = [part for part in reading.replace("\\", "/").split("/") if part not in _EMPTY]
        if parts:
            found.append(tuple(parts))
    return found


_EMPTY = {"", ".", ".."}
