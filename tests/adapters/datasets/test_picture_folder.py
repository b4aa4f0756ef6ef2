from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from okng.adapters.datasets import picture_folder
from okng.adapters.datasets.picture_folder import PictureFolder
from okng.domain.errors import BadDataset, BadSetting
from okng.domain.ports import silent

MAX_PIXELS = 10_000


def save(path: Path, width: int, height: int, grey: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height), (grey, grey, grey)).save(path)


def test_pictures_of_all_shapes_at_one_size(tmp_path: Path) -> None:
    """Wherever they lie below the folder, each is given in its order at the size asked for."""
    for i, (width, height) in enumerate([(40, 30), (8, 60), (16, 16), (1, 90)]):
        save(tmp_path / f"deep{i % 2}/{i}.png", width, height, 50 * i)
    (tmp_path / "notes.txt").write_text("nothing")
    told: list[tuple[int, int]] = []
    progress = lambda _stage, done, total: told.append((done, total))  # noqa: E731 - a line
    with PictureFolder(tmp_path, MAX_PIXELS).sized(16, 24, progress) as pictures:
        assert [pictures[i].shape for i in range(len(pictures))] == [(16, 24, 3)] * 4
        assert [int(pictures[i].mean()) for i in range(4)] == [0, 100, 50, 150]
        assert pictures.notes == ("learned from 4 unrelated pictures besides",)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_middle_is_taken_undistorted(tmp_path: Path) -> None:
    """A square of a wide picture is its middle, and nothing is stretched."""
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    with PictureFolder(tmp_path, MAX_PIXELS).sized(10, 10, silent) as pictures:
        assert (pictures[0] == 200).all()


def test_the_same_pictures_have_the_same_digest(tmp_path: Path) -> None:
    """What they are decides, not where they lie or what they are called."""
    digests = []
    for folder, greys in (("a", (1, 2)), ("b", (1, 2)), ("c", (1, 3))):
        for grey in greys:
            save(tmp_path / folder / f"{folder}{grey}.png", 9, 9, grey)
        with PictureFolder(tmp_path / folder, MAX_PIXELS).sized(8, 8, silent) as pictures:
            digests.append(pictures.digest)
    assert digests[0] == digests[1] != digests[2]


def test_of_many_an_even_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more pictures than are read at most, those are taken that are evenly spread."""
    monkeypatch.setattr(picture_folder, "MOST_PICTURES", 3)
    for i in range(9):
        save(tmp_path / f"{i}.png", 4, 4, 10 * i)
    with PictureFolder(tmp_path, MAX_PIXELS).sized(4, 4, silent) as pictures:
        assert [int(pictures[i].mean()) for i in range(len(pictures))] == [0, 40, 80]
        assert pictures.notes == ("learned from 3 unrelated pictures besides, evenly taken from 9",)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Damaged and oversized pictures are passed over, and said; without any other it is refused."""
    (tmp_path / "a.png").write_text("no picture")
    save(tmp_path / "big.png", 101, 100)
    folder = PictureFolder(tmp_path, MAX_PIXELS)
    with pytest.raises(BadDataset, match=r"no picture that can be read; the first of 2: a\.png"):
        folder.sized(8, 8, silent).__enter__()
    save(tmp_path / "c.png", 5, 5)
    with folder.sized(8, 8, silent) as pictures:
        assert len(pictures) == 1
        assert "learned from 1 unrelated picture besides; 2 cannot be read" in pictures.notes[0]


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """A file, or nothing at all, is refused before anything is learned."""
    save(tmp_path / "one.png", 4, 4)
    for name in ("one.png", "none"):
        with pytest.raises(BadSetting, match="is no folder: name one that holds pictures"):
            PictureFolder(tmp_path / name, MAX_PIXELS)


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    """Where a folder was allowed, a link to a picture elsewhere is passed over."""
    save(tmp_path / "secret/a.png", 4, 4)
    save(tmp_path / "allowed/b.png", 4, 4)
    (tmp_path / "allowed/c.png").symlink_to(tmp_path / "secret/a.png")
    allowed = tmp_path / "allowed"
    with PictureFolder(allowed, MAX_PIXELS, allowed).sized(4, 4, silent) as pictures:
        assert len(pictures) == 1
        assert "leads out of" in pictures.notes[0]
    with PictureFolder(allowed, MAX_PIXELS).sized(4, 4, silent) as pictures:
        assert len(pictures) == 2
